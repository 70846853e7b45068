"""`wardwatch simulate --month`: a made-up month through the real occupancy and screening, compared with its truth."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.console import Grid, answer, installation
from service.cli.month.play import play
from service.cli.month.result import MonthResult, result_of
from service.cli.month.world import Plan, make_world
from service.platform.settings import Settings


def simulate_month(plan: Plan, *, quiet: bool = False) -> tuple[MonthResult, float]:
    """Plays the month in an installation of its own, thrown away afterwards; returns the result and the seconds."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="wardwatch-month-") as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), worker_threads=0, log_level="warning")
        with installation(settings) as context, _bar(quiet) as progress:
            task = progress.add_task("days", total=plan.days)
            stage = play(context, make_world(plan), lambda day: progress.update(task, completed=day + 1))
            with context.database.reading() as session:
                return result_of(session, stage), time.perf_counter() - started


def show_month(result: MonthResult, plan: Plan, seconds: float, *, as_json: bool) -> None:
    """Prints recall, false findings with their bound, and the confusion table."""
    document = {"beds": plan.beds, "days": plan.days, "seconds": round(seconds, 1), **result.to_json()}
    if as_json:
        answer(document, True, ())
        return
    rows = [(row.rule, str(row.expected), str(row.found), f"{row.found / row.expected:.2f}") for row in result.recall]
    answer(document, False, Grid(("Rule", "True", "Found", "Recall"), rows))
    table = [
        (way, ", ".join(f"{rule} {number}" for rule, number in found.items()))
        for way, found in result.confusion.items()
    ]
    answer(document, False, Grid(("What was true", "What was found (subjects)"), table))
    wrong = [(row.rule, row.kind, str(row.number), f"{row.upper:.2f}") for row in result.wrong]
    heads = ("Rule", "Kind", "Named wrongly", "At most, per 1,000 honest patient-days (95%)")
    answer(document, False, Grid(heads, wrong))
    lines = [f"false: {rule} about {subject}" for rule, subject in result.false]
    lines += [f"missed: {rule} about {subject}" for rule, subject in result.missed]
    lines.append(
        f"{len(result.false)} false findings in {result.patient_days:.0f} honest patient-days: "
        f"{result.false_per_thousand:.3f} per 1,000, at most {result.upper_bound:.2f} (95%); "
        "work items and statistics are not counted"
    )
    lines.append(f"not played, so nothing is measured: {', '.join(result.not_played)}")
    lines.append(f"{plan.beds} beds, {plan.days} days, {seconds:.0f} s")
    answer(document, False, lines)


def _bar(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet)
