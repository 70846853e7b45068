"""YuNet over onnxruntime: the face finder of the default pack. Its session is shared by threads, which OpenCV's own
`FaceDetectorYN` does not survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.faces import Faces, FloatArray, suppress
from service.vision.runtime import ModelSession, Ready, Tensor
from service.vision.warp import planes_of

STRIDES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class YuNetFinder:
    """Decodes YuNet 2023mar. Input: BGR as bytes, n x 3 x h x w, sides multiples of 32. `threshold` is on
    sqrt(class x objectness)."""

    session: ModelSession
    threshold: float = 0.3
    overlap: float = 0.3
    most: int = 50
    input_name: str = "input"

    def find(self, pixels: Pixels) -> Faces:
        """The faces in `pixels`, best first. Raises `ValueError` when a side is no multiple of 32."""
        return self.ready([pixels])()()[0]

    def ready(self, pictures: Sequence[Pixels]) -> Ready[list[Faces]]:
        """The same of several pictures: one call for all of one size, bit for bit what each alone gives."""
        by_size: dict[tuple[int, ...], list[int]] = {}
        for i, pixels in enumerate(pictures):
            by_size.setdefault(pixels.shape[:2], []).append(i)
        for height, width in by_size:
            if height % STRIDES[-1] or width % STRIDES[-1]:
                raise ValueError(f"{width}x{height}: sides must be multiples of {STRIDES[-1]}")
        blobs = [planes_of(*(pictures[i] for i in members)) for members in by_size.values()]

        def ask() -> Callable[[], list[Faces]]:
            outputs = [self.session.run({self.input_name: blob}) for blob in blobs]
            return lambda: self._read(by_size, outputs)

        return ask

    def _read(self, by_size: dict[tuple[int, ...], list[int]], outputs: list[list[Tensor]]) -> list[Faces]:
        """The faces in the order of the pictures that `by_size` numbers."""
        found: dict[int, Faces] = {}
        for ((height, width), members), raw in zip(by_size.items(), outputs, strict=True):
            found.update(zip(members, decode(raw, width, height, self.threshold, self.overlap, self.most), strict=True))
        return [found[i] for i in sorted(found)]


def decode(outputs: list[Tensor], width: int, height: int, threshold: float, overlap: float, most: int) -> list[Faces]:
    """YuNet's twelve outputs (cls, obj, bbox and kps at strides 8, 16, 32) as the faces of each picture of the batch.

    Formulae: OpenCV modules/objdetect/src/face_detect.cpp, `postProcess`: score = sqrt(cls x obj), centre =
    (cell + d) x stride, size = exp(d) x stride, point = (cell + d) x stride.
    """
    batch, least = len(outputs[0]), threshold * threshold
    chosen = []
    for level, stride in enumerate(STRIDES):
        cls, obj, box, kps = (outputs[3 * part + level] for part in range(4))
        product = (cls * obj).ravel()
        # Few cells are chosen, mostly none: whatever follows works on those alone.
        rows = np.flatnonzero(product >= least)
        if len(rows):
            cells = _cells(width // stride, height // stride, stride)
            picture, cell = np.divmod(rows, len(cells))
            chosen.append((product[rows], box.reshape(-1, 4)[rows], kps.reshape(-1, 10)[rows], cells[cell], picture))
    if not chosen:
        return [Faces.none()] * batch
    found, box, kps, cells, owner = (np.concatenate(part) for part in zip(*chosen, strict=True))
    corner, steps = cells[:, :2], cells[:, 2:]
    centre, half = (corner + box[:, :2]) * steps, np.exp(box[:, 2:]) * (steps / 2)
    every = Faces(
        np.concatenate([centre - half, centre + half], axis=1),
        (corner[:, None] + kps.reshape(-1, 5, 2)) * steps[:, None],
        np.sqrt(np.minimum(found, np.float32(1.0))),
    )
    return [_suppressed(every.take(np.flatnonzero(owner == i)), overlap, most) for i in range(batch)]


def _suppressed(faces: Faces, overlap: float, most: int) -> Faces:
    return faces.take(suppress(faces.boxes, faces.scores, overlap)[:most]) if len(faces) > 1 else faces


@lru_cache(maxsize=64)
def _cells(columns: int, rows: int, stride: int) -> FloatArray:
    """(rows x columns, 3) float32: column and row of each cell, row by row, and the stride."""
    grid: NDArray[np.intp] = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    cells = np.column_stack([grid, np.full(len(grid), stride)]).astype(np.float32)
    cells.setflags(write=False)
    return cells
