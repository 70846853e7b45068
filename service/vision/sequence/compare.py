"""How alike two prints are: in structure, in noise, in the look of a bed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.sequence.prints import STRUCTURE, ZonePrint

Floats = NDArray[np.float32]

_BLOCKS = (6, 8)
_TURNS = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
_SCALES = (0.9, 1.0, 1.12)


@dataclass(frozen=True, slots=True)
class Shift:
    """How a view came out of its reference: cells of `structure` to the right and down, degrees and a factor if it was
    turned or zoomed besides; `agreement` once that is undone; `fit`: correlation of what both show; `overlap`: how
    much that is."""

    right: float
    down: float
    turn: float
    scale: float
    agreement: float
    fit: float
    overlap: float

    @property
    def length(self) -> float:
        """Cells; a turn or zoom counts by what it does a quarter of the width from the middle."""
        reach = STRUCTURE[1] / 4
        bent = reach * (abs(np.radians(self.turn)) + abs(self.scale - 1.0))
        return float(np.hypot(self.right, self.down) + bent)


def agreement(structure: NDArray[np.generic], reference: Floats, block_agrees: float) -> float:
    """Share 0..1 of the reference's blocks that `structure` correlates with, each weighted by its own contrast.

    Blocks and not cells, so that a person or a curtain costs what it hides; contrast, so that a bare wall's noise has
    no say."""
    ours, theirs = _blocks(structure), _blocks(reference)
    weights = (theirs * theirs).sum(axis=1)
    norms = np.sqrt((ours * ours).sum(axis=1) * weights) + 1e-6
    alike = (ours * theirs).sum(axis=1) / norms >= block_agrees
    return float((weights * alike).sum() / (weights.sum() + 1e-6))


def find_shift(structure: NDArray[np.generic], reference: Floats, block_agrees: float, *, widely: bool) -> Shift:
    """The shift by phase correlation (Kuglin and Hines 1975) that best explains the view; `widely`: with small
    turns and zooms too."""
    view = structure.astype(np.float32)
    variants = [(t, s) for t in _TURNS for s in _SCALES] if widely else [(0.0, 1.0)]
    found = [_shift_of(view, reference, block_agrees, turn, scale) for turn, scale in variants]
    return max(found, key=lambda shift: (shift.fit, -shift.length))


def _shift_of(view: Floats, reference: Floats, block_agrees: float, turn: float, scale: float) -> Shift:
    rows, columns = STRUCTURE
    back = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), turn, 1.0 / scale)
    upright = view if (turn, scale) == (0.0, 1.0) else cv2.warpAffine(view, back, (columns, rows))
    # OpenCV multiplies its inputs by the window in place, so it gets copies.
    (right, down), _ = cv2.phaseCorrelate(reference.copy(), np.array(upright, np.float32), _window())
    undo = np.array([[1, 0, right], [0, 1, down]], np.float32)
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    placed = np.asarray(cv2.warpAffine(upright, undo, (columns, rows), flags=inverse), np.float32)
    both = cv2.warpAffine(np.ones((rows, columns), np.float32), undo, (columns, rows), flags=inverse) > 0.99
    overlap = float(both.mean())
    fit = float(_unit(placed[both]) @ _unit(reference[both])) if overlap > 0.1 else 0.0
    return Shift(right, down, turn, scale, agreement(placed, reference, block_agrees), fit, overlap)


def mean_structure(structures: Sequence[NDArray[np.generic]]) -> Floats:
    """A reference (36, 64): the mean, so that passing people and noise fade."""
    return np.asarray(np.mean(np.stack(structures), axis=0, dtype=np.float32), np.float32)


def noise_distances(noise: NDArray[np.int8], others: NDArray[np.int8]) -> Floats:
    """Mean absolute difference of (384,) from each row of (n, 384)."""
    return np.asarray(
        np.abs(others.astype(np.int16) - noise.astype(np.int16)).mean(axis=1, dtype=np.float32), np.float32
    )


def change(a: ZonePrint, b: ZonePrint) -> float:
    """How differently a bed looks, 0 (the same) to about 1 (unrelated), whatever the light: 1 less the mean correlation
    of look and relief."""
    return 1.0 - 0.5 * (_correlation(a.look, b.look) + _correlation(a.relief, b.relief))


def look_vectors(zones: Sequence[ZonePrint]) -> Floats:
    """(n, 384) float32 rows of length 1: the change between two beds is 1 less their vectors' product."""
    parts = [np.stack([zone.look for zone in zones]), np.stack([zone.relief for zone in zones])]
    return np.concatenate([_unit_rows(part) for part in parts], axis=1) * np.float32(np.sqrt(0.5))


def _unit_rows(cells: NDArray[np.generic]) -> Floats:
    flat = cells.reshape(len(cells), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6), np.float32)


def _unit(cells: NDArray[np.generic]) -> Floats:
    flat = cells.astype(np.float32).ravel()
    flat = flat - flat.mean()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-6), np.float32)


def _correlation(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    return float(_unit(a) @ _unit(b))


def _blocks(structure: NDArray[np.generic]) -> Floats:
    """(48, 48) float32: each block's cells less their mean."""
    down, across = _BLOCKS
    height, width = STRUCTURE[0] // down, STRUCTURE[1] // across
    cells = structure.astype(np.float32).reshape(down, height, across, width)
    flat = cells.transpose(0, 2, 1, 3).reshape(down * across, height * width)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True), np.float32)


@lru_cache(maxsize=1)
def _window() -> Floats:
    return np.asarray(cv2.createHanningWindow(STRUCTURE[::-1], cv2.CV_32F), np.float32)
