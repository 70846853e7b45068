"""Bed evidence judged on pictures that had no part in weighing it: leave one picture out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from service.kit.statistics import Rate
from service.vision.evaluate.metrics import Area, area_under_curve
from service.vision.sequence.fusion import BODY_OFFSET

_RIDGE = 0.1
_STEPS = 50
_LEAST_PRECISION = 0.95


@dataclass(frozen=True, slots=True)
class BedSample:
    """A labelled bed. `picture`: which it is in; beds of one picture stay together. `face`: whether one was found."""

    picture: str
    occupied: bool
    body: float
    face: bool


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Over all pictures, each judged by what was fitted on the others.

    `auc`: of the fitted probability from body score and face. `precision`, `recall`: at probability .5. `brier`: mean
    squared error of the probability, 0 best; .25 is a coin. `at_threshold_…`: of the body score alone at a threshold
    that the other pictures chose (the least with precision .95).
    """

    folds: int
    auc: Area
    precision: Rate
    recall: Rate
    brier: float
    at_threshold_precision: Rate
    at_threshold_recall: Rate


def cross_validate(beds: Sequence[BedSample]) -> CrossValidated | None:
    """The report, or `None` when a fold would be left without one of both kinds of beds."""
    pictures = sorted({bed.picture for bed in beds})
    chances = np.zeros(len(beds))
    claimed = np.zeros(len(beds), bool)
    for picture in pictures:
        others = [bed for bed in beds if bed.picture != picture]
        if len({bed.occupied for bed in others}) < 2:
            return None
        weights = fit(_features(others), np.array([bed.occupied for bed in others]))
        threshold = _threshold(others)
        for k, bed in enumerate(beds):
            if bed.picture == picture:
                chances[k] = _chance(_features([bed]), weights)[0]
                claimed[k] = bed.body >= threshold
    occupied = np.array([bed.occupied for bed in beds])
    said = chances >= 0.5
    return CrossValidated(
        folds=len(pictures),
        auc=area_under_curve(chances[occupied].tolist(), chances[~occupied].tolist()),
        precision=Rate(int((said & occupied).sum()), int(said.sum())),
        recall=Rate(int((said & occupied).sum()), int(occupied.sum())),
        brier=float(((chances - occupied) ** 2).mean()),
        at_threshold_precision=Rate(int((claimed & occupied).sum()), int(claimed.sum())),
        at_threshold_recall=Rate(int((claimed & occupied).sum()), int(occupied.sum())),
    )


def fit(features: NDArray[np.float64], occupied: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights (k,) of a ridge logistic regression by Newton's method, both classes weighted alike; `features` (n, k),
    the first of them the constant 1, which the ridge spares."""
    share = occupied.mean()
    importance = np.where(occupied, 0.5 / share, 0.5 / (1.0 - share))
    weights = np.zeros(features.shape[1])
    penalty = _RIDGE * np.eye(features.shape[1])
    penalty[0, 0] = 1e-6
    for _ in range(_STEPS):
        chance = _chance(features, weights)
        slope = features.T @ (importance * (occupied - chance)) - penalty @ weights
        curve = (features * (importance * chance * (1 - chance))[:, None]).T @ features + penalty
        step = np.linalg.solve(curve, slope)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def _features(beds: Sequence[BedSample]) -> NDArray[np.float64]:
    return np.array([[1.0, log(bed.body + BODY_OFFSET), float(bed.face)] for bed in beds])


def _chance(features: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(features @ weights, -30, 30))), np.float64)


def _threshold(beds: Sequence[BedSample]) -> float:
    """The least body score from which at least .95 of these beds are occupied; above all of them if there is none."""
    ordered = sorted(beds, key=lambda bed: -bed.body)
    chosen, true = float("inf"), 0
    for count, bed in enumerate(ordered, start=1):
        true += bed.occupied
        if true / count >= _LEAST_PRECISION:
            chosen = bed.body
    return chosen
