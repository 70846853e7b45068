"""The real agent, with a camera that shows one picture each five minutes of the simulated day, and a wrong clock."""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from PIL import Image

from edge_agent import signing
from edge_agent.agent import Agent
from edge_agent.device_clock import DeviceClock
from edge_agent.frames import CapturedFrame
from edge_agent.logs import configure
from edge_agent.settings import AgentSettings
from edge_agent.sources.base import Count
from tests.e2e.day_clock import DRIFT, MIDNIGHT, DayClock, DeviceWall, read_control

SLOT = timedelta(minutes=5)
SLOTS = 288


class DayCamera:
    """A live camera. What it showed, and what the spool then had, is written down for the test."""

    keeps = False

    def __init__(self, folder: Path, day: DayClock, wall: DeviceWall, count: Count) -> None:
        self._day, self._wall, self._count = day, wall, count
        self._control = folder / "control.json"
        self._offered = (folder / "offered.log").open("a")
        self._safe = (folder / "safe.log").open("a")

    def frames(self, stop: threading.Event) -> Iterator[CapturedFrame]:
        slot = max(0, self._slot() + 1)
        while slot < SLOTS and not stop.is_set():
            wait = (MIDNIGHT + slot * SLOT - self._day.now()).total_seconds() / self._day.rate
            if wait > 0:
                stop.wait(min(wait, 0.2))
                continue
            if read_control(self._control).get("away"):
                self._count("camera_away")
            else:
                data, at = picture(slot), self._day.now()
                self._write(self._offered, slot, data, at.isoformat())
                yield CapturedFrame(data, self._wall.now())
            slot = max(slot, self._slot()) + 1
        stop.wait()

    def done_with(self, frame: CapturedFrame) -> None:
        self._write(self._safe, -1, frame.data, "")

    def close(self) -> None:
        self._safe.close()

    def _slot(self) -> int:
        return int((self._day.now() - MIDNIGHT) / SLOT)

    def _write(self, file: io.TextIOWrapper, slot: int, data: bytes, at: str) -> None:
        os.write(file.fileno(), f"{hashlib.sha256(data).hexdigest()} {slot} {at}\n".encode())


def picture(slot: int) -> bytes:
    """A JPEG of some 30 kB, another one for each slot."""
    buffer = io.BytesIO()
    Image.frombytes("L", (240, 180), random.Random(slot).randbytes(240 * 180)).save(buffer, "JPEG")
    return buffer.getvalue()


def _break_the_disk(control: Path, spool: Path) -> None:
    """At the system calls. `disk_full`: while the control file says so, no file of this process may grow.

    `die_in_write`: the next write to the spool's log stops inside a page, and the system ends the process right there.
    """
    log, state = spool.with_name(spool.name + "-wal"), 0.0
    while True:
        asked = read_control(control)
        wanted = asked.get("disk_full", 0.0) + 2 * asked.get("die_in_write", 0.0)
        if wanted != state:
            state = wanted
            limit = {0.0: resource.RLIM_INFINITY, 1.0: log.stat().st_size // 2}.get(state, _end_of_log(log) + 12_000)
            if state == 2.0:
                ctypes.CDLL(None).signal(signal.SIGXFSZ, 0)  # SIG_DFL; Python's own `signal` wants the main thread
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        time.sleep(0.02)


def _end_of_log(log: Path) -> int:
    """Where SQLite writes next: behind the last frame with the salts of the head (sqlite.org/fileformat2, 4.1)."""
    data = log.read_bytes()
    page = int.from_bytes(data[8:12])
    at = 32
    while data[at + 8 : at + 16] == data[16:24]:
        at += 24 + page
    return at


def main() -> None:
    folder = Path(sys.argv[1])
    settings = AgentSettings.model_validate(json.loads((folder / "agent.json").read_text()))
    day = DayClock(folder / "day.json")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signing.LIFE = timedelta(hours=1)  # 3 real seconds
    configure("json")
    wall = DeviceWall(day, folder / "control.json")
    clock = DeviceClock(wall, lambda: day.seconds() * (1.0 + DRIFT))
    agent = Agent(settings, clock, lambda *given: DayCamera(folder, day, wall, given[3]))
    signal.signal(signal.SIGTERM, lambda *_: agent.stop())
    threading.Thread(target=_break_the_disk, args=(folder / "control.json", settings.spool), daemon=True).start()
    agent.run()


if __name__ == "__main__":
    main()
