"""Obeys the change in the picture that a roll call commands (`--exposure-hook`, `--onvif`), and says so."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from edge_agent.device_clock import DeviceClock
from edge_agent.exposure import Changer, Unfinished
from edge_agent.logs import log
from edge_agent.pace import Pace
from service.contracts import CommandStep, PictureCommandReport
from service.contracts.picture_commands import Level

ABILITY = "exposure"
"""Under which the heartbeat's `versions` say by what the picture is changed."""
COMMANDS_PATH = "/api/v1/picture-commands"
SETTLE_SECONDS = 1.0
"""From the change until the camera shows it."""
HOLD_SECONDS = 6.0
"""At most: a stream that is opened for each picture needs so long to give one."""
RESTORE_AGAIN_SECONDS = 30.0
PROBE_AGAIN_SECONDS = 300.0
_TRIES, _TRY_AGAIN_SECONDS = 60, 5.0
"""For five minutes: silence is held against a box, a line that is down for a minute must not be."""


class Commander:
    """One thread's work: `run` until stopped."""

    def __init__(
        self,
        changer: Changer | None,
        server: str,
        auth: Callable[[], httpx.Auth],
        clock: DeviceClock,
        pace: Pace,
        *,
        unfinished: Path | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        """`changer`: what changes the camera's picture; none: the box says that it cannot. `unfinished`: the file that
        remembers a change under way."""
        self._changer, self._server, self._auth, self._clock, self._pace = changer, server, auth, clock, pace
        self._unfinished = Unfinished(unfinished) if unfinished is not None else None
        self._settle, self._hold = settle_seconds, hold_seconds
        self._mend_at = self._probe_at = 0.0

    @property
    def ability(self) -> str:
        """What the heartbeat says: hook, onvif, or none."""
        return self._changer.ability if self._changer is not None else "none"

    def run(self, stop: threading.Event, open_client: Callable[[], httpx.Client]) -> None:
        """Obey each new command and say so; what cannot be said after some tries is left: the roll call is over."""
        with open_client() as client:
            while not stop.wait(0.25):
                self._put_back()
                wanted = self._pace.commanded()
                if wanted is not None:
                    report = self.obey(*wanted, stop)
                    self._tell(client, report, stop)
                else:
                    self._probe()

    def obey(self, roll_call_id: str, steps: tuple[Level, ...], stop: threading.Event) -> PictureCommandReport:
        """Changes the picture as commanded, one picture at least in each step."""
        state = self._changer.prepare() if self._changer is not None else None
        if self._changer is None or state is None:
            outcome = "failed" if self.ability != "none" else "unsupported"  # it could before
            return PictureCommandReport(roll_call_id=roll_call_id, outcome=outcome)
        if self._unfinished is not None and not self._unfinished.begin(state):
            return PictureCommandReport(roll_call_id=roll_call_id, outcome="failed")
        done: list[CommandStep] = []
        try:
            for level in steps:
                if stop.is_set() or not self._changer.change(level):
                    return PictureCommandReport(roll_call_id=roll_call_id, outcome="failed")
                stop.wait(self._settle)
                since = self._clock.server_now()
                self._pace.summon_and_wait(self._hold, stop)
                stop.wait(self._settle)  # one that was under way may have been taken before the change
                done.append(CommandStep(level=level, since=since, until=self._clock.server_now()))
        finally:
            if self._changer.restore(state) and self._unfinished is not None:
                self._unfinished.end()
        return PictureCommandReport(roll_call_id=roll_call_id, outcome="applied", steps=tuple(done))

    def _put_back(self) -> None:
        """A camera that an agent left changed, killed or refused, is put back as soon as it answers."""
        if self._unfinished is None or self._changer is None or time.monotonic() < self._mend_at:
            return
        self._mend_at = time.monotonic() + RESTORE_AGAIN_SECONDS
        state = self._unfinished.state()
        if state is not None and self._changer.restore(state):
            self._unfinished.end()
            log(logging.INFO, "the camera's picture is put back")

    def _probe(self) -> None:
        """Learn what the camera can, before it is asked: the heartbeat says it."""
        if self._changer is not None and self.ability == "none" and time.monotonic() >= self._probe_at:
            self._probe_at = time.monotonic() + PROBE_AGAIN_SECONDS
            self._changer.prepare()

    def _tell(self, client: httpx.Client, report: PictureCommandReport, stop: threading.Event) -> None:
        for _ in range(_TRIES):
            try:
                answer = client.post(
                    self._server + COMMANDS_PATH,
                    content=report.model_dump_json(),
                    headers={"Content-Type": "application/json"},
                    auth=self._auth(),
                )
                if answer.status_code < 500:
                    log(logging.INFO, "commanded change", outcome=report.outcome, status=answer.status_code)
                    return
            except (httpx.HTTPError, OSError) as error:
                log(logging.WARNING, "the server cannot be told of the change", error=type(error).__name__)
            if stop.wait(_TRY_AGAIN_SECONDS):
                return
            self._put_back()
