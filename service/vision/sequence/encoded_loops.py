"""A recording played again through an encoder, by what is left of its noise: also where nobody moves.

A live sensor's noise is fresh in every picture; pictures of a recording bring theirs along, and encoding them again
takes only a part of it away. So what single spots differ from the pictures around them (`ViewPrint.noise`, less the
mean of two pictures before and two after, which takes texture, fixed patterns and slow light out) is correlated with
that of every earlier picture. Honest pairs have scores of mean 0 and variance 1; a recording shows a row of pairs, each
a fixed number of pictures apart, that are all positive. What is too quiet to have noise of its own is not judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from service.vision.sequence.policy import SequencePolicy
from service.vision.sequence.prints import NOISE_GRID, TimedPrint

Floats = NDArray[np.float32]

_LENGTHS = (4, 8, 16, 32)
"""Pictures in a row whose correlations are added up: short for strong evidence, long for weak."""
_LEAST_LAG = 5
"""Nearer pictures share the pictures around them. A shorter loop is found at a multiple of its length."""
_TOGETHER = 1.45
"""Variance of a sum along a row over that of as many independent correlations: two pictures side by side share
the pictures around them, so their residuals correlate by -.30, -.35, .10 and .05 at one to four pictures' distance; and
1 + 2 (.30^2 + .35^2 + .10^2 + .05^2) = 1.45."""
_REGIONS = (4, 4)


@dataclass(frozen=True, slots=True)
class _Residuals:
    """`rows`: (n, 384) float32 in spreads of each spot, without what the pictures around share; 0 where a spot has no
    say. `scores`: (n, n) float32, how alike two pictures are in standard deviations of honest ones; 0 where it may not
    be asked."""

    rows: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class _Row:
    """Pictures from `start` up to `end`, each alike to the one `lag` before; `alike`: mean score."""

    start: int
    end: int
    lag: int
    alike: float


def find_encoded_loops(prints: Sequence[TimedPrint], policy: SequencePolicy) -> dict[int, int]:
    """Of prints in event order: the index of each that belongs to such a recording, and of the one it repeats. Only
    pictures of one size and kind of light are compared."""
    groups: dict[tuple[int, int, bool], list[int]] = defaultdict(list)
    for index, item in enumerate(prints):
        groups[item.print.width, item.print.height, item.print.light.infrared].append(index)
    found: dict[int, int] = {}
    for members in groups.values():
        residuals = _residuals([prints[i] for i in members], policy)
        for row in _rows(residuals, policy) if residuals is not None else ():
            for place in range(row.start, row.end):
                found.setdefault(members[place], members[place - row.lag])
    return found


def _residuals(prints: Sequence[TimedPrint], policy: SequencePolicy) -> _Residuals | None:
    """`None` where there is too little noise, or what there is does not behave like noise."""
    if len(prints) < _LEAST_LAG + _LENGTHS[0]:
        return None
    noise = np.stack([item.print.noise for item in prints]).astype(np.float32)
    fresh = _less_those_around(noise)
    spread = np.median(np.abs(fresh), axis=0) * np.float32(1.4826)
    live = spread >= policy.loop_live_spot
    if int(live.sum()) < policy.loop_live_spots:
        return None
    quiet = np.median(np.abs(fresh[:, live]), axis=1) * 1.4826 < policy.loop_live_picture
    fresh /= np.where(live, spread, 1.0)
    fresh[quiet] = 0.0
    # A spot in which something moves says nothing about noise; nor does one that never changes.
    fresh[:, ~live] = 0.0
    fresh[np.abs(fresh) > policy.loop_moving_spot] = 0.0
    rows = _less_gain(fresh, noise, np.where(live, spread, np.inf))
    scores = np.tril(_scores(rows), -_LEAST_LAG)
    honest = np.abs(scores[np.tril_indices(len(rows), -_LEAST_LAG)])
    widened = float(np.median(honest)) * 1.4826
    if widened > policy.loop_unlike_noise:
        return None
    seconds = np.array([item.at.timestamp() for item in prints])
    scores[seconds[:, None] - seconds[None, :] > policy.span.total_seconds()] = 0.0
    return _Residuals(rows, scores / np.float32(max(1.0, widened)))


def _less_those_around(noise: Floats) -> Floats:
    """Each row less the mean of two before and two after; the ends of the day are their own neighbours."""
    padded = np.concatenate([noise[2:0:-1], noise, noise[-2:-4:-1]])
    n = len(noise)
    around = padded[:n] + padded[1 : n + 1] + padded[3 : n + 3] + padded[4 : n + 4]
    return np.asarray(noise - 0.25 * around, np.float32)


def _less_gain(fresh: Floats, noise: Floats, spread: Floats) -> Floats:
    """A lamp that flickers makes all texture stronger or weaker at once: that direction is taken out."""
    texture = np.median(noise, axis=0) / spread
    length = float(texture @ texture)
    if length < 1e-6:
        return fresh
    return np.asarray(fresh - np.outer(fresh @ texture, texture / length), np.float32)


def _scores(rows: Floats) -> Floats:
    """(n, n): each pair's sum of products over the root of the sum of their squares. Whatever the noise is like, as
    long as it is as often above as below, the variance is 1 and the tail no heavier than Hoeffding's exp(-z^2 / 2)."""
    squares = rows * rows
    return np.asarray(rows @ rows.T / np.sqrt(squares @ squares.T + 1e-6), np.float32)


def _rows(residuals: _Residuals, policy: SequencePolicy) -> list[_Row]:
    """Rows of pictures that repeat, the most alike first. Beside a row lie paler ones, for residuals of pictures next
    to each other are alike: they are the same row."""
    least = _threshold(len(residuals.rows), policy)
    found = [_cut(residuals.scores, window) for window in _joined(_windows(residuals.scores, least, policy))]
    rows: list[_Row] = []
    for row in sorted(found, key=lambda row: (-row.alike, row.start, row.lag)):
        paler = any(row.start < other.end and other.start < row.end and _beside(row, other) for other in rows)
        if row.end - row.start >= _LENGTHS[0] and not paler and _is_everywhere(residuals, row, policy):
            rows.append(row)
    return rows


def _beside(row: _Row, other: _Row) -> bool:
    return abs(row.lag - other.lag) < _LEAST_LAG


def _cut(scores: Floats, window: tuple[int, int, int]) -> _Row:
    """The part of the window that is alike."""
    start, end, lag = window
    values = scores[np.arange(start, end), np.arange(start, end) - lag]
    first, last = _best_part(values - max(float(np.median(values)), float(values.mean())) / 2)
    return _Row(start + first, start + last, lag, float(values[first:last].mean()) if last > first else 0.0)


def _threshold(pictures: int, policy: SequencePolicy) -> float:
    """Standard deviations that a sum must reach so that chance reaches it nowhere in these pictures, but for
    `loop_false_alarm`: Bonferroni over every pair of pictures and every length."""
    pairs = (pictures - _LEAST_LAG) * (pictures - _LEAST_LAG + 1) // 2
    return -NormalDist().inv_cdf(policy.loop_false_alarm / (pairs * len(_LENGTHS)))


def _windows(scores: Floats, least: float, policy: SequencePolicy) -> list[tuple[int, int, int]]:
    """(first, one past the last, lag) of every window along a diagonal whose sum is beyond chance. Single pictures
    are cut, so that no three alike make four."""
    sums = np.minimum(scores, np.float32(policy.loop_most_of_one))
    found: list[tuple[int, int, int]] = []
    length = 1
    while length < _LENGTHS[-1] and len(sums) > length:
        sums = sums[length:, length:] + sums[:-length, :-length]
        length *= 2
        if length in _LENGTHS:
            bound = least * float(np.sqrt(_TOGETHER * length))
            hits = np.argwhere(sums >= bound).tolist()
            found += [(i, i + length, i - j) for i, j in hits]
    return found


def _joined(windows: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Windows of one lag that overlap or touch, as one; a longer one only where no shorter one is."""
    joined: list[tuple[int, int, int]] = []
    by_lag: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for start, end, lag in windows:
        by_lag[lag].append((start, end))
    for lag in sorted(by_lag, reverse=True):
        taken: list[tuple[int, int]] = []
        for length in _LENGTHS:
            new = _merged(part for part in by_lag[lag] if part[1] - part[0] == length)
            taken += [part for part in new if not any(part[0] < end and start < part[1] for start, end in taken)]
        joined += [(start, end, lag) for start, end in sorted(taken)]
    return joined


def _merged(parts: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _best_part(values: Floats) -> tuple[int, int]:
    """The half-open part with the greatest sum (Kadane). Of values less half their mean it is the likeliest stretch of
    that mean among zeros (Page's cumulative sum, Biometrika 41, 1954)."""
    best, best_sum, start, running = (0, 0), 0.0, 0, 0.0
    for place, value in enumerate(values.tolist()):
        if running <= 0:
            start, running = place, 0.0
        running += value
        if running > best_sum:
            best, best_sum = (start, place + 1), running
    return best


def _is_everywhere(residuals: _Residuals, row: _Row, policy: SequencePolicy) -> bool:
    """Whether the less alike half of the view is alike beyond chance too. The sensor's noise is everywhere; a clock in
    the picture, a fan, a curtain that swings is not."""
    earlier = residuals.rows[row.start - row.lag : row.end - row.lag]
    products = residuals.rows[row.start : row.end] * earlier
    alike, squares = _by_region(products.sum(axis=0)), _by_region((products * products).sum(axis=0))
    lesser = np.argsort(alike)[: len(alike) // 2]
    return float(alike[lesser].sum()) >= policy.loop_everywhere * float(np.sqrt(_TOGETHER * squares[lesser].sum()))


def _by_region(spots: Floats) -> Floats:
    """(16,): sums over the spots of each part of the view."""
    (down, across), (rows, columns) = _REGIONS, NOISE_GRID
    return np.asarray(spots.reshape(down, rows // down, across, columns // across).sum(axis=(1, 3)).ravel(), np.float32)
