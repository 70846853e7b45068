"""The kiosk's memory: the sealed copy of the register, and purchases that the server has not heard of."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.errors import KioskStoreUnusable
from edge_agent.kiosk.safe import Safe
from service.contracts import KioskCache, ProvisionalPurchase

_SCHEMA = """
create table if not exists copy (id integer primary key check (id = 1), etag text not null, sealed blob not null);
create table if not exists spent (delegation text primary key, uses integer not null);
create table if not exists queue (
    request_id text primary key, sealed blob not null, attempts integer not null default 0,
    state text not null default 'waiting', note text not null default ''
);
"""
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
    """`waiting`: not yet told; `wrong`: told, and the server would have decided otherwise; `refused`: not taken."""

    waiting: int
    wrong: int
    refused: int


class KioskStore:
    """One SQLite file, durable at each write, sealed row by row. Shared by threads."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._safe = Safe(folder / "kiosk.key")
            self._database = sqlite3.connect(folder / "kiosk.db", check_same_thread=False, isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            self._database.execute("pragma secure_delete = on")
            self._database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise KioskStoreUnusable(f"{folder}: {error}", field="data", remedy="name a writable folder") from None
        self._lock = threading.RLock()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._database.close()

    def keep_copy(self, copy: KioskCache, etag: str) -> None:
        """The register's newest copy. What was spent counts on until the server has counted it."""
        sealed = self._safe.seal(copy.model_dump_json().encode(), _COPY)
        with self._transaction() as database:
            database.execute("insert or replace into copy values (1, ?, ?)", (etag, sealed))
            database.execute("delete from spent")
            for purchase in self._unsettled(copy.made_at - _REFUSED_COUNTS):
                self._spend(purchase)

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
        with self._transaction() as database:
            added = database.execute(
                "insert or ignore into queue (request_id, sealed) values (?, ?)", (purchase.request_id, sealed)
            )
            if added.rowcount and spend:
                self._spend(purchase)

    def next_waiting(self) -> QueuedPurchase | None:
        """The purchase that was tried least."""
        with self._lock:
            row = self._database.execute(
                "select sealed from queue where state = 'waiting' order by attempts, rowid limit 1"
            ).fetchone()
        return None if row is None else _unpacked(self._safe.open(row[0], _PURCHASE))

    def settle(self, request_id: str, state: str, note: str = "") -> None:
        """`told` forgets the purchase; `wrong` and `refused` keep a note, and nothing about the patient."""
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
            return QueueCount(self._count("waiting"), self._count("wrong"), self._count("refused"))

    def _count(self, state: str) -> int:
        return int(self._database.execute("select count(*) from queue where state = ?", (state,)).fetchone()[0])

    def _unsettled(self, since: datetime) -> Iterator[ProvisionalPurchase]:
        """What the server has not taken: whatever waits, and what it refused and was sold after `since`."""
        rows = self._database.execute("select sealed, state from queue where state in ('waiting', 'refused')")
        for sealed, state in rows:
            purchase = _unpacked(self._safe.open(sealed, _PURCHASE)).purchase
            if state == "waiting" or purchase.served_at > since:
                yield purchase

    def _spend(self, purchase: ProvisionalPurchase) -> None:
        if purchase.delegate_no is None:
            return
        key = self._delegation(purchase.delegate_no, purchase.patient_no)
        self._database.execute(
            "insert into spent values (?, 1) on conflict (delegation) do update set uses = uses + 1", (key,)
        )

    def _delegation(self, delegate_no: str, patient_no: str) -> str:
        return self._safe.name_of(json.dumps([delegate_no, patient_no]))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("begin immediate")
            try:
                yield self._database
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")


def _packed(purchase: ProvisionalPurchase, images: Sequence[bytes]) -> bytes:
    head = json.dumps({"meta": purchase.model_dump_json(), "sizes": [len(image) for image in images]}).encode()
    return len(head).to_bytes(4, "big") + head + b"".join(images)


def _unpacked(data: bytes) -> QueuedPurchase:
    end = 4 + int.from_bytes(data[:4], "big")
    head = json.loads(data[4:end])
    images = []
    for size in head["sizes"]:
        images.append(data[end : end + size])
        end += size
    return QueuedPurchase(ProvisionalPurchase.model_validate_json(head["meta"]), tuple(images))
