"""How long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Doubling pauses, each between half and the whole of its bound: a thousand boxes must not come back at once."""

    def __init__(self, first_seconds: float, max_seconds: float, rng: random.Random) -> None:
        self._first = first_seconds
        self._max = max_seconds
        self._rng = rng
        self.failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        bound = min(self._max, self._first * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return bound * self._rng.uniform(0.5, 1.0)

    def spread(self, seconds: float) -> float:
        """A pause that the server asked for, up to a tenth longer."""
        self.failures += 1
        return seconds * self._rng.uniform(1.0, 1.1)

    def reset(self) -> None:
        """It went well."""
        self.failures = 0
