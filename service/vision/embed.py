"""Aligned faces to unit vectors, through insightface."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import cv2
import numpy as np

from service.vision.decode import Pixels
from service.vision.faces import FloatArray
from service.vision.warp import blob_of, sample, similarity


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
        """What insightface's `norm_crop` does: the least-squares similarity onto ArcFace's five template points.

        It samples bilinearly, so a face far larger than the template is reduced by areas first.
        """
        side = int(self.recogniser.input_size[0])
        return sample(pixels, similarity(points, _template(side)), (side, side))

    def embed(self, aligned: Sequence[Pixels]) -> FloatArray:
        """One call a face: batching brought nothing on CPU, and results stay the same whoever else is in the frame."""
        if not len(aligned):
            return np.zeros((0, self.dimension), np.float32)
        raw = np.concatenate([self._features(face) for face in aligned])
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-6), np.float32)

    def _features(self, face: Pixels) -> FloatArray:
        """insightface's `get_feat` of one face that has the model's size already, in a third of the time around the
        model."""
        if face.shape[:2] != tuple(self.recogniser.input_size)[::-1]:
            return np.asarray(self.recogniser.get_feat(face), np.float32)
        mean, std = float(self.recogniser.input_mean), float(self.recogniser.input_std)
        rgb = np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2RGB), np.uint8)
        blob = blob_of(rgb, mean=(mean,) * 3, std=(std,) * 3)
        feeds = {self.recogniser.input_name: blob}
        return np.asarray(self.recogniser.session.run(self.recogniser.output_names, feeds)[0], np.float32)


def face_align() -> ModuleType:
    """insightface's alignment, imported on first use: it costs 118 MiB that a camera box may not have."""
    module: ModuleType = import_module("insightface.utils.face_align")
    return module


@lru_cache(maxsize=4)
def _template(side: int) -> FloatArray:
    """(5, 2): where the points of an aligned face lie in a square of `side` pixels, as insightface has them."""
    base = 112 if side % 112 == 0 else 128
    points = face_align().arcface_dst * (side / base) + np.array([8.0 * side / base if base == 128 else 0.0, 0.0])
    return np.asarray(points, np.float32)


def quiet_insightface() -> None:
    """Its alignment calls a deprecated function of scikit-image at every face; one filter, for that module only."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"insightface\.utils\.face_align")
