"""Proportions of cases that hang together: neighbouring pictures of one bed are no independent trials."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.kit.statistics import Rate, wilson

RESAMPLES = 1000
_SEED = 20260302
"""Any; fixed, so that the same figures come out again."""


@dataclass(frozen=True, slots=True)
class ClusteredRate:
    """`rate` counted over the cases of `clusters` clusters. `effective`: to as many independent trials it amounts, at
    most `rate.trials`; the 95% interval is that of so many."""

    rate: Rate
    clusters: int
    effective: float

    @property
    def hits(self) -> int:
        """Cases that are hits."""
        return self.rate.hits

    @property
    def trials(self) -> int:
        """All cases."""
        return self.rate.trials

    @property
    def value(self) -> float | None:
        """The share of hits, or `None` without a case."""
        return self.rate.value

    @property
    def low(self) -> float:
        """The lower end of the 95% interval."""
        return self._interval()[0]

    @property
    def high(self) -> float:
        """The upper end of the 95% interval."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        return wilson(0, 0) if self.value is None else wilson(self.value * self.effective, self.effective)


def clustered_rate(cases: Iterable[tuple[Hashable, bool]]) -> ClusteredRate:
    """`cases`: (cluster, hit).

    The effective number is the cases over the design effect (Kish, Survey Sampling, 1965): the variance of the share
    between clusters (Cochran, Sampling Techniques, 1977, section 11.9) over that of independent cases, at least 1. It
    goes into Wilson's interval as Korn and Graubard (Survey Methodology 24, 1998) put it into Clopper and Pearson's.
    Where all or none are hits, or with one cluster, that variance says nothing; then all cases of a cluster count as
    one draw: Kish's greatest effect, the sum of the squared sizes over the sum of the sizes.
    """
    counts: dict[Hashable, list[int]] = {}
    for cluster, hit in cases:
        count = counts.setdefault(cluster, [0, 0])
        count[0] += hit
        count[1] += 1
    hits, sizes = (np.array([count[k] for count in counts.values()], np.float64) for k in (0, 1))
    rate = Rate(int(hits.sum()), int(sizes.sum()))
    return ClusteredRate(rate, len(counts), rate.trials / _design_effect(hits, sizes) if counts else 0.0)


def _design_effect(hits: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    total, most = sizes.sum(), float((sizes**2).sum() / sizes.sum())
    share = hits.sum() / total
    if len(sizes) < 2 or share in (0.0, 1.0):
        return most
    between = len(sizes) / (len(sizes) - 1) * ((hits - share * sizes) ** 2).sum() / total**2
    return float(min(max(between / (share * (1.0 - share) / total), 1.0), max(most, 1.0)))


def bootstrap_weights(clusters: int) -> NDArray[np.float64]:
    """(RESAMPLES, clusters): how often each cluster is drawn when as many are drawn with replacement. Whole clusters
    are drawn, since what lies in one hangs together (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8)."""
    draw = np.random.default_rng(_SEED)
    return draw.multinomial(clusters, np.full(clusters, 1.0 / clusters), RESAMPLES).astype(np.float64)


def middle_95(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5% and 97.5% quantiles: the bootstrap's percentile interval."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def numbered(clusters: Sequence[Hashable]) -> NDArray[np.intp]:
    """(n,): each case's cluster as a number from 0, in order of appearance."""
    order = {name: index for index, name in enumerate(dict.fromkeys(clusters))}
    return np.array([order[name] for name in clusters], np.intp)
