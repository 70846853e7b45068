"""The facts of many checks at once, with a handful of queries however many beds there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from service.admissions import FOREVER, Admission, AdmissionRecord, active_admissions, admission_records
from service.enrolment import exempt_patients, expired_references, reference_since
from service.facilities import Bed, PresencePolicy, wards_of_facility
from service.kit.intervals import Interval
from service.occupancy.asking import OpenRequest
from service.occupancy.looks import Look, LookResult
from service.occupancy.outcome import AskCause, CheckFacts
from service.occupancy.place import Place
from service.occupancy.repository import asked_ids, looks_on, requests_between
from service.occupancy.seen import Seen
from service.occupancy.stays import Activity, Leave, Placement, Stay, unfinished
from service.occupancy.tables import DirectedCheck
from service.occupancy.trusted import judged_sightings
from service.occupancy.windows import Window, is_due
from service.sightings import Reading, Sighting, reading_pack

_FEW = 64
"""Up to so many admissions, only what concerns them is read; for more, the whole facility at once is quicker."""


@dataclass(frozen=True, slots=True)
class AdmissionChecks:
    """One admission's checks to be judged, and the request to look that may still be open from before them."""

    stay: Stay
    checks: tuple[CheckFacts, ...]
    earlier: OpenRequest | None


def are_few(only: Collection[str] | None) -> bool:
    """Whether only what concerns these admissions is read, and not the whole facility."""
    return only is not None and len(only) <= _FEW


def gather(
    session: Session,
    place: Place,
    windows: Sequence[Window],
    watermark: datetime,
    only: Collection[str] | None = None,
    shown: Sequence[Sequence[Reading]] = (),
) -> tuple[AdmissionChecks, ...]:
    """The facts of every check due in `windows`; of these admissions only, if given. `shown`: the readings of all beds,
    window by window, as `judged_apart` gives them; not needed where the admissions are few."""
    if not windows:
        return ()
    span = Interval(windows[0].span.start, max(window.span.end for window in windows))
    few = are_few(only)
    records = (
        _standing(session, place, only or (), span) if few else active_admissions(session, place.facility.id, span)
    )
    stays = stays_of(session, place, records)
    due = [
        (stay, _due_windows(stay, windows, place.policy)) for stay in stays if only is None or stay.admission_id in only
    ]
    seen = Seen.load(session, place, windows, due, None if few else shown)
    requests = _Requests.load(session, place, span, only if few else None)
    late = _late_sightings(session, place, windows, due, requests.looks)
    if few:
        stays = (*stays, *_stays_of_patients(session, place, seen.recognised(), span))
    admitted = {window.due_at: _admitted(stays, window) for window in windows}
    return tuple(
        AdmissionChecks(
            stay,
            tuple(
                CheckFacts(
                    stay=stay,
                    window=window,
                    observations=seen.observations(stay, window),
                    sightings=seen.sightings(stay, window) + late.get((stay.admission_id, window.due_at), ()),
                    looks=requests.looks.get(stay.admission_id, ()),
                    admitted_now=admitted[window.due_at],
                    watermark=watermark,
                )
                for window in wanted
            ),
            requests.earlier(stay, windows[0]),
        )
        for stay, wanted in due
        if wanted
    )


def _due_windows(stay: Stay, windows: Sequence[Window], policy: PresencePolicy) -> list[Window]:
    """The windows in which the stay is checked: one an instant, the facility's own check before a roll call."""
    found: dict[datetime, Window] = {}
    for window in sorted(windows, key=lambda item: (item.due_at, item.is_roll_call)):
        if window.due_at not in found and is_due(stay, window, policy):
            found[window.due_at] = window
    return list(found.values())


def _standing(session: Session, place: Place, ids: Collection[str], span: Interval) -> tuple[AdmissionRecord, ...]:
    """Those of the admissions that were not cancelled and share an instant with `span`."""
    query = select(Admission.id).where(col(Admission.id).in_(list(ids)), col(Admission.cancelled_at).is_(None))
    standing = set(session.exec(query))
    return tuple(
        record
        for record in admission_records(session, place.facility.id, standing)
        if record.admitted_at < span.end and (record.discharged_at is None or record.discharged_at > span.start)
    )


def _stays_of_patients(session: Session, place: Place, patients: Collection[str], span: Interval) -> tuple[Stay, ...]:
    """Stays of these patients at the time: enough to know whether a face is another inpatient's."""
    query = select(Admission).where(
        Admission.facility_id == place.facility.id,
        col(Admission.patient_id).in_(list(patients)),
        col(Admission.cancelled_at).is_(None),
        col(Admission.admitted_at) < span.end,
    )
    return (
        tuple(
            Stay(row.id, row.admission_no, row.patient_id, row.category, row.admitted_at, row.discharged_at)
            for row in session.exec(query)
        )
        if patients
        else ()
    )


def stays_of(session: Session, place: Place, records: Iterable[AdmissionRecord]) -> tuple[Stay, ...]:
    """The admissions as checks see them."""
    facility_id = place.facility.id
    records = tuple(records)
    wards = {ward.id: ward for ward in wards_of_facility(session, facility_id)}
    beds = {bed_id: wards[ward_id] for bed_id, ward_id in _beds(session, facility_id, records)}
    # Who was enrolled with another pack than the one that reads the pictures cannot be recognised: no judgement.
    own = {record.patient_id for record in records} if len(records) <= _FEW else None
    pack_hash = reading_pack(session, facility_id)
    since = reference_since(session, facility_id, own, pack_hash=pack_hash)
    ended = any(record.discharged_at is not None for record in records)  # nobody else's may have been taken away
    expired = expired_references(session, facility_id, own, pack_hash=pack_hash) if ended else {}
    exempt = exempt_patients(session, facility_id, own)
    return tuple(
        Stay(
            admission_id=record.admission_id,
            admission_no=record.admission_no,
            patient_id=record.patient_id,
            category=record.category,
            admitted_at=record.admitted_at,
            discharged_at=record.discharged_at,
            placements=tuple(
                Placement(bed_id, beds[bed_id].id, held, beds[bed_id].presence_scope == "ward")
                for bed_id, held in record.assignments
                if bed_id in beds
            ),
            leaves=tuple(Leave(leave.interval, leave.signed_at) for leave in record.leaves),
            activities=tuple(_activity(record, kind, away, place) for kind, away in record.off_ward),
            reference_since=_reference(record, expired.get(record.patient_id, ()), since.get(record.patient_id)),
            exempt=record.patient_id in exempt,
        )
        for record in records
    )


def _reference(record: AdmissionRecord, expired: Sequence[Interval], since: datetime | None) -> datetime | None:
    """Since when the stay may be judged: by what stands, or, if the stay was over before, by what stood then."""
    ended = record.discharged_at
    return next((span.start for span in expired if ended is not None and ended <= span.end), since)


def _beds(session: Session, facility_id: str, records: Sequence[AdmissionRecord]) -> Sequence[tuple[str, str]]:
    """(bed id, ward id) of the facility's beds; for few records, of theirs only."""
    query = select(Bed.id, Bed.ward_id).where(Bed.facility_id == facility_id)
    if len(records) <= _FEW:
        wanted = {stay.bed_id for record in records for stay in record.assignments}
        query = select(Bed.id, Bed.ward_id).where(col(Bed.id).in_(wanted))
    return session.exec(query).all()


def _activity(record: AdmissionRecord, kind: str, away: Interval, place: Place) -> Activity:
    is_open = away.end >= (record.discharged_at or FOREVER)
    return unfinished(kind, away.start, place.policy) if is_open else Activity(kind, away)


def _admitted(stays: Sequence[Stay], window: Window) -> frozenset[str]:
    span = window.span
    return frozenset(
        stay.patient_id
        for stay in stays
        if stay.admitted_at < span.end and (stay.discharged_at is None or stay.discharged_at > span.start)
    )


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests to look by admission, in order of time: those that a check still refers to, or that were answered."""

    requests: dict[str, list[DirectedCheck]]
    looks: dict[str, tuple[Look, ...]]

    @classmethod
    def load(cls, session: Session, place: Place, span: Interval, only: Collection[str] | None) -> _Requests:
        # Only a request whose deadline reaches into the span can hold back another one.
        reach = place.policy.directed_deadline + max(place.policy.window, place.policy.respond)
        found = tuple(requests_between(session, place.facility.id, Interval(span.start - reach, span.end), only))
        asked, looks = asked_ids(session, [item.id for item in found]), looks_on(session, found)
        by_admission: dict[str, list[DirectedCheck]] = defaultdict(list)
        for item in found:
            looked = any(look.due_at == item.due_at for look in looks.get(item.admission_id, ()))
            if looked or item.id in asked:
                by_admission[item.admission_id].append(item)
        return cls(by_admission, looks)

    def earlier(self, stay: Stay, first: Window) -> OpenRequest | None:
        before = [item for item in self.requests.get(stay.admission_id, ()) if item.due_at < first.due_at]
        if not before:
            return None
        return OpenRequest(before[-1].due_at, before[-1].deadline_at, AskCause(before[-1].cause))


def _late_sightings(
    session: Session,
    place: Place,
    windows: Sequence[Window],
    due: Sequence[tuple[Stay, list[Window]]],
    looks: dict[str, tuple[Look, ...]],
) -> dict[tuple[str, datetime], tuple[Sighting, ...]]:
    """Where patients whom people did not find were recognised after the window, until the request's deadline."""
    found: dict[tuple[str, datetime], tuple[Sighting, ...]] = {}
    for window in windows:
        missed = {
            stay.patient_id: stay.admission_id
            for stay, wanted in due
            if window in wanted
            and any(
                look.due_at == window.due_at and look.result is LookResult.NOT_FOUND
                for look in looks.get(stay.admission_id, ())
            )
        }
        if not missed:
            continue
        after = Interval(window.span.end, window.deadline)
        for sighting in judged_sightings(session, place.facility.id, missed, [after]):
            if sighting.at > window.span.end:
                key = (missed[sighting.patient_id], window.due_at)
                found[key] = (*found.get(key, ()), sighting)
    return found
