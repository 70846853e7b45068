"""The API of what time says: views that lied, and faces that repeat."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlmodel import Session, col, select

from service.access import Actor, Permission, allow
from service.admissions import patient_numbers
from service.facilities import Bed, Camera, facility_for
from service.kit.clock import parse_instant
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.platform.http import ContextDep, ReadSession
from service.sightings.photographs import RepeatedFace, repeated_face_reports
from service.sightings.views import ViewEvent, view_events

router = APIRouter(prefix="/api/v1", tags=["sightings"])

_LONGEST_DAYS = 62

FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]
From = Annotated[str, Query(alias="from", max_length=40, description="RFC 3339, with a zone.")]
To = Annotated[str, Query(max_length=40, description="RFC 3339, with a zone; at most 62 days later.")]


class ViewEventOut(BaseModel):
    """A time in which a camera's view could not be believed. Its beds were unobserved, not empty."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "camera": "W1-C1",
                    "cause": "frozen",
                    "since": "2026-03-04T22:10:00Z",
                    "until": "2026-03-05T05:40:00Z",
                    "is_over": True,
                    "pictures": 90,
                }
            ]
        }
    )

    camera: str
    cause: str
    since: AwareDatetime
    until: AwareDatetime
    is_over: bool
    pictures: int

    @classmethod
    def of(cls, event: ViewEvent, cameras: dict[str, str]) -> ViewEventOut:
        """The event on the wire."""
        return cls(
            camera=cameras[event.camera_id],
            cause=event.cause,
            since=event.since,
            until=event.until,
            is_over=event.is_over,
            pictures=len(event.snapshot_ids),
        )


class RepeatedFaceOut(BaseModel):
    """A patient's face that repeats too well: a reason to go and look, never a finding by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "patient_no": "P000001",
                    "beds": ["W1-03"],
                    "kind": "same_pose_over_nights",
                    "nights": ["2026-03-02", "2026-03-03", "2026-03-04"],
                    "reading_ids": ["0195565e3b7e7c3a9d6f1b2a4c5d6e7f"],
                    "shape_distance": 0.012,
                    "bits_different": 0.05,
                    "similarity_low": 0.71,
                    "similarity_high": 0.72,
                }
            ]
        }
    )

    patient_no: str
    beds: list[str]
    kind: str
    nights: list[date]
    reading_ids: list[str]
    shape_distance: float
    bits_different: float
    similarity_low: float
    similarity_high: float

    @classmethod
    def of(cls, found: RepeatedFace, numbers: dict[str, str], beds: dict[str, str]) -> RepeatedFaceOut:
        """The report on the wire."""
        return cls(
            patient_no=numbers.get(found.patient_id, ""),
            beds=[beds[bed] for bed in found.bed_ids],
            kind=found.kind.value,
            nights=list(found.nights),
            reading_ids=list(found.reading_ids),
            shape_distance=found.shape_distance,
            bits_different=found.bits_different,
            similarity_low=found.similarity_low,
            similarity_high=found.similarity_high,
        )


@router.get("/view-events", summary="When cameras could not be believed")
def get_view_events(
    facility: FacilityCode,
    start: From,
    to: To,
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    session: ReadSession,
) -> list[ViewEventOut]:
    """Covered, black, over-exposed, out of focus, moved, frozen, looped or swapped views, each with its time span."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    events = view_events(session, place.id, _span(start, to))
    query = select(Camera.id, Camera.code).where(col(Camera.id).in_({event.camera_id for event in events}))
    cameras = {camera_id: code for camera_id, code in session.exec(query)}
    return [ViewEventOut.of(event, cameras) for event in events]


@router.get("/repeated-faces", summary="Faces that repeat as only pictures do")
def get_repeated_faces(
    facility: FacilityCode,
    start: From,
    to: To,
    actor: Annotated[Actor, allow(Permission.FINDINGS_READ)],
    context: ContextDep,
    session: ReadSession,
) -> list[RepeatedFaceOut]:
    """The same pose and face on three nights, or the enrolment picture itself. Who cannot move lies the same."""
    place = facility_for(session, actor, Permission.FINDINGS_READ, facility)
    found = repeated_face_reports(context, session, place.id, _span(start, to))
    numbers = patient_numbers(session, place.id, [item.patient_id for item in found])
    beds = _bed_codes(session, {bed for item in found for bed in item.bed_ids})
    return [RepeatedFaceOut.of(item, dict(numbers), beds) for item in found]


def _bed_codes(session: Session, ids: set[str]) -> dict[str, str]:
    query = select(Bed.id, Bed.hospital_code).where(col(Bed.id).in_(ids))
    return {bed_id: code for bed_id, code in session.exec(query)}


def _span(start: str, end: str) -> Interval:
    first, last = parse_instant(start, field="from"), parse_instant(end, field="to")
    if last < first or (last - first).days > _LONGEST_DAYS:
        raise InvalidInput(
            f"must lie 0 to {_LONGEST_DAYS} days after from",
            field="to",
            remedy="ask for a shorter span",
            message_zh=f"须在起始时间之后 0 至 {_LONGEST_DAYS} 天内",
            remedy_zh="请缩短查询区间",
        )
    return Interval(first, last)
