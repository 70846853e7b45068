"""The command `wardwatch`."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import ArgumentError, DBAPIError

from service.cli.doctor import doctor
from service.kit.errors import WardwatchError


def main() -> None:
    """Runs a command. An error ends with one line that says what to do."""
    try:
        _program()()
    except WardwatchError as error:
        _fail(_at_the_terminal(error).line())
    except ValidationError as error:
        # Only settings are read here without an endpoint in front.
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        _fail(f"setting WARDWATCH_{name}: {first['msg']} — see `docs/operators-guide.md`")
    except DBAPIError as error:
        told = _first_line(error.orig or error)
        _fail(f"the database does not answer: {told} — check WARDWATCH_DATABASE_URL, then `wardwatch doctor`")
    except (ArgumentError, ModuleNotFoundError) as error:
        # An address that cannot be read, or that names a kind of database whose driver is not here.
        if isinstance(error, ModuleNotFoundError) and error.name not in _DRIVERS:
            raise
        _fail(f"setting WARDWATCH_DATABASE_URL: {_first_line(error)} — {_DATABASE}")
    except OSError as error:
        # A data folder that cannot be made, a full disk: whatever file a command touches.
        _fail(f"{error.filename or 'file'}: {(error.strerror or str(error)).lower()} — {_FILES}")
    except KeyboardInterrupt:
        sys.exit(130)


_DRIVERS = ("psycopg", "psycopg2", "MySQLdb")
_DATABASE = "leave it empty for SQLite, or write postgresql+psycopg://user:password@host/database"
_FILES = "check the path, its permissions and the space left; the data folder is WARDWATCH_DATA_DIR"
_LISTS = {
    "GET /api/v1/facilities lists those you may see": "`wardwatch facility list` lists the facilities",
    "GET /api/v1/wards lists the wards": "use a ward's code of the facility's layout",
}
"""Remedies that name an address, as they are told to somebody at a terminal."""


def _at_the_terminal(error: WardwatchError) -> WardwatchError:
    error.remedy = _LISTS.get(error.remedy, error.remedy)
    return error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


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
