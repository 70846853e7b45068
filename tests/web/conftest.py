"""One installation with a story in it, shared by the tests of pages: they only read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.platform import migrate
from service.platform.context import open_context
from service.platform.settings import Settings
from tests.web.scene import Scene, play

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene in its own SQLite installation: the other tests empty the database that they share."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path_factory.mktemp("scene"),
        models_dir=ROOT / "models",
        worker_threads=0,
        log_level="warning",
    )
    context = open_context(settings)
    migrate.upgrade_engine(context.database.engine)
    app = create_app(context)
    with TestClient(app):  # starts the application, which then knows its installation
        yield play(app, context)
    context.close()
