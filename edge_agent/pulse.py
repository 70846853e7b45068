"""The device's talk with the server apart from pictures: heartbeats, the server's clock and nonce, and the schedule."""

from __future__ import annotations

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
from edge_agent.dialect import STATEMENTS, Dialect
from edge_agent.logs import log, one_line
from edge_agent.pace import Pace
from edge_agent.spool import Spool
from edge_agent.spool_report import read_status
from edge_agent.update.bundle import base_version, platform
from edge_agent.update.fetch import Updater
from edge_agent.update.health import ACCEPTED, CONFIG, Proof
from service.contracts import DeviceConfig, Heartbeat, HeartbeatAccepted, LateStatements, read_message
from service.contracts.releases import ReleaseOffer
from service.kit.errors import WardwatchError

HEARTBEAT_PATH = "/api/v1/heartbeats"
CONFIG_PATH = "/api/v1/devices/me/config"
STATEMENTS_PATH = "/api/v1/snapshots/statements"
REPAY_AGAIN_SECONDS = 300.0
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
        *,
        proof: Proof | None = None,
        updater: Updater | None = None,
        dialect: Dialect | None = None,
        abilities: Callable[[], dict[str, str]] = dict,
    ) -> None:
        """`auth`: how to sign or what token to carry, asked for at each request. `proof` hears what went well,
        `updater` what versions the server offers, `dialect` what it understands; `abilities` go along with
        the versions of each heartbeat."""
        self._spool = spool
        self._client = client
        self._auth = auth
        self._options = options
        self._clock = clock
        self._pace = pace
        self._stop = stop
        self._proof = proof or Proof()
        self._updater = updater
        self._dialect = dialect or Dialect()
        self._abilities = abilities
        self._repay_after = 0.0
        self._offers: tuple[ReleaseOffer, ...] = ()
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
                    if self._updater is not None:
                        self._updater.hear(self._offers)
                    self._repay()
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
            content=beat.model_dump_json(exclude_none=True, exclude=set(self._dialect.without("heartbeat"))),
            headers={"Content-Type": "application/json"},
            auth=self._auth(),
        )
        after = self._clock.monotonic()
        self._dialect.learn("heartbeat", response.status_code, response.content)
        response.raise_for_status()
        answer = read_message(HeartbeatAccepted, response.content)
        self._proof.saw(ACCEPTED)
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
        self._offers = config.updates
        self._dialect.hear(config.accepts)
        self._proof.saw(CONFIG)
        calls = f", {len(config.roll_calls)} roll calls open" if config.roll_calls else ""
        self._spool.note("schedule", f"a picture every {config.cadence_seconds} s{calls}")
        log(logging.INFO, "schedule", camera=self._options.camera, cadence_s=config.cadence_seconds)

    def _repay(self) -> None:
        """Hand in the statements that an older server did not take with their pictures."""
        if not self._dialect.accepts(STATEMENTS) or time.monotonic() < self._repay_after:
            return
        while (owed := self._spool.owed()) and not self._stop.is_set():
            body = LateStatements(camera_id=self._options.camera, statements=owed)
            response = self._client.post(
                self._options.server + STATEMENTS_PATH,
                content=body.model_dump_json(exclude_none=True),
                headers={"Content-Type": "application/json"},
                auth=self._auth(),
            )
            if response.is_error:
                self._repay_after = time.monotonic() + REPAY_AGAIN_SECONDS
                log(logging.WARNING, "the server does not take statements now", status=response.status_code)
                return
            self._spool.repaid(owed[-1].sequence)

    def _measure(self) -> Heartbeat:
        found = [item for item in read_status(self._spool.path, self._options.camera)]
        counters = found[0].counters if found else {}
        return Heartbeat(
            camera_id=self._options.camera,
            clock=self._clock.now(),
            spool_depth=found[0].waiting if found else 0,
            refused=found[0].refused if found else 0,
            dropped={name[8:][:64]: value for name, value in counters.items() if name.startswith("dropped.")},
            versions=versions(self._updater) | self._abilities(),
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


def versions(updater: Updater | None = None) -> dict[str, str]:
    """What runs here, for what platform, and what became of the last update."""
    report = updater.report() if updater is not None else ""
    told = {"wardwatch": base_version(), "platform": platform(), "update": report}
    return {name: value[:64] for name, value in told.items() if value}


def temperature() -> float | None:
    """Of the box, degrees Celsius, where it tells."""
    try:
        degrees = int(_TEMPERATURE.read_text(encoding="ascii")) / 1000.0
    except (OSError, ValueError):
        return None
    return degrees if -60.0 <= degrees <= 150.0 else None
