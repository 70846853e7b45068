"""Fixtures of the whole suite: a fresh, migrated installation a test, on SQLite or on PostgreSQL.

Set `WARDWATCH_TEST_DATABASE_URL` (postgresql+psycopg://…) to run on PostgreSQL: each worker then has its own schema,
emptied before each test. `-m database` selects the tests for which that makes a difference.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import NullPool, create_engine, text
from sqlmodel import SQLModel

from service.access import passwords
from service.app import create_app
from service.ledger.tables import LedgerEntry
from service.platform import migrate
from service.platform.context import Context, open_context
from service.platform.database import Database
from service.platform.jobs import JobRunner
from service.platform.schema import load_tables
from service.platform.settings import Settings
from service.worker import handlers

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_URL = os.environ.get("WARDWATCH_TEST_DATABASE_URL", "")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spares the garbage collector what stays to the end: modules and collected tests, half a million objects and more.
    It would go through all of them again each time that the tests' own garbage has grown by a quarter of them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what depends on which database there is: whatever asks for the migrated one, however indirectly. The rest
    comes out the same on both, so that the run on PostgreSQL is `-m database` (tests/test_selection.py)."""
    if "migrated_template" in getattr(item, "fixturenames", ()):
        item.add_marker("database")


@pytest.fixture(scope="session", autouse=True)
def _without_operators_settings() -> Iterator[None]:
    """A developer's own WARDWATCH_… variables must not decide what a test finds."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("WARDWATCH_") and not name.startswith("WARDWATCH_TEST_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def shipped_hasher() -> Iterator[PasswordHasher]:
    """Passwords go through Argon2id as ever, but with a thousandth of its work: as shipped, each login of a test would
    take a third of a second and 64 MiB. The hasher as it ships is handed to those who ask for it
    (tests/access/test_passwords.py), and the servers that tests start have it."""
    with pytest.MonkeyPatch.context() as patch:
        shipped = passwords._hasher
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield shipped


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str | Path]:
    """A migrated database: an SQLite file to copy, or the URL of a schema of this worker's own."""
    load_tables()
    if not POSTGRES_URL:
        path = tmp_path_factory.mktemp("template") / "wardwatch.db"
        _migrate(f"sqlite:///{path}")
        yield path
        return
    schema = f"wardwatch_test_{worker_id}_{os.getpid()}"
    admin = create_engine(POSTGRES_URL)
    with admin.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    url = f"{POSTGRES_URL}{'&' if '?' in POSTGRES_URL else '?'}options=-csearch_path%3D{schema}"
    try:
        _migrate(url)
        yield url
    finally:
        with admin.begin() as connection:
            connection.execute(text(f'DROP SCHEMA "{schema}" CASCADE'))
        admin.dispose()


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, migrated_template: str | Path) -> Settings:
    """Settings of an installation in the test's own folder. No worker threads: see `run_jobs`."""
    if request.node.get_closest_marker("database") is None:  # the run on PostgreSQL would leave it out
        pytest.fail("asks for the database behind the selection's back: name the fixture in the test's arguments")
    data = tmp_path / "data"
    data.mkdir()
    url = None
    if isinstance(migrated_template, Path):
        shutil.copyfile(migrated_template, data / "wardwatch.db")
    else:
        url = migrated_template
        _empty(url)
    return Settings(
        _env_file=None,
        data_dir=data,
        database_url=url,
        models_dir=ROOT / "models",
        worker_threads=0,
        log_level="warning",
    )


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    """A fresh installation."""
    opened = open_context(settings)
    yield opened
    opened.close()


@pytest.fixture
def app(context: Context) -> FastAPI:
    """The whole application over the test's installation."""
    return create_app(context)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the whole application that nobody is logged in at."""
    with TestClient(app, base_url="http://testserver") as opened:
        yield opened


@pytest.fixture
def run_jobs(context: Context) -> Callable[[], int]:
    """Does what waits in the job table, in the test's own thread; returns how many jobs were done."""
    return JobRunner(context, handlers(), 0).run_until_idle


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of fetched model packs; the test is skipped, and says so, when there is none."""
    folder = ROOT / "models"
    if not (folder / "wardwatch-default" / "sface.onnx").exists():
        pytest.skip("the default model pack is not fetched: run `wardwatch models fetch`")
    return folder


def _migrate(url: str) -> None:
    database = Database(url)
    try:
        if migrate.state(database.engine).needed is None:  # before the first migration is written
            SQLModel.metadata.create_all(database.engine)
        else:
            migrate.upgrade_engine(database.engine)
    finally:
        database.dispose()


def _empty(url: str) -> None:
    """Deletes the few rows that a test left, those first that refer to others: to truncate costs each of the eighty
    tables a new file, empty or not. The ledger, which lets nobody delete, is truncated, and all where there are many.
    """
    engine = create_engine(url, poolclass=NullPool)
    names = [table.name for table in reversed(SQLModel.metadata.sorted_tables)]
    count = "SELECT '{0}', count(*) FROM (SELECT FROM \"{0}\" LIMIT 1001) AS rows"
    with engine.begin() as connection:
        counted = connection.execute(text(" UNION ALL ".join(count.format(name) for name in names))).all()
        filled = {name: rows for name, rows in counted if rows}
        if any(rows > 1000 for rows in filled.values()):
            connection.execute(text("TRUNCATE " + ", ".join(f'"{name}"' for name in filled) + " CASCADE"))
            return
        for name in filter(filled.get, names):
            how = "TRUNCATE" if name == LedgerEntry.__tablename__ else "DELETE FROM"
            connection.execute(text(f'{how} "{name}"'))
