"""What every source is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from edge_agent.frames import CapturedFrame, Origin

Known = Callable[[Origin], bool]
"""Whether a file, or a frame of one, was spooled before."""

Count = Callable[[str], None]
"""Counts something that a source passed over, by its cause."""


LATEST_WINS = "missed.slow"
"""The policy when the device is slower than its schedule: the picture of now is taken, those missed are counted."""


def next_due(due: float, cadence: float, pause: float, count: Count) -> float:
    """When the next picture of a live camera is due (`time.monotonic`), after one that was due at `due` and is taken.

    `pause`: to the next one, seconds. One taken before its time, for a roll call, begins a new beat.
    """
    now = time.monotonic()
    following = min(max(due, now - cadence), now) + pause
    if following > now:
        return following
    if pause > 0:  # late: what was missed is missed, and not made up by a burst
        count(LATEST_WINS)
    return now + pause


class Source(Protocol):
    """Gives pictures one after another, and is told when each is safe."""

    @property
    def keeps(self) -> bool:
        """Whether what is not taken now is still there later: then the spool may let the source wait."""
        ...

    def frames(self, stop: threading.Event) -> Iterator[CapturedFrame]:
        """Pictures until the source is exhausted or `stop` is set. Raises `SourceUnusable`."""
        ...

    def done_with(self, frame: CapturedFrame) -> None:
        """`frame` is durable in the spool: the source may move or delete it."""
        ...

    def close(self) -> None:
        """Let go of files and devices."""
        ...
