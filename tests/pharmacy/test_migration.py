"""A register of the last edition keeps its delegations, without limits that nobody set."""

from __future__ import annotations

from pathlib import Path

from alembic import command

from service.platform import migrate
from service.platform.database import Database
from tests.platform.test_database import _fill


def test_delegations_of_the_last_edition_stay_as_they_were(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    with database.engine.begin() as connection:
        command.upgrade(migrate.configuration(connection), "0011")
        _fill(connection, ("facility", "delegate", "delegation", "purchase"))
    assert migrate.upgrade_engine(database.engine).is_current
    with database.engine.begin() as connection:
        row = connection.exec_driver_sql("SELECT max_quantity, wishes, patient_no FROM delegation").one()
        assert (row[0], row[1]) == (None, "{}")
        command.downgrade(migrate.configuration(connection), "0011")
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM delegation").scalar_one() == 1
    database.dispose()
