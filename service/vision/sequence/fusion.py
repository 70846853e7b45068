"""How evidence of somebody in a bed adds up: a logistic rule whose weights are data, with where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

BODY_OFFSET = 0.02
"""Added to a body score before its logarithm: below this the finder's scores are noise."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for somebody in the bed at one instant; 0 says nothing, but for `body`.

    `body`: logarithm of the body score plus 0.02; `None` when no body finder ran.
    `face`: a face was found in the bed.
    `still`: for how long the bed's look has not changed around the instant, log(1 + minutes / 30), at most 4 hours.
    `activity`: mean change of the look from picture to picture around the instant, in units of what noise does, less
    one, 0..7.
    `unlike_empty`: change against the nearest reference of the surely empty bed, in units of .15, 0..3; `None` without
    a reference.
    `relief`: how much more edge the place of trunk and legs has than the bed's margins, log ratio.
    """

    body: float | None
    face: bool
    still: float
    activity: float
    unlike_empty: float | None
    relief: float


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Log odds of occupied = `bias` + the sum of weight x evidence. A term whose evidence is missing is left out,
    and so is its own bias."""

    version: str
    provenance: str
    bias: float
    body: float
    body_bias: float
    face: float
    still: float
    activity: float
    unlike_empty: float
    unlike_empty_bias: float
    relief: float

    def __post_init__(self) -> None:
        numbers = [getattr(self, item.name) for item in fields(self) if item.name not in ("version", "provenance")]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("every weight is a finite number")


DEFAULT_WEIGHTS = FusionWeights(
    version="1",
    provenance="",
    bias=0.0,
    body=1.0,
    body_bias=2.0,
    face=4.0,
    still=-1.0,
    activity=0.5,
    unlike_empty=1.5,
    unlike_empty_bias=-1.5,
    relief=0.0,
)


def log_odds(evidence: Evidence, weights: FusionWeights = DEFAULT_WEIGHTS) -> float:
    """The log odds that somebody is in the bed."""
    odds = weights.bias + weights.still * evidence.still + weights.activity * evidence.activity
    odds += weights.relief * evidence.relief
    if evidence.body is not None:
        odds += weights.body * evidence.body + weights.body_bias
    if evidence.unlike_empty is not None:
        odds += weights.unlike_empty * evidence.unlike_empty + weights.unlike_empty_bias
    return odds + (weights.face if evidence.face else 0.0)


def probability(odds: float) -> float:
    """Log odds as a probability, without overflow."""
    return 1.0 / (1.0 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1.0 + math.exp(odds))
