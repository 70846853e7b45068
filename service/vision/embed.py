"""Aligned faces to unit vectors, through insightface."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from service.vision.decode import Pixels
from service.vision.faces import FloatArray
from service.vision.warp import apply, sample


class Embedder(Protocol):
    """Something that maps a face to a vector whose cosine with another face's says whether they are one person."""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    def align(self, pixels: Pixels, points: FloatArray) -> Pixels:
        """The face at `points` ((5, 2), pixels) brought to the model's own pose and size (square, BGR)."""
        ...

    def embed(self, aligned: Sequence[Pixels]) -> FloatArray:
        """(n, dimension) float32, unit rows, one an aligned face."""
        ...


@dataclass(frozen=True, slots=True)
class InsightfaceEmbedder:
    """insightface's `ArcFaceONNX` and its alignment. `recogniser` is shared by threads: its calls keep no state."""

    recogniser: Any
    dimension: int

    def align(self, pixels: Pixels, points: FloatArray) -> Pixels:
        """insightface's `norm_crop`: the least-squares similarity onto ArcFace's five template points.

        It samples bilinearly, so a face far larger than the template is reduced by areas first.
        """
        side = int(self.recogniser.input_size[0])
        factor = float(np.linalg.norm(points[0] - points[1])) / (0.31 * side)  # the template's eyes lie .31 apart
        if factor > 2:
            pixels, points = _reduced(pixels, points, 1 / (1 << int(math.log2(factor))))
        return np.asarray(face_align().norm_crop(pixels, points, side), np.uint8)

    def embed(self, aligned: Sequence[Pixels]) -> FloatArray:
        """One call a face: batching brought nothing on CPU, and results stay the same whoever else is in the frame."""
        if not len(aligned):
            return np.zeros((0, self.dimension), np.float32)
        raw = np.concatenate([self.recogniser.get_feat(face) for face in aligned]).astype(np.float32)
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-6), np.float32)


def face_align() -> ModuleType:
    """insightface's alignment, imported on first use: it costs 118 MiB that a camera box may not have."""
    module: ModuleType = import_module("insightface.utils.face_align")
    return module


def quiet_insightface() -> None:
    """Its alignment calls a deprecated function of scikit-image at every face; one filter, for that module only."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"insightface\.utils\.face_align")


def _reduced(pixels: Pixels, points: FloatArray, scale: float) -> tuple[Pixels, FloatArray]:
    """The surroundings of a large face, smaller by `scale`, and the points in them."""
    centre, extent = points.mean(axis=0), 2.5 * float(np.ptp(points, axis=0).max())
    forward = np.array([[scale, 0, scale * (extent - centre[0])], [0, scale, scale * (extent - centre[1])]])
    side = math.ceil(2 * extent * scale)
    return sample(pixels, forward, (side, side)), apply(forward, points)
