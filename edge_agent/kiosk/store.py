"""The kiosk's memory: the sealed copy of the register, and purchases that the server has not heard of."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from edge_agent.errors import KioskStoreUnusable
from edge_agent.kiosk.safe import Safe
from service.contracts import KioskCache, ProvisionalPurchase

_SCHEMA = """
create table if not exists copy (id integer primary key check (id = 1), etag text not null, sealed blob not null);
create table if not exists spent (delegation text primary key, uses integer not null);
create table if not exists queue (
    request_id text primary key, sealed blob not null, attempts integer not null default 0,
    state text not null default 'waiting', note text not null default '',
    delegation text, served_at real
);
"""
_ADDED = ("delegation text", "served_at real")
"""Columns that a database of an earlier edition lacks."""
_REFUSED_COUNTS = timedelta(days=31)
"""How long a sale that the server did not take counts as a use: it takes none that is older."""
_COPY, _PURCHASE = "kiosk.copy", "kiosk.purchase"


@dataclass(frozen=True, slots=True)
class QueuedPurchase:
    """A provisional purchase and its frames (JPEG)."""

    purchase: ProvisionalPurchase
    images: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class QueueCount:
    """`waiting`: not yet told; `wrong`: told, and the server would have decided otherwise; `refused`: not taken;
    `aside`: the server fails at it, or it does not open, and the others go on without it."""

    waiting: int
    wrong: int
    refused: int
    aside: int = 0


class KioskStore:
    """One SQLite file, durable at each write, sealed row by row. Shared by threads; one process at a time has it."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._mine = _claimed(folder / "kiosk.lock")
            self._safe = Safe(folder / "kiosk.key")
            self._database = sqlite3.connect(folder / "kiosk.db", check_same_thread=False, isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            self._database.execute("pragma secure_delete = on")
            self._database.executescript(_SCHEMA)
            _settle_folder(folder)
        except (OSError, sqlite3.Error) as error:
            raise KioskStoreUnusable(f"{folder}: {error}", field="data", remedy="name a writable folder") from None
        self._bring_up_to_date()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._database.close()
            os.close(self._mine)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is read and written within holds together: nobody else spends a use in between, and after a power cut
        all of it is there or none."""
        with self._transaction():
            yield

    def keep_copy(self, copy: KioskCache, etag: str) -> None:
        """The register's newest copy. What was spent counts on until the server has counted it."""
        sealed = self._safe.seal(copy.model_dump_json().encode(), _COPY)
        with self._transaction() as database:
            database.execute("insert or replace into copy values (1, ?, ?)", (etag, sealed))
            database.execute("delete from spent")
            since = (copy.made_at - _REFUSED_COUNTS).timestamp()
            database.execute(
                "insert into spent select delegation, count(*) from queue where delegation is not null and "
                "(state in ('waiting', 'aside') or (state = 'refused' and served_at > ?)) group by delegation",
                (since,),
            )

    def copy(self) -> KioskCache | None:
        """The copy, or `None` when there is none, or none that opens."""
        with self._lock:
            row = self._database.execute("select sealed from copy").fetchone()
        return None if row is None else KioskCache.model_validate_json(self._safe.open(row[0], _COPY))

    def etag(self) -> str | None:
        """Of the copy."""
        with self._lock:
            row = self._database.execute("select etag from copy").fetchone()
        return None if row is None else str(row[0])

    def spent(self, delegate_no: str, patient_no: str) -> int:
        """Uses of a delegation that the copy does not know of."""
        key = self._delegation(delegate_no, patient_no)
        with self._lock:
            row = self._database.execute("select uses from spent where delegation = ?", (key,)).fetchone()
        return 0 if row is None else int(row[0])

    def queue(self, purchase: ProvisionalPurchase, images: Sequence[bytes], *, spend: bool) -> None:
        """Keep a purchase until the server has it; `spend`: it used its delegation once."""
        sealed = self._safe.seal(_packed(purchase, images), _PURCHASE)
        delegation = self._delegation_of(purchase) if spend else None
        with self._transaction() as database:
            added = database.execute(
                "insert or ignore into queue (request_id, sealed, delegation, served_at) values (?, ?, ?, ?)",
                (purchase.request_id, sealed, delegation, purchase.served_at.timestamp()),
            )
            if added.rowcount and delegation is not None:
                database.execute(
                    "insert into spent values (?, 1) on conflict (delegation) do update set uses = uses + 1",
                    (delegation,),
                )

    def waiting(self) -> tuple[str, ...]:
        """The numbers of the purchases that wait, those tried least first."""
        with self._lock:
            rows = self._database.execute(
                "select request_id from queue where state = 'waiting' order by attempts, rowid"
            ).fetchall()
        return tuple(str(row[0]) for row in rows)

    def queued(self, request_id: str) -> QueuedPurchase:
        """One of them. Raises `KioskStoreUnusable` for one that does not open, or says nothing that is understood."""
        with self._lock:
            row = self._database.execute("select sealed from queue where request_id = ?", (request_id,)).fetchone()
        if row is None:
            raise KioskStoreUnusable("this purchase is not in the queue", field="data", remedy="it was told already")
        return _unpacked(self._safe.open(row[0], _PURCHASE))

    def attempts(self, request_id: str) -> int:
        """How often the server was told of it in vain."""
        with self._lock:
            row = self._database.execute("select attempts from queue where request_id = ?", (request_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def try_aside_again(self) -> None:
        """What was set aside waits once more: the server may have been mended."""
        with self._transaction() as database:
            database.execute("update queue set state = 'waiting', attempts = 0 where state = 'aside'")

    def settle(self, request_id: str, state: str, note: str = "") -> None:
        """`told` forgets the purchase; `waiting` counts an attempt; `wrong` keeps a note and nothing about the patient;
        `refused` and `aside` keep the purchase too: it was sold, and a person must look."""
        with self._transaction() as database:
            if state == "told":
                database.execute("delete from queue where request_id = ?", (request_id,))
            elif state == "waiting":
                database.execute("update queue set attempts = attempts + 1 where request_id = ?", (request_id,))
            else:
                empty = self._safe.seal(b"", _PURCHASE) if state == "wrong" else None
                database.execute(
                    "update queue set state = ?, note = ?, sealed = coalesce(?, sealed) where request_id = ?",
                    (state, note[:300], empty, request_id),
                )

    def counts(self) -> QueueCount:
        """How the queue stands."""
        with self._lock:
            return QueueCount(*(self._count(state) for state in ("waiting", "wrong", "refused", "aside")))

    def _count(self, state: str) -> int:
        return int(self._database.execute("select count(*) from queue where state = ?", (state,)).fetchone()[0])

    def _bring_up_to_date(self) -> None:
        """Rows of an earlier edition learn whose use they are, as far as they open."""
        known = {str(row[1]) for row in self._database.execute("pragma table_info(queue)")}
        missing = [column for column in _ADDED if column.split()[0] not in known]
        if not missing:
            return
        with self._transaction() as database:
            for column in missing:
                database.execute(f"alter table queue add column {column}")
            rows = database.execute("select request_id from queue where state in ('waiting', 'refused')").fetchall()
            for (request_id,) in rows:
                try:
                    purchase = self.queued(request_id).purchase
                except KioskStoreUnusable:
                    continue
                database.execute(
                    "update queue set delegation = ?, served_at = ? where request_id = ?",
                    (self._delegation_of(purchase), purchase.served_at.timestamp(), request_id),
                )

    def _delegation_of(self, purchase: ProvisionalPurchase) -> str | None:
        if purchase.delegate_no is None:
            return None
        return self._delegation(purchase.delegate_no, purchase.patient_no)

    def _delegation(self, delegate_no: str, patient_no: str) -> str:
        return self._safe.name_of(json.dumps([delegate_no, patient_no]))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._depth:
                yield self._database
                return
            self._database.execute("begin immediate")
            self._depth = 1
            try:
                yield self._database
            except BaseException:
                self._database.execute("rollback")
                raise
            else:
                self._database.execute("commit")
            finally:
                self._depth = 0


def _claimed(path: Path) -> int:
    """The folder's lock, held until the process ends, however it ends. Raises `KioskStoreUnusable`."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise KioskStoreUnusable(
            f"{path.parent} belongs to another kiosk that runs", field="data", remedy="stop that one, or name a folder"
        ) from None
    return handle


def _settle_folder(folder: Path) -> None:
    """SQLite makes its rows durable; that the files have names after a power cut is the folder's own matter."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _packed(purchase: ProvisionalPurchase, images: Sequence[bytes]) -> bytes:
    head = json.dumps({"meta": purchase.model_dump_json(), "sizes": [len(image) for image in images]}).encode()
    return len(head).to_bytes(4, "big") + head + b"".join(images)


def _unpacked(data: bytes) -> QueuedPurchase:
    end = 4 + int.from_bytes(data[:4], "big")
    try:
        head = json.loads(data[4:end])
        images = []
        for size in head["sizes"]:
            images.append(data[end : end + size])
            end += size
        return QueuedPurchase(ProvisionalPurchase.model_validate_json(head["meta"]), tuple(images))
    except (ValueError, TypeError, KeyError):
        raise KioskStoreUnusable(
            "a purchase in the queue is not understood", field="data", remedy="see docs/kiosk.md, Mending"
        ) from None
