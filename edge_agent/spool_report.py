"""Looks into a spool from outside, beside a running agent: what waits, what was refused, what was counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from edge_agent.errors import SpoolUnusable
from edge_agent.spool_schema import BUSY_SECONDS


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera's part of a spool. Sizes in bytes of pictures; `counters` count since the spool was made.

    Counters: captured, delivered, duplicate, refused, retried, dropped.<policy>, ignored.<cause>, camera_away.
    """

    camera: str
    next_sequence: int
    waiting: int
    waiting_bytes: int
    oldest_waiting_at: datetime | None
    refused: int
    refused_bytes: int
    agent: str
    sender: str
    last_delivered_at: datetime | None
    counters: dict[str, int]
    server: str = ""
    clock: str = ""
    schedule: str = ""

    @property
    def dropped(self) -> int:
        """Pictures given up for want of room."""
        return sum(value for name, value in self.counters.items() if name.startswith("dropped."))

    def to_json(self) -> dict[str, object]:
        """Plain values, instants as RFC 3339."""
        values = asdict(self)
        for name in ("oldest_waiting_at", "last_delivered_at"):
            instant = values[name]
            values[name] = None if instant is None else instant.isoformat()
        return {**values, "dropped": self.dropped}


@dataclass(frozen=True, slots=True)
class SpoolLine:
    """One picture in the spool, without its bytes."""

    camera: str
    sequence: int
    captured_at: str
    size: int
    state: str
    attempts: int
    refused_status: int | None
    last_error: str | None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise SpoolUnusable(f"{path} does not exist", field="spool", remedy="name the file given to --spool")
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise SpoolUnusable(
            f"{path}: {error}",
            field="spool",
            remedy="name the spool of wardwatch-edge camera; a damaged one is rescued when the agent starts",
        ) from None


def read_status(path: Path, camera: str | None = None) -> tuple[CameraStatus, ...]:
    """Every camera of the spool at `path`, or one. Raises `SpoolUnusable`."""
    with _opened(path) as connection:
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            return ()  # an agent is making it at this moment
        cameras = connection.execute(
            "SELECT camera, next_sequence FROM camera WHERE ?1 IS NULL OR camera = ?1 ORDER BY camera", (camera,)
        ).fetchall()
        return tuple(_status(connection, name, next_sequence) for name, next_sequence in cameras)


def _status(connection: sqlite3.Connection, camera: str, next_sequence: int) -> CameraStatus:
    sums = {
        state: (count, size)
        for state, count, size in connection.execute(
            "SELECT state, frames, bytes FROM room WHERE camera = ?", (camera,)
        )
    }
    oldest = connection.execute(
        "SELECT captured_at FROM frame WHERE camera = ? AND state = 'waiting' ORDER BY sequence LIMIT 1", (camera,)
    ).fetchone()
    notes = dict(connection.execute("SELECT name, value FROM note WHERE camera = ?", (camera,)).fetchall())
    counters = dict(connection.execute("SELECT name, value FROM counter WHERE camera = ?", (camera,)).fetchall())
    waiting, refused = sums.get("waiting", (0, 0)), sums.get("refused", (0, 0))
    return CameraStatus(
        camera=camera,
        next_sequence=next_sequence,
        waiting=waiting[0],
        waiting_bytes=waiting[1],
        oldest_waiting_at=None if oldest is None else datetime.fromisoformat(oldest[0]),
        refused=refused[0],
        refused_bytes=refused[1],
        agent=notes.get("agent", ""),
        sender=notes.get("sender", ""),
        last_delivered_at=_instant(notes.get("last_delivered_at")),
        counters=counters,
        server=notes.get("server", ""),
        clock=notes.get("clock", ""),
        schedule=notes.get("schedule", ""),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def list_frames(path: Path, *, state: str | None, camera: str | None, limit: int) -> tuple[SpoolLine, ...]:
    """The oldest `limit` pictures in `state` (waiting, refused, or none for both). Raises `SpoolUnusable`."""
    with _opened(path) as connection:
        rows = connection.execute(
            "SELECT camera, sequence, captured_at, size, state, attempts, refused_status, last_error FROM frame "
            "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR camera = ?2) ORDER BY camera, sequence LIMIT ?3",
            (state, camera, limit),
        ).fetchall()
    return tuple(SpoolLine(*row) for row in rows)


def retry_refused(path: Path, *, camera: str | None, sequence: int | None) -> int:
    """Let refused pictures wait to be sent again, and postponed ones go at once; returns how many.

    A running agent sees them within a second. Raises `SpoolUnusable`.
    """
    with _opened(path) as connection:
        cursor = connection.execute(
            "UPDATE frame SET state = 'waiting', attempts = 0, not_before = 0, refused_status = NULL "
            "WHERE (state = 'refused' OR not_before > 0) "
            "AND (?1 IS NULL OR camera = ?1) AND (?2 IS NULL OR sequence = ?2)",
            (camera, sequence),
        )
        return cursor.rowcount
