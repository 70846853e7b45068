"""YuNet over onnxruntime: the face finder of the default pack. Its session is shared by threads, which OpenCV's own
`FaceDetectorYN` does not survive."""

from __future__ import annotations

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
        height, width = pixels.shape[:2]
        if height % STRIDES[-1] or width % STRIDES[-1]:
            raise ValueError(f"{width}x{height}: sides must be multiples of {STRIDES[-1]}")
        outputs = self.session.run({self.input_name: blob_of(pixels)})
        return decode(outputs, width, height, self.threshold, self.overlap, self.most)


def decode(outputs: list[Tensor], width: int, height: int, threshold: float, overlap: float, most: int) -> Faces:
    """YuNet's twelve outputs (cls, obj, bbox and kps at strides 8, 16, 32; batch 1) as faces.

    Formulae: OpenCV modules/objdetect/src/face_detect.cpp, `postProcess`: score = sqrt(cls x obj), centre =
    (cell + d) x stride, size = exp(d) x stride, point = (cell + d) x stride.
    """
    boxes, points, scores = [], [], []
    for level, stride in enumerate(STRIDES):
        cls, obj, box, kps = (outputs[3 * part + level][0] for part in range(4))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        chosen = np.flatnonzero(score >= threshold)
        if not len(chosen):
            continue
        cells = _cells(width // stride, height // stride)[chosen]
        centre = (cells + box[chosen, :2]) * stride
        half = np.exp(box[chosen, 2:]) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        points.append((cells[:, None, :] + kps[chosen].reshape(-1, 5, 2)) * stride)
        scores.append(score[chosen])
    if not scores:
        return Faces.none()
    box, point, score = (np.concatenate(part).astype(np.float32) for part in (boxes, points, scores))
    found = Faces(box, point, score)
    return found.take(suppress(found.boxes, found.scores, overlap)[:most])


@lru_cache(maxsize=64)
def _cells(columns: int, rows: int) -> FloatArray:
    """(rows x columns, 2) float32: column and row of each cell, row by row."""
    grid: NDArray[np.float32] = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    cells = grid.reshape(-1, 2).astype(np.float32)
    cells.setflags(write=False)
    return cells
