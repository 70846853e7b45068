"""The database's versions: bringing it up to date, and comparing it with the tables of the code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlmodel import SQLModel

from service.kit.errors import WardwatchError
from service.platform.context import Context
from service.platform.database import Database
from service.platform.schema import load_tables
from service.platform.settings import Settings

SCRIPTS = "service.platform:migrations"


class NotMigrated(WardwatchError):
    """A database of another version than the code."""

    code = "not-migrated"
    status = 503
    title_en = "The database has another version"
    title_zh = "数据库版本不符"


class ReferencesBroken(WardwatchError):
    """A migration would leave rows that refer to nothing."""

    code = "references-broken"
    status = 500
    title_en = "The database's references do not hold"
    title_zh = "数据库引用不完整"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The version a database has and the one the code needs."""

    current: str | None
    needed: str | None

    @property
    def is_current(self) -> bool:
        """Whether they are the same."""
        return self.current == self.needed


def upgrade(settings: Settings) -> SchemaState:
    """Brings the database of an installation up to date; an SQLite file is made when it is missing."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.resolved_database_url())
    try:
        return upgrade_engine(database.engine)
    finally:
        database.dispose()


def upgrade_engine(engine: Engine) -> SchemaState:
    """Brings a database up to date, in one transaction. Raises `ReferencesBroken` before anything is kept."""
    with _changing(engine) as connection:
        if connection.dialect.name == "postgresql":
            # Two servers that start at once must not both migrate.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(2003985764)")
        command.upgrade(configuration(connection), "head")
        return _state(connection)


@contextmanager
def _changing(engine: Engine) -> Iterator[Connection]:
    """A transaction in which SQLite's tables may be copied and renamed.

    SQLite alters a table by making it anew, and dropping the old one would break every row that refers to it while
    references are enforced. They are not, for as long as the copying lasts, and are all checked before the commit.
    """
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        if driver is None:
            raise RuntimeError("the connection is closed")
        driver.execute("PRAGMA foreign_keys=OFF")  # no effect once a transaction has begun
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise ReferencesBroken(
                        f"{len(broken)} rows refer to rows that do not exist, the first in table {broken[0][0]}",
                        remedy="nothing was changed; `wardwatch doctor` says more",
                    )
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def state(engine: Engine) -> SchemaState:
    """The versions of a database and of the code."""
    with engine.connect() as connection:
        return _state(connection)


def require_current(context: Context) -> None:
    """Raises `NotMigrated` unless the database has the code's version."""
    found = state(context.database.engine)
    if not found.is_current:
        raise NotMigrated(
            f"the database has version {found.current or 'none'}, the program needs {found.needed}",
            remedy="run `wardwatch migrate`",
        )


def check(settings: Settings) -> list[Any]:
    """What differs between the database and the tables of the code; empty when nothing does."""
    database = Database(settings.resolved_database_url())
    try:
        return differences(database.engine)
    finally:
        database.dispose()


def differences(engine: Engine) -> list[Any]:
    """What an automatic migration would still change."""
    load_tables()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, SQLModel.metadata))


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    return config


def _state(connection: Connection) -> SchemaState:
    current = MigrationContext.configure(connection).get_current_revision()
    return SchemaState(current, _head())


@cache
def _head() -> str | None:
    """The newest version of the code. To know it every script is loaded; they stay as they are while a process runs."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
