"""A live facility: the clock moves on while checks are judged, and judging ends all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.occupancy import advance_job
from service.occupancy.tables import PresenceProgress
from service.platform.context import Context
from tests import builders
from tests.occupancy.scenes import at


class RestlessClock:
    """A clock that moves on at every look, as a real one does. Whoever looks more than `most` times never ends."""

    def __init__(self, start: datetime, most: int) -> None:
        self._now = start
        self._left = most

    def now(self) -> datetime:
        """The next microsecond."""
        self._left -= 1
        if not self._left:
            pytest.fail("catching up with a moving clock does not end")
        self._now += timedelta(microseconds=1)
        return self._now


def test_catching_up_with_a_moving_clock_ends(context: Context) -> None:
    start = at("01 08:00")
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="live", created_at=start)
    moved = replace(context, clock=RestlessClock(start + timedelta(days=2, seconds=12), most=500))

    advance_job(moved, {"facility_id": facility.id})

    with context.database.reading() as session:
        progress = session.get(PresenceProgress, facility.id)
    assert progress is not None
    assert progress.computed_to == start + timedelta(days=2)
