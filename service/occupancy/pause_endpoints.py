"""The API of privacy pauses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.access import Actor, Permission, allow
from service.facilities import bed_by_id, camera_by_id, facility_for
from service.occupancy.compare_pauses import pauses_by_ward
from service.occupancy.hand_tables import LoggedPause
from service.occupancy.pauses import privacy_pauses
from service.occupancy.pausing import end_pause, pause
from service.occupancy.reverify import usernames
from service.occupancy.roll_call_endpoints import FacilityCode, From, Id, Reader, To, span_of
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter(tags=["occupancy"])

Answerer = Annotated[Actor, allow(Permission.DIRECTED_ANSWER)]


class PauseIn(BaseModel):
    """For how long nothing is to be read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 15}]})

    minutes: int = Field(default=30, ge=1, le=30, description="At most 30; one that overlaps reaches no further.")


class PauseOut(BaseModel):
    """A pause as it was logged."""

    id: str
    ward_id: str
    bed_id: str | None
    camera_id: str | None
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    during_check: bool

    @classmethod
    def of(cls, row: LoggedPause) -> PauseOut:
        """The row as the wire has it."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class PauseSpanOut(BaseModel):
    """A pause with how far it hid. `username`: who logged it."""

    id: str
    ward_id: str
    bed_id: str | None
    camera_id: str | None
    starts_at: datetime
    hidden_until: datetime
    username: str
    during_check: bool


class WardPausesOut(BaseModel):
    """A ward's pauses beside the other wards'."""

    model_config = ConfigDict(from_attributes=True)

    ward_id: str
    pauses: int
    minutes: int
    during_checks: int
    beds: int
    people: int
    by_bed: float
    peers_median: float | None = Field(description="Median of `by_bed` over the other wards.")
    times_peers: float | None
    nights_over: int = Field(description="Nights, counted bed by bed, hidden for longer than the policy excuses.")
    days_over: int = Field(description="Days between two nights, counted the same way.")
    blind_minutes: int = Field(
        description="Minutes of beds hidden beyond what is excused: blind by the ward's own doing, never an absence."
    )


class PausesOut(BaseModel):
    """Pauses of a time, and the wards compared."""

    pauses: list[PauseSpanOut]
    wards: list[WardPausesOut]


@router.post("/beds/{bed_id}/privacy-pauses", status_code=201, summary="Draw the curtain around a bed")
def post_bed_pause(bed_id: Id, body: PauseIn, actor: Answerer, session: WriteSession, context: ContextDep) -> PauseOut:
    """From now on, half an hour at most: what cameras show of the bed meanwhile is unobserved. Each one is counted."""
    return PauseOut.of(pause(session, actor, context.clock, bed=bed_by_id(session, bed_id), minutes=body.minutes))


@router.post("/cameras/{camera_id}/privacy-pauses", status_code=201, summary="Draw the curtain before a camera")
def post_camera_pause(
    camera_id: Id, body: PauseIn, actor: Answerer, session: WriteSession, context: ContextDep
) -> PauseOut:
    """As for a bed, for everything that the camera sees."""
    camera = camera_by_id(session, camera_id)
    return PauseOut.of(pause(session, actor, context.clock, camera=camera, minutes=body.minutes))


@router.post("/privacy-pauses/{pause_id}/end", summary="The curtain is open again")
def post_pause_end(pause_id: Id, actor: Answerer, session: WriteSession, context: ContextDep) -> PauseOut:
    """Before its time is over."""
    return PauseOut.of(end_pause(session, actor, pause_id, context.clock))


@router.get("/privacy-pauses", summary="Privacy pauses, and the wards compared")
def list_pauses(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    start: From = None,
    to: To = None,
) -> PausesOut:
    """Who logged what, when, and how often on each ward: a pause hides, so it is counted."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    span = span_of(place, context.clock, start, to)
    found = privacy_pauses(session, place.id, span)
    names = usernames(session, {item.started_by for item in found})
    return PausesOut(
        pauses=[
            PauseSpanOut(
                id=item.pause_id,
                ward_id=item.ward_id,
                bed_id=item.bed_id,
                camera_id=item.camera_id,
                starts_at=item.span.start,
                hidden_until=item.span.end,
                username=names.get(item.started_by, ""),
                during_check=item.during_check,
            )
            for item in found
        ],
        wards=[WardPausesOut.model_validate(item) for item in pauses_by_ward(session, place.id, span)],
    )
