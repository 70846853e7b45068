"""The facts of many checks at once, with a handful of queries however many beds there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.admissions import FOREVER, Admission, AdmissionRecord, active_admissions, admission_records
from service.enrolment import exempt_patients, expired_references, reference_since
from service.facilities import Bed, Facility, PresencePolicy, policy_book, policy_of, wards_of_facility
from service.kit.intervals import Interval
from service.occupancy.asking import OpenRequest
from service.occupancy.looks import Look, LookResult
from service.occupancy.outcome import AskCause, CheckFacts
from service.occupancy.repository import asked_ids, looks_on, requests_between
from service.occupancy.stays import Activity, Leave, Placement, Stay, unfinished
from service.occupancy.tables import DirectedCheck
from service.occupancy.timeline import Observation, observe
from service.occupancy.trusted import judged_readings, judged_sightings
from service.occupancy.windows import Window, is_due
from service.sightings import Reading, Sighting, last_recognitions, reading_pack
from service.vision import BedState


@dataclass(frozen=True, slots=True)
class Place:
    """A facility with what judging needs of it."""

    facility: Facility
    policy: PresencePolicy
    zone: ZoneInfo


def place_of(facility: Facility, session: Session | None = None, at: datetime | None = None) -> Place:
    """The facility with its local time and the policy in force at `at` (its level's, with its own above it).

    Without a session and an instant only what the facility sets itself stands above the defaults. Raises `InvalidInput`
    for a policy that is not valid.
    """
    if session is None or at is None:
        return Place(facility, policy_of(facility.policy), ZoneInfo(facility.timezone))
    return Place(facility, policy_book(session, facility).at(at), ZoneInfo(facility.timezone))


_FEW = 64
"""Up to so many admissions, only what concerns them is read; for more, the whole facility at once is quicker."""


@dataclass(frozen=True, slots=True)
class AdmissionChecks:
    """One admission's checks to be judged, and the request to look that may still be open from before them."""

    stay: Stay
    checks: tuple[CheckFacts, ...]
    earlier: OpenRequest | None


def gather(
    session: Session,
    place: Place,
    windows: Sequence[Window],
    watermark: datetime,
    only: Collection[str] | None = None,
) -> tuple[AdmissionChecks, ...]:
    """The facts of every check due in `windows`; of these admissions only, if given."""
    if not windows:
        return ()
    span = Interval(windows[0].span.start, max(window.span.end for window in windows))
    few = only is not None and len(only) <= _FEW
    records = (
        _standing(session, place, only or (), span) if few else active_admissions(session, place.facility.id, span)
    )
    stays = stays_of(session, place, records)
    due = [
        (stay, _due_windows(stay, windows, place.policy)) for stay in stays if only is None or stay.admission_id in only
    ]
    seen = _Seen.load(session, place, windows, due, few=few)
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
class _Seen:
    """The readings of the windows, by bed and by who was recognised; and of beds whose occupant may still be known
    from before, the readings of the time before."""

    policy: PresencePolicy
    by_bed: dict[tuple[datetime, str], list[Reading]]
    by_patient: dict[tuple[datetime, str], list[Sighting]]

    @classmethod
    def load(
        cls,
        session: Session,
        place: Place,
        windows: Sequence[Window],
        due: Sequence[tuple[Stay, list[Window]]],
        *,
        few: bool,
    ) -> _Seen:
        seen = cls(place.policy, defaultdict(list), defaultdict(list))
        if few:
            seen.add_few(session, place, windows, due)
            return seen
        for window in windows:
            for reading in judged_readings(session, place.facility.id, None, [window.span]):
                seen.by_bed[window.due_at, reading.bed_id].append(reading)
                if reading.recognised_patient_id is not None:
                    seen.by_patient[window.due_at, reading.recognised_patient_id].append(_sighting(reading))
        for window in windows:
            beds = {
                placement.bed_id
                for stay, wanted in due
                if window in wanted and (window.due_at, stay.patient_id) not in seen.by_patient
                for placement in stay.placements_in(window.span)
                if seen.has_unidentified(window, placement.bed_id)
            }
            if beds:
                seen.add_before(session, place, window, beds)
        return seen

    def add_few(
        self, session: Session, place: Place, windows: Sequence[Window], due: Sequence[tuple[Stay, list[Window]]]
    ) -> None:
        """Only these stays' beds and faces, read once over the whole time."""
        facility_id, first = place.facility.id, windows[0].span.start
        whole = Interval(first - place.policy.lookback, max(window.span.end for window in windows))
        beds = {placement.bed_id for stay, wanted in due if wanted for placement in stay.placements_in(whole)}
        found = judged_readings(session, facility_id, beds, [whole]) if beds else ()
        patients = {stay.patient_id for stay, wanted in due if wanted}
        # One question over the whole time, not one a window: a stay's readings are few, questions are not for nothing.
        since_first = Interval(first, whole.end)
        faces = judged_sightings(session, facility_id, patients, [since_first]) if patients else ()
        for window in windows:
            since = window.span.start - place.policy.lookback
            for reading in found:
                if since <= reading.captured_at <= window.span.end:
                    self.by_bed[window.due_at, reading.bed_id].append(reading)
            for face in faces:
                if window.span.start <= face.at <= window.span.end:
                    self.by_patient[window.due_at, face.patient_id].append(face)

    def recognised(self) -> frozenset[str]:
        """Everybody whose face was recognised, or whose the bed was thought to be."""
        known = {r.recognised_patient_id for found in self.by_bed.values() for r in found}
        known |= {r.expected_patient_id for found in self.by_bed.values() for r in found}
        return frozenset(item for item in known if item is not None)

    def has_unidentified(self, window: Window, bed_id: str) -> bool:
        doubtful = (BedState.UNIDENTIFIED, BedState.OTHER_PERSON)
        return any(reading.state in doubtful for reading in self.by_bed.get((window.due_at, bed_id), ()))

    def add_before(self, session: Session, place: Place, window: Window, beds: Collection[str]) -> None:
        """An identity begins with a face no longer ago than it may last: from the last one on, readings matter."""
        lasting = Interval(window.span.start - place.policy.continuity, window.span.start)
        faces = last_recognitions(session, place.facility.id, lasting)
        known = {bed_id: faces[bed_id] for bed_id in beds if bed_id in faces}
        if not known:
            return
        before = Interval(min(known.values()), window.span.start)
        for reading in judged_readings(session, place.facility.id, known, [before]):
            if reading.captured_at < window.span.start:
                self.by_bed[window.due_at, reading.bed_id].append(reading)

    def observations(self, stay: Stay, window: Window) -> tuple[Observation, ...]:
        """Of each bed, while the stay held it. Two beds' readings never share an instant but at a transfer."""
        whole = Interval(window.span.start - self.policy.lookback, window.span.end)
        found: list[Reading] = []
        for placement in stay.placements_in(whole):
            for reading in self.by_bed.get((window.due_at, placement.bed_id), ()):
                if _held_at(placement, reading.captured_at, window):
                    found.append(reading)
        return observe(found, stay.patient_id, self.policy)

    def sightings(self, stay: Stay, window: Window) -> tuple[Sighting, ...]:
        return tuple(self.by_patient.get((window.due_at, stay.patient_id), ()))


def _held_at(placement: Placement, instant: datetime, window: Window) -> bool:
    # The clipped placement ends with the window; a frame at the window's last instant still belongs to it.
    return placement.held.contains(instant) or instant == placement.held.end == window.span.end


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


def _sighting(reading: Reading) -> Sighting:
    return Sighting(
        reading.reading_id,
        reading.recognised_patient_id or "",
        reading.bed_id,
        reading.camera_id,
        reading.captured_at,
    )
