"""Pictures that never leave the box, kept for the server's questions: sealed, bounded, oldest first out, counted."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent.matching.errors import KeptUnusable
from edge_agent.spool_seal import SpoolSeal
from service.contracts import CaptureStatement

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    camera TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    captured_at TEXT NOT NULL,
    kept_at TEXT NOT NULL,
    size INTEGER NOT NULL,
    statement TEXT NOT NULL,
    post BLOB NOT NULL,
    image BLOB NOT NULL,
    PRIMARY KEY (camera, sequence)
)
"""


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture and the reading of it as it was, or will be, posted (JSON)."""

    sequence: int
    sha256: str
    captured_at: datetime
    data: bytes
    post: bytes


class KeptPictures:
    """One camera's kept pictures, in a file of their own beside the spool. Safe for several threads."""

    def __init__(
        self,
        path: Path,
        camera: str,
        seal: SpoolSeal,
        *,
        max_bytes: int,
        life: timedelta,
        count: Callable[[str], None],
    ) -> None:
        """`count` is told of each picture that gives way before its time. Raises `KeptUnusable`."""
        self._camera, self._seal = camera, seal
        self._max_bytes, self._life, self._count = max_bytes, life, count
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path, timeout=15.0, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise KeptUnusable(
                f"{path}: {error}", field="spool", remedy="give a writable folder on a local disk, or remove the file"
            ) from None

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    def put(self, picture: KeptPicture, statement: CaptureStatement) -> None:
        """Keep the picture with its reading, durably; again, with another reading, replaces it."""
        row = (self._camera, picture.sequence, picture.sha256, picture.captured_at.isoformat())
        image = self._seal.seal(picture.data, f"kept/{self._camera}", picture.sequence)
        post = self._seal.seal(picture.post, f"reading/{self._camera}", picture.sequence)
        with self._lock:
            self._make_room(len(picture.data))
            self._connection.execute(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, datetime.now(UTC).isoformat(), len(picture.data), statement.model_dump_json(), post, image),
            )

    def get(self, sequence: int, sha256: str) -> KeptPicture | None:
        """The picture, if it is still here and unharmed."""
        with self._lock:
            row = self._connection.execute(
                "SELECT captured_at, post, image FROM kept WHERE camera = ? AND sequence = ? AND sha256 = ?",
                (self._camera, sequence, sha256),
            ).fetchone()
        if row is None:
            return None
        data = self._seal.unseal(row[2], f"kept/{self._camera}", sequence)
        post = self._seal.unseal(row[1], f"reading/{self._camera}", sequence)
        if data is None or post is None:
            return None
        return KeptPicture(sequence, sha256, datetime.fromisoformat(row[0]), data, post)

    def statement(self, sequence: int) -> CaptureStatement | None:
        """The capture statement of a kept picture."""
        with self._lock:
            row = self._connection.execute(
                "SELECT statement FROM kept WHERE camera = ? AND sequence = ?", (self._camera, sequence)
            ).fetchone()
        return None if row is None else CaptureStatement.model_validate_json(row[0])

    def expire(self) -> int:
        """Delete what has been kept long enough; returns how many."""
        before = (datetime.now(UTC) - self._life).isoformat()
        with self._lock:
            query = "DELETE FROM kept WHERE camera = ? AND kept_at < ?"
            return self._connection.execute(query, (self._camera, before)).rowcount

    def _make_room(self, size: int) -> None:
        """With the lock held."""
        query = "SELECT COALESCE(SUM(size), 0) FROM kept WHERE camera = ?"
        excess = self._connection.execute(query, (self._camera,)).fetchone()[0] + size - self._max_bytes
        while excess > 0:
            row = self._connection.execute(
                "SELECT sequence, size FROM kept WHERE camera = ? ORDER BY kept_at, sequence LIMIT 1", (self._camera,)
            ).fetchone()
            if row is None:
                return
            self._connection.execute("DELETE FROM kept WHERE camera = ? AND sequence = ?", (self._camera, row[0]))
            self._count("dropped.kept")
            excess -= row[1]
