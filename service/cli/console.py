"""What every command shares: how answers are printed, and an installation that is opened and closed again."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.kit.errors import InvalidInput
from service.platform import migrate
from service.platform.context import Context, open_context
from service.platform.settings import Settings, get_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
_PIPE_WIDTH = 200
"""A file or a pipe has no width of its own."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table for the terminal."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]


def answer(document: Any, as_json: bool, shown: Sequence[str] | Grid) -> None:
    """Prints the result: `document` as JSON, or `shown` as lines or a table. Nothing in it is taken as markup."""
    console = Console(soft_wrap=True, markup=False, highlight=False)
    if as_json:
        console.print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
    elif isinstance(shown, Grid):
        table = Table()
        for name in shown.columns:
            table.add_column(name, overflow="fold")  # an id that is cut short is of no use
        for row in shown.rows:
            table.add_row(*row)
        if not console.is_terminal:
            console.width = max(console.width, _PIPE_WIDTH)
        console.print(table, soft_wrap=False)
    else:
        for line in shown:
            console.print(line)


@contextmanager
def installation(settings: Settings | None = None) -> Iterator[Context]:
    """The installation that the settings name, migrated when it is SQLite. Raises `NotMigrated` for a server's."""
    chosen = settings or get_settings()
    if is_sqlite(chosen):
        migrate.upgrade(chosen)
    context = open_context(chosen)
    try:
        migrate.require_current(context)
        yield context
    finally:
        context.close()


def is_sqlite(settings: Settings) -> bool:
    """Whether the installation's database is a file that nobody else migrates."""
    return settings.resolved_database_url().startswith("sqlite")


def operator() -> str:
    """Who sits at the terminal, as the ledger names them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        return "cli"


def origin(settings: Settings) -> str:
    """Where a browser finds the server."""
    if settings.public_origin:
        return settings.public_origin.rstrip("/")
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 (compared, not bound)
    return f"http://{host}:{settings.port}"


def read_secret(prompt: str, from_stdin: bool) -> str:
    """A password: from standard input for scripts, else asked for twice and not shown."""
    if from_stdin:
        text = typer.get_text_stream("stdin").readline().rstrip("\r\n")
    else:
        text = typer.prompt(prompt, hide_input=True, confirmation_prompt=True)
    if not text:
        raise InvalidInput("the password is empty", field="password", remedy="give one, or use --link")
    return str(text)
