"""The durable queue between a camera and the server: what `put` returned from survives a power cut."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from edge_agent.errors import SpoolDamaged, SpoolUnusable
from edge_agent.frames import CapturedFrame, Origin, media_type
from edge_agent.spool_capture import NO_NOTE, CaptureNote, Signer, capture_note, note_capture, owe_statement, set_nonce
from edge_agent.spool_reserve import RESERVE_BYTES, Reserve
from edge_agent.spool_room import DropOldest, HoldSource, OverflowPolicy, Room, count, drop_oldest, make_room, room_of
from edge_agent.spool_schema import is_damage, open_file
from edge_agent.spool_seal import SpoolSeal
from service.contracts import SEQUENCE_MAX, CaptureStatement
from service.kit.clock import utc

__all__ = ["DropOldest", "HoldSource", "OverflowPolicy", "Room", "Spool", "SpooledFrame", "Taken"]


@dataclass(frozen=True, slots=True)
class Taken:
    """`fresh` is false for a picture of a file that was spooled before: nothing was written."""

    sequence: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """A picture waiting to be sent. `attempts`: how often the server answered it with an error of its own."""

    sequence: int
    captured_at: datetime
    media_type: str
    sha256: str
    attempts: int
    data: bytes
    note: CaptureNote = NO_NOTE


class Spool:
    """One camera's queue in a spool file. Safe for a capturing and a sending thread at once.

    Several cameras, in one agent each, may share a file.
    """

    def __init__(
        self,
        path: Path,
        camera: str,
        policy: OverflowPolicy,
        *,
        first_sequence: int = 0,
        seal: SpoolSeal | None = None,
        signer: Signer | None = None,
    ) -> None:
        """Raises `SpoolUnusable`. A damaged file is set aside (`rescued_from`) and what it still held is taken over.

        `seal` encrypts pictures on the disk. `signer` signs the statement of each as it is put in.
        """
        self._seal = seal
        self.signer = signer
        self.path = path
        self.camera = camera
        self._policy = policy
        self._lock = threading.RLock()
        self._sending: int | None = None
        self.arrived = threading.Event()
        self._connection, self.rescued_from = open_file(path)
        with self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO camera VALUES (?, ?)", (camera, first_sequence))
        self._reserve = Reserve(path, min(RESERVE_BYTES, policy.max_bytes // 8))
        if policy.drops:
            self._reserve.keep()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back. What is in it stays."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    raise SpoolDamaged(
                        f"{self.path}: {error}", field="spool", remedy="start the agent again: it rescues what it can"
                    ) from error
                raise

    # --- from the source -------------------------------------------------------------------------------------------

    def knows(self, origin: Origin) -> bool:
        """Whether this very file, by name, size and time of change, was spooled before."""
        with self._lock:
            row = self._connection.execute(
                "SELECT 1 FROM taken WHERE camera = ? AND name = ? AND size = ? AND modified_ns = ?",
                (self.camera, origin.name, origin.size, origin.modified_ns),
            ).fetchone()
        return row is not None

    def put(self, frame: CapturedFrame) -> Taken:
        """Make `frame` durable and give it the next sequence. A file that was spooled before keeps its sequence.

        Raises `SpoolFull` when the policy is to wait, `sqlite3.OperationalError` when the disk is full or failing.
        """
        return self.put_all((frame,))[0]

    def put_all(self, frames: Sequence[CapturedFrame]) -> tuple[Taken, ...]:
        """The same for several, in their order, which become durable together or not at all: one wait for the disk."""
        sums = [hashlib.sha256(frame.data).hexdigest() for frame in frames]
        with self._transaction() as connection:
            taken = tuple(self._put(connection, frame, sha256) for frame, sha256 in zip(frames, sums, strict=True))
            fresh = sum(each.fresh for each in taken)
            if fresh:
                count(connection, self.camera, "captured", fresh)
        self.arrived.set()
        return taken

    def _put(self, connection: sqlite3.Connection, frame: CapturedFrame, sha256: str) -> Taken:
        captured_at = utc(frame.captured_at).isoformat()
        known = self._taken_as(connection, frame.origin, sha256, captured_at)
        if known is not None:
            return Taken(known, fresh=False)
        make_room(connection, self.path, self.camera, self._policy, len(frame.data), spared=self._sending)
        sequence = self._next_sequence(connection)
        spooled_at = datetime.now(UTC).isoformat()
        row = (self.camera, sequence, captured_at, spooled_at, media_type(frame.data), sha256, len(frame.data))
        stored = self._seal.seal(frame.data, self.camera, sequence) if self._seal else frame.data
        connection.execute(
            "INSERT INTO frame (camera, sequence, captured_at, spooled_at, media_type, sha256, size, image) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, stored),
        )
        note_capture(connection, self.camera, sequence, sha256, utc(frame.captured_at), frame, self.signer)
        if frame.origin is not None:
            self._mark_taken(connection, frame.origin, sha256, captured_at, sequence)
        return Taken(sequence, fresh=True)

    def give_way(self, size: int) -> int:
        """The disk itself is full: at least `size` bytes of pictures give way, in their order, and are counted. What
        they took is used again by those that come. Returns the bytes freed, 0 where the source waits instead.

        Raises `sqlite3.OperationalError` when the disk takes not even that.
        """
        if not self._policy.drops:
            return 0
        with self._lock:
            self._reserve.give_up()
            try:
                self._write_back()  # what the log holds is moved into the file: room in the log for what follows
                with self._transaction() as connection:
                    freed = drop_oldest(connection, self.camera, size, spared=self._sending)
                self._write_back()
            finally:
                self._reserve.keep()
        return freed

    def _write_back(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def forget(self, origin: Origin) -> None:
        """The file is gone from its folder: a later one of the same name is another picture."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM taken WHERE camera = ? AND name = ?", (self.camera, origin.name))

    def _taken_as(
        self, connection: sqlite3.Connection, origin: Origin | None, sha256: str, captured_at: str
    ) -> int | None:
        """The sequence of this picture if it was spooled before: same name, bytes and instant, perhaps touched since.

        The same bytes at another instant are another picture: a frozen camera must stay visible.
        """
        if origin is None:
            return None
        row = connection.execute(
            "SELECT sequence FROM taken WHERE camera = ? AND name = ? AND sha256 = ? AND captured_at = ?",
            (self.camera, origin.name, sha256, captured_at),
        ).fetchone()
        if row is None:
            return None
        self._mark_taken(connection, origin, sha256, captured_at, int(row[0]))
        return int(row[0])

    def _mark_taken(
        self, connection: sqlite3.Connection, origin: Origin, sha256: str, captured_at: str, sequence: int
    ) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO taken (camera, name, sha256, captured_at, size, modified_ns, sequence) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.camera, origin.name, sha256, captured_at, origin.size, origin.modified_ns, sequence),
        )

    def _next_sequence(self, connection: sqlite3.Connection) -> int:
        (sequence,) = connection.execute(
            "UPDATE camera SET next_sequence = next_sequence + 1 WHERE camera = ? RETURNING next_sequence - 1",
            (self.camera,),
        ).fetchone()
        if sequence > SEQUENCE_MAX:
            raise SpoolUnusable(f"camera {self.camera} has used up its sequences", remedy="register it as a new camera")
        return int(sequence)

    # --- to the server ---------------------------------------------------------------------------------------------

    def oldest(self, now: float | None = None) -> SpooledFrame | None:
        """The waiting frame with the lowest sequence that may be tried now, or none. It is not dropped meanwhile.

        `now`: seconds since 1970, by default the machine's. A picture whose bytes changed on the disk is put among the
        refused and passed over.
        """
        return self._next(time.time() if now is None else now, "ASC", -1)

    def newest(self, after: int, now: float | None = None) -> SpooledFrame | None:
        """The same for the highest sequence above `after`: what a camera shows now goes before what it showed."""
        return self._next(time.time() if now is None else now, "DESC", after)

    def _next(self, moment: float, order: Literal["ASC", "DESC"], after: int) -> SpooledFrame | None:
        query = (
            "SELECT sequence, captured_at, media_type, sha256, attempts, image FROM frame "  # noqa: S608
            "WHERE camera = ? AND state = 'waiting' AND not_before <= ? AND sequence > ? "
            f"ORDER BY sequence {order} LIMIT 1"
        )
        while True:
            with self._lock:
                row = self._connection.execute(query, (self.camera, moment, after)).fetchone()
                self._sending = None if row is None else int(row[0])
                note = NO_NOTE if row is None else capture_note(self._connection, self.camera, row[0])
            if row is None:
                return None
            data = self._seal.unseal(row[5], self.camera, row[0]) if self._seal else row[5]
            if data is not None and hashlib.sha256(data).hexdigest() == row[3]:
                return SpooledFrame(row[0], datetime.fromisoformat(row[1]), row[2], row[3], row[4], data, note)
            self.refuse(row[0], status=0, reason="the picture was damaged on the device's disk")

    def set_nonce(self, nonce: str) -> None:
        """The server's last nonce, for the statements from now on."""
        with self._transaction() as connection:
            set_nonce(connection, self.camera, nonce)

    def delivered(self, sequence: int, *, duplicate: bool, owes: bool = False) -> None:
        """The server has the frame: forget it. Twice, or for one dropped meanwhile, is harmless.

        `owes`: it took the picture without its statement, which is kept until it can take that too.
        """
        with self._transaction() as connection:
            if owes:
                owe_statement(connection, self.camera, sequence)
            cursor = connection.execute("DELETE FROM frame WHERE camera = ? AND sequence = ?", (self.camera, sequence))
            self._sending = None
            if cursor.rowcount:
                count(connection, self.camera, "duplicate" if duplicate else "delivered")
                self._note(connection, "last_delivered_at", datetime.now(UTC).isoformat())

    def owed(self, limit: int = 100) -> tuple[CaptureStatement, ...]:
        """The oldest statements that the server did not take with their pictures."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT statement FROM owed WHERE camera = ? ORDER BY sequence LIMIT ?", (self.camera, limit)
            ).fetchall()
        return tuple(CaptureStatement.model_validate_json(text) for (text,) in rows)

    def repaid(self, through: int) -> None:
        """The server has the statements up to this sequence."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM owed WHERE camera = ? AND sequence <= ?", (self.camera, through))

    def refuse(self, sequence: int, *, status: int, reason: str) -> None:
        """The server will never take the frame: keep it aside with the reason, so that a person can look."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE frame SET state = 'refused', refused_status = ?, last_error = ?, attempts = attempts + 1 "
                "WHERE camera = ? AND sequence = ?",
                (status, reason, self.camera, sequence),
            )
            self._sending = None
            count(connection, self.camera, "refused")

    def postpone(self, sequence: int, *, error: str, counts: bool, not_before: float = 0.0) -> None:
        """The frame could not be sent now. `counts`: the server answered this frame with an error of its own.

        `not_before`: seconds since 1970 before which others go first.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE frame SET attempts = attempts + ?, last_error = ?, not_before = ? "
                "WHERE camera = ? AND sequence = ?",
                (1 if counts else 0, error, not_before, self.camera, sequence),
            )
            self._sending = None
            count(connection, self.camera, "retried")

    # --- of itself -------------------------------------------------------------------------------------------------

    def room(self) -> Room:
        """What is held now."""
        with self._lock:
            return room_of(self._connection, self.camera)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter that survives restarts."""
        with self._transaction() as connection:
            count(connection, self.camera, name, by)

    def note(self, name: str, value: str) -> None:
        """Write down a current state, with the time, for `wardwatch-edge status`."""
        with self._transaction() as connection:
            self._note(connection, name, value)

    def _note(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute(
            "INSERT INTO note VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at",
            (self.camera, name, value, datetime.now(UTC).isoformat()),
        )
