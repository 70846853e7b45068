"""The command `wardwatch`."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from service.cli.doctor import doctor
from service.kit.errors import WardwatchError


def main() -> None:
    """Runs a command. An error ends with one line that says what to do."""
    try:
        _program()()
    except WardwatchError as error:
        _fail(error.line())
    except ValidationError as error:
        # Only settings are read here without an endpoint in front.
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        _fail(f"setting WARDWATCH_{name}: {first['msg']} — see `docs/operator.md`")
    except DBAPIError as error:
        first_line = str(error.orig).strip().splitlines()[0]
        _fail(f"the database does not answer: {first_line} — check WARDWATCH_DATABASE_URL, then `wardwatch doctor`")
    except KeyboardInterrupt:
        sys.exit(130)


def _program() -> typer.Typer:
    if sys.argv[1:2] == ["doctor"]:
        # Alone: the other commands import OpenCV, and its missing libraries are what the doctor is called for.
        alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        alone.callback()(_group)
        alone.command()(doctor)
        return alone
    try:
        from service.cli.program import app
    except ImportError as error:
        _fail(f"{str(error).splitlines()[0]} — run `wardwatch doctor`: it says what is missing")
    return app


def _group() -> None:
    """Is the admitted patient in the bed? Server and tools."""


def _fail(line: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(f"wardwatch: {line}")
    sys.exit(1)
