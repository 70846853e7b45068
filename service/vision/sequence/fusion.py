"""How evidence of somebody in a bed adds up: a logistic rule whose weights are data, with where they come from, and a
curve that makes the sum over time the probability that it states."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import timedelta

BODY_OFFSET = 0.02
"""Added to a body score before its logarithm: below this the finder's scores are noise."""
STILL_UNIT = 30.0
"""Minutes; stillness counts by its logarithm in this unit."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for somebody in the bed at one instant; 0 says nothing, but for `body`.

    `body`: logarithm of the body score plus 0.02; `None` when no body finder ran.
    `face`: a face was found in the bed.
    `still`: for how long the bed's look has not changed around the instant, log(1 + minutes / 30), at most 4 hours.
    `activity`: mean change of the look from picture to picture before or after the instant, whichever is less, in units
    of what noise does, less one, 0..7.
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

    @property
    def stillness(self) -> timedelta:
        """`still` as a time."""
        return timedelta(minutes=round(STILL_UNIT * math.expm1(self.still), 3))


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Log odds of occupied = `bias` + the sum of weight x evidence. A term whose evidence is missing is left out,
    and so is its own bias; the body's term lies between `body_low` and `body_high`, and that
    of the relief, once it is much, grows no further: `relief` x `relief_most` at most, by a hyperbolic tangent.

    The probability stated is that of `slope` x the log odds shared over time + `shift`, or of the pair `_alone` where
    no reference of the empty bed is known, held between `least` and 1 - `least`: nothing is stated surer than what was
    counted can prove."""

    version: str
    provenance: str
    bias: float
    body: float
    body_bias: float
    body_low: float
    body_high: float
    face: float
    still: float
    activity: float
    unlike_empty: float
    unlike_empty_bias: float
    relief: float
    relief_most: float
    slope: float
    shift: float
    slope_alone: float
    shift_alone: float
    least: float

    def __post_init__(self) -> None:
        numbers = [getattr(self, item.name) for item in fields(self) if item.name not in ("version", "provenance")]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("every weight is a finite number")
        if min(self.slope, self.slope_alone, self.relief_most) <= 0.0:
            raise ValueError("more evidence of somebody never makes it less probable: slopes and reach lie above 0")
        if not 0.0 <= self.least < 0.5:
            raise ValueError("the least probability lies between 0 and one half")


DEFAULT_WEIGHTS = FusionWeights(
    version="2",
    provenance=(
        "body: logistic regression (ridge .1, classes weighted alike) of 37 beds on ward photographs, 25 of them "
        "occupied; 95% by bootstrap 3.7 to 5.2 (weight), 6.9 to 10.8 (bias); its say is limited to what 25 and 12 "
        "beds can prove. face: at most 1 false face in 200 empty beds against 1 face in 2 occupied ones. The others: "
        "logistic regression (ridge 10; relief 40, and its say limited to what .7 would say, because simulated "
        "blankets show a body too plainly) of the evidence as it is shared over time, on 12,288 bed readings of 32 "
        "simulated wards (seeds 1, 2, 3, 11, 12, 31 to 35 and 51 to 56), once more with the reference taken away. "
        "slope and shift: logistic regression (Platt 1999) of the truth on log odds by weights fitted without that "
        "seed; 95% by bootstrap of seeds 1.42 to 1.81 and -1.25 to -.30, without a reference 1.73 to 2.10 and .17 to "
        ".84. least: the rule of succession (Laplace 1774) for 0 of 128, the beds whose readings lay below it with "
        "nobody in them."
    ),
    bias=2.005,
    body=5.089,
    body_bias=7.324,
    body_low=-2.0,
    body_high=3.0,
    face=4.0,
    still=-1.456,
    activity=0.589,
    unlike_empty=1.900,
    unlike_empty_bias=-3.857,
    relief=4.723,
    relief_most=0.7,
    slope=1.595,
    shift=-0.738,
    slope_alone=1.880,
    shift_alone=0.501,
    least=0.0077,
)


def log_odds(evidence: Evidence, weights: FusionWeights = DEFAULT_WEIGHTS) -> float:
    """The log odds that somebody is in the bed."""
    odds = weights.bias + weights.still * evidence.still + weights.activity * evidence.activity
    odds += weights.relief * weights.relief_most * math.tanh(evidence.relief / weights.relief_most)
    if evidence.body is not None:
        told = weights.body * evidence.body + weights.body_bias
        odds += min(max(told, weights.body_low), weights.body_high)
    if evidence.unlike_empty is not None:
        odds += weights.unlike_empty * evidence.unlike_empty + weights.unlike_empty_bias
    return odds + (weights.face if evidence.face else 0.0)


def probability(odds: float) -> float:
    """Log odds as a probability, without overflow."""
    return 1.0 / (1.0 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1.0 + math.exp(odds))


def stated(odds: float, *, referenced: bool, weights: FusionWeights = DEFAULT_WEIGHTS) -> float:
    """The probability that is stated of shared log odds. `referenced`: whether the empty bed is known."""
    slope, shift = (weights.slope, weights.shift) if referenced else (weights.slope_alone, weights.shift_alone)
    return min(max(probability(slope * odds + shift), weights.least), 1.0 - weights.least)
