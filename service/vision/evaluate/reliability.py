"""Whether probabilities mean what they say: the Brier score, and how often what was given a probability came true."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from service.kit.statistics import Rate
from service.vision.evaluate.clustered import (
    ClusteredRate,
    bootstrap_weights,
    clustered_rate,
    middle_95,
    numbered,
)

EDGES = (0.0, 0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98, 1.0)
"""Bands of probability: narrow where most are and where being wrong costs most."""
_LEAST_CLUSTERS = 2

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Band:
    """Probabilities in [low, high), the last band with its upper end. `stated`: their mean, 0..1, `None` without any;
    `observed`: in how many of these cases it was true; `clustered`: the same with an interval for cases that hang
    together."""

    low: float
    high: float
    stated: float | None
    observed: Rate
    clustered: ClusteredRate

    @property
    def off(self) -> bool:
        """Whether what was stated lies outside the 95% interval of what was observed."""
        return self.stated is not None and not self.clustered.low <= self.stated <= self.clustered.high


@dataclass(frozen=True, slots=True)
class Reliability:
    """`brier`: mean squared error of the probability, 0 best, .25 a coin (Brier, Monthly Weather Review 78, 1950).
    `brier_of_share`: the same of who always states `share`, the share that is true. `error`: mean distance of stated
    from observed, bands weighted by their cases (expected calibration error). All four `None` without a probability.
    `brier_interval`, `error_interval`: 95% by bootstrap of whole clusters, `None` with fewer than two; the error's lies
    a little high, since chance adds to a distance and never takes away."""

    cases: int
    clusters: int
    brier: float | None
    brier_interval: Interval | None
    share: float | None
    brier_of_share: float | None
    error: float | None
    error_interval: Interval | None
    bands: tuple[Band, ...]

    def to_json(self) -> dict[str, object]:
        """As JSON values; `observed` with the 95% interval for clustered cases."""
        return {
            "cases": self.cases,
            "clusters": self.clusters,
            "brier": self.brier,
            "brier_interval": self.brier_interval,
            "share": self.share,
            "brier_of_share": self.brier_of_share,
            "error": self.error,
            "error_interval": self.error_interval,
            "bands": [_band_json(band) for band in self.bands],
        }


def reliability(
    stated: Sequence[tuple[float, bool]], edges: Sequence[float] = EDGES, clusters: Sequence[Hashable] | None = None
) -> Reliability:
    """`stated`: (probability 0..1, whether it was true). `clusters`: for each what it hangs together with; left out,
    each stands alone. Raises `ValueError` for what is no probability, for edges that do not rise from 0 to 1, and for
    another number of clusters than of cases."""
    if not all(0.0 <= chance <= 1.0 for chance, _ in stated):
        raise ValueError("a probability lies between 0 and 1")
    if edges[0] != 0.0 or edges[-1] != 1.0 or any(low >= high for low, high in pairwise(edges)):
        raise ValueError("edges rise from 0 to 1")
    groups = numbered(range(len(stated)) if clusters is None else clusters)
    if len(groups) != len(stated):
        raise ValueError("every case has its cluster")
    chances = np.array([chance for chance, _ in stated], np.float64)
    truths = np.array([true for _, true in stated], np.bool_)
    places = np.minimum(np.searchsorted(np.asarray(edges), chances, side="right"), len(edges) - 1) - 1
    bands = tuple(
        _band(low, high, chances[places == i], truths[places == i], groups[places == i])
        for i, (low, high) in enumerate(pairwise(edges))
    )
    if not stated:
        return Reliability(0, 0, None, None, None, None, None, None, bands)
    share, count = float(truths.mean()), int(groups.max()) + 1
    squares, gaps = np.zeros((count, 1)), np.zeros((count, len(bands)))
    np.add.at(squares, (groups, np.zeros_like(groups)), (chances - truths) ** 2)
    np.add.at(gaps, (groups, places), chances - truths)
    return Reliability(
        cases=len(stated),
        clusters=count,
        brier=float(squares.sum() / len(stated)),
        brier_interval=_interval(squares, groups),
        share=share,
        brier_of_share=share * (1.0 - share),
        error=float(np.abs(gaps.sum(axis=0)).sum() / len(stated)),
        error_interval=_interval(gaps, groups),
        bands=bands,
    )


def _interval(sums: NDArray[np.float64], groups: NDArray[np.intp]) -> Interval | None:
    """`sums`: (clusters, k), for each cluster what is summed over it; the interval of the k sums' absolute values,
    added up and divided by the cases, over draws of whole clusters."""
    if len(sums) < _LEAST_CLUSTERS:
        return None
    draws = bootstrap_weights(len(sums))
    cases = draws @ np.bincount(groups, minlength=len(sums))
    return middle_95(np.abs(draws @ sums).sum(axis=1) / cases)


def _band(
    low: float, high: float, chances: NDArray[np.float64], truths: NDArray[np.bool_], groups: NDArray[np.intp]
) -> Band:
    mean = float(chances.mean()) if len(chances) else None
    observed = clustered_rate(zip(groups.tolist(), truths.tolist(), strict=True))
    return Band(low, high, mean, observed.rate, observed)


def _band_json(band: Band) -> dict[str, object]:
    seen = band.clustered
    observed = {
        "value": seen.value,
        "low": seen.low,
        "high": seen.high,
        "hits": seen.hits,
        "trials": seen.trials,
        "clusters": seen.clusters,
        "effective": seen.effective,
    }
    return {"low": band.low, "high": band.high, "stated": band.stated, "observed": observed, "off": band.off}
