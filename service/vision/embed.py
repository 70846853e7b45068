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
from service.vision.warp import sample, similarity


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
        """One call a face: batching brought nothing on CPU, and results stay the same whoever else is in the frame.
        What goes in is made ready for all first: between two calls the processor forgets how."""
        if not len(aligned):
            return np.zeros((0, self.dimension), np.float32)
        ready = [self._asked(face) for face in aligned]
        raw = np.concatenate([self._features(one) for one in ready])
        lengths = np.sqrt(np.add.reduce(raw * raw, axis=1, keepdims=True))
        return np.asarray(raw / np.maximum(lengths, np.float32(1e-6)), np.float32)

    def _asked(self, face: Pixels) -> FloatArray | Pixels:
        """What insightface's `get_feat` makes of a face that has the model's size already, in a third of the time; a
        face of another size as it is."""
        if face.shape[:2] != tuple(self.recogniser.input_size)[::-1]:
            return face
        planes = np.array(cv2.split(face)[::-1], np.float32)[None]
        mean, std = np.float32(self.recogniser.input_mean), np.float32(1.0 / self.recogniser.input_std)
        if mean:
            planes -= mean
        if std != 1.0:
            planes *= std
        return planes

    def _features(self, ready: FloatArray | Pixels) -> FloatArray:
        if ready.dtype == np.uint8:
            return np.asarray(self.recogniser.get_feat(ready), np.float32)
        feeds = {self.recogniser.input_name: ready}
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
