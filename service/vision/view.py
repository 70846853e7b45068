"""Whether a single frame shows anything: black, over-exposed, covered, out of focus. Learned views are others' work."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np

from service.vision.decode import Pixels
from service.vision.reading import UnobservedCause, ViewCheck

_WIDTH = 320


@dataclass(frozen=True, slots=True)
class ViewPolicy:
    """Grey values are 0..255, of the frame reduced to 320 pixels across."""

    black_below: float = 26.0
    """The 99th percentile of a black frame; night pictures by infrared have lamps and sheets far above it."""
    white_above: float = 238.0
    """The 10th percentile of an over-exposed frame."""
    flat_below: float = 7.0
    """Spread (5th to 95th percentile, halved) of a covered lens: no bed is that even."""
    sharpness_below: float = 0.028
    """Mean absolute Laplacian over spread. Of 33 ward photographs the least is .064; blurred by a sixtieth of their
    width, the greatest is .023."""


DEFAULT_VIEW_POLICY = ViewPolicy()


def check_view(pixels: Pixels, policy: ViewPolicy = DEFAULT_VIEW_POLICY) -> ViewCheck:
    """The first thing wrong with the view, or that it is observed."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    scale = min(1.0, _WIDTH / pixels.shape[1])
    if scale < 1:
        # Down to a half no row is skipped by either; areas that are no whole pixels take five times as long.
        how = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
        grey = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    low, tenth, high, top = _percentiles(grey, (5, 10, 95, 99))
    spread = (high - low) / 2
    if top < policy.black_below:
        return ViewCheck(False, UnobservedCause.BLACK)
    if tenth > policy.white_above:
        return ViewCheck(False, UnobservedCause.OVER_EXPOSED)
    if spread < policy.flat_below:
        return ViewCheck(False, UnobservedCause.COVERED)
    if _edges(grey) / (spread + 1.0) < policy.sharpness_below:
        return ViewCheck(False, UnobservedCause.OUT_OF_FOCUS)
    return ViewCheck(True)


def sharpness(grey: Pixels) -> float:
    """Mean absolute Laplacian over the spread of the grey values: high where there are edges, whatever the contrast."""
    low, high = _percentiles(grey, (5, 95))
    return _edges(grey) / ((high - low) / 2 + 1.0)


def _edges(grey: Pixels) -> float:
    return float(cv2.norm(cv2.Laplacian(grey, cv2.CV_16S), cv2.NORM_L1)) / grey.size


def _percentiles(grey: Pixels, shares: tuple[int, ...]) -> list[float]:
    """The least grey values below or at which `shares` per cent of the pixels lie: a histogram, no sorting."""
    filled = list(accumulate(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().tolist()))
    return [float(bisect_left(filled, share * (filled[-1] / 100))) for share in shares]
