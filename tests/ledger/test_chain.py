"""The ledger: nothing past changes unnoticed."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from service import ledger
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from tests.builders import EPOCH


def _fill(session: Session, count: int = 5) -> None:
    for number in range(count):
        ledger.append(
            session,
            clock_now=EPOCH + timedelta(seconds=number),
            kind="audit",
            actor="user:li.na",
            action="look.answer",
            object_kind="directed_check",
            object_id=f"{number:032x}",
            facility_id="f" * 32,
            details={"结果": "found", "minutes": 3.5, "again": [1, None, True]},
        )


def _allow_tampering(session: Session) -> None:
    """As somebody would who holds the database itself."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("DROP TRIGGER ledger_entry_no_update"))
        session.execute(text("DROP TRIGGER ledger_entry_no_delete"))
    else:
        session.execute(text("SET LOCAL session_replication_role = replica"))


def test_an_untouched_chain_verifies_in_another_session(context: Context) -> None:
    with context.database.transaction() as session:
        _fill(session)
    with context.database.reading() as session:
        assert ledger.verify(session) is None
        assert ledger.head(session).seq == 5
        assert ledger.latest_at(session) == EPOCH + timedelta(seconds=4)


def test_an_empty_chain_verifies(context: Context) -> None:
    with context.database.reading() as session:
        assert ledger.verify(session) is None
        assert ledger.head(session).seq == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_entry SET actor = 'user:li.nb' WHERE seq = 3",
        "UPDATE ledger_entry SET details = '{}' WHERE seq = 3",
        "UPDATE ledger_entry SET facility_id = NULL WHERE seq = 3",
        "UPDATE ledger_entry SET at = '2026-03-02 00:00:02.000001' WHERE seq = 3",
        "UPDATE ledger_entry SET prev_hash = hash WHERE seq = 3",
        "DELETE FROM ledger_entry WHERE seq = 3",
    ],
)
def test_any_change_of_the_third_entry_is_found_there(context: Context, change: str) -> None:
    with context.database.transaction() as session:
        _fill(session)
    with context.database.transaction() as session:
        _allow_tampering(session)
        session.execute(text(change))
    with context.database.reading() as session:
        assert ledger.verify(session) == 3


def test_an_entry_whose_hash_was_made_anew_breaks_the_next_one(context: Context) -> None:
    from service.ledger.chain import digest

    with context.database.transaction() as session:
        _fill(session)
    with context.database.transaction() as session:
        _allow_tampering(session)
        entry = session.get_one(LedgerEntry, 3)
        entry.actor = "user:somebody.else"
        entry.hash = digest(entry)
    with context.database.reading() as session:
        assert ledger.first_break(session) == ledger.Broken(4, "relinked")


@pytest.mark.parametrize("change", ["UPDATE ledger_entry SET actor = 'x'", "DELETE FROM ledger_entry"])
def test_the_program_itself_cannot_change_the_past(context: Context, change: str) -> None:
    with context.database.transaction() as session:
        _fill(session)
    with pytest.raises(DBAPIError, match="append-only"), context.database.transaction() as session:
        session.execute(text(change))


def test_writers_at_once_make_one_chain(context: Context) -> None:
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(8):
                with context.database.transaction() as session:
                    _fill(session, 1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with context.database.reading() as session:
        assert ledger.verify(session) is None
        assert [entry.seq for entry in session.exec(select(LedgerEntry).order_by("seq"))] == list(range(1, 33))


def test_details_that_are_not_json_are_refused(context: Context) -> None:
    with pytest.raises((TypeError, ValueError)), context.database.transaction() as session:
        ledger.append(
            session, clock_now=EPOCH, kind="audit", actor="system", action="x", details={"score": float("nan")}
        )
