"""Proportions with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""The 97.5% quantile of the standard normal distribution: two-sided 95%."""


def wilson(hits: float, trials: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval for a proportion (E. B. Wilson, JASA 22, 1927), as (low, high).

    No trials say nothing: (0, 1). Trials that hang together amount to fewer, not always a whole number. Raises
    `ValueError` unless 0 <= hits <= trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} of {trials} is not a proportion")
    if trials == 0:
        return 0.0, 1.0
    p = hits / trials
    z2 = z * z
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == trials else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `trials`, with a Wilson 95% interval."""

    hits: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.trials:
            raise ValueError(f"{self.hits} of {self.trials} is not a proportion")

    @property
    def value(self) -> float | None:
        """The proportion, or `None` when nothing was tried."""
        return self.hits / self.trials if self.trials else None

    @property
    def low(self) -> float:
        """The lower end of the 95% interval."""
        return wilson(self.hits, self.trials)[0]

    @property
    def high(self) -> float:
        """The upper end of the 95% interval."""
        return wilson(self.hits, self.trials)[1]


def upper_bound(rate: Rate, confidence: float = 0.95) -> float:
    """The rate that is excluded from there on with `confidence`, one-sided (Clopper and Pearson, Biometrika 26, 1934).

    Without a hit it is the rule of three, about 3 / trials (exactly 1 - .05 ^ (1 / trials)); 1 without trials.
    """
    hits, trials = rate.hits, rate.trials
    if hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(hits: int, trials: int, share: float) -> float:
    """The chance of at most `hits` in `trials` at `share` (0..1) each."""
    if share >= 1.0:
        return 0.0
    whole = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            whole
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + (k * math.log(share) if k else 0.0)
            + (trials - k) * math.log1p(-share)
        )
        for k in range(hits + 1)
    )
