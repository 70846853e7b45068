"""The database: engines, the one place that commits, and the column types that both back ends share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

# Constraints that have names can be changed by a later migration on both back ends.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_ANNOUNCED = "wardwatch_jobs_announced"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC. A naive value is refused: its zone would be a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, and without a zone where the back end keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JobSignal:
    """Wakes the threads of this process that wait for jobs. Other processes poll."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How many announcements there were so far."""
        return self._count

    def announce(self) -> None:
        """Wakes every waiting thread."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait_beyond(self, count: int, seconds: float) -> None:
        """Returns when there were more announcements than `count`, or after `seconds`."""
        with self._condition:
            self._condition.wait_for(lambda: self._count > count, seconds)


class Database:
    """Engines on one database: one whose transactions may write, one for readers, one for writes that may be lost.

    SQLite has one writer. A transaction that may write therefore takes the lock when it begins (`BEGIN IMMEDIATE`):
    taking it later fails at once instead of waiting, when another writer came in between.
    """

    def __init__(self, url: str, *, busy_timeout_ms: int = 30_000) -> None:
        self.url = url
        self.jobs_announced = JobSignal()
        self._writer = _engine(url, busy_timeout_ms, begin="BEGIN IMMEDIATE", synchronous="FULL")
        if self.is_sqlite:
            self._reader = _engine(url, busy_timeout_ms, begin="BEGIN", synchronous="FULL")
            self._relaxed = _engine(url, busy_timeout_ms, begin="BEGIN IMMEDIATE", synchronous="NORMAL")
        else:
            self._reader = self._relaxed = self._writer

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations and tests."""
        return self._writer

    @property
    def is_sqlite(self) -> bool:
        """Whether the back end is SQLite."""
        return self._writer.dialect.name == "sqlite"

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """A session that commits at the end, or rolls back when the block raises.

        With `durable` the commit is on the disk when the block ends. Without it a power cut may undo the commit, and
        those before it that were not durable either, never a part of it: for bookkeeping that repeats itself.
        """
        with Session(self._writer if durable else self._relaxed, expire_on_commit=False) as session:
            try:
                if not durable and not self.is_sqlite:
                    session.execute(text("SET LOCAL synchronous_commit TO off"))
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise
            if session.info.pop(_ANNOUNCED, False):
                self.jobs_announced.announce()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries; nothing it changes is kept. What was read stays readable after it."""
        # Closing rolls back. A rollback before that would expire every object read.
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    def dispose(self) -> None:
        """Closes every connection."""
        for engine in {self._writer, self._reader, self._relaxed}:
            engine.dispose()


def announce_jobs(session: Session) -> None:
    """Has the waiting threads woken when `session`'s transaction is committed."""
    session.info[_ANNOUNCED] = True


def _engine(url: str, busy_timeout_ms: int, *, begin: str, synchronous: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=50, hide_parameters=True)
    engine = create_engine(
        url,
        hide_parameters=True,  # what a statement carried may name a patient, and errors are logged
        connect_args={"check_same_thread": False, "timeout": busy_timeout_ms / 1000},
        pool_size=10,
        max_overflow=50,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # The driver's own transaction handling is switched off; `begin` below says which kind is wanted.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: a snapshot is acknowledged only after the log is on the disk, not in its cache.
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
