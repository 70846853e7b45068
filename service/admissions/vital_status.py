"""Vital status: several sources, each with a time of death and a time of notice; corrections; two identifiers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.admissions.event_log import numbers_merged_into, surviving_number
from service.admissions.repository import patient_by_id, patients_by_no
from service.admissions.tables import Patient, PatientMerge
from service.admissions.vital_tables import VitalNotice
from service.facilities import facility_by_id
from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.ledger import append
from service.platform.jobs import enqueue

IDENTIFIERS = ("patient_no", "birth_date", "name", "card_no")
"""What may tell two people of one name apart. Sex is none: it halves, it does not identify."""
NEEDED = 2
"""Identifiers that must agree before a death counts: one wrong digit must not close a living person's card."""
_CHUNK = 500
ITSELF = "source"
"""The voice of a source that speaks for itself; no recorder is called so."""

VitalCode = Literal["died", "alive"]


@dataclass(frozen=True, slots=True)
class VitalStatus:
    """What the sources say together.

    `dead_from`: services from this instant on are after the death; None: nobody is known to be dead. `conflicting`: a
    source denies what another one says, so that a person must ask. `noticed_at`: when the first standing notice of the
    death was given. `sources`: who says so. `unconfirmed`: a notice of which fewer than two identifiers agree; it
    decides nothing.
    """

    dead_from: datetime | None = None
    conflicting: bool = False
    noticed_at: datetime | None = None
    recorded_at: datetime | None = None
    sources: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    notice_ids: tuple[str, ...] = ()

    def dead_at(self, instant: datetime) -> bool:
        """Whether a service at that instant is after the death."""
        return self.dead_from is not None and instant >= self.dead_from


ALIVE = VitalStatus()


def record_vital_status(
    session: Session,
    facility_id: str,
    patient_id: str,
    *,
    source: str,
    status: VitalCode,
    noticed_at: datetime,
    identifiers: Mapping[str, str],
    actor: str,
    now: datetime,
    died_at: datetime | None = None,
    died_on: date | None = None,
    reference: str = "",
    by_feed: bool = False,
) -> VitalNotice:
    """Records what `source` says of the patient. The same notice of the same voice twice is one.

    `by_feed`: the notice came over the source's own line. Else `actor` speaks for the source only when it is a token
    called after it, see `voice_of`.

    `identifiers` are those of the notice (`patient_no`, `birth_date` as YYYY-MM-DD, `name`, `card_no`); two must
    agree with the patient's record, and none differ, before the notice counts. A death has an instant or a date.
    Raises `InvalidInput`, `NotFound`.
    """
    patient = patient_by_id(session, patient_id)
    facility = facility_by_id(session, facility_id)
    _check(source, status, died_at, died_on, noticed_at, now)
    voice = voice_of(source, actor, by_feed=by_feed)
    for known in _own_notices(session, [patient_id]):
        if (known.source, known.voice, known.status, known.noticed_at) == (source, voice, status, utc(noticed_at)) and (
            known.died_at,
            known.died_on,
        ) == (utc(died_at) if died_at else None, died_on):
            return known
    agreeing, differing = compare_identifiers(patient, identifiers)
    row = VitalNotice(
        facility_id=facility_id,
        patient_id=patient_id,
        source=source,
        voice=voice,
        status=status,
        died_at=utc(died_at) if died_at else None,
        died_on=died_on,
        counts_from=counts_from(died_at, died_on, ZoneInfo(facility.timezone)) if status == "died" else None,
        agreeing=list(agreeing),
        differing=list(differing),
        reference=reference[:200],
        noticed_at=utc(noticed_at),
        recorded_by=actor,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=f"vital_status.{status}",
        object_kind="patient",
        object_id=patient_id,
        facility_id=facility_id,
        details={"source": source, "voice": voice, "noticed_at": row.noticed_at.isoformat(), "agreeing": row.agreeing},
    )
    payload = {"facility_id": facility_id, "patient_ids": [patient_id]}
    enqueue(session, "purchases.rescreen", payload, now=now, dedupe_key=f"purchases.rescreen:{patient_id}")
    return row


def voice_of(source: str, recorded_by: str, *, by_feed: bool = False) -> str:
    """Who speaks in the name of `source`: `ITSELF`, or whoever recorded it.

    A source speaks for itself over a feed that a program sends, and by a token called after it (`civil_affairs`, or
    `civil_affairs.2026` when it was renewed), which only an administrator makes. Anybody else may pass on what a
    source said, and take back what they passed on themselves, but not what the source said itself.
    """
    kind, _, name = recorded_by.partition(":")
    if by_feed and kind != "user":
        return ITSELF
    if kind == "token" and (name == source or name.startswith(f"{source}.")):
        return ITSELF
    return recorded_by


def keep_alive_said(
    session: Session,
    patient: Patient,
    source: str,
    noticed_at: datetime,
    actor: str,
    reference: str,
    now: datetime,
    *,
    by_feed: bool = False,
) -> bool:
    """Remembers when `source` last said that the patient lives, while nobody says the contrary; false when somebody
    does, and the notice is news that must be recorded as such.

    "Alive" comes with every message, so that one row a patient moves on with it. It is needed when the message that
    said "dead" before it arrives after it.
    """
    known = notices_of(session, [patient.id])
    if any(row.status == "died" for row in known):
        return False
    voice = voice_of(source, actor, by_feed=by_feed)
    row = next(
        (row for row in known if row.patient_id == patient.id and (row.source, row.voice) == (source, voice)), None
    )
    if row is None:
        row = VitalNotice(
            facility_id=patient.facility_id,
            patient_id=patient.id,
            source=source,
            voice=voice,
            status="alive",
            reference=reference[:200],
            noticed_at=utc(noticed_at),
            recorded_by=actor,
            recorded_at=now,
        )
    elif utc(noticed_at) > row.noticed_at:
        row.noticed_at, row.reference, row.recorded_at = utc(noticed_at), reference[:200], now
    session.add(row)
    session.flush()
    return True


def vital_status_of(
    session: Session, patient_ids: Collection[str], *, noticed_by: datetime | None = None
) -> VitalStatus:
    """What the sources say of one person, who may be a patient of several facilities (`patient_ids`).

    `noticed_by`: only what had been noticed by that instant of event time.
    """
    rows = notices_of(session, patient_ids)
    return fold(row for row in rows if noticed_by is None or row.noticed_at <= noticed_by)


def fold(notices: Iterable[VitalNotice]) -> VitalStatus:
    """The latest notice of each voice that is about this person counts, and what a source says itself replaces what
    others said in its name. Of several deaths the earliest instant, so that no service after any of them passes unseen.

    Whoever says `alive` later than another said `died` makes them conflict, also under the name of the same source:
    a clerk takes back no death that a register gave notice of. A notice that may be about somebody else takes nothing
    back.
    """
    latest: dict[tuple[str, str], VitalNotice] = {}
    doubted: set[str] = set()
    for row in sorted(notices, key=lambda row: (row.noticed_at, row.recorded_at, row.id)):
        if row.differing or (row.status == "died" and not is_confirmed(row)):
            doubted |= {row.source} if row.status == "died" else set()
            continue
        if row.voice == ITSELF:
            latest = {key: said for key, said in latest.items() if key[0] != row.source}
        latest[row.source, row.voice] = row
        doubted.discard(row.source)
    deaths = [row for row in latest.values() if row.status == "died"]
    doubtful = tuple(sorted(doubted - {row.source for row in deaths}))
    if not deaths:
        return VitalStatus(unconfirmed=doubtful)
    first = min(row.noticed_at for row in deaths)
    denials = [row for row in latest.values() if row.status == "alive" and row.noticed_at > first]
    return VitalStatus(
        dead_from=min(row.counts_from for row in deaths if row.counts_from is not None),
        conflicting=bool(denials),
        noticed_at=first,
        recorded_at=min(row.recorded_at for row in deaths),
        sources=tuple(sorted({row.source for row in deaths})),
        unconfirmed=doubtful,
        notice_ids=tuple(row.id for row in deaths),
    )


def deaths_on_record(session: Session, facility_ids: Collection[str]) -> dict[str, VitalStatus]:
    """Patient id -> status, for every patient of the facilities of whom a notice exists, by whatever number."""
    grouped: dict[str, list[VitalNotice]] = defaultdict(list)
    wanted = list(facility_ids)
    for row in session.exec(select(VitalNotice).where(col(VitalNotice.facility_id).in_(wanted))):
        grouped[row.patient_id].append(row)
    merged = session.exec(select(PatientMerge.id).where(col(PatientMerge.facility_id).in_(wanted)).limit(1)).first()
    everyone: dict[str, list[VitalNotice]] = defaultdict(list)
    for patient_id, rows in grouped.items():
        for same in {patient_id, *(same_persons(session, [patient_id]) if merged else ())}:
            everyone[same] += rows
    return {patient_id: fold(rows) for patient_id, rows in everyone.items()}


def notices_of(session: Session, patient_ids: Collection[str]) -> tuple[VitalNotice, ...]:
    """Every notice about these patients, in order of notice; also those under numbers merged with theirs (A40)."""
    return _own_notices(session, {*patient_ids, *same_persons(session, patient_ids)})


def _own_notices(session: Session, patient_ids: Collection[str]) -> tuple[VitalNotice, ...]:
    found: list[VitalNotice] = []
    wanted = sorted(set(patient_ids))
    for at in range(0, len(wanted), _CHUNK):
        found += session.exec(select(VitalNotice).where(col(VitalNotice.patient_id).in_(wanted[at : at + _CHUNK])))
    return tuple(sorted(found, key=lambda row: (row.noticed_at, row.recorded_at, row.id)))


def same_persons(session: Session, patient_ids: Collection[str]) -> set[str]:
    """Ids of the patients whose numbers are, after all merges, the same persons' as those of `patient_ids`. Read anew
    each time, because a later merge may undo an earlier one."""
    found: set[str] = set()
    for patient_id in patient_ids:
        patient = session.get(Patient, patient_id)
        if patient is None:
            continue
        number = surviving_number(session, patient.facility_id, patient.patient_no)
        numbers = numbers_merged_into(session, patient.facility_id, number)
        if len(numbers) > 1:
            found |= {one.id for one in patients_by_no(session, patient.facility_id, numbers).values()}
    return found


def counts_from(died_at: datetime | None, died_on: date | None, zone: ZoneInfo) -> datetime:
    """The instant from which a service is after the death. A date alone counts from the next midnight: whoever died in
    the evening may have bought in the morning."""
    if died_at is not None:
        return utc(died_at)
    if died_on is None:
        raise ValueError("a death has an instant or a date")
    return datetime.combine(died_on + timedelta(days=1), time(), zone).astimezone(UTC)


def is_confirmed(notice: VitalNotice) -> bool:
    """Whether the notice is about this patient: two identifiers agree and none differs."""
    return len(notice.agreeing) >= NEEDED and not notice.differing


def compare_identifiers(patient: Patient, identifiers: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the identifiers that agree with the patient's record, and of those that differ. One that the record
    does not hold does neither."""
    own = {
        "patient_no": patient.patient_no,
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else "",
        "name": patient.display_name,
        "card_no": patient.patient_no,
    }
    agreeing: list[str] = []
    differing: list[str] = []
    for name in IDENTIFIERS:
        given = " ".join(identifiers.get(name, "").split()).casefold()
        if not given or not own[name]:
            continue
        same = given == " ".join(own[name].split()).casefold()
        (agreeing if same else differing).append(name)
    if {"patient_no", "card_no"} <= set(agreeing):
        agreeing.remove("card_no")  # the same number under two names is one identifier
    return tuple(agreeing), tuple(differing)


def _check(
    source: str, status: str, died_at: datetime | None, died_on: date | None, noticed_at: datetime, now: datetime
) -> None:
    if not source.strip() or len(source) > 64 or not source.isprintable():
        raise InvalidInput("name the source", field="source", remedy="for example civil_affairs, hospital, police")
    if status not in ("died", "alive"):
        raise InvalidInput("not a vital status", field="status", remedy="died or alive")
    if status == "died" and (died_at is None) == (died_on is None):
        raise InvalidInput(
            "a death has an instant or a date, one of them",
            field="died_at",
            remedy="send died_at, or died_on when only the day is known",
        )
    if status == "alive" and (died_at is not None or died_on is not None):
        raise InvalidInput("whoever is alive has no time of death", field="died_at", remedy="leave it out")
    if utc(noticed_at) > now + timedelta(days=1):
        raise InvalidInput("lies in the future", field="noticed_at", remedy="give the time of the notice")
    latest = utc(died_at) if died_at else None
    if latest is not None and latest > now + timedelta(days=1):
        raise InvalidInput("lies in the future", field="died_at", remedy="give the time of death")
    if died_on is not None and died_on > (now + timedelta(days=1)).date():
        raise InvalidInput("lies in the future", field="died_on", remedy="give the date of death")
