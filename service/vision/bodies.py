"""Finding people's bodies in a whole frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.faces import FloatArray, suppress
from service.vision.runtime import ModelSession, Ready, Tensor
from service.vision.warp import Reduced, planes_of

_STEPS, _ONES = np.arange(11, dtype=np.float32), np.ones(11, np.float32)


@dataclass(frozen=True, slots=True)
class Bodies:
    """n people. `boxes`: (n, 4) float32, pixels, x1 y1 x2 y2; `scores`: (n,) float32, 0..1."""

    boxes: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.scores), 4):
            raise ValueError(f"bodies of shapes {self.boxes.shape}, {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)


class BodyFinder(Protocol):
    """A person detector."""

    def ready(self, pixels: Pixels) -> Ready[Bodies]:
        """The search for the people in `pixels`, best first, down to very low scores: the caller has the thresholds."""
        ...


@dataclass(frozen=True, slots=True)
class NanoDetFinder:
    """NanoDet-g 416 (COCO, class 0 is a person).

    Input: BGR as bytes, 1 x 3 x 416 x 416. Mean and spread are the manifest's, and the session's affair: fed RGB / 255
    its AUC for beds falls from .96 to .81. The picture is stretched to the square: with its proportions kept and a
    border, the AUC was .02 lower on 37 beds, whatever the border: wide frames then lose rows that small patients need.
    """

    session: ModelSession
    side: int = 416
    threshold: float = 0.05
    overlap: float = 0.6
    input_name: str = "input_1"

    def ready(self, pixels: Pixels) -> Ready[Bodies]:
        """The search for the people in `pixels`, best first."""
        height, width = pixels.shape[:2]
        small = cv2.resize(pixels, (self.side, self.side), interpolation=cv2.INTER_AREA)
        blob = planes_of(np.asarray(small, np.uint8))

        def ask() -> Callable[[], Bodies]:
            outputs = self.session.run({self.input_name: blob})
            return lambda: self._read(outputs, width, height)

        return ask

    def _read(self, outputs: list[Tensor], width: int, height: int) -> Bodies:
        found = decode(outputs, self.side, self.threshold, self.overlap)
        limits = np.array([width, height, width, height], np.float32)
        boxes = np.clip(found.boxes * (limits / np.float32(self.side)), 0, limits)
        return Bodies(boxes.astype(np.float32), found.scores)


def find_bodies(reduced: Reduced, finder: BodyFinder) -> Bodies:
    """The people in a frame, sought in its reduced copy; boxes in pixels of the frame."""
    return in_full(finder.ready(reduced.pixels)()(), reduced)


def in_full(found: Bodies, reduced: Reduced) -> Bodies:
    """Bodies found in a frame's reduced copy, in pixels of the frame."""
    return Bodies((found.boxes * reduced.ratio).astype(np.float32), found.scores)


def decode(outputs: list[Tensor], side: int, threshold: float, overlap: float) -> Bodies:
    """NanoDet's six outputs (class scores (1, cells, 80) and box distributions (1, cells, 44), three levels) as people.

    Formula: each side's distance is the mean of a distribution over 0..10 strides (generalised focal loss, Li et al.
    2020, eq. 6) from the cell's centre.
    """
    scores_by_cells = {o.shape[1]: o[0, :, 0] for o in outputs if o.shape[2] != 44}
    chosen = []
    for distribution in (o[0] for o in outputs if o.shape[2] == 44):
        score = scores_by_cells[len(distribution)]
        cells = np.flatnonzero(score >= threshold)
        if len(cells):
            chosen.append((score[cells], distribution[cells], _cells(len(distribution), side)[cells]))
    if not chosen:
        return Bodies(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    score, logits, places = (np.concatenate(part) for part in zip(*chosen, strict=True))
    logits = logits.reshape(-1, 4, 11)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    distance = (weights @ _STEPS) / (weights @ _ONES) * places[:, 2:]
    box = np.concatenate([places[:, :2] - distance[:, :2], places[:, :2] + distance[:, 2:]], axis=1)
    kept = suppress(box, score, overlap)
    return Bodies(box[kept], score[kept])


@lru_cache(maxsize=16)
def _cells(count: int, side: int) -> NDArray[np.float32]:
    """(count, 3) float32: x and y of each cell's centre in a square of `side` pixels, and the cells' stride."""
    columns = round(count**0.5)
    stride = side / columns
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(columns)), axis=-1).reshape(-1, 2)
    cells = np.column_stack([(grid + 0.5) * stride, np.full(count, stride)]).astype(np.float32)
    cells.setflags(write=False)
    return cells
