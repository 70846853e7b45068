"""The device's clock and what it knows of the server's: a wall clock that jumps or drifts moves no picture in time."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from edge_agent.frames import CapturedFrame, Stamp
from service.kit.clock import Clock, system_clock, utc

RATE_SPAN_SECONDS = 1800.0
"""Two measurements so far apart tell how fast the steady clock runs: the error of each, some 0.1 s, is then 0.01%."""
RATE_MAX = 0.005
"""Quartz drifts by 0.01%, a broken box by 0.1% (90 s a day). More is a mistake of the measurement."""


JUST_NOW = timedelta(seconds=60)
GOOD_SECONDS = 0.5
"""A measurement as good as this is always taken."""
AGEING = 0.001
"""What is known of the server's time becomes worse by so many seconds a second: the drift of a bad quartz."""


class DeviceClock:
    """The wall clock (`now`), and the server's time by the steady clock since it was last heard (`server_now`)."""

    def __init__(self, clock: Clock = system_clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._first: tuple[datetime, float] | None = None
        self._last: tuple[datetime, float] | None = None
        self._rate = 1.0
        self._error = 0.0
        self.run = secrets.token_hex(8)

    def now(self) -> datetime:
        """What the device's own clock reads."""
        return utc(self._clock.now())

    def monotonic(self) -> float:
        """The steady clock, seconds."""
        return self._monotonic()

    def heard(self, server_time: datetime, at: float | None = None, error_seconds: float | None = None) -> None:
        """The server's clock read `server_time` at `at` of the steady clock (now, if not given).

        `error_seconds`: half the time that question and answer took. A measurement worse than what is known already,
        aged since, is passed over; one without an error never is.
        """
        moment = self._monotonic() if at is None else at
        with self._lock:
            if self._last is not None and error_seconds is not None:
                aged = self._error + (moment - self._last[1]) * AGEING
                if error_seconds > max(aged, GOOD_SECONDS):
                    return
            self._error = error_seconds or 0.0
            if self._last is not None and abs((server_time - self._at(moment)).total_seconds()) > 60.0:
                self._first = None  # one of the clocks was set: what was learned of their rate is void
            self._last = (utc(server_time), moment)
            if self._first is None:
                self._first, self._rate = self._last, 1.0
            span = moment - self._first[1]
            if span >= RATE_SPAN_SECONDS:
                rate = (self._last[0] - self._first[0]).total_seconds() / span
                self._rate = rate if abs(rate - 1.0) <= RATE_MAX else 1.0

    def server_now(self) -> datetime:
        """The server's time as well as it is known; the device's own before the first contact."""
        with self._lock:
            return self.now() if self._last is None else self._at(self._monotonic())

    def offset(self) -> timedelta | None:
        """The server's time minus the device's; none before the first contact."""
        with self._lock:
            return None if self._last is None else self._at(self._monotonic()) - self.now()

    def offset_ms(self) -> int | None:
        """The same, in whole milliseconds."""
        offset = self.offset()
        return None if offset is None else round(offset.total_seconds() * 1000)

    def stamp(self) -> Stamp:
        """For a picture that is taken now."""
        return Stamp(self.offset_ms(), self.run, self._monotonic())

    def stamped(self, frame: CapturedFrame) -> CapturedFrame:
        """A picture that was taken just now, with its stamp; both by one and the same setting of the wall clock.

        Between the camera and here pass milliseconds. Where more than `JUST_NOW` lies between, the clock was set in
        them: the picture's instant and the offset would then belong to two different clocks.
        """
        for _ in range(5):
            before, stamp = self.now(), self.stamp()
            if abs(self.now() - before) <= JUST_NOW:
                break
        if abs(before - frame.captured_at) > JUST_NOW:
            return replace(frame, captured_at=before, stamp=stamp)
        return replace(frame, stamp=stamp)

    def offset_of(self, stamp: Stamp, captured_at: datetime) -> int | None:
        """The offset of a picture in milliseconds: as known when it was taken, or as learned later.

        Learned in the same run it is exact; after a restart it is what the wall clock is off by now.
        """
        if stamp.offset_ms is not None:
            return stamp.offset_ms
        if stamp.run != self.run:
            return self.offset_ms()
        with self._lock:
            if self._last is None:
                return None
            return round((self._at(stamp.monotonic) - captured_at).total_seconds() * 1000)

    def _at(self, moment: float) -> datetime:
        if self._last is None:
            raise RuntimeError("the server was never heard")
        return self._last[0] + timedelta(seconds=(moment - self._last[1]) * self._rate)


class ServerClock:
    """The device's knowledge of the server's time, as a clock: signatures are dated by it."""

    def __init__(self, clock: DeviceClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The server's time, as well as it is known."""
        return self._clock.server_now()
