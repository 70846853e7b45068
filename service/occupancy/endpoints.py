"""The API of presence: rates, boards, checks, and requests to look."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from service.access import Actor, Permission, allow
from service.admissions import admission_by_no, admission_records
from service.facilities import (
    CheckKind,
    Facility,
    facilities_readable,
    facility_by_id,
    facility_for,
    ward,
    ward_by_id,
    watermark,
)
from service.kit.clock import Clock, utc
from service.kit.errors import InvalidInput, NotFound
from service.kit.intervals import Interval
from service.occupancy import hand_endpoints, pause_endpoints, roll_call_endpoints
from service.occupancy.board import ward_board
from service.occupancy.directed import Answer, DirectedState, add_look, requests_with_state
from service.occupancy.in_bed_rate import in_bed_rate, region_rate
from service.occupancy.outcome import PresenceState
from service.occupancy.repository import directed_checks, directed_readable_by, find_checks
from service.occupancy.schemas import (
    BoardOut,
    DirectedCheckOut,
    InBedRateAnswer,
    InBedRateOut,
    LookIn,
    LookRecorded,
    PresenceCheckOut,
    RegionRateAnswer,
)
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter(prefix="/api/v1", tags=["occupancy"])
router.include_router(roll_call_endpoints.router)
router.include_router(hand_endpoints.router)
router.include_router(pause_endpoints.router)

Reader = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.", examples=["demo"])]
WardCode = Annotated[str | None, Query(alias="ward", max_length=64, description="The ward's code.")]
From = Annotated[AwareDatetime | None, Query(alias="from", description="With its offset. Default: a day before `to`.")]
To = Annotated[AwareDatetime | None, Query(description="With its offset. Default: the facility's event time.")]
Id = Annotated[str, Path(max_length=32)]

_LONGEST = timedelta(days=400)


@router.get("/in-bed-rate", summary="In-bed rate, low and high")
def read_in_bed_rate(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    ward_code: WardCode = None,
    start: From = None,
    to: To = None,
    by: Annotated[str, Query(max_length=32, pattern=r"^$|^(day|hour|ward)(,(day|hour|ward))*$")] = "",
) -> InBedRateAnswer:
    """Two numbers, always together, with coverage, excuses and a Wilson 95% interval. docs/rules.md has the formula."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    ward_id = ward(session, place.id, ward_code).id if ward_code is not None else None
    span = _span(place, context.clock, start, to)
    splits = [part for part in dict.fromkeys(by.split(",")) if part]
    rows = in_bed_rate(session, place.id, ward_id, span, splits) if splits else ()
    total = in_bed_rate(session, place.id, ward_id, span)[0]
    return InBedRateAnswer(
        facility=place.code,
        ward=ward_code,
        from_=span.start,
        to=span.end,
        by=splits,
        rows=[InBedRateOut.of(row) for row in rows],
        total=InBedRateOut.of(total),
    )


@router.get("/regions/in-bed-rate", summary="In-bed rate of a region")
def read_region_rate(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    region: Annotated[str, Query(max_length=64, description="`facility.region` of the layouts.")] = "",
    start: From = None,
    to: To = None,
    by: Annotated[str, Query(max_length=32, pattern=r"^$|^(day|hour)(,(day|hour))*$")] = "",
) -> RegionRateAnswer:
    """Over the region's facilities that the caller may read; every check counts alike."""
    allowed = facilities_readable(session, actor.facilities(Permission.OCCUPANCY_READ))
    found = [item for item in allowed if item.region == region] if region else []
    if not found:
        raise NotFound("no facility of this region", field="region", remedy="set facility.region in the layouts")
    span = _span(found[0], context.clock, start, to)
    splits = [part for part in dict.fromkeys(by.split(",")) if part]
    ids = [item.id for item in found]
    return RegionRateAnswer(
        region=region,
        facilities=[item.code for item in found],
        from_=span.start,
        to=span.end,
        by=splits,
        rows=[InBedRateOut.of(row) for row in region_rate(session, ids, span, splits)] if splits else [],
        total=InBedRateOut.of(region_rate(session, ids, span)[0]),
    )


@router.get("/wards/{ward_id}/board", summary="The ward as it is now")
def read_board(ward_id: Id, actor: Reader, session: ReadSession, context: ContextDep) -> BoardOut:
    """Each bed's state at the facility's event time, and what the last check said of its patient."""
    place = ward_by_id(session, ward_id)
    actor.require(Permission.OCCUPANCY_READ, place.facility_id)
    return BoardOut.of(ward_board(session, place, context.clock))


@router.get("/presence-checks", summary="Checks and their states")
def list_presence_checks(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    ward_code: WardCode = None,
    admission_no: Annotated[str | None, Query(max_length=64)] = None,
    state: PresenceState | None = None,
    kind: Annotated[CheckKind | None, Query(description="`admission`: only if asked for.")] = None,
    start: From = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[PresenceCheckOut]:
    """The checks due in a time, in order of time."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    ward_id = ward(session, place.id, ward_code).id if ward_code is not None else None
    admission_id = admission_by_no(session, place.id, admission_no).id if admission_no is not None else None
    rows = find_checks(
        session,
        place.id,
        _span(place, context.clock, start, to),
        ward_id=ward_id,
        admission_id=admission_id,
        outcome=state.value if state is not None else None,
        kind=kind,
        most=limit,
    )
    records = admission_records(session, place.id, {row.admission_id for row in rows})
    numbers = {record.admission_id: record.admission_no for record in records}
    return [PresenceCheckOut.of(row, numbers[row.admission_id]) for row in rows]


@router.get("/directed-checks", summary="Requests that people look for a patient")
def list_directed_checks(
    actor: Annotated[Actor, allow(Permission.DIRECTED_READ)],
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    state: DirectedState | None = None,
    admission_no: Annotated[str | None, Query(max_length=64)] = None,
    escalated: Annotated[bool, Query(description="Only those that went to an inspector.")] = False,
) -> list[DirectedCheckOut]:
    """The latest first. `state=open` are those that wait for an answer."""
    place = facility_for(session, actor, Permission.DIRECTED_READ, facility)
    admission_id = admission_by_no(session, place.id, admission_no).id if admission_no is not None else None
    rows = directed_checks(session, place.id, admission_id=admission_id)
    rows = [row for row in rows if row.escalated_at is not None] if escalated else rows
    found = requests_with_state(session, place, rows, context.clock)
    return [DirectedCheckOut.of(item) for item in found if state is None or item.state is state]


@router.get("/directed-checks/{check_id}", summary="One request to look")
def read_directed_check(
    check_id: Id,
    actor: Annotated[Actor, allow(Permission.DIRECTED_READ)],
    session: ReadSession,
    context: ContextDep,
) -> DirectedCheckOut:
    """The request with the looks so far."""
    row = directed_readable_by(session, actor, Permission.DIRECTED_READ, check_id)
    place = facility_by_id(session, row.facility_id)
    return DirectedCheckOut.of(requests_with_state(session, place, [row], context.clock)[0])


@router.post("/directed-checks/{check_id}/looks", status_code=201, summary="Record a look")
def post_look(
    check_id: Id,
    look: LookIn,
    actor: Annotated[Actor, allow(Permission.DIRECTED_ANSWER)],
    session: WriteSession,
    context: ContextDep,
) -> LookRecorded:
    """What a person found. It is never changed; another look may follow until the deadline."""
    row = directed_readable_by(session, actor, Permission.DIRECTED_ANSWER, check_id)
    answer = Answer(
        result=look.result,
        method=look.method,
        ward_searched=look.ward_searched,
        patient_called=look.patient_called,
        note=look.note,
        looked_at=look.looked_at,
    )
    made = add_look(session, actor, row, answer, context.clock)
    return LookRecorded(look_id=made.id, directed_check_id=row.id, looked_at=made.looked_at, role=made.role)


def _span(place: Facility, clock: Clock, start: datetime | None, to: datetime | None) -> Interval:
    """The time asked for. Raises `InvalidInput` naming the field at fault."""
    end = utc(to) if to is not None else watermark(place, clock)
    begin = utc(start) if start is not None else end - timedelta(days=1)
    if begin > end:
        raise InvalidInput("the time ends before it begins", field="to", remedy="make `to` later than `from`")
    if end - begin > _LONGEST:
        raise InvalidInput(
            f"more than {_LONGEST.days} days", field="from", remedy="ask for a shorter time, one year at a time"
        )
    return Interval(begin, end)
