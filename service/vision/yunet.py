"""YuNet over onnxruntime: the face finder of the default pack. Its session is shared by threads, which OpenCV's own
`FaceDetectorYN` does not survive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.faces import Faces, FloatArray, suppress
from service.vision.runtime import ModelSession, Tensor
from service.vision.warp import blob_of

STRIDES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class YuNetFinder:
    """Decodes YuNet 2023mar. Input: BGR 0..255, sides multiples of 32. `threshold` is on sqrt(class x objectness)."""

    session: ModelSession
    threshold: float = 0.3
    overlap: float = 0.3
    most: int = 50
    input_name: str = "input"

    def find(self, pixels: Pixels) -> Faces:
        """The faces in `pixels`, best first. Raises `ValueError` when a side is no multiple of 32."""
        return self.find_all([pixels])[0]

    def find_all(self, pictures: Sequence[Pixels]) -> list[Faces]:
        """The same of several pictures: one call for all of one size, bit for bit what each alone gives."""
        found: list[Faces] = [Faces.none()] * len(pictures)
        by_size: dict[tuple[int, ...], list[int]] = {}
        for i, pixels in enumerate(pictures):
            by_size.setdefault(pixels.shape[:2], []).append(i)
        for (height, width), members in by_size.items():
            if height % STRIDES[-1] or width % STRIDES[-1]:
                raise ValueError(f"{width}x{height}: sides must be multiples of {STRIDES[-1]}")
            outputs = self.session.run({self.input_name: blob_of(*(pictures[i] for i in members))})
            faces = decode(outputs, width, height, self.threshold, self.overlap, self.most)
            for i, one in zip(members, faces, strict=True):
                found[i] = one
        return found


def decode(outputs: list[Tensor], width: int, height: int, threshold: float, overlap: float, most: int) -> list[Faces]:
    """YuNet's twelve outputs (cls, obj, bbox and kps at strides 8, 16, 32) as the faces of each picture of the batch.

    Formulae: OpenCV modules/objdetect/src/face_detect.cpp, `postProcess`: score = sqrt(cls x obj), centre =
    (cell + d) x stride, size = exp(d) x stride, point = (cell + d) x stride.
    """
    owners, boxes, points, scores = [], [], [], []
    for level, stride in enumerate(STRIDES):
        cls, obj, box, kps = (outputs[3 * part + level] for part in range(4))
        product = cls[..., 0] * obj[..., 0]
        # Few cells are chosen, mostly none: whatever follows works on those alone.
        picture, cell = np.nonzero(product >= threshold * threshold)
        if not len(cell):
            continue
        cells = _cells(width // stride, height // stride)[cell]
        chosen = box[picture, cell]
        centre = (cells + chosen[:, :2]) * stride
        half = np.exp(chosen[:, 2:]) * (stride / 2)
        owners.append(picture)
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        points.append((cells[:, None, :] + kps[picture, cell].reshape(-1, 5, 2)) * stride)
        scores.append(np.sqrt(np.minimum(product[picture, cell], 1.0)))
    batch = len(outputs[0])
    if not scores:
        return [Faces.none()] * batch
    owner = np.concatenate(owners)
    box, point, score = (np.concatenate(part).astype(np.float32) for part in (boxes, points, scores))
    every = Faces(box, point, score)
    return [_suppressed(every.take(np.flatnonzero(owner == i)), overlap, most) for i in range(batch)]


def _suppressed(faces: Faces, overlap: float, most: int) -> Faces:
    return faces.take(suppress(faces.boxes, faces.scores, overlap)[:most]) if len(faces) > 1 else faces


@lru_cache(maxsize=64)
def _cells(columns: int, rows: int) -> FloatArray:
    """(rows x columns, 2) float32: column and row of each cell, row by row."""
    grid: NDArray[np.float32] = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    cells = grid.reshape(-1, 2).astype(np.float32)
    cells.setflags(write=False)
    return cells
