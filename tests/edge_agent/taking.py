"""A live source at work in a thread, as the agent runs it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from edge_agent.frames import CapturedFrame
from edge_agent.sources.base import Source


class Taking:
    """Takes pictures until the end of the block. `causes`: what the source counted."""

    def __init__(self, build: Callable[[Callable[[str], None]], Source]) -> None:
        self.frames: list[CapturedFrame] = []
        self.causes: Counter[str] = Counter()
        self._stop = threading.Event()
        self._source = build(lambda cause: self.causes.update([cause]))
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        for frame in self._source.frames(self._stop):
            self.frames.append(frame)

    def __enter__(self) -> Taking:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join(90)
        assert not self._thread.is_alive()
        self._source.close()
