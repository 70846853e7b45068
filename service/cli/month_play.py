"""Plays a made-up month through the real tables, occupancy and screening: only the looking at pixels is left out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, select

from service.access import Actor, Grant, Role, add_user, grant_role
from service.admissions import (
    Admission,
    BedAssignment,
    LeaveOfAbsence,
    OffWardActivity,
    Patient,
    end_leave,
    grant_leave,
)
from service.admissions.tables import ChargeItem
from service.cli.month_world import Plan, TrueStay, Way, World
from service.enrolment import Consent, FaceTemplate
from service.facilities import Bed, BedZone, Camera, Facility, Ward, move_watermark
from service.kit.ids import new_id
from service.occupancy import Answer, DirectedCheck, LookMethod, LookResult, add_look, advance_job, dirty_job
from service.occupancy.roll_call_tables import BedLook
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.screening import run_places, run_stays
from service.sightings import Snapshot, ZoneReading

PACK = "simulated"
CADENCE = timedelta(minutes=30)
LETTERS = {
    "P": "patient",
    "U": "unidentified",
    "O": "other_person",
    "E": "empty",
    "X": "unobserved",
    "S": "other_person",
}


@dataclass
class Play:
    """A month being played. Ids of what was made, by the story's own names and numbers."""

    context: Context
    world: World
    rng: random.Random
    beds: list[Bed] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    cameras: list[Camera] = field(default_factory=list)
    wards: list[Ward] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    stays: dict[str, str] = field(default_factory=dict)
    nurses: dict[int, Actor] = field(default_factory=dict)
    facility_id: str = ""
    facility_code: str = ""
    sequence: int = 0
    looked: dict[str, int] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """The size of the month."""
        return self.world.plan


def play(context: Context, world: World, tell: Callable[[int], None] = lambda day: None) -> Play:
    """Builds the hospital, writes its books, and lives the month day by day. `tell`: called after each day."""
    stage = Play(context, world, random.Random(world.plan.seed + 1))  # noqa: S311 (a story, no secret)
    with context.database.transaction() as session:
        _build(session, stage)
        for stay in world.stays:
            _admit(session, stage, stay)
    for day in range(world.plan.days):
        _live(stage, day)
        tell(day)
    return stage


def _build(session: Session, stage: Play) -> None:
    plan, now = stage.plan, stage.context.clock.now()
    stage_facility = Facility(code=f"month-{new_id()[-6:]}", name="A simulated month", clock="replay", created_at=now)
    session.add(stage_facility)
    session.flush()
    stage.facility_id, stage.facility_code = stage_facility.id, stage_facility.code
    people = [("inspector", Role.INSPECTOR)]
    for number in range(-(-plan.beds // plan.ward_beds)):
        ward = Ward(facility_id=stage.facility_id, code=f"W{number:02}", name=f"Ward {number}")
        session.add(ward)
        stage.wards.append(ward)
        people += [(f"nurse{number:02}{shift}", Role.WARD_STAFF) for shift in ("a", "b")]
    session.flush()
    for number, (name, role) in enumerate(people):
        user = add_user(session, f"{stage.facility_code}.{name}", None, actor="cli", now=now)
        grant_role(session, user, role, stage.facility_id, actor="cli", now=now)
        grants = (Grant(role, stage.facility_id),)
        stage.nurses[number - 1] = Actor(kind="user", id=user.id, name=user.username, grants=grants)
    for number in range(plan.beds):
        ward = stage.wards[number // plan.ward_beds]
        # A third of the beds stand in the books as closed, and patients lie in them all the same.
        closed = plan.ward_beds * 3 <= number < plan.ward_beds * 6
        bed = Bed(
            facility_id=stage.facility_id,
            ward_id=ward.id,
            code=f"{number:03}",
            hospital_code=f"{number:03}",
            is_open=not closed,
        )
        stage.beds.append(bed)
        session.add(bed)
        if number % 4 == 0:
            camera = Camera(
                facility_id=stage.facility_id,
                ward_id=ward.id,
                code=f"C{number // 4:02}",
                cadence_seconds=int(CADENCE.total_seconds()),
            )
            stage.cameras.append(camera)
            session.add(camera)
    session.flush()
    for number, bed in enumerate(stage.beds):
        zone = BedZone(
            camera_id=stage.cameras[number // 4].id,
            bed_id=bed.id,
            polygon=[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
            valid_from=plan.start - timedelta(days=1),
        )
        session.add(zone)
        stage.zones.append(zone.id)
    session.flush()


def _admit(session: Session, stage: Play, stay: TrueStay) -> None:
    """The stay's own books. Leaves that are written late, or afterwards, are written when their time comes."""
    who = stage.people.get(stay.person)
    if who is None:
        patient = Patient(facility_id=stage.facility_id, patient_no=f"{stay.person}", recorded_at=stay.admitted)
        session.add(patient)
        session.flush()
        who = stage.people[stay.person] = patient.id
        _enrol(session, stage, stay, who)
    admission = Admission(
        facility_id=stage.facility_id,
        patient_id=who,
        admission_no=stay.number,
        category=stay.category,
        admitted_at=stay.admitted,
        discharged_at=stay.discharged,
        recorded_at=stay.admitted,
        updated_at=stay.admitted,
        admission_type="emergency" if stay.emergency else "planned",
        diagnosis_code=f"I{10 + len(stay.person) % 7}.{stay.bed % 9}",
        discharge_disposition="home" if stay.discharged else None,
        payment_method="per_diem" if stay.per_diem else "drg",
    )
    session.add(admission)
    session.flush()
    stage.stays[stay.number] = admission.id
    own: dict[str, Any] = {"admission_id": admission.id, "recorded_at": stay.admitted}
    session.add(BedAssignment(bed_id=stage.beds[stay.bed].id, from_at=stay.admitted, to_at=stay.discharged, **own))
    if stay.way is not Way.LATE_PAPER:
        for start, due, signed, back in stay.leaves:
            session.add(
                LeaveOfAbsence(
                    from_at=start, expected_return_at=due, to_at=back, approved_by="doctor", signed_at=signed, **own
                )
            )
    for kind, start, end in stay.activities:
        session.add(OffWardActivity(kind=kind, from_at=start, to_at=end, recorded_by="ward", **own))
    if stay.per_diem:
        _bill(session, stage, stay, admission.id)


def _enrol(session: Session, stage: Play, stay: TrueStay, who: str) -> None:
    status = "refused" if stay.way is Way.REFUSED else "given"
    at = stay.admitted
    session.add(Consent(patient_id=who, status=status, given_at=at, recorded_by="simulation", recorded_at=at))
    if stay.way in (Way.REFUSED, Way.UNENROLLED):
        return
    times = [at] if stay.way is not Way.NEW_FACE else [at, at + timedelta(days=3)]
    for number, since in enumerate(times):
        replaced = number + 1 < len(times)
        session.add(
            FaceTemplate(
                patient_id=who,
                facility_id=stage.facility_id,
                pack_hash=PACK,
                sealed=None if replaced else b"simulated",
                dimension=4,
                quality=0.9,
                reference="id_card_picture",
                photo_sha256=f"{number}" * 64,
                effective_from=since,
                enrolled_by="simulation",
                enrolled_at=since,
                revoked_at=times[number + 1] if replaced else None,
                revoked_cause="superseded" if replaced else None,
            )
        )


def _bill(session: Session, stage: Play, stay: TrueStay, admission_id: str) -> None:
    day, end = stay.admitted.replace(hour=12, minute=0), stay.discharged or stage.plan.end
    while day < end:
        for kind in ("bed", "nursing", "medication"):
            session.add(
                ChargeItem(
                    facility_id=stage.facility_id,
                    charge_no=f"{stay.number}-{day:%m%d}-{kind}",
                    admission_no=stay.number,
                    admission_id=admission_id,
                    kind=kind,
                    code=kind,
                    service_at=day,
                    amount="60.00",
                    stated_at=day,
                    received_at=day,
                    source="csv",
                )
            )
        day += timedelta(days=1)


def _live(stage: Play, day: int) -> None:
    """One day: what the cameras saw, what is due is judged, people look, the books are written, the rules run."""
    start = stage.plan.start + timedelta(days=day)
    end = start + timedelta(days=1)
    with stage.context.database.transaction() as session:
        _film(session, stage, start, end)
        move_watermark(session.get_one(Facility, stage.facility_id), end)
    advance_job(stage.context, {"facility_id": stage.facility_id})
    with stage.context.database.transaction() as session:
        _look(session, stage, start, end)
        _look_at_beds(session, stage, start)
    _work(stage)
    run_stays(stage.context, stage.facility_id)
    with stage.context.database.transaction() as session:
        written = _write(session, stage, start, end)
    if written:
        _work(stage)
        run_stays(stage.context, stage.facility_id)
    if day + 1 == stage.plan.days:
        run_places(stage.context, stage.facility_id)


def _work(stage: Play) -> None:
    def nothing(_context: Context, _payload: dict[str, Any]) -> None:
        """Screening runs once a day here, not after each change."""

    handlers = {
        "presence.dirty": dirty_job,
        "presence.advance": advance_job,
        "screening.run": nothing,
        "screening.places": nothing,
    }
    JobRunner(stage.context, handlers, 0).run_until_idle()


def _film(session: Session, stage: Play, start: datetime, end: datetime) -> None:
    snapshots: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    holders = _holders(stage, start, end)
    when = start
    while when < end:
        stage.sequence += 1
        shots = []
        for number, camera in enumerate(stage.cameras):
            snapshot_id = new_id()
            shots.append(snapshot_id)
            snapshots.append(_snapshot(stage, snapshot_id, number, camera, when))
        for bed in range(stage.plan.beds):
            holder = next((s for s in holders.get(bed, ()) if s.holds(bed, when)), None)
            letter, who = _seen(stage, bed, holder, when)
            found.append(_reading(stage, bed, shots[bed // 4], holder, letter, who, when))
        when += CADENCE
    connection = session.connection()  # rows as they are: the mapper would cost more than the rest of the day
    connection.execute(insert(Snapshot.__table__), snapshots)  # type: ignore[attr-defined]
    connection.execute(insert(ZoneReading.__table__), found)  # type: ignore[attr-defined]


def _holders(stage: Play, start: datetime, end: datetime) -> dict[int, list[TrueStay]]:
    found: dict[int, list[TrueStay]] = {}
    for stay in stage.world.stays:
        if stay.admitted < end and (stay.discharged is None or stay.discharged > start):
            found.setdefault(stay.bed, []).append(stay)
    return found


def _snapshot(stage: Play, snapshot_id: str, number: int, camera: Camera, when: datetime) -> dict[str, Any]:
    way, day = stage.world.cameras.get(number), (when - stage.plan.start).days
    late = way is Way.BACKFILLED and 4 <= day < 22 and 7 <= when.hour < 19
    disputed = way is Way.WRONG_CLOCK and day in (3, 4, 5) and when.hour == 9
    return {
        "id": snapshot_id,
        "facility_id": stage.facility_id,
        "camera_id": camera.id,
        "sequence": stage.sequence,
        "sha256": snapshot_id * 2,
        "media_type": "image/jpeg",
        "byte_count": 1,
        "captured_at": when.astimezone(UTC),
        "received_at": when.astimezone(UTC),
        "state": "analysed",
        "pack_hash": PACK,
        "strangers": 0,
        "is_held": False,
        "trust": "late" if late else "live",
        "clock_flag": "disputed" if disputed else None,
    }


def _seen(stage: Play, bed: int, holder: TrueStay | None, when: datetime) -> tuple[str, str | None]:
    """The letter of what a picture shows, and whose enrolled face it is."""
    world, rng = stage.world, stage.rng
    if bed // 4 == 7 and timedelta(days=10, hours=10) <= when - stage.plan.start < timedelta(days=10, hours=15):
        return "X", None  # an ordinary outage
    if world.beds.get(bed) is Way.BLINDED and when.hour in (2, 9, 16) and (when.day % 5) < 3:
        return "X", None
    sitter = world.sitters.get(bed)
    if sitter is not None and sitter[0] <= when < sitter[1]:
        return {"stranger": ("U", None), "staff": ("S", None)}.get(sitter[2], ("O", sitter[2]))
    if holder is None or not holder.there(when):
        return "E", None
    if holder.way is Way.DAY_PATIENT and not 7 <= when.hour < 19:
        return "E", None
    return _face(holder, when, rng, world)


def _face(stay: TrueStay, when: datetime, rng: random.Random, world: World) -> tuple[str, str | None]:
    by_day = 7 <= when.hour < 22
    if stay.partner is not None:
        other = next(item for item in world.stays if item.bed == stay.partner and item.way is Way.SWAPPED)
        return "O", other.person
    age = when - stay.admitted
    if stay.way is Way.IMPOSTOR and age > timedelta(hours=20):
        return ("O" if by_day else "U"), None
    if stay.way is Way.VISITED and age.days in (1, 3) and 8 <= when.hour < 11:
        return "O", None
    if stay.way in (Way.REFUSED, Way.UNENROLLED):
        return ("U" if rng.random() < 0.97 else "E"), None
    if rng.random() < 0.02:
        return "E", None
    shows = 0.25 if stay.way is Way.RESTLESS else 0.8 if by_day else 0.15
    return ("P", stay.person) if rng.random() < shows else ("U", None)


def _reading(
    stage: Play, bed: int, snapshot_id: str, holder: TrueStay | None, letter: str, who: str | None, when: datetime
) -> dict[str, Any]:
    own = stage.people[holder.person] if holder is not None else None
    return {
        "id": new_id(),
        "snapshot_id": snapshot_id,
        "facility_id": stage.facility_id,
        "camera_id": stage.cameras[bed // 4].id,
        "bed_id": stage.beds[bed].id,
        "zone_id": stage.zones[bed],
        "captured_at": when.astimezone(UTC),
        "state": LETTERS[letter],
        "confidence": 0.9,
        "cause": "black" if letter == "X" else None,
        "expected_patient_id": own,
        "recognised_patient_id": stage.people[who] if who else None,
        "recognised_staff_id": "staff-1" if letter == "S" else None,
        "quality_reasons": [],
        "pack_hash": PACK,
    }


def _look(session: Session, stage: Play, start: datetime, end: datetime) -> None:
    """What people answer who were asked to look that day."""
    by_id = {stage.stays[stay.number]: stay for stay in stage.world.stays}
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == stage.facility_id, DirectedCheck.due_at >= start, DirectedCheck.due_at < end
    )
    for request in session.exec(query).all():
        for who, minutes, result, method, thorough in _answers(stage, by_id[request.admission_id], request):
            when = request.due_at + timedelta(minutes=minutes)
            if when <= min(request.deadline_at, end):
                answer = Answer(LookResult(result), LookMethod(method), thorough, thorough, looked_at=when)
                add_look(session, stage.nurses[who], request, answer, stage.context.clock)


_Answer = tuple[int, int, str, str, bool]
_GONE = frozenset({Way.PHANTOM, Way.GHOST, Way.CHARGED, Way.CORRECTED, Way.LATE_PAPER})
_INSPECTOR = -1


def _answers(stage: Play, stay: TrueStay, request: DirectedCheck) -> Iterator[_Answer]:
    local = request.due_at.astimezone(stage.plan.start.tzinfo)
    ward, when = stage.world.ward_of(stay.bed), request.due_at + timedelta(minutes=40)
    nurse = 2 * ward + (local.day % 2)
    done = stage.looked.get(stay.number, 0)
    if stay.way is Way.UNANSWERED:
        return
    if stay.way in _GONE and not stay.there(when):
        if local.hour == 9 and done < 3:
            stage.looked[stay.number] = done + 1
            yield nurse, 40, "not_found", "ward_search", True
            yield _INSPECTOR, 170, "not_found", "ward_search", True
    elif stay.way is Way.EMPTY_BED:
        if local.hour == 9 and done < 2:
            stage.looked[stay.number] = done + 1
            yield nurse, 40, "not_found", "bedside", False
            yield _INSPECTOR, 295, "not_found", "bedside", False
    elif stay.way is Way.IMPOSTOR and request.cause == "impostor_suspected":
        yield _INSPECTOR, 60, "identity_mismatch", "id_card", False
    elif stay.way is Way.VISITED and request.cause == "impostor_suspected":
        yield nurse, 40, "carer", "bedside", False
    elif stay.way is Way.SWORN_FOR:
        if not stay.there(when):
            yield 2 * ward, 30, "found", "bedside", False
    elif stay.there(when) and stage.rng.random() < 0.9:
        yield nurse, 40, "found", "wristband", False


def _look_at_beds(session: Session, stage: Play, start: datetime) -> None:
    """Somebody goes and looks at a bed of nobody's where somebody lies."""
    due = start + timedelta(hours=9)
    for bed, (since, until, who) in stage.world.sitters.items():
        if since <= due < until and who != "staff":
            session.add(
                BedLook(
                    facility_id=stage.facility_id,
                    bed_id=stage.beds[bed].id,
                    due_at=due,
                    person_id=stage.nurses[2 * stage.world.ward_of(bed)].id,
                    role="ward_staff",
                    result="person",
                    looked_at=due + timedelta(minutes=50),
                    recorded_at=due + timedelta(minutes=50),
                )
            )


def _write(session: Session, stage: Play, start: datetime, end: datetime) -> int:
    """Papers that are written late, and one that is written afterwards to explain an absence away; how many."""
    written = 0
    office = Actor(kind="user", id="0" * 32, name="office", grants=(Grant(Role.ADMIN, stage.facility_id),))
    place = session.get_one(Facility, stage.facility_id)
    for stay in stage.world.stays:
        papers = list(stay.leaves) if stay.way is Way.LATE_PAPER else []
        if stay.way is Way.CORRECTED and stay.gone_from is not None:
            told = stay.gone_from + timedelta(days=4)
            if start <= told < end:
                papers = [(stay.gone_from, stay.discharged or end, stay.gone_from + timedelta(hours=1), None)]
        for leave_start, due, signed, back in papers:
            if stay.way is Way.LATE_PAPER and not start <= signed < end:
                continue
            written += 1
            admission = session.get_one(Admission, stage.stays[stay.number])
            row = grant_leave(
                session,
                place,
                admission,
                from_at=leave_start,
                expected_return_at=due,
                approved_by="doctor",
                signed_at=signed,
                actor=office,
                now=stage.context.clock.now(),
            )
            if back is not None:
                end_leave(session, place, admission, row, back, actor=office, now=stage.context.clock.now())
    return written
