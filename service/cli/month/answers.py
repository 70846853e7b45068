"""What the people of a made-up month do: they answer requests to look, and write papers late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session, select

from service.access import Actor, Grant, Role
from service.admissions import Admission, end_leave, grant_leave
from service.cli.month.stage import Play
from service.cli.month.world import TrueStay, Way
from service.facilities import Facility
from service.occupancy import Answer, DirectedCheck, LookMethod, LookResult, add_look
from service.occupancy.roll_call_tables import BedLook

_Answer = tuple[int, int, str, str, bool]
_GONE = frozenset({Way.PHANTOM, Way.GHOST, Way.CHARGED, Way.CORRECTED, Way.LATE_PAPER})
_INSPECTOR = -1


def look(session: Session, stage: Play, start: datetime, end: datetime) -> None:
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


def look_at_beds(session: Session, stage: Play, start: datetime) -> None:
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


def write(session: Session, stage: Play, start: datetime, end: datetime) -> int:
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
