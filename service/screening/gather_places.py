"""The facts of beds, cameras and the facility, month by month; those of peers come from `gather_peers.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise

from sqlmodel import Session

from service.admissions import AdmissionRecord, active_admissions
from service.enrolment import expired_references, reference_since, staff_among_patients
from service.facilities import Bed, Camera, Ward, beds_of_facility, cameras_of_facility, wards_of_facility
from service.kit.intervals import Interval
from service.occupancy import BedCheck, Place, bed_checks, local_day, windows_between
from service.platform.context import Context
from service.screening.gather_curtains import CurtainsOfCameras
from service.screening.gather_peers import gather_peers
from service.screening.gather_pharmacy import gather_purchases
from service.screening.gather_repeats import gather_repeats
from service.screening.periods import Period, periods_upto
from service.screening.place_facts import (
    BedCheckRecord,
    BedFacts,
    CameraEvent,
    CameraFacts,
    Census,
    Departed,
    FacilityFacts,
    Remarks,
    Tenancy,
)
from service.screening.repository_of_places import pictures_by_camera
from service.screening.subject_facts import SubjectFacts
from service.screening.subjects import Subject, SubjectKind
from service.sightings import (
    Snapshot,
    clock_faults,
    commanded_changes,
    doubtful_audits,
    edge_audits,
    late_frames,
    signature_faults,
    view_events,
)

__all__ = ["Period", "gather_places", "periods_upto"]

_GONE_FOR = timedelta(days=31)


def gather_places(
    context: Context, session: Session, place: Place, periods: Sequence[Period], *, again: bool = False
) -> Iterator[SubjectFacts]:
    """The facts of everything in the facility that is no admission, for each of `periods`. `again`: faces that repeat
    are compared anew, although that was done since the last midnight."""
    house = House.load(session, place)
    for period in periods:
        reach = Interval(period.span.start - _GONE_FOR, period.span.end)
        stays = active_admissions(session, place.facility.id, reach)
        yield from beds(context, session, house, period, stays)
        yield from cameras(session, house, period)
        yield census(house, period, stays)
        yield from gather_peers(session, place, period, stays)
        yield from gather_purchases(session, place, period)
        yield from gather_repeats(context, session, place, period, stays, again=again)


@dataclass(frozen=True, slots=True)
class House:
    """The facility's places by their ids."""

    place: Place
    wards: Mapping[str, Ward]
    beds: Mapping[str, Bed]
    cameras: Mapping[str, Camera]

    @classmethod
    def load(cls, session: Session, place: Place) -> House:
        """Reads them."""
        facility_id = place.facility.id
        return cls(
            place,
            {ward.id: ward for ward in wards_of_facility(session, facility_id)},
            {bed.id: bed for bed in beds_of_facility(session, facility_id)},
            {camera.id: camera for camera in cameras_of_facility(session, facility_id)},
        )

    def bed_subject(self, bed_id: str) -> Subject:
        """The bed as people call it: ward/bed."""
        bed = self.beds[bed_id]
        label = f"{self.wards[bed.ward_id].code}/{bed.code}"
        return Subject(SubjectKind.BED, bed_id, label, bed_id=bed_id, ward_id=bed.ward_id)


def beds(
    context: Context, session: Session, house: House, period: Period, stays: Sequence[AdmissionRecord]
) -> Iterator[BedFacts]:
    """Beds of which something is to be said: seen by a bed check, or held by two stays at once."""
    facility_id = house.place.facility.id
    by_bed: dict[str, list[BedCheck]] = defaultdict(list)
    for row in bed_checks(session, facility_id, period.span):
        by_bed[row.bed_id].append(row)
    tenancies = _tenancies(stays, period)
    departed = tuple(_departed(stays, period))
    here = {stay.patient_id for stay in stays if stay.stay.overlap(period.span) is not None}
    staff = staff_among_patients(context, session, facility_id, here)
    unproven = _without_reference(session, house, stays, by_bed)
    doubled = {bed_id for bed_id, held in tenancies.items() if _overlapping(held)}
    for bed_id in sorted((by_bed.keys() | doubled) & house.beds.keys()):
        rows = by_bed.get(bed_id, [])
        own = tuple(_bed_check(row, house, row.id in unproven) for row in rows)
        yield BedFacts(
            subject=house.bed_subject(bed_id),
            period=period.name,
            specialty=house.wards[house.beds[bed_id].ward_id].specialty,
            checks=own,
            tenancies=tuple(tenancies.get(bed_id, ())),
            departed=departed,
            admitted_staff=staff,
            self_pay_known=house.place.policy.self_pay_known,
            until=period.until,
            counter_evidence=Remarks(
                {
                    "carer_looks": sum(check.carer for check in own),
                    "clear_checks": sum(check.outcome == "empty" for check in own),
                    "blind_checks": sum(check.outcome == "unobserved" for check in own),
                }
            ),
            policy_version=house.place.policy.version,
        )


def _bed_check(row: BedCheck, house: House, no_reference: bool) -> BedCheckRecord:
    return BedCheckRecord(
        check_id=row.id,
        due_at=row.due_at,
        local_day=local_day(row.due_at, house.place.zone),
        outcome=row.outcome,
        recognised=row.recognised_key,
        occupied=timedelta(seconds=row.occupied_seconds),
        reading_ids=tuple(str(item) for item in row.reading_ids),
        by_person=bool(row.details.get("seen_by_person") or row.details.get("staff")),
        carer=bool(row.details.get("carer")),
        no_reference=no_reference,
    )


def _without_reference(
    session: Session, house: House, stays: Iterable[AdmissionRecord], by_bed: Mapping[str, Sequence[BedCheck]]
) -> frozenset[str]:
    """Checks with staff in the bed of a patient of whom no proven reference was in force then, by id."""
    rows = [row for own in by_bed.values() for row in own if row.outcome == "staff_in_bed"]
    if not rows:
        return frozenset()
    held: dict[str, list[tuple[Interval, str]]] = defaultdict(list)
    for stay in stays:
        for bed_id, span in stay.assignments:
            held[bed_id].append((span, stay.patient_id))
    whose = {row.id: {who for span, who in held[row.bed_id] if span.contains(row.due_at)} for row in rows}
    patients = set().union(*whose.values())
    since = reference_since(session, house.place.facility.id, patients)
    before = expired_references(session, house.place.facility.id, patients)

    def proven(who: str, at: datetime) -> bool:
        return (who in since and since[who] <= at) or any(span.contains(at) for span in before.get(who, ()))

    return frozenset(row.id for row in rows if not all(proven(who, row.due_at) for who in whose[row.id]))


def _tenancies(stays: Iterable[AdmissionRecord], period: Period) -> dict[str, list[Tenancy]]:
    found: dict[str, list[Tenancy]] = defaultdict(list)
    for stay in stays:
        for bed_id, held in stay.assignments:
            common = held.overlap(period.span)
            if common is not None:
                found[bed_id].append(Tenancy(stay.admission_id, stay.admission_no, stay.category, common))
    return found


def _overlapping(held: Sequence[Tenancy]) -> bool:
    ordered = sorted(held, key=lambda stay: stay.held)
    return any(a.held.end > b.held.start for a, b in pairwise(ordered))


def _departed(stays: Iterable[AdmissionRecord], period: Period) -> Iterator[Departed]:
    for stay in stays:
        if stay.discharged_at is not None and stay.discharged_at < period.until:
            last = stay.assignments[-1].bed_id if stay.assignments else None
            subject = Subject(
                SubjectKind.ADMISSION, stay.admission_id, stay.admission_no, admission_id=stay.admission_id, bed_id=last
            )
            settling = stay.discharge_disposition == "interim_settlement"
            yield Departed(stay.patient_id, subject, stay.discharged_at, settling)


def cameras(session: Session, house: House, period: Period) -> Iterator[CameraFacts]:
    """Cameras of which something is to be said."""
    facility_id = house.place.facility.id
    events = _camera_events(session, house, period)
    late: dict[str, list[Snapshot]] = defaultdict(list)
    for frame in late_frames(session, facility_id, period.span):
        late[frame.camera_id].append(frame)
    pictures = pictures_by_camera(session, facility_id, period.span) if late else {}
    windows = windows_between(house.place.policy, house.place.zone, period.span)
    for camera_id in sorted((events.keys() | late.keys()) & house.cameras.keys()):
        frames = sorted(late.get(camera_id, ()), key=lambda frame: (frame.captured_at, frame.id))
        at_checks = [f for f in frames if any(w.span.start <= f.captured_at <= w.span.end for w in windows)]
        camera = house.cameras[camera_id]
        yield CameraFacts(
            subject=Subject(SubjectKind.CAMERA, camera_id, camera.code, ward_id=camera.ward_id),
            period=period.name,
            events=tuple(events.get(camera_id, ())),
            frames=pictures.get(camera_id, 0),
            late=len(frames),
            late_at_checks=len(at_checks),
            last_late_at=frames[-1].captured_at if frames else None,
            late_ids=tuple(frame.id for frame in at_checks[:50]),
            counter_evidence=Remarks(
                {
                    "late_frames": len(frames),
                    "privacy_pauses": sum(event.pause for event in events.get(camera_id, ())),
                }
            ),
            policy_version=house.place.policy.version,
        )


def _camera_events(session: Session, house: House, period: Period) -> dict[str, list[CameraEvent]]:
    facility_id, policy, zone = house.place.facility.id, house.place.policy, house.place.zone
    windows = windows_between(policy, zone, period.span)
    found: dict[str, list[CameraEvent]] = defaultdict(list)

    def at_check(since: datetime, until: datetime) -> bool:
        return any(window.span.start <= until and since <= window.span.end for window in windows)

    curtains = CurtainsOfCameras(session, facility_id, period.span)
    for event in view_events(session, facility_id, period.span):
        found[event.camera_id].append(
            CameraEvent(
                cause=str(event.cause),
                since=event.since,
                until=event.until,
                evidence_ids=tuple(event.snapshot_ids),
                at_check=at_check(event.since, event.until),
                pause=curtains.explain(house.cameras.get(event.camera_id), str(event.cause), event.since, event.until),
            )
        )
    for frame in clock_faults(session, facility_id, period.span):
        until = frame.captured_at + timedelta(seconds=house.cameras[frame.camera_id].cadence_seconds)
        found[frame.camera_id].append(
            CameraEvent("clock", frame.captured_at, until, (frame.id,), at_check(frame.captured_at, until))
        )
    for fault in signature_faults(session, facility_id, period.span):
        if fault.camera_id is not None and fault.reason not in _HARMLESS:
            hour = Interval(fault.hour, fault.hour + timedelta(hours=1))
            found[fault.camera_id].append(
                CameraEvent("signature", hour.start, hour.end, (), at_check(hour.start, hour.end))
            )
    for change in commanded_changes(session, facility_id, period.span):
        if change.outcome == "not_seen":  # the box says that it did; the pictures do not show it
            found[change.camera_id].append(
                CameraEvent("no_response", change.since, change.until, change.snapshot_ids, at_check=True)
            )
        if change.outcome in ("unanswered", "denied"):  # it heard of the change, or can do it, and did not
            found[change.camera_id].append(CameraEvent("not_answered", change.since, change.until, (), at_check=True))
    for audit in doubtful_audits(edge_audits(session, facility_id, period.span)):
        cause = "edge_crop_differs" if audit.contradicts else "edge_crop_withheld"
        until = audit.captured_at + timedelta(seconds=house.cameras[audit.camera_id].cadence_seconds)
        found[audit.camera_id].append(
            CameraEvent(cause, audit.captured_at, until, (audit.snapshot_id,), at_check(audit.captured_at, until))
        )
    return found


_HARMLESS = frozenset({"signature-stale", "stale"})
"""A device's clock that is a little off is corrected in the next request; it forges nothing."""


def census(house: House, period: Period, stays: Sequence[AdmissionRecord]) -> FacilityFacts:
    """The facility's midnights."""
    zone, facility = house.place.zone, house.place.facility
    open_beds = sum(bed.is_open for bed in house.beds.values())
    day, found = local_day(period.span.start, zone), []
    while True:
        at = datetime.combine(day, time(0), zone)
        if at > period.until:
            break
        inpatients = sum(stay.stay.contains(at) for stay in stays)
        found.append(Census(day, at, inpatients, open_beds))
        day += timedelta(days=1)
    return FacilityFacts(
        subject=Subject(SubjectKind.FACILITY, facility.id, facility.code),
        period=period.name,
        midnights=tuple(found),
        policy_version=house.place.policy.version,
    )
