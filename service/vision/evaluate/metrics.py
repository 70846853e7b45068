"""Error rates and areas from scores, with 95% intervals. No pixels, no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.kit.statistics import Z_95, Rate

Scores = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the ROC curve: `value` and its 95% interval, `None` when one class is empty."""

    value: float | None
    low: float
    high: float


def false_non_matches(genuine: Scores, threshold: float) -> Rate:
    """Genuine pairs below `threshold` (a match is a similarity of at least the threshold)."""
    return Rate(int((genuine < threshold).sum()), len(genuine))


def false_matches(impostor: Scores, threshold: float) -> Rate:
    """Impostor pairs at or above `threshold`."""
    return Rate(int((impostor >= threshold).sum()), len(impostor))


def threshold_at(impostor: Scores, share: float) -> float:
    """The least threshold at which at most `share` of `impostor` match: just above the first one too many.

    With fewer than 1 / `share` pairs none may match. 0 when there are no pairs.
    """
    if not len(impostor):
        return 0.0
    allowed = math.floor(share * len(impostor) + 1e-9)
    first_too_many = np.sort(impostor)[::-1][min(allowed, len(impostor) - 1)]
    return float(np.nextafter(first_too_many, np.inf))


def separation(genuine: Scores, impostor: Scores) -> float | None:
    """d': the distance of the means over the root of the mean variance; `None` when either is too small to have one."""
    if len(genuine) < 2 or len(impostor) < 2:
        return None
    spread = math.sqrt((float(genuine.var()) + float(impostor.var())) / 2)
    return float(genuine.mean() - impostor.mean()) / spread if spread > 0 else None


def area_under_curve(positive: Sequence[float], negative: Sequence[float]) -> Area:
    """The chance that a positive scores above a negative, ties counting half (Mann and Whitney).

    Interval: the values that the observed area would not contradict at 95%, with the variance of Hanley and McNeil
    (Radiology 143, 1982, p. 29-36) taken at the value in question, as Wilson does for a proportion. It is therefore
    sensible at an area of 1 too.
    """
    above, below = np.asarray(positive, float), np.asarray(negative, float)
    if not len(above) or not len(below):
        return Area(None, 0.0, 1.0)
    wins = (above[:, None] > below[None, :]).mean() + 0.5 * (above[:, None] == below[None, :]).mean()
    value = float(wins)
    return Area(value, _limit(value, 0.0, len(above), len(below)), _limit(value, 1.0, len(above), len(below)))


def _limit(value: float, end: float, positives: int, negatives: int) -> float:
    """The farthest area towards `end` that lies within 1.96 standard errors of `value`, by bisection."""
    inside, outside = value, end
    for _ in range(60):
        middle = (inside + outside) / 2
        if abs(middle - value) <= Z_95 * _standard_error(middle, positives, negatives):
            inside = middle
        else:
            outside = middle
    return inside


def _standard_error(area: float, positives: int, negatives: int) -> float:
    both, twice = area / (2 - area), 2 * area * area / (1 + area)
    variance = (
        area * (1 - area) + (positives - 1) * (both - area * area) + (negatives - 1) * (twice - area * area)
    ) / (positives * negatives)
    return math.sqrt(max(variance, 0.0))
