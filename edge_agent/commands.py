"""Obeys the change in the picture that a roll call commands, by a program that knows the camera (`--exposure-hook`)."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from edge_agent.device_clock import DeviceClock
from edge_agent.logs import log
from edge_agent.pace import Pace
from service.contracts import CommandStep, PictureCommandReport
from service.contracts.picture_commands import Level

COMMANDS_PATH = "/api/v1/picture-commands"
SETTLE_SECONDS = 1.0
"""From the program's end until the camera shows the change."""
HOLD_SECONDS = 6.0
"""A stream that is opened for each picture needs so long to give one."""
HOOK_SECONDS = 10.0
_TRIES = 5


class Commander:
    """One thread's work: `run` until stopped."""

    def __init__(
        self,
        hook: Path | None,
        server: str,
        auth: Callable[[], httpx.Auth],
        clock: DeviceClock,
        pace: Pace,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        """`hook`: called with `dark`, `bright` and, at the end, `normal`; none: the box says that it cannot."""
        self._hook, self._server, self._auth, self._clock, self._pace = hook, server, auth, clock, pace
        self._settle, self._hold = settle_seconds, hold_seconds

    def run(self, stop: threading.Event, open_client: Callable[[], httpx.Client]) -> None:
        """Obey each new command and say so; what cannot be said after some tries is left: the roll call is over."""
        with open_client() as client:
            while not stop.wait(0.25):
                wanted = self._pace.commanded()
                if wanted is not None:
                    report = self.obey(*wanted, stop)
                    self._tell(client, report, stop)

    def obey(self, roll_call_id: str, steps: tuple[Level, ...], stop: threading.Event) -> PictureCommandReport:
        """Changes the picture as commanded, one picture at least in each step."""
        if self._hook is None:
            return PictureCommandReport(roll_call_id=roll_call_id, outcome="unsupported")
        done: list[CommandStep] = []
        try:
            for level in steps:
                if stop.is_set() or not self._call(level):
                    return PictureCommandReport(roll_call_id=roll_call_id, outcome="failed")
                stop.wait(self._settle)
                since = self._clock.server_now()
                self._pace.summon()
                stop.wait(self._hold)
                done.append(CommandStep(level=level, since=since, until=self._clock.server_now()))
        finally:
            self._call("normal")
        return PictureCommandReport(roll_call_id=roll_call_id, outcome="applied", steps=tuple(done))

    def _call(self, level: str) -> bool:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, a list, no shell
                [str(self._hook), level],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=HOOK_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log(logging.WARNING, "the exposure hook fails", error=type(error).__name__)
            return False
        if done.returncode:
            log(logging.WARNING, "the exposure hook fails", status=done.returncode)
        return done.returncode == 0

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
            if stop.wait(5.0):
                return
