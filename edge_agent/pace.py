"""When the next picture of a live camera is due: by the server's schedule, with jitter, and at once for a roll call."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from edge_agent.frames import NORMAL, ROLL_CALL
from service.contracts import RollCallOut

ROLL_CALL_SECONDS = 20.0
"""While a roll call is open a picture is taken this often: faces turn, and one good look is enough."""


class Pace:
    """Shared by the thread that hears the server and the thread that takes pictures."""

    def __init__(self, cadence_seconds: float, rng: random.Random | None = None) -> None:
        """`cadence_seconds` holds until the server says otherwise. 0: every picture."""
        self._cadence = cadence_seconds
        self._jitter = 0.0
        self._rng = rng or random.Random()  # noqa: S311
        self._open_until: dict[str, datetime] = {}
        self._commands: list[tuple[str, tuple[Literal["dark", "bright"], ...]]] = []
        self._summoned = threading.Event()
        self._taken = threading.Event()
        self._lock = threading.Lock()

    @property
    def cadence_seconds(self) -> float:
        """Between two pictures, without jitter."""
        return self._cadence

    def obey(self, cadence_seconds: float, jitter_seconds: float, roll_calls: Iterable[RollCallOut]) -> None:
        """What the server wants from now on. A roll call that was not open before summons a picture at once."""
        with self._lock:
            faster = cadence_seconds < self._cadence
            self._cadence, self._jitter = cadence_seconds, min(jitter_seconds, cadence_seconds / 2)
            calls = tuple(roll_calls)
            now_open = {call.roll_call_id: call.closes_at for call in calls}
            new = now_open.keys() - self._open_until.keys()
            self._commands += [
                (call.roll_call_id, call.command) for call in calls if call.command and call.roll_call_id in new
            ]
            self._open_until = now_open
            if new or faster:
                self._summoned.set()

    def pause(self, now: datetime) -> float:
        """Seconds to the next picture."""
        with self._lock:
            seconds = self._cadence + (self._rng.uniform(-self._jitter, self._jitter) if self._jitter else 0.0)
            return min(seconds, ROLL_CALL_SECONDS) if self._in_roll_call(now) else seconds

    def priority(self, now: datetime) -> int:
        """Of a picture taken now."""
        with self._lock:
            return ROLL_CALL if self._in_roll_call(now) else NORMAL

    def took(self) -> None:
        """A picture was taken."""
        self._taken.set()

    def summon_and_wait(self, seconds: float, stop: threading.Event) -> None:
        """A picture is wanted at once: returns when one was taken, after `seconds`, or when stopped."""
        self._taken.clear()
        self._summoned.set()
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0 and not self._taken.wait(min(left, 0.1)):
            pass

    def commanded(self) -> tuple[str, tuple[Literal["dark", "bright"], ...]] | None:
        """A roll call and the change in the picture that it commands, once; none when there is no new one."""
        with self._lock:
            return self._commands.pop(0) if self._commands else None

    def summoned(self) -> bool:
        """Whether a picture is wanted at once; asking takes the summons."""
        if self._summoned.is_set():
            self._summoned.clear()
            return True
        return False

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait so long, but not beyond a summons, and not beyond `stop` by more than a quarter of a second."""
        left = timedelta(seconds=seconds).total_seconds()
        while left > 0 and not stop.is_set():
            step = min(left, 0.25)
            if self._summoned.wait(step):
                return
            left -= step

    def _in_roll_call(self, now: datetime) -> bool:
        return any(until > now for until in self._open_until.values())
