"""How good a face picture is, and what is wrong with it in words a nurse can act on."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

import cv2
import numpy as np

from service.vision.decode import Pixels


class QualityReason(StrEnum):
    """Why a face is poor, or missing."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    TURNED_AWAY = "turned_away"
    OCCLUDED = "occluded"
    LOW_CONFIDENCE = "low_confidence"
    SEVERAL_FACES = "several_faces"
    NO_FACE = "no_face"


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """`score` 0 (useless) to 1 (a good portrait); `reasons` in the order in which they hurt."""

    score: float
    reasons: tuple[QualityReason, ...] = ()


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """What is measured about one face.

    `width`: pixels of the frame across the face (twice the distance between the eye centres). `sharpness`: standard
    deviation of the Laplacian over that of the grey values, on the aligned crop. `luminance`: median grey, 0..255.
    `saturated`: share of grey values above 250. `yaw`, `pitch`: degrees off frontal. `flag`: the mesh's belief, 0..1
    (1 without a mesh). `detection`: the finder's score, 0..1.
    """

    width: float
    sharpness: float
    luminance: float
    saturated: float
    yaw: float
    pitch: float
    flag: float
    detection: float


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """From which value on a part is bad (score 0) and from which it is good (score 1); a reason is given below .5."""

    width: tuple[float, float] = (16.0, 48.0)
    """A reason below 32 pixels. Source: at .40 FNMR is 3.4% at 32 pixels and 6.9% at 24."""
    sharpness: tuple[float, float] = (0.03, 0.15)
    luminance: tuple[float, float] = (10.0, 60.0)
    brightness: tuple[float, float] = (250.0, 215.0)
    saturated: tuple[float, float] = (0.6, 0.2)
    yaw: tuple[float, float] = (65.0, 30.0)
    pitch: tuple[float, float] = (75.0, 45.0)
    flag: tuple[float, float] = (0.3, 0.9)
    detection: tuple[float, float] = (0.1, 0.6)


BED_QUALITY = QualityPolicy()
PORTRAIT_QUALITY = QualityPolicy(
    width=(40.0, 88.0), luminance=(20.0, 80.0), yaw=(45.0, 15.0), pitch=(60.0, 30.0), detection=(0.3, 0.8)
)
"""A reference is compared for weeks: asked for more than a face that happens to lie in a bed."""


def measure(
    aligned: Pixels, *, eye_distance: float, yaw: float, pitch: float, flag: float, detection: float
) -> FaceMeasures:
    """The measures of a face from its aligned crop (112 x 112 BGR) and what was found before.

    Sharpness and light are taken from the crop's inner part, where there is face and no background.
    """
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    side = grey.shape[0]
    inner = grey[int(side * 0.25) : int(side * 0.95), int(side * 0.2) : int(side * 0.8)]
    laplacian = cv2.Laplacian(cv2.GaussianBlur(inner, (3, 3), 0), cv2.CV_32F)
    luminance, saturated = _light(np.asarray(inner, np.uint8))
    return FaceMeasures(
        width=2 * eye_distance,
        sharpness=_spread(laplacian) / (_spread(inner) + 4.0),
        luminance=luminance,
        saturated=saturated,
        yaw=yaw,
        pitch=pitch,
        flag=flag,
        detection=detection,
    )


def _light(grey: Pixels) -> tuple[float, float]:
    """The median of the grey values and the share above 250, from one histogram: no sorting."""
    filled = list(accumulate(np.bincount(grey.ravel(), minlength=256).tolist()))
    low, high = bisect_right(filled, (grey.size - 1) // 2), bisect_right(filled, grey.size // 2)
    return (low + high) / 2, 1.0 - filled[250] / grey.size


def _spread(values: cv2.typing.MatLike) -> float:
    """The standard deviation."""
    return float(cv2.meanStdDev(values)[1][0, 0])


def grade(measures: FaceMeasures, policy: QualityPolicy) -> FaceQuality:
    """The worst part decides: a sharp, well lit face turned to the wall is still no face to compare."""
    parts = (
        (QualityReason.TOO_SMALL, _ramp(measures.width, policy.width)),
        (QualityReason.BLURRED, _ramp(measures.sharpness, policy.sharpness)),
        (QualityReason.TOO_DARK, _ramp(measures.luminance, policy.luminance)),
        (
            QualityReason.TOO_BRIGHT,
            min(_ramp(measures.luminance, policy.brightness), _ramp(measures.saturated, policy.saturated)),
        ),
        (
            QualityReason.TURNED_AWAY,
            min(_ramp(abs(measures.yaw), policy.yaw), _ramp(abs(measures.pitch), policy.pitch)),
        ),
        (QualityReason.OCCLUDED, _ramp(measures.flag, policy.flag)),
        (QualityReason.LOW_CONFIDENCE, _ramp(measures.detection, policy.detection)),
    )
    poor = sorted((score, reason) for reason, score in parts if score < 0.5)
    return FaceQuality(min(score for _, score in parts), tuple(reason for _, reason in poor))


def _ramp(value: float, ends: tuple[float, float]) -> float:
    """0 at the first end, 1 at the second, straight between; the ends may fall as well as rise."""
    bad, good = ends
    return min(1.0, max(0.0, (value - bad) / (good - bad)))
