"""What the spool keeps of a picture besides its bytes: the signed statement, the clock, and how late it gives way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from edge_agent.frames import CapturedFrame, Stamp
from service.contracts import FIRST, CaptureStatement, statement_hash

CAPTURE_SCHEMA = """
CREATE TABLE IF NOT EXISTS capture (
    camera TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    statement TEXT,
    offset_ms INTEGER,
    run TEXT,
    monotonic REAL,
    PRIMARY KEY (camera, sequence)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS chain (
    camera TEXT PRIMARY KEY,
    previous TEXT NOT NULL,
    nonce TEXT NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS frame_gone AFTER DELETE ON frame BEGIN
    DELETE FROM capture WHERE camera = OLD.camera AND sequence = OLD.sequence;
END;
"""
"""Beside `frame`, so that a spool of an older agent is taken over as it is."""

OWED_SCHEMA = """CREATE TABLE IF NOT EXISTS owed (
    camera TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    statement TEXT NOT NULL,
    PRIMARY KEY (camera, sequence)
) WITHOUT ROWID"""
"""Statements of pictures that a server took without them, because it is older than statements. It is made without a new
number of the layout: an agent that is rolled back must still open the spool."""
MAX_OWED = 20_000
"""Some 70 days at a picture in five minutes, 14 MB."""

Signer = Callable[[int, str, datetime, str, str], CaptureStatement]
"""(sequence, sha256, captured_at, previous, nonce) -> the statement."""


@dataclass(frozen=True, slots=True)
class CaptureNote:
    """What goes with a picture when it is sent."""

    statement: CaptureStatement | None
    stamp: Stamp | None


NO_NOTE = CaptureNote(None, None)


def note_capture(
    connection: sqlite3.Connection,
    camera: str,
    sequence: int,
    sha256: str,
    captured_at: datetime,
    frame: CapturedFrame,
    signer: Signer | None,
) -> None:
    """Sign and write down; in the transaction that gives the picture its sequence, so that the chain has no fork."""
    statement = None
    if signer is not None:
        row = connection.execute("SELECT previous, nonce FROM chain WHERE camera = ?", (camera,)).fetchone()
        previous, nonce = row if row is not None else (FIRST, "")
        statement = signer(sequence, sha256, captured_at, previous, nonce)
        connection.execute(
            "INSERT INTO chain VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET previous = excluded.previous",
            (camera, statement_hash(statement), nonce),
        )
    stamp = frame.stamp
    if statement is None and stamp is None and not frame.priority:
        return
    connection.execute(
        "INSERT INTO capture VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            camera,
            sequence,
            frame.priority,
            None if statement is None else statement.model_dump_json(),
            None if stamp is None else stamp.offset_ms,
            None if stamp is None else stamp.run,
            None if stamp is None else stamp.monotonic,
        ),
    )


def owe_statement(connection: sqlite3.Connection, camera: str, sequence: int) -> None:
    """The picture goes, its statement stays, until the server can take it. Beyond `MAX_OWED` the oldest give way."""
    connection.execute(
        "INSERT OR REPLACE INTO owed SELECT camera, sequence, statement FROM capture "
        "WHERE camera = ? AND sequence = ? AND statement IS NOT NULL",
        (camera, sequence),
    )
    connection.execute(
        "DELETE FROM owed WHERE camera = ?1 AND sequence <= "
        "(SELECT sequence FROM owed WHERE camera = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)",
        (camera, MAX_OWED),
    )


def capture_note(connection: sqlite3.Connection, camera: str, sequence: int) -> CaptureNote:
    """What was written down of a picture."""
    row = connection.execute(
        "SELECT statement, offset_ms, run, monotonic FROM capture WHERE camera = ? AND sequence = ?",
        (camera, sequence),
    ).fetchone()
    if row is None:
        return NO_NOTE
    statement = None if row[0] is None else CaptureStatement.model_validate_json(row[0])
    return CaptureNote(statement, None if row[2] is None else Stamp(row[1], row[2], row[3]))


def set_nonce(connection: sqlite3.Connection, camera: str, nonce: str) -> None:
    """The server's last nonce: it stands in the statements from now on."""
    connection.execute(
        "INSERT INTO chain VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET nonce = excluded.nonce", (camera, FIRST, nonce)
    )
