"""Cutting turned and scaled parts out of a picture without aliasing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels

Affine = NDArray[np.float64]
"""(2, 3): maps column vectors (x, y, 1) of one picture to (x, y) of another."""


_QUARTERS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True)
class Reduced:
    """A smaller copy of a frame. `ratio`: (4,) float32, frame over copy, for x y x y."""

    pixels: Pixels
    ratio: NDArray[np.float32]


def reduced(pixels: Pixels, least: int = 480) -> Reduced:
    """`pixels` halved by areas as long as the longer side stays at least `least`. Halving is the one reduction that
    OpenCV does fast; whoever needs a small picture of the whole frame starts from this copy."""
    small = pixels
    while max(small.shape[:2]) >= 2 * least and min(small.shape[:2]) >= 2:
        size = max(1, small.shape[1] // 2), max(1, small.shape[0] // 2)
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = pixels.shape[1] / small.shape[1], pixels.shape[0] / small.shape[0]
    return Reduced(small, np.array([x, y, x, y], np.float32))


def scale_of(matrix: Affine) -> float:
    """By how much a similarity enlarges."""
    return math.sqrt(abs(float(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])))


def invert(matrix: Affine) -> Affine:
    """The matrix of the way back."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def apply(matrix: Affine, points: NDArray[np.floating]) -> NDArray[np.float32]:
    """`points` (..., 2) mapped by `matrix`, float32."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def rotation(degrees: float) -> NDArray[np.float64]:
    """(2, 2): turns a picture clockwise on the screen (y down)."""
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    return np.array([[cos, -sin], [sin, cos]])


def square_about(centre: NDArray[np.floating], side: float, roll: float, pixels: int) -> Affine:
    """Maps the square of `side` about `centre`, whose content is turned clockwise by `roll` degrees, upright onto
    `pixels` x `pixels`."""
    turn = rotation(-roll) * (pixels / side)
    return np.hstack([turn, (pixels / 2 - turn @ centre)[:, None]])


def sample(pixels: Pixels, forward: Affine, size: tuple[int, int]) -> Pixels:
    """`pixels` seen through `forward` (frame to patch), (height, width, 3) for `size` (width, height); black outside.

    A strong reduction is halved by areas first, as often as needed and only where the patch looks: bilinear sampling
    alone would skip rows.
    """
    scale = scale_of(forward)
    if scale < 0.5:
        pixels, forward = _shrunk(pixels, forward, size, 1 << math.floor(math.log2(1 / scale)))
    return np.asarray(cv2.warpAffine(pixels, forward, size, flags=cv2.INTER_LINEAR), np.uint8)


def sample_quarter(
    pixels: Pixels, low: NDArray[np.float64], high: NDArray[np.float64], quarter: int, size: tuple[int, int]
) -> tuple[Pixels, Affine]:
    """The upright box from `low` to `high` (x, y; may reach outside: black), turned clockwise by `quarter` x 90
    degrees onto `size` (width, height), and the matrix from frame to patch. `sample` at a third of its cost.
    """
    sides = np.array([pixels.shape[1], pixels.shape[0]])
    first, last = np.floor(low).astype(int), np.ceil(high).astype(int)
    inner_first, inner_last = np.clip(first, 0, sides - 1), np.clip(last, 1, sides)
    part = pixels[inner_first[1] : inner_last[1], inner_first[0] : inner_last[0]]
    left, top = (max(0, int(v)) for v in inner_first - first)
    right, bottom = (max(0, int(v)) for v in last - inner_last)
    if max(left, top, right, bottom) > 0:
        part = np.asarray(cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT), np.uint8)
    unturned = size if quarter % 2 == 0 else size[::-1]
    how = cv2.INTER_AREA if part.shape[1] > 2 * unturned[0] else cv2.INTER_LINEAR
    patch = cv2.resize(part, unturned, interpolation=how)
    if quarter % 4:
        patch = cv2.rotate(patch, _QUARTERS[quarter % 4])
    # Pixel centres: u + 1/2 of the patch lies at (x + 1/2 - corner) times the scale; the turn is about the centre.
    scale = np.array([unturned[0] / part.shape[1], unturned[1] / part.shape[0]])
    corner = inner_first - np.array([left, top])
    shift = (0.5 - corner) * scale - np.array(unturned) / 2
    turn = np.round(rotation(90.0 * (quarter % 4)))
    forward = np.hstack([turn * scale, (turn @ shift + np.array(size) / 2 - 0.5)[:, None]])
    return np.asarray(patch, np.uint8), forward


def blob_of(pixels: Pixels) -> NDArray[np.float32]:
    """(1, 3, h, w) float32 of (h, w, 3) uint8: OpenCV's `blobFromImage` without options, at a fifth of its cost."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)


def _shrunk(pixels: Pixels, forward: Affine, size: tuple[int, int], factor: int) -> tuple[Pixels, Affine]:
    width, height = size
    corners = apply(invert(forward), np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32))
    sides = np.array([pixels.shape[1], pixels.shape[0]])
    low = np.clip(np.floor(corners.min(axis=0)) - factor, 0, sides - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + factor, low + 1, sides).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]]
    small = np.asarray(
        cv2.resize(
            part,
            (max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)),
            interpolation=cv2.INTER_AREA,
        ),
        np.uint8,
    )
    ratio = np.array([part.shape[1] / small.shape[1], part.shape[0] / small.shape[0]])
    # Pixel centres: small (u) lies at low + (u + 1/2) ratio - 1/2 of the frame.
    offset = low + ratio / 2 - 0.5
    linear = forward[:, :2] * ratio
    return small, np.hstack([linear, (forward[:, :2] @ offset + forward[:, 2])[:, None]])
