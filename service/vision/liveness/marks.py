"""Marks of a screen: its grid of pixels beats against the camera's, and the beat is a sharp peak in the spectrum.

Skin, hair and noise have broad spectra. A screen whose grid is finer than the camera can see, or that stands out of
focus, leaves no mark: this finds some screens, and clears none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.liveness.look import FaceLook

SIDE = 192
"""Pixels of the square about the face that is looked at, at the camera's own resolution."""
_LOWEST = 0.09
"""Cycles a pixel from which on a peak counts: below lie the face's own shapes."""
_BLOCK = 1 / 8
"""JPEG codes squares of 8 pixels: what lies on an axis at a multiple of this is the codec's."""


def grid_peak(frames: Sequence[Pixels], looks: Sequence[FaceLook | None]) -> float | None:
    """How far the sharpest peak of the face's spectrum stands above its surroundings, natural logarithm, in the middle
    of all frames; `None` without a face."""
    found = [_peak(_square(pixels, look)) for pixels, look in zip(frames, looks, strict=True) if look is not None]
    return float(np.median(found)) if found else None


def _square(pixels: Pixels, look: FaceLook) -> NDArray[np.float32]:
    """(SIDE, SIDE) grey values about the face, without what is smooth."""
    x, y = look.centre
    height, width = pixels.shape[:2]
    left = int(np.clip(round(float(x)) - SIDE // 2, 0, max(0, width - SIDE)))
    top = int(np.clip(round(float(y)) - SIDE // 2, 0, max(0, height - SIDE)))
    part = cv2.cvtColor(pixels[top : top + SIDE, left : left + SIDE], cv2.COLOR_BGR2GRAY).astype(np.float32)
    if part.shape != (SIDE, SIDE):
        part = cv2.copyMakeBorder(part, 0, SIDE - part.shape[0], 0, SIDE - part.shape[1], cv2.BORDER_REFLECT).astype(
            np.float32
        )
    return np.asarray(part - cv2.GaussianBlur(part, (0, 0), 3.0), np.float32)


def _peak(part: NDArray[np.float32]) -> float:
    power = np.log(np.abs(np.fft.rfft2(part * _window())) + 1.0).astype(np.float32)
    around = cv2.medianBlur(power, 5)
    level = cv2.blur(around, (9, 9))
    return float((power - level)[_counted()].max())


@cache
def _window() -> NDArray[np.float32]:
    edge = np.hanning(SIDE)
    return np.outer(edge, edge).astype(np.float32)


@cache
def _counted() -> NDArray[np.bool_]:
    down, across = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    high = np.hypot(down, across) > _LOWEST
    near = 2.5 / SIDE
    blocks = (np.abs(across / _BLOCK - np.round(across / _BLOCK)) * _BLOCK < near) & (np.abs(down) < near)
    blocks |= (np.abs(down / _BLOCK - np.round(down / _BLOCK)) * _BLOCK < near) & (np.abs(across) < near)
    return np.asarray(high & ~blocks)
