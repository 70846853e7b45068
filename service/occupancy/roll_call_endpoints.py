"""The API of roll calls, draws and beds that nobody is admitted to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.admissions import admission_records
from service.facilities import (
    Facility,
    bed_by_hospital_code,
    facility_by_id,
    facility_for,
    ward,
    watermark,
)
from service.kit.clock import Clock, utc
from service.kit.errors import InvalidInput, NotFound
from service.kit.intervals import Interval
from service.occupancy.bed_looks import look_at_bed
from service.occupancy.between import bed_checks
from service.occupancy.draw import DrawnCall
from service.occupancy.draws import commit_draw, draws_of, plan_of, verify_recorded
from service.occupancy.place import place_of
from service.occupancy.region_calls import group_of, start_region
from service.occupancy.roll_call_schemas import (
    BedCheckOut,
    BedLookIn,
    BedLookRecorded,
    DrawIn,
    DrawnCallOut,
    DrawOut,
    GroupOut,
    PlanOut,
    ProgressOut,
    RollCallIn,
    RollCallOut,
)
from service.occupancy.roll_call_tables import BedCheck, RollCall, RollCallDraw
from service.occupancy.roll_calls import roll_calls, scope_of, start_surprise
from service.occupancy.roll_progress import progress_of_call
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter(tags=["roll calls"])

Reader = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]
Starter = Annotated[Actor, allow(Permission.ROLL_CALLS_START)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.", examples=["demo"])]
From = Annotated[AwareDatetime | None, Query(alias="from", description="With its offset. Default: a week before `to`.")]
To = Annotated[AwareDatetime | None, Query(description="With its offset. Default: the facility's event time.")]
Id = Annotated[str, Path(max_length=32)]

_LONGEST = timedelta(days=400)


@router.post("/roll-calls", status_code=201, summary="Count now, without warning")
def post_roll_call(body: RollCallIn, actor: Starter, session: WriteSession, context: ContextDep) -> list[RollCallOut]:
    """Freezes the instant and opens a surprise roll call: one for the facility, or one for each of a region."""
    if (body.facility is None) == (body.region is None):
        raise InvalidInput("give a facility or a region", field="facility", remedy="one of the two")
    if body.region is not None:
        return _count_region(body, actor, session, context)
    place = facility_for(session, actor, Permission.ROLL_CALLS_START, body.facility or "")
    in_ward = ward(session, place.id, body.ward) if body.ward is not None else None
    bed = bed_by_hospital_code(session, place.id, body.bed) if body.bed is not None else None
    if body.bed is not None and (bed is None or (in_ward is not None and bed.ward_id != in_ward.id)):
        raise NotFound("no such bed there", field="bed", remedy="use the hospital_code of the layout")
    at = watermark(place, context.clock)
    row = start_surprise(context, session, actor, place, scope_of(in_ward, bed), at=at, reason=body.reason)
    return [RollCallOut.of(row, place.code)]


def _count_region(body: RollCallIn, actor: Actor, session: Session, context: ContextDep) -> list[RollCallOut]:
    if body.ward is not None or body.bed is not None:
        raise InvalidInput("a region is counted whole", field="ward", remedy="leave ward and bed out")
    opened = start_region(context, session, actor, body.region or "", body.reason, context.clock)
    return [RollCallOut.of(row, place.code) for row, place in opened]


@router.get("/roll-call-groups/{group_id}", summary="How far a region's roll call is")
def read_group(group_id: Id, actor: Reader, session: ReadSession, context: ContextDep) -> GroupOut:
    """Live, over all facilities of the region that the caller may read; `group_id` is that of each one's roll call."""
    return GroupOut.of(group_of(session, actor, group_id, context.clock))


@router.get("/roll-calls", summary="Roll calls, the latest first")
def list_roll_calls(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    start: From = None,
    to: To = None,
) -> list[RollCallOut]:
    """Those whose instant has come: of a random one nothing is told before."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    found = roll_calls(session, place.id, span_of(place, context.clock, start, to))
    return [RollCallOut.of(row, place.code) for row in found]


@router.get("/roll-calls/{roll_call_id}", summary="How far a roll call is")
def read_roll_call(roll_call_id: Id, actor: Reader, session: ReadSession, context: ContextDep) -> ProgressOut:
    """Live: expected, covered, open and unanswered, person by person."""
    row, place = call_readable_by(session, actor, roll_call_id)
    progress = progress_of_call(session, row, watermark(place, context.clock))
    records = admission_records(session, place.id, {line.admission_id for line in progress.lines})
    numbers = {record.admission_id: record.admission_no for record in records}
    return ProgressOut.of(row, place.code, progress, numbers)


@router.get("/roll-call-draws", summary="Draws of random roll calls")
def list_draws(actor: Reader, session: ReadSession, facility: FacilityCode) -> list[DrawOut]:
    """Each with its commitment; with its seed once it is over."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    return [DrawOut.of(row, place.code) for row in draws_of(session, place.id)]


@router.post("/roll-call-draws", status_code=201, summary="Commit to a draw")
def post_draw(body: DrawIn, actor: Starter, session: WriteSession, context: ContextDep) -> DrawOut:
    """Draws a seed that nobody is shown, publishes its SHA-256, and holds the random roll calls from it. Draws of four
    weeks follow by themselves."""
    place = facility_for(session, actor, Permission.ROLL_CALLS_START, body.facility)
    policy = place_of(place, session, watermark(place, context.clock)).policy
    return DrawOut.of(commit_draw(context, session, place, policy, body.first_day, body.days, actor), place.code)


@router.get("/roll-call-draws/{draw_id}/plan", summary="A draw that is over, made again")
def read_plan(draw_id: Id, actor: Reader, session: ReadSession, context: ContextDep) -> PlanOut:
    """Every call that was drawn, and whether seed, commitment and calls agree. Before the draw is over nobody reads it,
    and that somebody tried is in the ledger."""
    row = session.get(RollCallDraw, draw_id) if draw_id.isprintable() else None
    if row is None:
        raise NotFound("no such draw", field="draw_id", remedy="GET /api/v1/roll-call-draws lists them")
    actor.require(Permission.OCCUPANCY_READ, row.facility_id)
    place = facility_by_id(session, row.facility_id)
    if row.seed is None:
        session.rollback()  # the reader's view of the database must not outlive the note that follows
    calls = plan_of(context, row, place.code, actor)
    checked = verify_recorded(session, row, place.code)
    return PlanOut(
        draw=DrawOut.of(row, place.code),
        commitment_holds=checked.commitment_holds,
        holds=checked.holds,
        calls=[DrawnCallOut.of(call) for call in calls],
        missing=[DrawnCallOut.of(call) for call in checked.missing],
        unexpected=[DrawnCallOut.of(DrawnCall(at, code, at.date())) for code, at in checked.unexpected],
    )


@router.get("/bed-checks", summary="Beds that no admission answers for")
def list_bed_checks(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    outcome: Annotated[str | None, Query(max_length=32)] = None,
    start: From = None,
    to: To = None,
) -> list[BedCheckOut]:
    """Present and not admitted, staff in a bed, two in one; and beds without an admission that were empty or blind."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    rows = bed_checks(session, place.id, span_of(place, context.clock, start, to))
    return [BedCheckOut.of(row) for row in rows if outcome is None or row.outcome == outcome][:5000]


@router.post("/bed-checks/{bed_check_id}/looks", status_code=201, summary="Record a look at such a bed")
def post_bed_look(
    bed_check_id: Id,
    body: BedLookIn,
    actor: Annotated[Actor, allow(Permission.DIRECTED_ANSWER)],
    session: WriteSession,
    context: ContextDep,
) -> BedLookRecorded:
    """What a person found. It is never changed."""
    row = session.get(BedCheck, bed_check_id) if bed_check_id.isprintable() else None
    if row is None:
        raise NotFound("no such bed check", field="bed_check_id", remedy="GET /api/v1/bed-checks lists them")
    actor.require(Permission.DIRECTED_ANSWER, row.facility_id)
    look = look_at_bed(session, actor, row, body.result, body.note, context.clock)
    return BedLookRecorded(look_id=look.id, looked_at=look.looked_at)


def call_readable_by(session: Session, actor: Actor, roll_call_id: str) -> tuple[RollCall, Facility]:
    """The roll call and its facility, for whoever may read presence there. Raises `NotFound` or `Forbidden`."""
    row = session.get(RollCall, roll_call_id) if roll_call_id.isprintable() else None
    if row is None:
        raise NotFound("no such roll call", field="roll_call_id", remedy="GET /api/v1/roll-calls lists them")
    actor.require(Permission.OCCUPANCY_READ, row.facility_id)
    return row, facility_by_id(session, row.facility_id)


def span_of(place: Facility, clock: Clock, start: datetime | None, to: datetime | None) -> Interval:
    """The time asked for, a week by default. Raises `InvalidInput` naming the field at fault."""
    end = utc(to) if to is not None else watermark(place, clock) + timedelta(microseconds=1)
    begin = utc(start) if start is not None else end - timedelta(days=7)
    if begin > end or end - begin > _LONGEST:
        raise InvalidInput(
            f"the time ends before it begins, or is longer than {_LONGEST.days} days",
            field="to",
            remedy="make `to` later than `from`, one year at a time",
        )
    return Interval(begin, end)
