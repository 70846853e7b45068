"""What every source is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from edge_agent.frames import CapturedFrame, Origin

Known = Callable[[Origin], bool]
"""Whether a file, or a frame of one, was spooled before."""

Count = Callable[[str], None]
"""Counts something that a source passed over, by its cause."""


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
