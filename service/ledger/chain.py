"""The chain: each entry's hash covers the entry and the hash before it, so that no past entry changes unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text
from sqlmodel import Session, col, select

from service.kit.clock import utc
from service.ledger.tables import LedgerEntry

GENESIS = "0" * 64
# An arbitrary constant: the name of PostgreSQL's advisory lock that keeps two transactions from taking one number.
_LOCK = 0x7761_7264
_PAGE = 1000

Kind = Literal["audit", "evidence"]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. Noted elsewhere, it shows later that nothing was cut off."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain breaks first, and how: `missing`, `changed` or `relinked`."""

    seq: int
    reason: str


def append(
    session: Session,
    *,
    clock_now: datetime,
    kind: Kind,
    actor: str,
    action: str,
    object_kind: str = "",
    object_id: str = "",
    facility_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> LedgerEntry:
    """Adds an entry in this transaction. `details` is JSON and holds no face, no name and no free text of patients.

    Writers queue for the chain's end until they commit: on SQLite there is one writer anyway, on PostgreSQL an
    advisory lock is held. Append as the last act of a transaction.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _LOCK})
    last = head(session)
    entry = LedgerEntry(
        seq=last.seq + 1,
        at=utc(clock_now),
        kind=kind,
        actor=actor[:100],
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        facility_id=facility_id,
        details=json.loads(_canonical(dict(details or {}))),
        prev_hash=last.hash,
        hash="",
    )
    entry.hash = digest(entry)
    session.add(entry)
    session.flush()
    return entry


def head(session: Session) -> Head:
    """The last entry's number and hash; number 0 for an empty chain."""
    query = select(LedgerEntry.seq, LedgerEntry.hash).order_by(col(LedgerEntry.seq).desc()).limit(1)
    row = session.exec(query).first()
    return Head(row[0], row[1]) if row else Head(0, GENESIS)


def verify(session: Session) -> int | None:
    """The number of the first entry that does not fit the chain, or None."""
    broken = first_break(session)
    return broken.seq if broken else None


def first_break(session: Session) -> Broken | None:
    """Where the chain breaks first, and how. Reads every entry once, a page at a time."""
    previous = Head(0, GENESIS)
    for entry in _entries(session):
        if entry.seq != previous.seq + 1:
            return Broken(previous.seq + 1, "missing")
        if entry.prev_hash != previous.hash:
            return Broken(entry.seq, "relinked")
        if entry.hash != digest(entry):
            return Broken(entry.seq, "changed")
        previous = Head(entry.seq, entry.hash)
    return None


def latest_at(session: Session) -> datetime | None:
    """When the last entry was made."""
    return session.exec(select(LedgerEntry.at).order_by(col(LedgerEntry.seq).desc()).limit(1)).first()


def details_of(session: Session, object_kind: str, object_id: str, action: str) -> list[dict[str, Any]]:
    """What was written down of every such action on one object, in order."""
    query = select(LedgerEntry.details).where(
        LedgerEntry.object_kind == object_kind, LedgerEntry.object_id == object_id, LedgerEntry.action == action
    )
    return [dict(item) for item in session.exec(query.order_by(col(LedgerEntry.seq)))]


@dataclass(frozen=True, slots=True)
class Noted:
    """An action as it was written down. `at`: by the server's clock."""

    at: datetime
    object_id: str
    details: dict[str, Any]


def noted_since(session: Session, action: str, since: datetime, object_id: str | None = None) -> list[Noted]:
    """Every such action at `since` or later, on one object or on any, in order."""
    query = select(LedgerEntry).where(LedgerEntry.action == action, col(LedgerEntry.at) >= since)
    if object_id is not None:
        query = query.where(LedgerEntry.object_id == object_id)
    rows = session.exec(query.order_by(col(LedgerEntry.seq)))
    return [Noted(row.at, row.object_id, dict(row.details)) for row in rows]


def digest(entry: LedgerEntry) -> str:
    """SHA-256 of the entry without its own hash, as canonical JSON (sorted keys, no spaces, UTF-8)."""
    body = {
        "seq": entry.seq,
        "at": utc(entry.at).isoformat(timespec="microseconds"),
        "kind": entry.kind,
        "actor": entry.actor,
        "action": entry.action,
        "object_kind": entry.object_kind,
        "object_id": entry.object_id,
        "facility_id": entry.facility_id,
        "details": entry.details,
        "prev_hash": entry.prev_hash,
    }
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _entries(session: Session) -> Iterable[LedgerEntry]:
    after = 0
    while True:
        query = select(LedgerEntry).where(LedgerEntry.seq > after).order_by(col(LedgerEntry.seq)).limit(_PAGE)
        page = session.exec(query.execution_options(populate_existing=True)).all()
        if not page:
            return
        for entry in page:
            session.expunge(entry)
            yield entry
        after = page[-1].seq
