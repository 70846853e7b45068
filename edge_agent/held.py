"""Pictures of a camera that the disk does not take just now, held in memory: a full disk is often full for a minute."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from contextlib import suppress

from edge_agent.frames import CapturedFrame
from edge_agent.logs import log
from edge_agent.spool import Spool

MAX_BYTES = 16 * 1024 * 1024
DROPPED = "dropped.disk_failing"


class HeldFrames:
    """Of one capturing thread. When they are too many, older ones in the spool give way to them. If the disk takes not
    even that, the oldest here do, roll-call pictures last; what gives way is counted."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max = max_bytes
        self._frames: deque[CapturedFrame] = deque()
        self._bytes = 0
        self._lost = 0

    def hold(self, frame: CapturedFrame, spool: Spool) -> None:
        """Keep `frame` until the disk takes it. One that stays full for long is made to, by what is older on it."""
        self._frames.append(frame)
        self._bytes += len(frame.data)
        if self._bytes > self._max:
            with suppress(sqlite3.OperationalError):
                spool.give_way(self._bytes)
                self.release(spool)
        while self._bytes > self._max and self._frames:
            victim = min(self._frames, key=lambda held: held.priority)
            self._frames.remove(victim)
            self._bytes -= len(victim.data)
            self._lost += 1
            log(logging.ERROR, "a picture of the camera is lost: the disk takes nothing", lost=self._lost)

    def release(self, spool: Spool) -> None:
        """Put what is held into the spool, and count what was lost. Raises what `Spool.put` raises; the rest stays."""
        while self._frames:
            frame = self._frames[0]
            spool.put(frame)
            self._frames.popleft()
            self._bytes -= len(frame.data)
        if self._lost:
            spool.count(DROPPED, self._lost)
            self._lost = 0
