"""One stay: every check of it in order."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from service.access import Actor, Permission, allow
from service.admissions import admission_record, patient_by_id
from service.facilities import facility_by_id
from service.kit.errors import NotFound
from service.occupancy import checks_of, looks_of
from service.platform.http import ContextDep, ReadSession
from service.web.places import Places, facility_name
from service.web.render import page, reader_of
from service.web.stay_lines import check_lines, look_lines
from service.web.views import Story

router = APIRouter(include_in_schema=False)


@router.get("/admissions/{admission_id}")
def show_story(
    admission_id: Annotated[str, Path(max_length=32)],
    request: Request,
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    session: ReadSession,
    context: ContextDep,
) -> Response:
    """The story of a stay."""
    try:
        record = admission_record(session, admission_id)
        facility = facility_by_id(session, patient_by_id(session, record.patient_id).facility_id)
        actor.require(Permission.OCCUPANCY_READ, facility.id)
    except NotFound:
        # One answer for what does not exist and what the reader may not know of.
        raise NotFound(
            "there is no such admission",
            field="admission",
            remedy="open it from the ward board",
            message_zh="没有这次住院",
            remedy_zh="请从病区看板打开",
        ) from None
    reader = reader_of(request, actor)
    places, words = Places.of(session, facility, reader.language), reader.words(facility.timezone)
    bed_id = record.assignments[-1].bed_id if record.assignments else None
    bed = places.beds.get(bed_id or "")
    story = Story(
        facility_code=facility.code,
        facility_name=facility_name(facility, reader.language),
        zone=facility.timezone,
        patient_no=record.patient_no,
        admission_no=record.admission_no,
        category=record.category,
        admitted_at=record.admitted_at,
        discharged_at=record.discharged_at,
        place=places.place(bed_id),
        ward_id=bed.ward_id if bed else None,
        checks=check_lines(checks_of(session, facility.id, [admission_id]), places, words),
        looks=look_lines(looks_of(session, facility.id, [admission_id]).get(admission_id, ())),
    )
    return page(request, "story.html", actor, zone=facility.timezone, story=story)
