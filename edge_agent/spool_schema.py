"""The spool's file: how it is laid out, opened, and rescued when a disk has damaged it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.errors import SpoolUnusable
from edge_agent.spool_capture import CAPTURE_SCHEMA, OWED_SCHEMA

VERSION = 2
BUSY_SECONDS = 15.0

SCHEMA = """
CREATE TABLE camera (
    camera TEXT PRIMARY KEY,
    next_sequence INTEGER NOT NULL
);

CREATE TABLE frame (
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    captured_at TEXT NOT NULL,
    spooled_at TEXT NOT NULL,
    media_type TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    last_error TEXT,
    refused_status INTEGER,
    image BLOB NOT NULL,
    UNIQUE (camera, sequence)
);

CREATE INDEX frame_queue ON frame (camera, state, sequence, size);

CREATE TABLE taken (
    camera TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    captured_at TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (camera, name)
) WITHOUT ROWID;

CREATE TABLE counter (
    camera TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (camera, name)
) WITHOUT ROWID;

CREATE TABLE note (
    camera TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (camera, name)
) WITHOUT ROWID;

CREATE TABLE room (
    camera TEXT NOT NULL,
    state TEXT NOT NULL,
    frames INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (camera, state)
) WITHOUT ROWID;

CREATE TRIGGER frame_in AFTER INSERT ON frame BEGIN
    INSERT INTO room VALUES (NEW.camera, NEW.state, 1, NEW.size)
        ON CONFLICT DO UPDATE SET frames = frames + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER frame_out AFTER DELETE ON frame BEGIN
    UPDATE room SET frames = frames - 1, bytes = bytes - OLD.size WHERE camera = OLD.camera AND state = OLD.state;
END;

CREATE TRIGGER frame_moved AFTER UPDATE OF state ON frame WHEN OLD.state <> NEW.state BEGIN
    UPDATE room SET frames = frames - 1, bytes = bytes - OLD.size WHERE camera = OLD.camera AND state = OLD.state;
    INSERT INTO room VALUES (NEW.camera, NEW.state, 1, NEW.size)
        ON CONFLICT DO UPDATE SET frames = frames + 1, bytes = bytes + excluded.bytes;
END;
"""
"""`frame.image` stands last, so that a walk over the other columns does not read the pictures. `room` sums
up what `frame` holds: a sum over 30,000 waiting pictures for each new one would halve the rate."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether `error` says that the file itself is broken."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def open_file(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """A connection to the spool at `path`, made if need be, and where a damaged file was set aside, if one was.

    Every commit is on the disk before it returns: WAL with `synchronous=FULL`. The connection may pass between threads;
    the caller sees to it that one at a time uses it. Raises `SpoolUnusable`.
    """
    try:
        _create_private(path)
        try:
            return _connect(path), None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        aside = _rescue(path)
        return _connect(path), aside
    except (sqlite3.Error, OSError) as error:
        raise SpoolUnusable(
            f"{path}: {error}", field="spool", remedy="give a writable file on a local disk with free space"
        ) from None


def _create_private(path: Path) -> None:
    """An empty file that only its owner reads: the pictures in it show patients."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-2048")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SpoolUnusable(
                f"{path} was written by a newer agent (layout {version}, this one knows {VERSION})",
                field="spool",
                remedy="update this agent, or give another spool file",
            )
        if version == 0:
            for statement in SCHEMA.split("\n\n"):
                connection.execute(statement)
        if version < VERSION:
            for statement in CAPTURE_SCHEMA.split("\n\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute(OWED_SCHEMA)
        connection.execute("COMMIT")
        _walk(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _walk(connection: sqlite3.Connection) -> None:
    """Read every row but the pictures: a torn page shows now rather than in the middle of the night."""
    for table in ("camera", "taken", "counter", "note", "capture", "chain", "owed"):
        connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
    columns = "id, sequence, captured_at, sha256, size, state, attempts"
    for _ in connection.execute(f"SELECT {columns} FROM frame NOT INDEXED"):  # noqa: S608
        pass
    for _ in connection.execute("SELECT camera, state, sequence, size FROM frame INDEXED BY frame_queue"):
        pass


def _rescue(path: Path) -> Path:
    """Copy what can still be read into a new file; the damaged one is kept beside it. Returns where."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("-wal", "-shm"):
        extra = path.with_name(path.name + suffix)
        if extra.exists():
            extra.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    _create_private(path)
    with closing(_connect(path)) as new, closing(sqlite3.connect(aside, isolation_level=None)) as old:
        new.execute("BEGIN IMMEDIATE")
        for table in ("camera", "taken", "counter", "note", "capture", "chain", "owed", "frame"):
            for row in _readable_rows(old, table):
                marks = ",".join("?" * len(row))
                new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
        # A lost row of `camera` must not make a sequence come twice.
        new.execute(
            "INSERT INTO camera SELECT camera, max(sequence) + 1 FROM "
            "(SELECT camera, sequence FROM frame UNION ALL SELECT camera, sequence FROM taken) GROUP BY camera "
            "ON CONFLICT (camera) DO UPDATE SET next_sequence = max(next_sequence, excluded.next_sequence)"
        )
        new.execute("COMMIT")
    return aside


def _readable_rows(old: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """The rows of `table` that a damaged file still gives; of `frame`, around the holes."""
    if table != "frame":
        try:
            yield from old.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        except sqlite3.DatabaseError:
            return
        return
    for number in _frame_ids(old):
        try:
            row = old.execute("SELECT * FROM frame NOT INDEXED WHERE id = ?", (number,)).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            yield row


def _frame_ids(old: sqlite3.Connection) -> list[int]:
    """Ids of frames, from the table forwards and backwards and from its index: each may be torn elsewhere."""
    found: set[int] = set()
    for query in (
        "SELECT id FROM frame NOT INDEXED ORDER BY id",
        "SELECT id FROM frame NOT INDEXED ORDER BY id DESC",
        "SELECT id FROM frame INDEXED BY frame_queue ORDER BY camera, state, sequence",
        "SELECT id FROM frame INDEXED BY frame_queue ORDER BY camera DESC, state DESC, sequence DESC",
    ):
        try:
            for (number,) in old.execute(query):
                found.add(number)
        except sqlite3.DatabaseError:
            continue
    return sorted(found)
