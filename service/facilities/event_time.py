"""Event time of a facility: the real clock, or what a replay drives."""

from __future__ import annotations

from datetime import datetime

from service.facilities.errors import WatermarkRefused
from service.facilities.tables import Facility
from service.kit.clock import Clock, utc


def event_now(facility: Facility, now: datetime) -> datetime:
    """The facility's event time, when the real clock shows `now`. A replay that has not begun is at `now`."""
    if facility.clock == "replay" and facility.watermark is not None:
        return facility.watermark
    return now


def watermark(facility: Facility, clock: Clock) -> datetime:
    """The instant up to which the facility's deadlines have passed."""
    return event_now(facility, clock.now())


def move_watermark(facility: Facility, to: datetime) -> bool:
    """Moves a replay's clock forward; whether it moved. Raises `WatermarkRefused` for a live clock or a way back."""
    if facility.clock != "replay":
        raise WatermarkRefused(
            "this facility runs on the real clock", field="to", remedy="only a replay facility can be driven"
        )
    to = utc(to)
    if facility.watermark is not None and to < facility.watermark:
        raise WatermarkRefused(
            f"the clock already stands at {facility.watermark.isoformat()}",
            field="to",
            remedy="event time never runs backwards: send a later instant",
        )
    moved = facility.watermark != to
    facility.watermark = to
    return moved
