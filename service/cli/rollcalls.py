"""`wardwatch rollcalls`: commit to a draw, list draws, and verify one that is over, also without the server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from service.access import SYSTEM
from service.cli.console import AsJson, Grid, answer, installation, operator
from service.facilities import facility_by_code, watermark
from service.kit.errors import InvalidInput
from service.occupancy import commit_draw, draws_of, place_of, verify_recorded
from service.occupancy.draw import DrawTerms, LateWard
from service.occupancy.draws import Verification, verify_draw

rollcalls_app = typer.Typer(no_args_is_help=True, help="Random roll calls: commit, list, verify.")

Facility = Annotated[str, typer.Option("--facility", help="The facility's code.")]


@rollcalls_app.command("commit")
def commit(
    facility: Facility,
    first_day: Annotated[str, typer.Option("--first-day", help="Local date of the first night, tomorrow or later.")],
    days: Annotated[int, typer.Option("--days", min=1, max=92)] = 28,
    as_json: AsJson = False,
) -> None:
    """Draw a secret seed and publish its SHA-256. Draws of four weeks follow by themselves."""
    first = _day(first_day)
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        policy = place_of(place, session, watermark(place, context.clock)).policy
        row = commit_draw(context, session, place, policy, first, days, replace(SYSTEM, name=operator()))
        told = {"id": row.id, "first_day": row.first_day, "last_day": row.last_day, "commitment": row.commitment}
    answer(told, as_json, [f"{told['first_day']} – {told['last_day']}: {told['commitment']}"])


@rollcalls_app.command("list")
def list_draws(facility: Facility, as_json: AsJson = False) -> None:
    """The facility's draws: commitment, and the seed of those that are over."""
    with installation() as context, context.database.reading() as session:
        rows = draws_of(session, facility_by_code(session, facility).id)
        told: list[dict[str, str | None]] = [
            dict(first_day=str(row.first_day), last_day=str(row.last_day), commitment=row.commitment, seed=row.seed)
            for row in rows
        ]
    shown = [
        [item["first_day"] or "", item["last_day"] or "", item["commitment"] or "", item["seed"] or "sealed"]
        for item in told
    ]
    answer(told, as_json, Grid(("first day", "last day", "commitment", "seed"), shown))


@rollcalls_app.command("verify")
def verify(
    facility: Annotated[str, typer.Option("--facility", help="The facility's code.")] = "",
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Answer of GET /api/v1/roll-call-draws/{id}/plan, saved to a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make every draw that is over again from its seed: do commitment and calls agree? Exit status 1 if one does not.

    With --plan nothing of the installation is needed: anybody with the file can do it.
    """
    if (plan is None) == (not facility):
        raise InvalidInput("give --facility or --plan", field="facility", remedy="one of the two")
    found = [_of_file(plan)] if plan is not None else _of_installation(facility)
    lines = []
    for name, item in found:
        verdict = "holds" if item.holds else "DOES NOT HOLD"
        sums = f"{len(item.drawn)} drawn, {len(item.missing)} missing, {len(item.unexpected)} not drawn"
        seal = "commitment agrees" if item.commitment_holds else "commitment differs"
        seal += "" if item.wards_hold else "; wards differ from the ledger"
        lines.append(f"{name}: {verdict} ({seal}; {sums})")
    answer([_as_json(name, item) for name, item in found], as_json, lines or ["no draw is over yet"])
    if any(not item.holds for _, item in found):
        raise typer.Exit(1)


def _of_installation(code: str) -> list[tuple[str, Verification]]:
    with installation() as context, context.database.reading() as session:
        rows = [row for row in draws_of(session, facility_by_code(session, code).id) if row.seed is not None]
        return [(f"{row.first_day} – {row.last_day}", verify_recorded(session, row, code)) for row in rows]


def _of_file(path: Path) -> tuple[str, Verification]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        draw = told["draw"]
        held = [(call["ward"], datetime.fromisoformat(call["at"])) for call in told["calls"]]
        missing = {(call["ward"], datetime.fromisoformat(call["at"])) for call in told["missing"]}
        more = [(call["ward"], datetime.fromisoformat(call["at"])) for call in told["unexpected"]]
        return f"{draw['first_day']} – {draw['last_day']}", verify_draw(
            draw["facility"],
            draw["wards"],
            date.fromisoformat(draw["first_day"]),
            date.fromisoformat(draw["last_day"]),
            ZoneInfo(draw["timezone"]),
            DrawTerms.of_json(draw["terms"]),
            draw["commitment"],
            bytes.fromhex(draw["seed"] or ""),
            [item for item in held if item not in missing] + more,
            [LateWard.of_json(item) for item in draw.get("late_wards") or ()],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path.name} is not a plan: {type(error).__name__}",
            field="plan",
            remedy="save the answer of GET /api/v1/roll-call-draws/{id}/plan",
        ) from None


def _as_json(name: str, item: Verification) -> dict[str, object]:
    return {
        "days": name,
        "holds": item.holds,
        "commitment_holds": item.commitment_holds,
        "wards_hold": item.wards_hold,
        "drawn": len(item.drawn),
        "missing": [(call.ward, call.at.isoformat()) for call in item.missing],
        "unexpected": [(ward, at.isoformat()) for ward, at in item.unexpected],
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text[:20]!r} is not a day", field="first-day", remedy="write it like 2026-03-09"
        ) from None
