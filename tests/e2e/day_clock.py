"""A day that passes in about a minute: the true time of the simulated day, and the device's wrong idea of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DRIFT = 90.0 / 86_400.0


class DayClock:
    """True time. From `begun` (seconds since 1970) on it runs `rate` times as fast as ours; until then like ours.

    The processes start before their day begins; the file says when that is, and is read again when it changes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = 0
        self._begun, self.rate = 0.0, 1.0

    def set(self, begun: float, rate: float) -> None:
        pending = self._path.with_suffix(".new")
        pending.write_text(json.dumps([begun, rate]))
        pending.replace(self._path)

    def now(self) -> datetime:
        mark = self._path.stat().st_mtime_ns
        if mark != self._mark:
            self._begun, self.rate = json.loads(self._path.read_text())
            self._mark = mark
        since = time.time() - self._begun
        return MIDNIGHT + timedelta(seconds=since * (self.rate if since > 0 else 1.0))

    def seconds(self) -> float:
        return (self.now() - MIDNIGHT).total_seconds()


class DeviceWall:
    """A device's wall clock: it gains 90 s a day, and jumps when the control file says so."""

    def __init__(self, day: DayClock, control: Path) -> None:
        self._day = day
        self._control = control

    def now(self) -> datetime:
        true = self._day.now()
        return true + (true - MIDNIGHT) * DRIFT + timedelta(seconds=float(read_control(self._control).get("jump", 0)))


def read_control(path: Path) -> dict[str, float]:
    for _ in range(3):
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError):
            time.sleep(0.005)  # it is being replaced at this moment
            continue
        return dict(document)
    return {}


def write_control(path: Path, **values: float) -> None:
    pending = path.with_suffix(".new")
    pending.write_text(json.dumps({**read_control(path), **values}) if path.exists() else json.dumps(values))
    pending.replace(path)
