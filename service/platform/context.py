"""What a process needs to serve: settings, database, blobs, keys and clock, opened once and passed on."""

from __future__ import annotations

from dataclasses import dataclass

from service.kit.clock import Clock, system_clock
from service.platform.blobs import BlobStore
from service.platform.crypto import KeyRing
from service.platform.database import Database
from service.platform.schema import load_tables
from service.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The process's surroundings. Nothing else reads settings, opens files or asks for the time."""

    settings: Settings
    database: Database
    blobs: BlobStore
    keys: KeyRing
    clock: Clock

    def close(self) -> None:
        """Closes the database's connections."""
        self.database.dispose()


def open_context(settings: Settings, clock: Clock = system_clock) -> Context:
    """Opens an installation: the data folder and its first key are made when they are missing."""
    load_tables()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = KeyRing.load_or_create(settings.data_dir / "keys")
    blobs = BlobStore(settings.data_dir / "blobs", keys)
    return Context(settings, Database(settings.resolved_database_url()), blobs, keys, clock)
