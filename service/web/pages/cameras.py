"""Cameras: which of them see, what is wrong with the others, and how long each saw nothing today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.access import Actor, Permission, allow
from service.facilities import watermark
from service.kit.intervals import Interval
from service.platform.http import ContextDep, ReadSession
from service.sightings import (
    ANSWER_OUTCOMES,
    BlindSpan,
    CameraAnswers,
    CameraHealth,
    CameraNow,
    camera_health,
    cameras_now,
    command_answers,
)
from service.web.places import Places, chosen_facility, facility_choices, facility_name, period_of
from service.web.render import page, reader_of
from service.web.signs import Sign

router = APIRouter(include_in_schema=False)

ALARM_SIGNS: Final[dict[str, Sign]] = {
    "silent": Sign("danger", "absent"),
    "untrusted": Sign("danger", "alert"),
    "unanswered": Sign("warn", "alert"),
    "released": Sign("warn", "alert"),
    "blind": Sign("danger", "camera-off"),
    "frozen": Sign("warn", "picture"),
    "dropping": Sign("warn", "download"),
    "drifting": Sign("notice", "clock"),
    "hot": Sign("notice", "alert"),
}
"""What to look at first comes first."""
_SPANS_SHOWN = 5
_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class AlarmTag:
    """An alarm as it is shown."""

    code: str
    sign: Sign


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera. `blind`: today, all together; `spans`: the longest of it, the latest first; `more`: spans left out.
    `offset`: the server's time minus the box's, seconds. `answers`: to what roll calls commanded in a month."""

    code: str
    ward: str
    alarms: tuple[AlarmTag, ...]
    last_picture_at: datetime | None
    last_heartbeat_at: datetime | None
    offset: float | None
    spool_depth: int | None
    dropped: int | None
    temperature_c: float | None
    pictures: int
    blind: timedelta
    spans: tuple[BlindSpan, ...]
    more: int
    answers: CameraAnswers | None = None


@router.get("/cameras")
def show_cameras(
    request: Request,
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    session: ReadSession,
    context: ContextDep,
    facility: str | None = None,
) -> Response:
    """Every camera in use, those with an alarm first."""
    found = chosen_facility(session, actor, Permission.OCCUPANCY_READ, facility)
    if found is None:
        return page(request, "overview.html", actor, facilities=[])
    reader = reader_of(request, actor)
    at = watermark(found, context.clock)
    today = at.astimezone(period_of(None, None, found, at).zone).date().isoformat()
    midnight = period_of(today, today, found, at).interval.start
    places = Places.of(session, found, reader.language)
    over = {one.camera_id: one for one in camera_health(session, found.id, Interval(midnight, max(midnight, at)))}
    answers = {one.camera_id: one for one in command_answers(session, found.id, Interval(at - _MONTH, at))}
    cameras = cameras_now(session, found.id, at)
    rows = [_row(now, over[now.camera_id], places, answers.get(now.camera_id)) for now in cameras]
    return page(
        request,
        "cameras.html",
        actor,
        zone=found.timezone,
        at=at,
        facility_name=facility_name(found, reader.language),
        facilities=facility_choices(session, actor, Permission.OCCUPANCY_READ, found, reader.language),
        cameras=tuple(sorted(rows, key=urgency)),
        replayed=found.clock == "replay",
        answer_order=ANSWER_OUTCOMES,
        alarmed=sum(bool(row.alarms) for row in rows),
        legend=tuple(AlarmTag(code, sign) for code, sign in ALARM_SIGNS.items()),
    )


def _row(now: CameraNow, over: CameraHealth, places: Places, answers: CameraAnswers | None) -> CameraRow:
    longest = sorted(over.blind, key=lambda span: -span.seconds)[:_SPANS_SHOWN]
    found = {alarm.value for alarm in now.alarms}
    return CameraRow(
        code=now.camera_code,
        ward=places.ward(now.ward_id),
        alarms=tuple(AlarmTag(code, sign) for code, sign in ALARM_SIGNS.items() if code in found),
        last_picture_at=now.last_picture_at,
        last_heartbeat_at=now.last_heartbeat_at,
        offset=None if now.offset_ms is None else now.offset_ms / 1000,
        spool_depth=now.spool_depth,
        dropped=now.dropped,
        temperature_c=now.temperature_c,
        pictures=over.pictures,
        blind=timedelta(seconds=over.blind_seconds),
        spans=tuple(sorted(longest, key=lambda span: span.since, reverse=True)),
        more=len(over.blind) - len(longest),
        answers=answers,
    )


def urgency(row: CameraRow) -> tuple[int, timedelta, str, str]:
    """By what to look at first: the gravest alarm, then the longest blind time of today."""
    order = list(ALARM_SIGNS)
    return min((order.index(tag.code) for tag in row.alarms), default=len(order)), -row.blind, row.ward, row.code
