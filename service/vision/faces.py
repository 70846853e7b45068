"""Finding faces: in a picture, or in a bed's crop turned upright."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.runtime import Ready
from service.vision.warp import Affine, QuarterCut, apply, invert, quarter_cut, rotation, sample, scale_of

FloatArray = NDArray[np.float32]

VIEW_SIDE = 640
"""Longest side of what the finder sees. Source: recall of lying patients was measured at 640."""
QUICK_SIDE = 448
"""The same for a first look at a bed: a head is an eighth of a bed's length, 50 pixels of 448."""
MAX_UPSCALE = 3.0
_SNAP = 15.0
"""Degrees. The finder finds faces tilted by 30."""
_STRIDE = 32
"""The finder's coarsest grid: sides are multiples of it."""


@dataclass(frozen=True, slots=True)
class Faces:
    """n faces. `boxes`: (n, 4) float32 x1 y1 x2 y2; `points`: (n, 5, 2) float32, the eye on the picture's left, the
    other eye, nose tip, mouth corners left and right, as an upright face has them; `scores`: (n,) float32, 0..1.
    All in pixels. `angle`: degrees by which the picture was turned to find them. Raises `ValueError` on other shapes.
    """

    boxes: FloatArray
    points: FloatArray
    scores: FloatArray
    angle: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.points.shape != (n, 5, 2) or self.scores.shape != (n,):
            raise ValueError(f"faces of shapes {self.boxes.shape}, {self.points.shape}, {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls, angle: float = 0.0) -> Faces:
        """No faces."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32), angle)

    def take(self, indices: Sequence[int] | NDArray[np.intp]) -> Faces:
        """The faces at `indices`, in that order."""
        chosen = np.asarray(indices, dtype=np.intp)
        return Faces(self.boxes[chosen], self.points[chosen], self.scores[chosen], self.angle)


class FaceFinder(Protocol):
    """A face detector on upright faces."""

    def find(self, pixels: Pixels) -> Faces:
        """The faces in `pixels`, best first, in its coordinates. Sides of `pixels` are multiples of 32."""
        ...

    def ready(self, pictures: Sequence[Pixels]) -> Ready[list[Faces]]:
        """The search for the faces in each of `pictures`, as `find` gives them, in its three steps."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """A turned and scaled part of a frame. `to_frame` maps its pixels back; `angle` is its turn in degrees."""

    pixels: Pixels
    to_frame: Affine
    angle: float


def head_angle(polygon: FloatArray, head_edge: int) -> float:
    """Degrees by which to turn the picture clockwise so that the head edge of `polygon` (pixels) comes to the top."""
    edge = (polygon[head_edge] + polygon[(head_edge + 1) % len(polygon)]) / 2
    x, y = edge - polygon.mean(axis=0)
    return math.degrees(math.atan2(-x, -y)) if x or y else 0.0


def view_of(
    pixels: Pixels,
    region: FloatArray,
    angle: float,
    *,
    margins: tuple[float, float] = (0.0, 0.0),
    side: int = VIEW_SIDE,
) -> View:
    """The part of `pixels` around `region` ((n, 2), pixels), turned clockwise by `angle` degrees.

    `margins`: how much is added at the sides and the bottom, and at the top (where pillow and head overhang), as
    fractions of the region's longer side. Outside of the picture is black. An angle near a quarter turn becomes one:
    that is three times as fast, and the finder bears twice the difference. `side`: the view's longer one, pixels.
    """
    corners = np.asarray(region, np.float64)
    plan = _plan(corners.tobytes(), float(angle), margins, side, pixels.shape[:2])
    patch = sample(pixels, plan.forward, plan.size) if plan.cut is None else plan.cut.of(pixels)
    return View(patch, plan.to_frame, plan.angle)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a view is cut out of frames of one size; `cut` where it is turned by quarters."""

    cut: QuarterCut | None
    forward: Affine
    to_frame: Affine
    size: tuple[int, int]
    angle: float


@lru_cache(maxsize=512)
def _plan(region: bytes, angle: float, margins: tuple[float, float], side: int, shape: tuple[int, int]) -> _Plan:
    """Kept, since a camera's beds stay where they are. `region`: (n, 2) float64; `shape`: the frame's."""
    quarter = round(angle / 90.0)
    snapped = abs(angle - 90.0 * quarter) <= _SNAP
    turn = np.round(rotation(90.0 * quarter)) if snapped else rotation(angle)
    turned = np.frombuffer(region, np.float64).reshape(-1, 2) @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    longer = float(max(high - low))
    low, high = low - longer * np.array(margins), high + longer * margins[0]
    size = np.maximum(high - low, 1.0)
    scale = min(side / float(size.max()), MAX_UPSCALE)
    # Rounding errors must not add a stride: a side of 448.0000001 would be searched as 480.
    width, height = (math.ceil(s * scale / _STRIDE - 1e-6) * _STRIDE for s in size)
    if snapped:
        ends = np.array([low, low + np.array([width, height]) / scale]) @ turn
        cut = quarter_cut(shape, ends.min(axis=0), ends.max(axis=0), quarter, (width, height))
        return _Plan(cut, cut.forward, _kept(invert(cut.forward)), (width, height), 90.0 * quarter)
    forward = np.hstack([turn * scale, (-low * scale)[:, None]])
    return _Plan(None, _kept(forward), _kept(invert(forward)), (width, height), angle)


def _kept(matrix: Affine) -> Affine:
    """`matrix`, not to be written to: it is shared by all frames of a camera, and by threads."""
    matrix.setflags(write=False)
    return matrix


def in_frame(faces: Faces, view: View) -> Faces:
    """Faces found in a view, in the frame's pixels. A box becomes the upright square about its turned self."""
    if not len(faces):
        return Faces.none(view.angle)
    low, high = faces.boxes[:, :2], faces.boxes[:, 2:]
    mapped = apply(view.to_frame, np.concatenate([faces.points, ((low + high) / 2)[:, None]], axis=1))
    points, centres = mapped[:, :5], mapped[:, 5]
    half = (high - low) * scale_of(view.to_frame) / 2
    half = half @ np.abs(rotation(view.angle))
    boxes = np.concatenate([centres - half, centres + half], axis=1)
    return Faces(boxes.astype(np.float32), points, faces.scores, view.angle)


def find_faces(
    pixels: Pixels,
    region: FloatArray,
    angle: float,
    finder: FaceFinder,
    *,
    margins: tuple[float, float] = (0.0, 0.0),
    side: int = VIEW_SIDE,
) -> Faces:
    """The faces around `region` in the picture turned by `angle`; in pixels of the unturned picture."""
    view = view_of(pixels, region, angle, margins=margins, side=side)
    return in_frame(finder.find(view.pixels), view)


def whole(pixels: Pixels) -> FloatArray:
    """The picture's corners as a region, (4, 2) float32."""
    height, width = pixels.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


_FEW = 16
"""Boxes up to which plain numbers are faster than OpenCV."""


def _kept_of_few(boxes: list[list[float]], overlap: float) -> list[int]:
    """Which of `boxes`, best first, `suppress` keeps."""
    kept: list[int] = []
    areas = [max(x2 - x1, 0.0) * max(y2 - y1, 0.0) for x1, y1, x2, y2 in boxes]
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        for k in kept:
            left, top, right, bottom = boxes[k]
            common = max(min(x2, right) - max(x1, left), 0.0) * max(min(y2, bottom) - max(y1, top), 0.0)
            if common > overlap * (areas[i] + areas[k] - common):
                break
        else:
            kept.append(i)
    return kept


def suppress(boxes: FloatArray, scores: FloatArray, overlap: float) -> NDArray[np.intp]:
    """Indices kept by greedy non-maximum suppression, best first: a box goes when its intersection over union with a
    better one exceeds `overlap`. `scores` are above 0."""
    if len(scores) > _FEW:
        corners = boxes.astype(np.float64)
        corners[:, 2:] -= corners[:, :2]
        return np.asarray(cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), 0.0, overlap), np.intp)
    order = np.argsort(-scores, kind="stable")
    return order[_kept_of_few(boxes[order].tolist(), overlap)]
