"""How `evaluate sequence` writes its figures."""

from __future__ import annotations

from service.kit.statistics import Rate
from service.vision.evaluate import Reliability


def rate_json(rate: Rate) -> dict[str, object]:
    """A rate with its Wilson 95% interval."""
    return {"value": rate.value, "low": rate.low, "high": rate.high, "hits": rate.hits, "trials": rate.trials}


def shown(rate: Rate) -> str:
    """The same for the terminal."""
    value = "–" if rate.value is None else f"{rate.value:.3f}"
    return f"{value} ({rate.low:.3f}–{rate.high:.3f}) {rate.hits}/{rate.trials}"


def chance_rows(found: Reliability) -> list[tuple[str, str, str, str]]:
    """The Brier score, then each band that holds a probability: what it states, and what was observed. ≠: it states
    what lies outside the interval."""
    if found.brier is None or found.brier_of_share is None:
        return []
    name = "probability · 概率"
    rows = [(f"{name} Brier", f"{found.brier:.4f}", f"{found.brier_of_share:.4f} (share alone · 仅按占比)", "")]
    for band in found.bands:
        if band.stated is not None:
            off = " ≠" if band.off else ""
            rows.append((f"{name} {band.low:.2f}–{band.high:.2f}", f"{band.stated:.3f}{off}", shown(band.observed), ""))
    return rows
