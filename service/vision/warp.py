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
    turn, scale = math.radians(-roll), pixels / side
    cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
    x, y = float(centre[0]), float(centre[1])
    half = pixels / 2
    return np.array([[cos, -sin, half - cos * x + sin * y], [sin, cos, half - sin * x - cos * y]])


def similarity(points: NDArray[np.floating], target: NDArray[np.floating]) -> Affine:
    """The similarity that maps `points` ((n, 2)) nearest to `target` by least squares, without mirroring.

    In the plane Umeyama's estimate (IEEE PAMI 13, 1991) has this closed form: as complex numbers about their means,
    the factor is sum(conj(p) t) / sum(|p|^2).
    """
    # Plain numbers: for five points that is ten times as fast as arrays.
    here, there = points.tolist(), target.tolist()
    n = len(here)
    x0, y0 = sum(x for x, _ in here) / n, sum(y for _, y in here) / n
    u0, v0 = sum(u for u, _ in there) / n, sum(v for _, v in there) / n
    extent, along, across = 0.0, 0.0, 0.0
    for (x, y), (u, v) in zip(here, there, strict=True):
        x, y, u, v = x - x0, y - y0, u - u0, v - v0
        extent += x * x + y * y
        along += x * u + y * v
        across += x * v - y * u
    cos, sin = along / max(extent, 1e-12), across / max(extent, 1e-12)
    return np.array([[cos, -sin, u0 - cos * x0 + sin * y0], [sin, cos, v0 - sin * x0 - cos * y0]])


def sample(pixels: Pixels, forward: Affine, size: tuple[int, int]) -> Pixels:
    """`pixels` seen through `forward` (frame to patch), (height, width, 3) for `size` (width, height); black outside.

    A strong reduction is halved by areas first, as often as needed and only where the patch looks: bilinear sampling
    alone would skip rows.
    """
    return np.asarray(cv2.cvtColor(_sample_four(pixels, forward, size), cv2.COLOR_BGRA2BGR), np.uint8)


def sample_rgb(pixels: Pixels, forward: Affine, size: tuple[int, int], into: Pixels) -> None:
    """`sample` with red first, written to `into` ((height, width, 3) uint8, contiguous)."""
    cv2.cvtColor(_sample_four(pixels, forward, size), cv2.COLOR_BGRA2RGB, dst=into)


def _sample_four(pixels: Pixels, forward: Affine, size: tuple[int, int]) -> cv2.typing.MatLike:
    """OpenCV warps four channels in a third of the time that it needs for three."""
    scale = scale_of(forward)
    factor = 1 << math.floor(math.log2(1 / scale)) if scale < 0.5 else 1
    part, forward = _seen(pixels, forward, size, factor)
    return cv2.warpAffine(cv2.cvtColor(part, cv2.COLOR_BGR2BGRA), forward, size, flags=cv2.INTER_LINEAR)


@dataclass(frozen=True, slots=True)
class QuarterCut:
    """An upright box of pictures of one size, turned by quarters onto a patch. `box`: x1, y1, x2, y2 inside the
    picture; `border`: black rows and columns around it (top, bottom, left, right); `size`: width and height before the
    turn; `turn`: OpenCV's, `None` for none; `forward`: from picture to patch."""

    box: tuple[int, int, int, int]
    border: tuple[int, int, int, int]
    size: tuple[int, int]
    turn: int | None
    forward: Affine

    def of(self, pixels: Pixels) -> Pixels:
        """The patch. `sample` at a third of its cost."""
        x1, y1, x2, y2 = self.box
        part = pixels[y1:y2, x1:x2]
        if any(self.border):
            part = np.asarray(cv2.copyMakeBorder(part, *self.border, cv2.BORDER_CONSTANT), np.uint8)
        how = cv2.INTER_AREA if part.shape[1] > 2 * self.size[0] else cv2.INTER_LINEAR
        patch = cv2.resize(part, self.size, interpolation=how)
        return np.asarray(patch if self.turn is None else cv2.rotate(patch, self.turn), np.uint8)


def quarter_cut(
    shape: tuple[int, int],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    quarter: int,
    size: tuple[int, int],
) -> QuarterCut:
    """The upright box from `low` to `high` (x, y; may reach outside: black) of pictures of `shape` (height, width),
    turned clockwise by `quarter` x 90 degrees onto `size` (width, height)."""
    first_x, first_y, last_x, last_y = (
        *(math.floor(v) for v in low.tolist()),
        *(math.ceil(v) for v in high.tolist()),
    )
    rows, columns = shape
    inner_x, inner_y = min(max(first_x, 0), columns - 1), min(max(first_y, 0), rows - 1)
    end_x, end_y = min(max(last_x, 1), columns), min(max(last_y, 1), rows)
    left, top = max(0, inner_x - first_x), max(0, inner_y - first_y)
    right, bottom = max(0, last_x - end_x), max(0, last_y - end_y)
    across, down = size if quarter % 2 == 0 else size[::-1]
    # Pixel centres: u + 1/2 of the patch lies at (x + 1/2 - corner) times the scale; the turn is about the centre.
    scale_x, scale_y = across / (end_x - inner_x + left + right), down / (end_y - inner_y + top + bottom)
    shift_x = (0.5 - inner_x + left) * scale_x - across / 2
    shift_y = (0.5 - inner_y + top) * scale_y - down / 2
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter % 4]
    forward = np.array(
        [
            [cos * scale_x, -sin * scale_y, cos * shift_x - sin * shift_y + size[0] / 2 - 0.5],
            [sin * scale_x, cos * scale_y, sin * shift_x + cos * shift_y + size[1] / 2 - 0.5],
        ]
    )
    return QuarterCut(
        box=(inner_x, inner_y, end_x, end_y),
        border=(top, bottom, left, right),
        size=(across, down),
        turn=_QUARTERS.get(quarter % 4),
        forward=forward,
    )


def planes_of(*pictures: Pixels) -> Pixels:
    """(n, 3, h, w) uint8 of n pictures (h, w, 3) of one size, in the order of their channels. OpenCV's `blobFromImages`
    takes five times as long, most of it for floats."""
    planes = np.empty((len(pictures), 3, *pictures[0].shape[:2]), np.uint8)
    for pixels, targets in zip(pictures, planes, strict=True):
        cv2.split(pixels, list(targets))
    return planes


def _seen(pixels: Pixels, forward: Affine, size: tuple[int, int], factor: int) -> tuple[Pixels, Affine]:
    """The part of `pixels` that the patch looks at, reduced `factor` times by areas, and the matrix from there."""
    (a, b, c), (d, e, f) = invert(forward).tolist()
    width, height = size
    ends_x = (c, a * width + c, b * height + c, a * width + b * height + c)
    ends_y = (f, d * width + f, e * height + f, d * width + e * height + f)
    margin = 2 * factor
    rows, columns = pixels.shape[:2]
    low_x = min(max(math.floor(min(ends_x)) - margin, 0), columns - 1)
    low_y = min(max(math.floor(min(ends_y)) - margin, 0), rows - 1)
    high_x = min(max(math.ceil(max(ends_x)) + margin, low_x + 1), columns)
    high_y = min(max(math.ceil(max(ends_y)) + margin, low_y + 1), rows)
    part = pixels[low_y:high_y, low_x:high_x]
    small, ratio_x, ratio_y = part, 1.0, 1.0
    if factor > 1:
        reduced_size = max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)
        small = np.asarray(cv2.resize(part, reduced_size, interpolation=cv2.INTER_AREA), np.uint8)
        ratio_x, ratio_y = part.shape[1] / small.shape[1], part.shape[0] / small.shape[0]
    # Pixel centres: small (u) lies at low + (u + 1/2) ratio - 1/2 of the frame.
    x, y = low_x + ratio_x / 2 - 0.5, low_y + ratio_y / 2 - 0.5
    (a, b, c), (d, e, f) = forward.tolist()
    linear = [a * ratio_x, b * ratio_y, a * x + b * y + c], [d * ratio_x, e * ratio_y, d * x + e * y + f]
    return small, np.array(linear)
