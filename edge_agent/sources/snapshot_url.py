"""A camera that gives one JPEG at an address: `snapshot:http://…`. Its bytes are taken as they are."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from edge_agent.backoff import Backoff
from edge_agent.frames import CapturedFrame, media_type
from edge_agent.logs import log
from edge_agent.pace import Pace
from edge_agent.sources.base import Count, next_due
from service.kit.clock import Clock, system_clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_agent.gate import Chooser


class SnapshotUrlSource:
    """One picture a cadence. A camera that is away is tried again for ever."""

    keeps = False

    def __init__(
        self,
        address: str,
        shown: str,
        count: Count,
        pace: Pace,
        *,
        timeout_seconds: float = 10.0,
        max_bytes: int = 8 * 1024 * 1024,
        look_seconds: float | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """`address` may hold credentials: digest first, as cameras ask, else basic. `shown`: without them.

        `look_seconds`: look so often and let the gate choose; none: every picture that is due is sent.
        """
        parts = urlsplit(address)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self._url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._auths: list[httpx.Auth | None] = (
            [httpx.DigestAuth(user, password), httpx.BasicAuth(user, password)] if user else [None]
        )
        self._shown, self._count, self._pace, self._clock = shown, count, pace, clock
        self._max = max_bytes
        self._chooser = None if look_seconds is None else _chooser(pace, look_seconds, count, clock)
        self._client = httpx.Client(timeout=timeout_seconds, follow_redirects=False, trust_env=False)
        self._backoff = Backoff(1.0, 60.0, random.Random())  # noqa: S311

    def frames(self, stop: threading.Event) -> Iterator[CapturedFrame]:
        """Pictures until `stop`."""
        due = time.monotonic()
        while not stop.is_set():
            left = due - time.monotonic()
            summoned = self._pace.summoned()
            if not summoned and left > 0:
                self._pace.wait(left, stop)
                continue
            frame = self._fetch()
            if frame is None:
                self._count("camera_away")
                pause = self._backoff.next()
                log(logging.WARNING, "the camera gives no picture", source=self._shown, next_try_s=round(pause, 1))
                self._pace.wait(pause, stop)  # a roll call is no time to wait for the next attempt
                due = time.monotonic()
                continue
            self._backoff.reset()
            if self._chooser is None or self._chooser.passes(_decoded(frame.data), summoned=summoned):
                yield frame
            pause = self._pace.pause(self._clock.now()) if self._chooser is None else self._chooser.pause()
            due = next_due(due, self._pace.cadence_seconds, pause, self._count)

    def done_with(self, frame: CapturedFrame) -> None:
        """A camera keeps nothing."""

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _fetch(self) -> CapturedFrame | None:
        for auth in self._auths:
            try:
                with self._client.stream("GET", self._url, auth=auth or httpx.USE_CLIENT_DEFAULT) as response:
                    if response.status_code == 401:
                        continue
                    data = b""
                    for chunk in response.iter_bytes():
                        data += chunk
                        if len(data) > self._max:
                            return None
                    captured_at = self._clock.now()
            except (httpx.HTTPError, httpx.InvalidURL):
                return None
            if response.status_code == 200 and media_type(data) != "application/octet-stream":
                return CapturedFrame(data, captured_at, priority=self._pace.priority(captured_at))
            return None
        return None


def _chooser(pace: Pace, look_seconds: float, count: Count, clock: Clock) -> Chooser:
    from edge_agent.gate import Chooser  # with OpenCV: 40 MiB that taking bytes as they are does not need

    return Chooser(pace, look_seconds, count, clock)


def _decoded(data: bytes) -> NDArray[np.uint8] | None:
    """(h, w, 3) uint8, or none where nobody could decode it."""
    import numpy as np

    from edge_agent.sources.opencv import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)
