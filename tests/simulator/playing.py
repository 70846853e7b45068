"""A scenario played from its first to its last instant, against a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlmodel import Session

from service.app import create_app
from service.cli.simulate import credentials_for
from service.platform import migrate
from service.platform.context import open_context
from service.platform.settings import Settings
from service.simulator import RunReport, StudioSetup
from service.simulator.drive import Driver
from tests.serving import serving
from tests.simulator.conftest import PACK, ROOT


@contextmanager
def played(folder: Path, setup: StudioSetup, matching: str, **overrides: Any) -> Iterator[tuple[RunReport, Session]]:
    """The driver's report, and what the server knows at the end. `folder` is made."""
    (folder / "data").mkdir(parents=True)
    settings = Settings(
        _env_file=None, data_dir=folder / "data", models_dir=ROOT / "models", worker_threads=1, log_level="error",
        **overrides,
    )  # fmt: skip
    migrate.upgrade(settings)
    context = open_context(settings)
    try:
        credentials = credentials_for(context, setup.scenario, matching=matching)
        with serving(create_app(settings)) as address:
            driver = Driver(setup, address, credentials, folder / "cameras", PACK)
            try:
                report = driver.run(lambda _advance: None)
            finally:
                driver.close()
        with context.database.reading() as session:
            yield report, session
    finally:
        context.close()
