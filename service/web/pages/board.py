"""The ward board: every bed of a ward, now or at an instant of the past."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, Response

from service.access import Actor, Permission, allow
from service.facilities import Facility, Ward, facility_by_id, ward_by_id, watermark
from service.kit.clock import parse_instant
from service.kit.errors import InvalidInput, NotFound
from service.platform.http import ContextDep, ReadSession
from service.web.render import draw, page, reader_of
from service.web.ward_view import board_view

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]
WardId = Annotated[str, Path(max_length=32)]


@router.get("/wards/{ward_id}")
def show_board(
    ward_id: WardId, request: Request, actor: Viewer, session: ReadSession, context: ContextDep, at: str = ""
) -> Response:
    """The board at the facility's event time, or at `at`."""
    facility, ward = _readable(session, actor, ward_id)
    now = watermark(facility, context.clock)
    asked = _instant(at, facility, now)
    board = board_view(
        session,
        facility,
        ward,
        asked or now,
        follows=asked is None,
        clock=context.clock,
        language=reader_of(request).language,
    )
    may_excuse = actor.kind == "user" and actor.may(Permission.DIRECTED_ANSWER, facility.id)
    return page(request, "board.html", actor, zone=facility.timezone, board=board, may_excuse=may_excuse)


@router.get("/wards/{ward_id}/cards")
def show_cards(ward_id: WardId, request: Request, actor: Viewer, session: ReadSession, context: ContextDep) -> Response:
    """The cards alone, for the page that follows. Unchanged cards are not sent again."""
    facility, ward = _readable(session, actor, ward_id)
    reader = reader_of(request, actor)
    now = watermark(facility, context.clock)
    board = board_view(session, facility, ward, now, follows=True, clock=context.clock, language=reader.language)
    may_excuse = actor.kind == "user" and actor.may(Permission.DIRECTED_ANSWER, facility.id)
    html = draw("cards.html", reader, zone=facility.timezone, board=board, may_excuse=may_excuse)
    etag = f'"{hashlib.sha256(html.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(html, headers=headers)


def _readable(session: ReadSession, actor: Actor, ward_id: str) -> tuple[Facility, Ward]:
    try:
        ward = ward_by_id(session, ward_id)
        actor.require(Permission.OCCUPANCY_READ, ward.facility_id)
    except NotFound:
        # One answer for what does not exist and what the reader may not know of.
        raise NotFound(
            "there is no such ward",
            field="ward",
            remedy="open a ward from the overview",
            message_zh="没有这个病区",
            remedy_zh="请从总览打开病区",
        ) from None
    return facility_by_id(session, ward.facility_id), ward


def _instant(text: str, facility: Facility, now: datetime) -> datetime | None:
    """The instant asked for: with an offset, or on the facility's own clock as the page's field sends it.

    Raises `InvalidInput`, also for an instant that lies ahead: nothing is known of it.
    """
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text.strip())
    except ValueError:
        local = None
    if local is not None and local.tzinfo is None and 1900 <= local.year <= 2999:
        found = local.replace(tzinfo=ZoneInfo(facility.timezone))
    else:
        # A browser's form writes the "+" of an offset as a space when it is not encoded.
        found = parse_instant(text.strip().replace(" ", "+"), field="at")
    if found > now:
        raise InvalidInput(
            "this instant lies ahead of the facility's clock",
            field="at",
            remedy=f"choose one up to {now.astimezone(ZoneInfo(facility.timezone)).isoformat(timespec='minutes')}",
            message_zh="该时刻晚于机构时钟",
            remedy_zh="请选择更早的时刻",
        )
    return found
