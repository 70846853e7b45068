"""Whether the process can do its work: the database takes writes, the disk has room, the models infer."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from service.enrolment import opened_pack
from service.platform.context import Context
from service.platform.tables import Job
from service.vision import BedState, Frame, Gallery, ReadingPolicy, Zone, analyse_frame

# Below this an installation has minutes left: a ward camera sends some 60 MB an hour.
MIN_FREE_BYTES = 256 * 1024 * 1024
_READY_SECONDS = 10.0
_UNREADY_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe and whether it went well. Causes are in the log: the answer is public."""

    name: str
    ok: bool


class InferenceOff(Exception):
    """The models run and answer nonsense."""


class Readiness:
    """Runs the probes, and keeps their answer for some seconds so that nobody can make the server busy with them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._results: tuple[ProbeResult, ...] = ()
        self._good_until = 0.0

    def check(self) -> tuple[ProbeResult, ...]:
        """The probes' results, at most ten seconds old (one second when something was wrong)."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._results = tuple(self._run(name, probe) for name, probe in _PROBES)
                ready = all(result.ok for result in self._results)
                self._good_until = time.monotonic() + (_READY_SECONDS if ready else _UNREADY_SECONDS)
            return self._results

    def _run(self, name: str, probe: Callable[[Context], None]) -> ProbeResult:
        try:
            probe(self._context)
        except Exception as error:
            # The class and our own words only: a library's message may quote a path or an address.
            _log.warning("not ready", extra={"probe": name, "cause": f"{type(error).__name__}: {error}"})
            return ProbeResult(name, False)
        return ProbeResult(name, True)


class _RolledBack(Exception):
    """Ends the probe's transaction without a trace."""


def database_takes_writes(context: Context) -> None:
    """Writes a row and rolls it back."""
    try:
        with context.database.transaction() as session:
            now = context.clock.now()
            session.add(Job(kind="probe", state="done", run_after=now, created_at=now))
            session.flush()
            raise _RolledBack
    except _RolledBack:
        return


def disk_has_room(context: Context) -> None:
    """Writes a small file to the data folder and looks at the free space."""
    probe = context.settings.data_dir / ".probe"
    probe.write_bytes(b"probe")
    probe.unlink()
    free = shutil.disk_usage(context.settings.data_dir).free
    if free < MIN_FREE_BYTES:
        raise OSError(f"only {free // 1024 // 1024} MiB are free")


def models_infer(context: Context) -> None:
    """Analyses a synthetic picture with the installation's pack, and checks that nobody is found in it."""
    pack = opened_pack(context)
    gallery = Gallery(keys=(), vectors=np.zeros((0, pack.embedding_dimension), np.float32))
    analysis = analyse_frame(_picture(), [_zone()], {}, gallery, pack, ReadingPolicy())
    if [reading.state for reading in analysis.readings] != [BedState.EMPTY]:
        raise InferenceOff(f"the models see {analysis.readings[0].state} on a chequerboard")


@lru_cache(maxsize=1)
def _picture() -> Frame:
    # A chequerboard: light and sharp enough to count as a view, and like nobody.
    rows, columns = np.mgrid[0:360, 0:640]
    grey = (110 + 50 * ((rows // 40 + columns // 40) % 2)).astype(np.uint8)
    return Frame(np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2)))


def _zone() -> Zone:
    corners = np.array([[0.05, 0.05], [0.95, 0.05], [0.95, 0.95], [0.05, 0.95]], np.float32)
    return Zone("readiness", corners, 0)


_PROBES: tuple[tuple[str, Callable[[Context], None]], ...] = (
    ("database", database_takes_writes),
    ("disk", disk_has_room),
    ("inference", models_infer),
)
