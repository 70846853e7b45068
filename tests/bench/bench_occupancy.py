"""Rates, late messages and a region's roll call at full size: `python -m tests.bench.bench_occupancy`.

A month of 1,000 beds with a check every hour (720,000 checks) in SQLite. The checks are written in bulk, the readings
of the last day as cameras would have made them; what is timed is the product's own code on them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient
from rich.console import Console
from rich.table import Table

from service.app import create_app
from service.kit.intervals import Interval
from service.occupancy import dirty_job, in_bed_rate
from service.occupancy.counts import raw_counts, recount
from service.occupancy.tables import PresenceProgress
from service.platform import migrate
from service.platform.context import Context, open_context
from service.platform.settings import Settings
from tests.bench.bench_vision import Line
from tests.occupancy.region import Full, fill, photograph
from tests.occupancy.rounds import play_round

BEDS, DAYS, ROUNDS = 1000, 30, 8
_WINDOW = timedelta(minutes=30)
ZONE = ZoneInfo("Asia/Shanghai")
END = datetime(2026, 4, 1, 0, 0, tzinfo=ZONE)
_SIZES = [300 + 35 * k for k in range(21)]  # 300 to 1,000 people


def rows() -> list[Line]:
    """Every figure, on installations of their own."""
    with tempfile.TemporaryDirectory() as folder:
        context = _installation(Path(folder))
        full = month(context)
        found = [*rate_lines(context, full), *late_lines(context, full)]
        context.close()
    with tempfile.TemporaryDirectory() as folder:
        context = _installation(Path(folder))
        found += round_lines(context)
        context.close()
    return found


_OUTCOMES = ["present_verified"] * 17 + ["present_alternative", "on_leave", "bed_empty"]
_INSERT = """insert into presence_check (id, facility_id, ward_id, bed_id, admission_id, kind, due_at, window_start,
window_end, outcome, reading_ids, details, policy_version, computed_at)
values (?, ?, ?, ?, ?, 'routine', ?, ?, ?, ?, '[]', '{}', 'bench', ?)"""


def _checks_of_an_hour(full: Full, due: datetime, first: int) -> list[tuple[str, ...]]:
    """One check of every bed, as SQLite keeps them: by the ORM, writing the month would take minutes."""
    at, end = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}.000000" for moment in (due, due + _WINDOW))
    return [
        (
            f"{first + k:032x}",
            full.facility_id,
            full.wards[k // 34],
            bed_id,
            admission_id,
            *(at, at, end, _OUTCOMES[(first + k) % len(_OUTCOMES)], at),
        )
        for k, (bed_id, _, admission_id, _) in enumerate(full.places)
    ]


def month(context: Context, days: int = DAYS) -> Full:
    """1,000 beds in 30 wards, a check every hour for 30 days."""
    checks = [{"kind": "routine", "at": f"{hour:02d}:00"} for hour in range(24)]
    start = END - timedelta(days=days)
    with context.database.transaction() as session:
        full = fill(session, BEDS, at=END, policy={"checks": checks, "window_minutes": 30})
        connection = session.connection()
        for hour in range(days * 24):
            connection.exec_driver_sql(_INSERT, _checks_of_an_hour(full, start + timedelta(hours=hour), hour * BEDS))
        session.add(PresenceProgress(facility_id=full.facility_id, computed_from=start, computed_to=END))
        recount(session, full.facility_id, ZONE)
    with context.database.transaction() as session:
        frames = [END - timedelta(minutes=30 * k) for k in range(2 * 26)]
        photograph(session, full, frames, lambda _, at: "patient" if at.minute == 0 else "unidentified")
    return full


def rate_lines(context: Context, full: Full) -> list[Line]:
    """The month's rates, and the same counted over the checks themselves."""
    whole = Interval(END - timedelta(days=DAYS), END)
    with context.database.reading() as session:
        by_ward_day = _seconds(lambda: in_bed_rate(session, full.facility_id, None, whole, ["ward", "day"]))
        by_hour = _seconds(lambda: in_bed_rate(session, full.facility_id, None, whole, ["hour"]))
        uneven = Interval(whole.start + timedelta(hours=7), whole.end - timedelta(hours=5))
        ragged = _seconds(lambda: in_bed_rate(session, full.facility_id, None, uneven, ["ward", "day"]))
        raw = _seconds(lambda: list(raw_counts(session, full.facility_id, None, whole)), rounds=1)
        kept = Counter[str]()
        for row in in_bed_rate(session, full.facility_id, None, whole, ["ward", "day"]):
            kept.update({state.value: number for state, number in row.states().items()})
        counted = Counter[str]()
        for _, _, outcome, number in raw_counts(session, full.facility_id, None, whole):
            counted[outcome] += number
    if kept != counted:
        raise AssertionError("the counts and the checks differ")
    checks = f"{BEDS * DAYS * 24:,} checks"
    return [
        Line(f"rate by ward and day, {checks}", by_ward_day, "s", 2.0),
        Line("rate by hour, the same", by_hour, "s", 2.0),
        Line("rate by ward and day, beginning and ending within a day", ragged, "s", 2.0),
        Line("by ward and day / counting the checks themselves", by_ward_day / raw, "ratio"),
    ]


def late_lines(context: Context, full: Full) -> list[Line]:
    """One late picture of one bed, one late message of one stay, ten hours before the end."""
    at = END - timedelta(hours=10)
    spent: dict[str, list[Spent]] = {"picture": [], "message": []}
    for k in range(ROUNDS):
        bed_id, _, admission_id, _ = full.places[100 + k]
        with context.database.transaction() as session:
            when = at + timedelta(minutes=5, seconds=k)
            photograph(session, full, [when], lambda bed, _, k=k: "empty" if bed == 100 + k else None)  # type: ignore[misc]
        span: dict[str, Any] = {"facility_id": full.facility_id, "from": at.isoformat(), "to": when.isoformat()}
        for name, more in (("picture", {"bed_ids": [bed_id]}), ("message", {"admission_ids": [admission_id]})):
            payload = {**span, **more}
            spent[name].append(_spent(lambda payload=payload: dirty_job(context, payload)))  # type: ignore[misc]
    everybody = {"facility_id": full.facility_id, "from": at.isoformat(), "to": at.isoformat()}
    whole = _spent(lambda: dirty_job(context, everybody))
    picture, message = (_median(spent[name][1:]) for name in ("picture", "message"))
    in_month = f"a month of {BEDS:,} beds with a check an hour, rates included; median of {ROUNDS - 1}"
    return [
        Line(f"one late picture judged again in {in_month}: processor", picture.processor * 1000, "ms", 100.0),
        Line("the same by the clock on the wall", picture.wall * 1000, "ms", 100.0),
        Line("one late message of a stay, the same: processor", message.processor * 1000, "ms", 100.0),
        Line("the same by the clock on the wall", message.wall * 1000, "ms", 100.0),
        Line("one late picture / everybody's checks of that time", picture.processor / whole.processor, "ratio"),
    ]


def round_lines(context: Context) -> list[Line]:
    """A surprise roll call of 21 hospitals, one person in forty looked for by hand through the API."""
    app = create_app(context)
    with TestClient(app):
        made = time.process_time()
        done = play_round(app, context, _SIZES, datetime(2026, 3, 2, 20, 13, tzinfo=ZONE), missed_every=40)
    if (done.covered, done.unanswered, done.open_left) != (done.expected, 0, 0):
        raise AssertionError(f"not closed: {done}")
    name = f"roll call of {done.facilities} hospitals, {done.people:,} people, {done.by_hand} by hand"
    return [
        Line(f"{name}: all of it, by the clock on the wall", done.seconds, "s", 30 * 60.0),
        Line("the same with making and enrolling the people: processor", time.process_time() - made, "s"),
        Line("of which opening it everywhere", done.seconds_open, "s", 60.0),
        Line("of which what the cameras saw", done.seconds_cameras, "s"),
        Line("of which answers by hand", done.seconds_hands, "s"),
        Line("of which closing", done.seconds_close, "s"),
    ]


class Spent(NamedTuple):
    """Seconds of the processor, and of the clock on the wall: on a machine that does other things they differ."""

    processor: float
    wall: float


def _spent(work: Callable[[], object]) -> Spent:
    processor, wall = time.process_time(), time.perf_counter()
    work()
    return Spent(time.process_time() - processor, time.perf_counter() - wall)


def _median(found: Sequence[Spent]) -> Spent:
    return Spent(*(statistics.median(values) for values in zip(*found, strict=True)))


def _seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """The median of the seconds of work that `work` takes: of the processor, whatever else the machine does."""
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def _installation(folder: Path) -> Context:
    settings = Settings(_env_file=None, data_dir=folder, worker_threads=0, log_level="warning")  # type: ignore[call-arg]
    context = open_context(settings)
    migrate.upgrade_engine(context.database.engine)
    return context


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = rows()
    conditions = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, SQLite, 1 process"
    console = Console(soft_wrap=True, highlight=False)
    if arguments.json:
        found = [{"name": line.name, "value": line.value, "unit": line.unit, "limit": line.limit} for line in lines]
        console.print(json.dumps({"conditions": conditions, "lines": found}, indent=2))
        return
    table = Table("what", "value", "unit", "at most")
    for line in lines:
        table.add_row(line.name, f"{line.value:.3f}", line.unit, "" if line.limit is None else f"{line.limit:g}")
    console.print(table)
    console.print(conditions)


if __name__ == "__main__":
    main()
