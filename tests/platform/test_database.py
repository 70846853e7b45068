"""The database: transactions, instants, versions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import JSON, Connection, MetaData, inspect
from sqlalchemy.exc import DBAPIError, StatementError
from sqlmodel import select

from service.platform import migrate
from service.platform.context import Context
from service.platform.database import Database
from service.platform.settings import Settings
from service.platform.tables import Job
from tests.builders import EPOCH, create_facility


def _job(**values: Any) -> Job:
    return Job(**{"kind": "test", "run_after": EPOCH, "created_at": EPOCH} | values)


def test_a_transaction_that_raises_leaves_nothing(context: Context) -> None:
    with pytest.raises(ValueError, match="no"), context.database.transaction() as session:  # noqa: PT012
        session.add(_job())
        session.flush()
        raise ValueError("no")
    with context.database.reading() as session:
        assert session.exec(select(Job)).all() == []


@pytest.mark.parametrize("durable", [True, False])
def test_a_transaction_is_seen_by_readers_after_it(context: Context, durable: bool) -> None:
    with context.database.transaction(durable=durable) as session:
        session.add(_job())
    with context.database.reading() as session:
        assert len(session.exec(select(Job)).all()) == 1


def test_what_was_read_stays_readable_after_the_session(context: Context) -> None:
    with context.database.transaction() as session:
        create_facility(session, code="h1")
    with context.database.reading() as session:
        job = session.exec(select(Job)).first()
    assert job is None


def test_instants_come_back_aware_and_in_utc(context: Context) -> None:
    shanghai = timezone(timedelta(hours=8))
    with context.database.transaction() as session:
        job = _job(run_after=datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=shanghai))
        session.add(job)
    with context.database.reading() as session:
        found = session.get_one(Job, job.id).run_after
    assert found == datetime(2026, 3, 2, 0, 0, 0, 123456, tzinfo=UTC)
    assert found.utcoffset() == timedelta(0)


def test_a_naive_instant_is_refused(context: Context) -> None:
    with pytest.raises(StatementError, match="naive"), context.database.transaction() as session:
        session.add(_job(run_after=datetime(2026, 3, 2)))  # noqa: DTZ001


def test_writers_wait_for_each_other_and_readers_for_nobody(context: Context) -> None:
    """Each of 4 threads reads a count and writes it plus one, 10 times: 40, unless a write was lost."""
    with context.database.transaction() as session:
        session.add(_job(id="0" * 32, priority=0))
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(10):
                with context.database.transaction() as session:
                    job = session.get_one(Job, "0" * 32, with_for_update=True)
                    job.priority += 1
                    with context.database.reading() as reader:
                        assert reader.get_one(Job, "0" * 32).priority <= job.priority
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with context.database.reading() as session:
        assert session.get_one(Job, "0" * 32).priority == 40


def test_foreign_keys_hold(context: Context) -> None:
    from service.facilities.tables import Ward

    with pytest.raises(DBAPIError), context.database.transaction() as session:
        session.add(Ward(facility_id="f" * 32, code="w", name="Ward"))


def test_sqlite_acknowledges_only_what_is_on_the_disk(context: Context) -> None:
    if not context.database.is_sqlite:
        pytest.skip("a matter of SQLite only")
    with context.database.transaction() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_migrations_make_exactly_the_tables_of_the_code(settings: Settings) -> None:
    assert migrate.check(settings) == []


def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    assert migrate.upgrade(settings) == migrate.upgrade(settings)
    assert migrate.upgrade(settings).is_current


def test_a_database_that_was_never_migrated_is_named(settings: Settings) -> None:
    from service.platform.context import open_context

    empty = settings.model_copy(update={"database_url": f"sqlite:///{settings.data_dir / 'empty.db'}"})
    opened = open_context(empty)
    try:
        with pytest.raises(migrate.NotMigrated, match="none") as raised:
            migrate.require_current(opened)
        assert raised.value.remedy == "run `wardwatch migrate`"
    finally:
        opened.close()


def test_every_migration_goes_back_too(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    migrate.upgrade_engine(database.engine)
    with database.engine.begin() as connection:
        command.downgrade(migrate.configuration(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    assert migrate.upgrade_engine(database.engine).is_current
    assert migrate.differences(database.engine) == []
    database.dispose()


FIRST_EDITION = "0003"
LAST_EDITION = "0010"
_PLAIN: dict[type, Any] = {datetime: EPOCH, date: EPOCH.date()}


def _fill(connection: Connection, names: Sequence[str]) -> None:
    """One row in each table, references included; the values do not matter."""
    metadata = MetaData()
    metadata.reflect(connection, only=list(names))
    for table in (table for table in metadata.sorted_tables if table.name in names):
        row: dict[str, Any] = {"timezone": "UTC"} if table.name == "facility" else {}
        for column in (column for column in table.columns if column.name not in row):
            target, kind = next(iter(column.foreign_keys), None), column.type.python_type
            if target is not None:
                row[column.name] = f"the-{target.column.table.name}" if target.column.table.name in names else None
            elif column.primary_key and kind is str:
                row[column.name] = f"the-{table.name}"
            elif not column.nullable:
                row[column.name] = {} if isinstance(column.type, JSON) else _PLAIN.get(kind) or kind()
        connection.execute(table.insert().values(row))


def test_a_database_with_data_is_brought_up_to_date(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    names = ("facility", "ward", "camera", "patient", "admission", "snapshot")
    with database.engine.begin() as connection:
        command.upgrade(migrate.configuration(connection), FIRST_EDITION)
        _fill(connection, names)
    assert migrate.upgrade_engine(database.engine).is_current
    with database.engine.begin() as connection:
        for name in names:
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() == 1  # noqa: S608
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    database.dispose()


def test_the_last_editions_database_with_data_in_every_table_is_brought_up_to_date_and_back(tmp_path: Path) -> None:
    """From 0010 over everything since: no row is lost, and by what 0016 adds old pictures were read themselves."""
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    with database.engine.begin() as connection:
        command.upgrade(migrate.configuration(connection), LAST_EDITION)
        names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        _fill(connection, names)
        before = _counts(connection, names)
    assert set(before.values()) == {1}
    assert migrate.upgrade_engine(database.engine).is_current
    with database.engine.begin() as connection:
        assert _counts(connection, names) == before
        read = connection.exec_driver_sql(
            "SELECT s.carried_from, s.question, z.carried_from FROM snapshot s JOIN zone_reading z "
            "ON z.snapshot_id = s.id"
        )
        assert [tuple(row) for row in read] == [(None, None, None)]
        command.downgrade(migrate.configuration(connection), "0015")
        assert _counts(connection, names) == before
        assert "carried_from" not in {column["name"] for column in inspect(connection).get_columns("zone_reading")}
    database.dispose()


def _counts(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    return {
        name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()  # noqa: S608
        for name in names
    }


def test_wards_on_record_and_alarms_go_and_what_was_there_before_them_stays(tmp_path: Path) -> None:
    """0018 and 0019 back and forth, with data in what they add: nothing else is lost by it."""
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    migrate.upgrade_engine(database.engine)
    with database.engine.begin() as connection:
        names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        _fill(connection, names)
        late = "UPDATE roll_call_draw SET late_wards = '[{}]'"
        connection.exec_driver_sql(late)
        before = _counts(connection, names)
        assert connection.exec_driver_sql("SELECT ward_id FROM role_grant").scalar_one() == "the-ward"
    with database.engine.begin() as connection:
        command.downgrade(migrate.configuration(connection), "0017")
        kept = [name for name in names if name != "camera_alarm"]
        assert _counts(connection, kept) == {name: before[name] for name in kept}
    assert migrate.upgrade_engine(database.engine).is_current
    with database.engine.begin() as connection:
        assert _counts(connection, names) == before | {"camera_alarm": 0}
        assert connection.exec_driver_sql("SELECT ward_id FROM role_grant").scalar_one() is None
    database.dispose()


def test_notices_of_death_keep_whose_word_they_were(tmp_path: Path) -> None:
    """Before 0015 a notice did not say who spoke in the source's name: messages are the hospital's own word."""
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    names = ("facility", "patient", "inbound_message", "vital_notice")
    with database.engine.begin() as connection:
        command.upgrade(migrate.configuration(connection), "0014")
        _fill(connection, names)
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(vital_notice)")][3:]
        said = (("n0", "hospital", "token:his"), ("n1", "hospital", "user:boss"), ("n2", "police", "user:clerk"))
        for name, source, recorder in said:
            own = {"source": source, "recorded_by": recorder, "reference": "the-inbound_message"}
            values = ", ".join(f"'{own[column]}'" if column in own else column for column in columns)
            connection.exec_driver_sql(
                f"INSERT INTO vital_notice SELECT '{name}', facility_id, patient_id, {values} "  # noqa: S608
                "FROM vital_notice WHERE id = 'the-vital_notice'"
            )
    assert migrate.upgrade_engine(database.engine).is_current
    with database.engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT voice FROM vital_notice WHERE id LIKE 'n_' ORDER BY id")
        assert [row[0] for row in found] == ["source", "user:boss", "user:clerk"]
        command.downgrade(migrate.configuration(connection), "0014")
    database.dispose()


def test_a_dismissed_finding_is_a_withdrawn_one_to_the_edition_before_decisions(tmp_path: Path) -> None:
    """0013 knows dismissed findings; going back it closes them and leaves every other one as it was."""
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    with database.engine.begin() as connection:
        command.upgrade(migrate.configuration(connection), "0013")
        _fill(connection, ("facility", "patient", "admission", "finding"))
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(finding)")]
        for state in ("raised", "dismissed", "withdrawn"):
            own = {"id": state, "state": state, "rule": state}
            values = ", ".join(f"'{own[name]}'" if name in own else name for name in columns)
            connection.exec_driver_sql(
                f"INSERT INTO finding ({', '.join(columns)}) SELECT {values} FROM finding WHERE id = 'the-finding'"  # noqa: S608
            )
        command.downgrade(migrate.configuration(connection), "0012")
        found = connection.exec_driver_sql(
            "SELECT id, state, withdrawn_at IS NOT NULL FROM finding WHERE id NOT LIKE 'the-%' ORDER BY id"
        )
        assert [tuple(row) for row in found] == [
            ("dismissed", "withdrawn", 1),
            ("raised", "raised", 0),
            ("withdrawn", "withdrawn", 0),
        ]
    assert migrate.upgrade_engine(database.engine).is_current
    database.dispose()


def test_a_migration_that_would_break_references_keeps_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    with database.engine.begin() as connection:
        command.upgrade(migrate.configuration(connection), FIRST_EDITION)
    with sqlite3.connect(tmp_path / "own.db") as plain:  # does not enforce references
        plain.execute("INSERT INTO presence_progress (facility_id, revision) VALUES ('nobody', 0)")
    with pytest.raises(migrate.ReferencesBroken, match="presence_progress"):
        migrate.upgrade_engine(database.engine)
    assert migrate.state(database.engine).current == FIRST_EDITION
    database.dispose()
