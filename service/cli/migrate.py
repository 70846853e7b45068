"""`wardwatch migrate`: bring the database up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.console import AsJson, answer
from service.platform import migrate as migrations
from service.platform.settings import get_settings


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when something is to be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database up to date. `serve` does it by itself for SQLite."""
    settings = get_settings()
    if check:
        differences = [str(difference) for difference in migrations.check(settings)]
        answer({"differences": differences}, as_json, differences or ["the database has the tables of this version"])
        raise typer.Exit(1 if differences else 0)
    state = migrations.upgrade(settings)
    answer({"version": state.current}, as_json, [f"the database has version {state.current}"])
