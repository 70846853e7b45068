"""Roll calls: the list with its commitments, starting one, and how far one is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlmodel import Session

from service.access import Actor, FormGuard, Permission, allow
from service.facilities import Facility, bed_by_hospital_code, facility_by_id, facility_for, ward_by_id, watermark
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.occupancy import (
    GroupLine,
    RollCall,
    Scope,
    draws_of,
    facilities_of_region,
    group_of,
    roll_calls,
    start_region,
    start_surprise,
    total_of,
)
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.web.places import Places, chosen_facility, facility_choices, facility_name
from service.web.render import draw, page, reader_of
from service.web.roll_call_view import call_page, call_row
from service.web.views import Choice

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]
Id = Annotated[str, Path(max_length=32)]

REGION = "*region"
"""What the page's list of wards sends for a whole region; no ward's id begins so."""


@router.get("/roll-calls")
def show_roll_calls(
    request: Request, actor: Viewer, session: ReadSession, context: ContextDep, facility: str | None = None
) -> Response:
    """The facility's roll calls of the last week, its draws, and the form to start one."""
    found = chosen_facility(session, actor, Permission.OCCUPANCY_READ, facility)
    if found is None:
        return page(request, "overview.html", actor, facilities=[])
    reader = reader_of(request, actor)
    at = watermark(found, context.clock)
    places = Places.of(session, found, reader.language)
    calls = roll_calls(session, found.id, Interval(at - timedelta(days=7), at))
    return page(
        request,
        "roll_calls.html",
        actor,
        zone=found.timezone,
        at=at,
        facility_code=found.code,
        facility_name=facility_name(found, reader.language),
        facilities=facility_choices(session, actor, Permission.OCCUPANCY_READ, found, reader.language),
        wards=tuple(Choice(ward_id, places.ward(ward_id), False) for ward_id in places.wards),
        calls=tuple(call_row(call, places, at) for call in calls),
        draws=draws_of(session, found.id)[:6],
        may_start=actor.may(Permission.ROLL_CALLS_START, found.id),
        region=found.region,
        region_size=_region_size(session, actor, found),
    )


@router.post("/roll-calls", dependencies=[FormGuard])
def start_roll_call(
    actor: Annotated[Actor, allow(Permission.ROLL_CALLS_START)],
    session: WriteSession,
    context: ContextDep,
    facility: Annotated[str, Form(max_length=64)] = "",
    ward: Annotated[str, Form(max_length=32)] = "",
    bed: Annotated[str, Form(max_length=64)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Counts now, and shows how far it is."""
    place = facility_for(session, actor, Permission.ROLL_CALLS_START, facility)
    if ward == REGION and not bed.strip():
        opened = start_region(context, session, actor, place.region, reason.strip(), context.clock)
        return RedirectResponse(f"/roll-call-groups/{opened[0][0].group_id}", 303)
    scope = Scope()
    if bed.strip():
        found = bed_by_hospital_code(session, place.id, bed.strip())
        if found is None:
            raise NotFound(
                "no such bed here",
                field="bed",
                remedy="use the hospital's own code of the bed",
                message_zh="没有这张床",
                remedy_zh="请填写医院的床位编码",
            )
        scope = Scope("bed", found.ward_id, found.id)
    elif ward:
        chosen = ward_by_id(session, ward)
        if chosen.facility_id != place.id:
            raise NotFound("no such ward here", field="ward", remedy="choose a ward from the list")
        scope = Scope("ward", chosen.id)
    row = start_surprise(
        context, session, actor, place, scope, at=watermark(place, context.clock), reason=reason.strip()
    )
    return RedirectResponse(f"/roll-calls/{row.id}", 303)


def _region_size(session: Session, actor: Actor, place: Facility) -> int:
    """How many facilities of the region the actor may count at once; one is no region."""
    found = facilities_of_region(session, actor, Permission.ROLL_CALLS_START, place.region)
    return len(found) if len(found) > 1 else 0


@router.get("/roll-call-groups/{group_id}")
def show_group(group_id: Id, request: Request, actor: Viewer, session: ReadSession, context: ContextDep) -> Response:
    """How far a region's roll call is, over all its facilities; the page follows it while one is open."""
    lines = group_of(session, actor, group_id, context.clock)
    return page(request, "roll_call_group.html", actor, zone=lines[0].facility.timezone, **_group(lines, request))


@router.get("/roll-call-groups/{group_id}/progress")
def show_group_progress(
    group_id: Id, request: Request, actor: Viewer, session: ReadSession, context: ContextDep
) -> Response:
    """The numbers alone, for the page that follows. Unchanged ones are not sent again."""
    lines = group_of(session, actor, group_id, context.clock)
    values = _group(lines, request)
    html = draw("roll_group_progress.html", reader_of(request, actor), zone=lines[0].facility.timezone, **values)
    return _fragment(request, html)


def _group(lines: Sequence[GroupLine], request: Request) -> dict[str, Any]:
    language = reader_of(request).language
    return {
        "group_id": lines[0].call.group_id,
        "region": lines[0].facility.region,
        "opens_at": lines[0].call.opens_at,
        "closes_at": lines[0].call.closes_at,
        "is_open": any(line.is_open for line in lines),
        "total": total_of(lines),
        "facilities": tuple((line, facility_name(line.facility, language)) for line in lines),
    }


def _fragment(request: Request, html: str) -> Response:
    etag = f'"{hashlib.sha256(html.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(html, headers=headers)


@router.get("/roll-calls/{roll_call_id}")
def show_roll_call(
    roll_call_id: Id, request: Request, actor: Viewer, session: ReadSession, context: ContextDep
) -> Response:
    """How far the roll call is; the page follows it while it is open."""
    row, place = _readable(session, actor, roll_call_id)
    shown = call_page(session, row, place, watermark(place, context.clock), reader_of(request).language)
    name = facility_name(place, reader_of(request).language)
    return page(
        request,
        "roll_call.html",
        actor,
        zone=place.timezone,
        shown=shown,
        facility_code=place.code,
        facility_name=name,
        may_answer=actor.may(Permission.DIRECTED_ANSWER, place.id),
    )


@router.get("/roll-calls/{roll_call_id}/progress")
def show_progress(
    roll_call_id: Id, request: Request, actor: Viewer, session: ReadSession, context: ContextDep
) -> Response:
    """The numbers and people alone, for the page that follows. Unchanged ones are not sent again."""
    row, place = _readable(session, actor, roll_call_id)
    reader = reader_of(request, actor)
    shown = call_page(session, row, place, watermark(place, context.clock), reader.language)
    may_answer = actor.may(Permission.DIRECTED_ANSWER, place.id)
    html = draw("roll_progress.html", reader, zone=place.timezone, shown=shown, may_answer=may_answer)
    return _fragment(request, html)


def _readable(session: Session, actor: Actor, roll_call_id: str) -> tuple[RollCall, Facility]:
    row = session.get(RollCall, roll_call_id) if roll_call_id.isprintable() else None
    if row is None or not actor.knows(row.facility_id):
        # One answer for what does not exist and what the reader may not know of.
        raise NotFound(
            "there is no such roll call",
            field="roll_call",
            remedy="open one from the list",
            message_zh="没有这次点名",
            remedy_zh="请从列表打开",
        )
    actor.require(Permission.OCCUPANCY_READ, row.facility_id)
    return row, facility_by_id(session, row.facility_id)
