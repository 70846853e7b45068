"""Whether probabilities mean what they say: the Brier score, and how often what was given a probability came true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.kit.statistics import Rate

EDGES = (0.0, 0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98, 1.0)
"""Bands of probability: narrow where most are and where being wrong costs most; .35 and .65 are the thresholds of
`BedPolicy`."""


@dataclass(frozen=True, slots=True)
class Band:
    """Probabilities in [low, high), the last band with its upper end. `stated`: their mean, 0..1, `None` without any;
    `observed`: in how many of these cases it was true."""

    low: float
    high: float
    stated: float | None
    observed: Rate

    @property
    def off(self) -> bool:
        """Whether what was stated lies outside the 95% interval of what was observed."""
        return self.stated is not None and not self.observed.low <= self.stated <= self.observed.high


@dataclass(frozen=True, slots=True)
class Reliability:
    """`brier`: mean squared error of the probability, 0 best, .25 a coin (Brier, Monthly Weather Review 78, 1950).
    `brier_of_share`: the same of who always states `share`, the share that is true. `error`: mean distance of stated
    from observed, bands weighted by their cases. All four `None` without a probability."""

    cases: int
    brier: float | None
    share: float | None
    brier_of_share: float | None
    error: float | None
    bands: tuple[Band, ...]

    def to_json(self) -> dict[str, object]:
        """As JSON values; `observed` with its Wilson 95% interval."""
        return {
            "cases": self.cases,
            "brier": self.brier,
            "share": self.share,
            "brier_of_share": self.brier_of_share,
            "error": self.error,
            "bands": [_band_json(band) for band in self.bands],
        }


def reliability(stated: Sequence[tuple[float, bool]], edges: Sequence[float] = EDGES) -> Reliability:
    """`stated`: (probability 0..1, whether it was true). Raises `ValueError` for what is no probability, or for edges
    that do not rise from 0 to 1."""
    if not all(0.0 <= chance <= 1.0 for chance, _ in stated):
        raise ValueError("a probability lies between 0 and 1")
    if edges[0] != 0.0 or edges[-1] != 1.0 or any(low >= high for low, high in pairwise(edges)):
        raise ValueError("edges rise from 0 to 1")
    bands = tuple(_band(stated, low, high) for low, high in pairwise(edges))
    if not stated:
        return Reliability(0, None, None, None, None, bands)
    count = len(stated)
    share = sum(true for _, true in stated) / count
    gaps = [
        band.observed.trials * abs(band.stated - band.observed.value)
        for band in bands
        if band.stated is not None and band.observed.value is not None
    ]
    return Reliability(
        cases=count,
        brier=sum((chance - true) ** 2 for chance, true in stated) / count,
        share=share,
        brier_of_share=share * (1.0 - share),
        error=sum(gaps) / count,
        bands=bands,
    )


def _band(stated: Sequence[tuple[float, bool]], low: float, high: float) -> Band:
    inside = [(chance, true) for chance, true in stated if low <= chance < high or chance == high == 1.0]
    mean = sum(chance for chance, _ in inside) / len(inside) if inside else None
    return Band(low, high, mean, Rate(sum(true for _, true in inside), len(inside)))


def _band_json(band: Band) -> dict[str, object]:
    seen = band.observed
    observed = {"value": seen.value, "low": seen.low, "high": seen.high, "hits": seen.hits, "trials": seen.trials}
    return {"low": band.low, "high": band.high, "stated": band.stated, "observed": observed, "off": band.off}
