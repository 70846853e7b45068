"""The device's talk with the server apart from pictures: heartbeats, the server's clock and nonce, and the schedule."""

from __future__ import annotations

import importlib.metadata
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

from edge_agent.backoff import Backoff
from edge_agent.device_clock import DeviceClock
from edge_agent.logs import log, one_line
from edge_agent.pace import Pace
from edge_agent.spool import Spool
from edge_agent.spool_report import read_status
from service.contracts import DeviceConfig, Heartbeat, HeartbeatAccepted, read_message
from service.kit.errors import WardwatchError

HEARTBEAT_PATH = "/api/v1/heartbeats"
CONFIG_PATH = "/api/v1/devices/me/config"
_TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")


@dataclass(frozen=True, slots=True)
class PulseOptions:
    """`server`: scheme, host and port. Seconds between two heartbeats, and between two looks at the schedule."""

    server: str
    camera: str
    heartbeat_seconds: float = 60.0
    config_seconds: float = 5.0


class Pulse:
    """One thread's work. What fails is tried again; pictures never wait for it."""

    def __init__(
        self,
        spool: Spool,
        client: httpx.Client,
        auth: Callable[[], httpx.Auth],
        options: PulseOptions,
        clock: DeviceClock,
        pace: Pace,
        stop: threading.Event,
    ) -> None:
        """`auth`: how to sign or what token to carry, asked for at each request."""
        self._spool = spool
        self._client = client
        self._auth = auth
        self._options = options
        self._clock = clock
        self._pace = pace
        self._stop = stop
        self._etag = ""
        self._backoff = Backoff(1.0, 30.0, random.Random())  # noqa: S311
        self._state = ""

    def run(self) -> None:
        """Talk until `stop` is set."""
        next_beat = 0.0
        with self._client:
            while not self._stop.is_set():
                try:
                    if time.monotonic() >= next_beat:
                        self.beat()
                        next_beat = time.monotonic() + self._options.heartbeat_seconds
                    self.look()
                    self._backoff.reset()
                    self._say("heard")
                    self._stop.wait(self._options.config_seconds)
                except (httpx.HTTPError, httpx.InvalidURL, WardwatchError, sqlite3.Error, OSError) as error:
                    self._say(one_line(f"{type(error).__name__}: {error}"))
                    self._stop.wait(self._backoff.next())

    def beat(self) -> None:
        """One heartbeat; learns the server's clock and nonce. Raises `httpx.HTTPError` or `WardwatchError`."""
        beat = self._measure()
        before = self._clock.monotonic()
        response = self._client.post(
            self._options.server + HEARTBEAT_PATH,
            content=beat.model_dump_json(exclude_none=True),
            headers={"Content-Type": "application/json"},
            auth=self._auth(),
        )
        after = self._clock.monotonic()
        response.raise_for_status()
        answer = read_message(HeartbeatAccepted, response.content)
        self._clock.heard(answer.server_time, (before + after) / 2, (after - before) / 2)
        if answer.nonce:
            self._spool.set_nonce(answer.nonce)
        offset = self._clock.offset()
        self._spool.note("clock", f"{(offset or timedelta(0)).total_seconds():+.1f} s behind the server")

    def look(self) -> None:
        """Fetch the schedule if it changed. Raises `httpx.HTTPError` or `WardwatchError`."""
        response = self._client.get(
            self._options.server + CONFIG_PATH,
            headers={"If-None-Match": self._etag} if self._etag else {},
            auth=self._auth(),
        )
        if response.status_code == 304:
            return
        response.raise_for_status()
        config = read_message(DeviceConfig, response.content)
        self._pace.obey(config.cadence_seconds, config.jitter_seconds, config.roll_calls)
        self._etag = response.headers.get("etag", "")
        calls = f", {len(config.roll_calls)} roll calls open" if config.roll_calls else ""
        self._spool.note("schedule", f"a picture every {config.cadence_seconds} s{calls}")
        log(logging.INFO, "schedule", camera=self._options.camera, cadence_s=config.cadence_seconds)

    def _measure(self) -> Heartbeat:
        found = [item for item in read_status(self._spool.path, self._options.camera)]
        counters = found[0].counters if found else {}
        return Heartbeat(
            camera_id=self._options.camera,
            clock=self._clock.now(),
            spool_depth=found[0].waiting if found else 0,
            refused=found[0].refused if found else 0,
            dropped={name[8:][:64]: value for name, value in counters.items() if name.startswith("dropped.")},
            versions=versions(),
            clock_offset_ms=self._clock.offset_ms(),
            temperature_c=temperature(),
            captured=counters.get("captured", 0),
            camera_away=counters.get("camera_away", 0),
            oldest_waiting_at=found[0].oldest_waiting_at if found else None,
        )

    def _say(self, state: str) -> None:
        if state != self._state:
            with suppress(sqlite3.Error, WardwatchError):
                self._spool.note("server", state)
                self._state = state
            log(logging.INFO if state == "heard" else logging.WARNING, "server", state=state)


def versions() -> dict[str, str]:
    """What runs here."""
    try:
        return {"wardwatch": importlib.metadata.version("wardwatch")[:64]}
    except importlib.metadata.PackageNotFoundError:
        return {}


def temperature() -> float | None:
    """Of the box, degrees Celsius, where it tells."""
    try:
        degrees = int(_TEMPERATURE.read_text(encoding="ascii")) / 1000.0
    except (OSError, ValueError):
        return None
    return degrees if -60.0 <= degrees <= 150.0 else None
