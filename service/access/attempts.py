"""Counts of failures in memory, bounded, for what has no row to count them in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

_MOST_KEYS = 10_000


class AttemptLimit:
    """At most `limit` failures a key within `period`; then the key is locked until the oldest is that old."""

    def __init__(self, limit: int, period: timedelta) -> None:
        self._limit = limit
        self._period = period
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def fail(self, key: str, now: datetime) -> None:
        """Counts a failure."""
        with self._lock:
            recent = [at for at in self._failures.pop(key, []) if now - at < self._period]
            self._failures[key] = [*recent, now][-self._limit :]
            while len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)

    def locked_until(self, key: str, now: datetime) -> datetime | None:
        """Until when the key is locked, if it is."""
        with self._lock:
            recent = [at for at in self._failures.get(key, []) if now - at < self._period]
        return recent[-self._limit] + self._period if len(recent) >= self._limit else None

    def forget(self, key: str) -> None:
        """Forgets a key's failures, after a success."""
        with self._lock:
            self._failures.pop(key, None)
