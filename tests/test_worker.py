"""What time alone makes necessary."""

from __future__ import annotations

import time

from sqlmodel import select

from service.platform.context import Context
from service.platform.tables import Job
from service.worker import HOUSEKEEPING, Ticker, advance_live_facilities, handlers, keep_house
from tests.builders import EPOCH, create_facility


def _waiting(context: Context) -> list[tuple[str, dict[str, str]]]:
    with context.database.reading() as session:
        return [(job.kind, job.payload) for job in session.exec(select(Job).order_by("id"))]


def test_only_facilities_on_the_real_clock_are_moved_on_and_only_once_while_they_wait(context: Context) -> None:
    with context.database.transaction() as session:
        live = create_facility(session)
        create_facility(session, clock="replay", watermark=EPOCH)
    advance_live_facilities(context)
    advance_live_facilities(context)
    assert _waiting(context) == [("presence.advance", {"facility_id": live.id})]


def test_housekeeping_is_asked_for_once_and_has_handlers(context: Context) -> None:
    keep_house(context)
    keep_house(context)
    assert sorted(kind for kind, _ in _waiting(context)) == sorted(HOUSEKEEPING)
    assert handlers().keys() >= set(HOUSEKEEPING)


def test_the_ticker_ticks_at_once_and_stops(context: Context) -> None:
    ticker = Ticker(context, seconds=60)
    ticker.start()
    deadline = time.monotonic() + 5
    while not _waiting(context) and time.monotonic() < deadline:
        time.sleep(0.01)
    started = time.monotonic()
    ticker.stop()
    assert time.monotonic() - started < 2
    assert {kind for kind, _ in _waiting(context)} == set(HOUSEKEEPING)
