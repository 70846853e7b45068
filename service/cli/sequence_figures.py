"""How `evaluate sequence` writes its figures."""

from __future__ import annotations

from service.kit.statistics import Rate
from service.vision.evaluate import ClusteredRate, Reliability


def rate_json(rate: Rate | ClusteredRate) -> dict[str, object]:
    """A rate with its 95% interval; of clustered cases also their clusters, and to how many trials they amount."""
    told: dict[str, object] = {"value": rate.value, "low": rate.low, "high": rate.high}
    told |= {"hits": rate.hits, "trials": rate.trials}
    if isinstance(rate, ClusteredRate):
        return {**told, "clusters": rate.clusters, "effective": rate.effective}
    return told


def shown(rate: Rate | ClusteredRate) -> str:
    """The same for the terminal."""
    value = "–" if rate.value is None else f"{rate.value:.3f}"
    return f"{value} ({rate.low:.3f}–{rate.high:.3f}) {rate.hits}/{rate.trials}"


def chance_rows(found: Reliability) -> list[tuple[str, str, str, str]]:
    """The Brier score and the mean distance of stated from observed, then each band that holds a probability: what it
    states, and what was observed. ≠: it states what lies outside the interval."""
    if found.brier is None or found.brier_of_share is None or found.error is None:
        return []
    name = "probability · 概率"
    rows = [
        (
            f"{name} Brier",
            _between(found.brier, found.brier_interval),
            f"{found.brier_of_share:.4f} (share alone · 仅按占比)",
            "",
        ),
        (f"{name} ECE · 校准误差", _between(found.error, found.error_interval), f"{found.clusters} beds · 床", ""),
    ]
    for band in found.bands:
        if band.stated is not None:
            off = " ≠" if band.off else ""
            stated = f"{band.stated:.3f}{off}"
            rows.append((f"{name} {band.low:.2f}–{band.high:.2f}", stated, shown(band.clustered), ""))
    return rows


def _between(value: float, interval: tuple[float, float] | None) -> str:
    return f"{value:.4f}" if interval is None else f"{value:.4f} ({interval[0]:.4f}–{interval[1]:.4f})"
