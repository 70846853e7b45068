"""Plays a made-up month through the real tables, occupancy and screening: only the looking at pixels is left out."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from service.cli.month.answers import look, look_at_beds, write
from service.cli.month.build import admit, build
from service.cli.month.film import film
from service.cli.month.stage import Play
from service.cli.month.world import World
from service.facilities import Facility, move_watermark
from service.occupancy import advance_job, dirty_job
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.screening import run_places, run_stays


def play(context: Context, world: World, tell: Callable[[int], None] = lambda day: None) -> Play:
    """Builds the hospital, writes its books, and lives the month day by day. `tell`: called after each day."""
    stage = Play(context, world, random.Random(world.plan.seed + 1))  # noqa: S311 (a story, no secret)
    with context.database.transaction() as session:
        build(session, stage)
        for stay in world.stays:
            admit(session, stage, stay)
    for day in range(world.plan.days):
        _live(stage, day)
        tell(day)
    return stage


def _live(stage: Play, day: int) -> None:
    """One day: what the cameras saw, what is due is judged, people look, the books are written, the rules run."""
    start = stage.plan.start + timedelta(days=day)
    end = start + timedelta(days=1)
    with stage.context.database.transaction() as session:
        film(session, stage, start, end)
        move_watermark(session.get_one(Facility, stage.facility_id), end)
    advance_job(stage.context, {"facility_id": stage.facility_id})
    with stage.context.database.transaction() as session:
        look(session, stage, start, end)
        look_at_beds(session, stage, start)
    _work(stage)
    run_stays(stage.context, stage.facility_id)
    with stage.context.database.transaction() as session:
        written = write(session, stage, start, end)
    if written:
        _work(stage)
        run_stays(stage.context, stage.facility_id)
    if day + 1 == stage.plan.days:
        run_places(stage.context, stage.facility_id)


def _work(stage: Play) -> None:
    def nothing(_context: Context, _payload: dict[str, Any]) -> None:
        """Screening runs once a day here, not after each change."""

    handlers = {
        "presence.dirty": dirty_job,
        "presence.advance": advance_job,
        "screening.run": nothing,
        "screening.places": nothing,
        "purchases.rescreen": nothing,
    }
    JobRunner(stage.context, handlers, 0).run_until_idle()
