"""A camera that shows the present: USB, or a stream by RTSP or HTTP. One that is away is tried again for ever."""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.backoff import Backoff
from edge_agent.frames import CapturedFrame
from edge_agent.gate import Chooser
from edge_agent.logs import log
from edge_agent.pace import Pace
from edge_agent.sources.base import Count, next_due
from edge_agent.sources.opencv import ONE_THREAD, cv2, encode_jpeg
from service.kit.clock import Clock, system_clock

if TYPE_CHECKING:
    from cv2 import VideoCapture

HOLD_OPEN_BELOW_SECONDS = 10.0
"""Below this cadence a stream stays open and every picture of it is decoded; above, it is opened for each picture:
decoding 25 pictures a second to use one in five minutes costs a small box a whole core."""
WARM_UP_PICTURES = 3
"""Pictures passed over after opening, at least: exposure settles, and a stream may begin between key frames."""
WARM_UP_MAX_SECONDS = 3.0
USUAL_RATE = 25.0
"""Pictures a second, where a camera does not tell."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """`cadence_seconds`: between two pictures. `timeout_seconds`: for opening and for one picture of a stream.

    `look_seconds`: look so often and let the gate choose; none: every picture that is due is sent.
    """

    cadence_seconds: float = 300.0
    quality: int = 90
    timeout_seconds: float = 10.0
    retry_first_seconds: float = 1.0
    retry_max_seconds: float = 60.0
    look_seconds: float | None = None


Opener = Callable[[], "VideoCapture"]


def usb_opener(number: int) -> Opener:
    """Opens the USB camera `number`, with room for one picture so that none is stale."""

    def open_usb() -> VideoCapture:
        capture = cv2.VideoCapture(number)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    return open_usb


def stream_opener(address: str, timeout_seconds: float) -> Opener:
    """Opens a stream with limits on the time that opening and each picture may take."""
    limit = int(timeout_seconds * 1000)

    def open_stream() -> VideoCapture:
        options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit, *ONE_THREAD]
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, options)

    return open_stream


class LiveSource:
    """One picture a cadence, from a camera that comes and goes."""

    keeps = False

    def __init__(
        self,
        opener: Opener,
        shown: str,
        options: LiveOptions,
        count: Count,
        clock: Clock = system_clock,
        pace: Pace | None = None,
    ) -> None:
        """`shown`: how log lines call the camera, without credentials. `pace`: the server's wishes."""
        self._pace = pace or Pace(options.cadence_seconds)
        self._opener = opener
        self._shown = shown
        self._options = options
        self._count = count
        self._clock = clock
        self._chooser = Chooser(self._pace, options.look_seconds, count, clock)
        self._summoned = False
        self._capture: VideoCapture | None = None
        self._backoff = Backoff(options.retry_first_seconds, options.retry_max_seconds, random.Random())  # noqa: S311

    def frames(self, stop: threading.Event) -> Iterator[CapturedFrame]:
        """Pictures until `stop`. What is missed while the camera is away is missed: counted, never made up."""
        due = time.monotonic()
        while not stop.is_set():
            if not self._wait_until(due, stop):
                return
            frame = self._shoot()
            if frame is None:
                self._let_go()
                self._count("camera_away")
                pause = self._backoff.next()
                log(logging.WARNING, "the camera gives no picture", source=self._shown, next_try_s=round(pause, 1))
                self._pace.wait(pause, stop)  # a roll call is no time to wait for the next attempt
                due = time.monotonic()
                continue
            if self._backoff.failures:
                log(logging.INFO, "the camera is back", source=self._shown)
            self._backoff.reset()
            if self._chooser.between >= HOLD_OPEN_BELOW_SECONDS:
                self._let_go()
            if frame.data:
                yield frame
            due = next_due(due, self._pace.cadence_seconds, self._chooser.pause(), self._count)

    def done_with(self, frame: CapturedFrame) -> None:
        """A camera keeps nothing."""

    def close(self) -> None:
        """Let the camera go."""
        self._let_go()

    def _wait_until(self, due: float, stop: threading.Event) -> bool:
        """Wait; meanwhile take in and drop what an open stream sends, or the next picture would be an old one."""
        while not stop.is_set():
            left = due - time.monotonic()
            self._summoned = self._pace.summoned()
            if self._summoned or left <= 0:
                return True
            if self._capture is None:
                self._pace.wait(left, stop)
            elif not self._capture.grab():
                self._let_go()
        return False

    def _shoot(self) -> CapturedFrame | None:
        try:
            if self._capture is None:
                self._capture = self._opener()
                if not self._capture.isOpened():
                    return None
                _warm_up(self._capture)
            good, pixels = self._capture.read()
            captured_at = self._clock.now()
            if not good or pixels is None:
                return None
            if not self._chooser.passes(np.asarray(pixels, np.uint8), summoned=self._summoned):
                return CapturedFrame(b"", captured_at)
            return CapturedFrame(self._encode(pixels), captured_at, priority=self._pace.priority(captured_at))
        except (cv2.error, ValueError) as error:
            log(logging.WARNING, "the camera's picture cannot be used", source=self._shown, error=type(error).__name__)
            return None

    def _encode(self, pixels: Any) -> bytes:
        return encode_jpeg(pixels, self._options.quality)

    def _let_go(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _warm_up(capture: VideoCapture) -> None:
    """Pass over what was gathered while opening: until a picture has to be waited for, those given are of the past."""
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    waited_for = 0.5 / (rate if 1.0 <= rate <= 120.0 else USUAL_RATE)
    begun = before = time.monotonic()
    for number in itertools.count(1):
        if not capture.grab():
            return
        now = time.monotonic()
        present = now - before >= waited_for
        if number >= WARM_UP_PICTURES and (present or now - begun >= WARM_UP_MAX_SECONDS):
            return
        before = now
