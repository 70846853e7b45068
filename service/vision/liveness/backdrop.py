"""Whether what stands around the head stands still, as it does behind somebody at a kiosk, whose camera is bolted down.

A tablet or a print held before the camera brings its own surroundings, and they move with the hand. A face that is
turned needs no such hand: the shelves behind it stay where they are. Nothing is said where nothing can be followed (a
bare wall), and a screen that stands as still as the shelves is not found this way.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.liveness.look import FaceLook

HALF = 2
"""Pictures are halved: half the noise, a quarter of the work, and still a quarter of a pixel of accuracy."""
_CORNERS = 160
_LEAST = 10
"""Corners below which nothing is said."""
_HEAD = (0.55, 0.75)
"""How far a head, with hair and ears, reaches beyond the mesh's box aside and above, over its width and height."""
_RING = 1.6
"""How far around the head is looked, over the face's width: farther away the picture may not be the screen's."""
_BODY = 1.6
"""How far shoulders reach aside from the middle of the face, over its width; what is below the mouth is left out."""


def sway(frames: Sequence[Pixels], looks: Sequence[FaceLook | None]) -> float | None:
    """How far the surroundings of the head moved in the middle of all frames, over the picture's width; `None` where
    they could not be followed. `frames`: (h, w, 3) uint8, all of one size, the first one's face known."""
    first = looks[0]
    if first is None:
        return None
    grey = [_half(pixels) for pixels in frames]
    if any(picture.shape != grey[0].shape for picture in grey):
        return None
    ring = _around(grey[0].shape, looks)
    corners = cv2.goodFeaturesToTrack(grey[0], _CORNERS, 0.005, 5, mask=ring)
    if corners is None or len(corners) < _LEAST:
        return None
    starts = np.asarray(corners, np.float32)
    moved = [far for picture in grey[1:] if (far := _moved(grey[0], picture, starts)) is not None]
    return float(np.median(moved)) / grey[0].shape[1] if moved else None


def _half(pixels: Pixels) -> Pixels:
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    size = max(1, grey.shape[1] // HALF), max(1, grey.shape[0] // HALF)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _around(shape: tuple[int, ...], looks: Sequence[FaceLook | None]) -> Pixels:
    """Where to look (h, w): the ring about the head, without anything the head or body covers in any frame."""
    mask = np.zeros(shape, np.uint8)
    boxes = [np.asarray(look.face.box, np.float64) / HALF for look in looks if look is not None]
    width = float(np.median([box[2] - box[0] for box in boxes]))
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    reach = (1 + _RING) * width
    middle = (low + high) / 2
    _fill(mask, middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach, 255)
    tall = float(np.median([box[3] - box[1] for box in boxes]))
    aside, above = _HEAD[0] * width, _HEAD[1] * tall
    _fill(mask, low[0] - aside, low[1] - above, high[0] + aside, high[1] + 0.2 * tall, 0)
    _fill(mask, middle[0] - _BODY * width, middle[1] + 0.3 * tall, middle[0] + _BODY * width, shape[0], 0)
    return mask


def _fill(mask: Pixels, x1: float, y1: float, x2: float, y2: float, value: int) -> None:
    left, top, right, bottom = (max(0, round(v)) for v in (x1, y1, x2, y2))
    mask[top:bottom, left:right] = value


def _moved(one: Pixels, other: Pixels, corners: NDArray[np.float32]) -> float | None:
    """Median length, pixels, of the way of those corners that were found again, there and back."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(one, other, corners, None, winSize=(15, 15), maxLevel=3)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(other, one, there, None, winSize=(15, 15), maxLevel=3)  # type: ignore[call-overload]
    kept = (found.ravel() == 1) & (again.ravel() == 1)
    kept &= np.linalg.norm((back - corners).reshape(-1, 2), axis=1) < 0.7
    if int(kept.sum()) < _LEAST // 2:
        return None
    return float(np.median(np.linalg.norm((there - corners).reshape(-1, 2)[kept], axis=1)))
