"""A ward at an instant as its board shows it, gathered from the rooms below."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from service.admissions import AdmissionRecord, active_admissions
from service.facilities import Bed, Camera, Facility, Ward, beds_of_ward, cameras_of
from service.kit.clock import Clock
from service.kit.intervals import Interval
from service.occupancy import (
    DirectedState,
    LoggedPause,
    PresenceCheck,
    PresencePolicy,
    Request,
    checks_of,
    directed_checks,
    hide_paused,
    judged_sightings,
    place_of,
    requests_with_state,
    running,
)
from service.sightings import Reading, count_by_ward, first_captured_at, open_alarms, readings
from service.web.bed_day import spans_of_bed, trailing
from service.web.charts.strip import draw_strip
from service.web.places import facility_name, ward_name
from service.web.signs import BED_STATES
from service.web.texts import Language
from service.web.views import BedCard, Board, CameraCurtain, OpenLook

DAY = timedelta(hours=24)
_SHOWN_PRESENT = ("present_verified", "present_alternative")


@dataclass(frozen=True, slots=True)
class _WardFacts:
    """Everything about a ward's last day, by bed or by admission."""

    at: datetime
    began_at: datetime | None
    policy: PresencePolicy
    records: Sequence[AdmissionRecord]
    readings: Mapping[str, Sequence[Reading]]
    recognised: Mapping[str, datetime]
    checks: Mapping[str, Sequence[PresenceCheck]]
    requests: Mapping[str, Sequence[Request]]
    pauses: Sequence[LoggedPause]


def board_view(
    session: Session,
    facility: Facility,
    ward: Ward,
    at: datetime,
    *,
    follows: bool,
    clock: Clock,
    language: Language,
) -> Board:
    """The ward's beds as they were at event time `at`."""
    beds = [bed for bed in beds_of_ward(session, ward.id) if bed.is_open]
    facts = _gather(session, facility, beds, at, clock)
    cards = tuple(_card(bed, facts) for bed in beds)
    counted = Counter(card.state for card in cards)
    return Board(
        facility_code=facility.code,
        facility_name=facility_name(facility, language),
        ward_id=ward.id,
        ward_name=ward_name(ward, language),
        zone=facility.timezone,
        at=at,
        follows=follows,
        beds=cards,
        counts=tuple((state, counted[state]) for state in BED_STATES if counted[state]),
        cameras=tuple(_curtain(camera, facts.pauses) for camera in cameras_of(session, ward.id) if camera.is_active),
        alarmed=count_by_ward(open_alarms(session, facility.id)).get(ward.id, 0) if follows else 0,
    )


def _gather(session: Session, facility: Facility, beds: Sequence[Bed], at: datetime, clock: Clock) -> _WardFacts:
    ids = {bed.id for bed in beds}
    day = Interval(at - DAY, at)
    active = active_admissions(session, facility.id, Interval(day.start, at + timedelta(microseconds=1)))
    records = [record for record in active if any(stay.bed_id in ids for stay in record.assignments)]
    by_bed: dict[str, list[Reading]] = defaultdict(list)
    for reading in hide_paused(session, facility.id, readings(session, facility.id, ids, [day])):
        by_bed[reading.bed_id].append(reading)
    patients = {record.patient_id for record in records}
    recognised = {
        sighting.patient_id: sighting.at for sighting in judged_sightings(session, facility.id, patients, [day])
    }
    admissions = {record.admission_id for record in records}
    checks: dict[str, list[PresenceCheck]] = defaultdict(list)
    for check in checks_of(session, facility.id, admissions):
        if check.window_end <= at:
            checks[check.admission_id].append(check)
    rows = [row for row in directed_checks(session, facility.id) if row.admission_id in admissions]
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in requests_with_state(session, facility, rows, clock):
        requests[request.row.admission_id].append(request)
    return _WardFacts(
        at=at,
        began_at=first_captured_at(session, facility.id),
        policy=place_of(facility, session, at).policy,
        records=records,
        readings=by_bed,
        recognised=recognised,
        checks=checks,
        requests=requests,
        pauses=running(session, facility.id, at),
    )


def _card(bed: Bed, facts: _WardFacts) -> BedCard:
    day = Interval(facts.at - DAY, facts.at)
    spans = spans_of_bed(
        facts.readings.get(bed.id, ()), _holders(bed.id, facts.records), day, facts.began_at, facts.policy
    )
    state = spans[-1].state if spans else "none"
    since, causes = trailing(spans)
    record = next((item for item in facts.records if item.bed_at(facts.at) == bed.id), None)
    checks = facts.checks.get(record.admission_id, ()) if record else ()
    verified = [check.due_at for check in checks if check.outcome in _SHOWN_PRESENT]
    faces = [at for check in checks if (at := _face_at(check)) is not None]
    recognised = [facts.recognised[record.patient_id]] if record and record.patient_id in facts.recognised else []
    pause = next((item for item in facts.pauses if item.bed_id == bed.id), None)
    return BedCard(
        bed_id=bed.id,
        code=bed.code,
        patient_no=record.patient_no if record else None,
        admission_no=record.admission_no if record else None,
        admission_id=record.admission_id if record else None,
        state=state,
        since=since if since is not None and since > day.start else None,
        lasted=facts.at - since if since is not None else None,
        last_seen_at=max(recognised + faces, default=None),
        last_verified_at=max(verified, default=None),
        check_outcome=checks[-1].outcome if checks else None,
        check_at=checks[-1].due_at if checks else None,
        causes=causes if state == "unobserved" else (),
        look=_open_look(facts.requests.get(record.admission_id, ()) if record else (), facts.at),
        strip=draw_strip(spans, facts.at, DAY),
        pause_id=pause.id if pause else None,
        paused_until=pause.ends_at if pause else None,
    )


def _curtain(camera: Camera, pauses: Sequence[LoggedPause]) -> CameraCurtain:
    drawn = next((item for item in pauses if item.camera_id == camera.id), None)
    return CameraCurtain(camera.id, camera.code, drawn.id if drawn else None, drawn.ends_at if drawn else None)


def _face_at(check: PresenceCheck) -> datetime | None:
    """When the face behind a verified check was seen: for an identity that still held, at its recognition."""
    if check.outcome != "present_verified":
        return None
    held_since = check.details.get("verified_at")
    return datetime.fromisoformat(str(held_since)) if held_since else check.due_at


def _holders(bed_id: str, records: Sequence[AdmissionRecord]) -> list[tuple[Interval, str]]:
    return [
        (stay.interval, record.patient_id) for record in records for stay in record.assignments if stay.bed_id == bed_id
    ]


def _open_look(requests: Sequence[Request], at: datetime) -> OpenLook | None:
    """The request that waited for an answer at `at`, or the last one that nobody answered in time."""
    asked = [item for item in requests if item.row.opened_at <= at and item.state is not DirectedState.WITHDRAWN]
    for request in sorted(asked, key=lambda item: item.row.due_at, reverse=True)[:1]:
        answered = request.state is DirectedState.ANSWERED and request.looks[-1].looked_at <= at
        if not answered:
            row = request.row
            return OpenLook(row.deadline_at, row.cause, late=row.deadline_at <= at)
    return None
