"""A pinhole camera in a room: metres to pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Metres = tuple[float, float, float]
"""x to the right along the head wall, y from the aisle towards that wall, z up from the floor."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Where a camera hangs and where it looks. `focal` is in pixels of a frame of `width` x `height`."""

    position: Metres
    target: Metres
    focal: float
    width: int = 1920
    height: int = 1080

    def project(self, points: Sequence[Metres]) -> Floats:
        """Pixels (n, 2) of points in the room. Raises `ValueError` for a point behind the camera."""
        right, down, forward = self._axes()
        offsets = np.asarray(points, np.float64).reshape(-1, 3) - np.asarray(self.position)
        depth = offsets @ forward
        if (depth <= 0.05).any():
            raise ValueError("a point behind the camera has no picture")
        u = self.width / 2 + self.focal * (offsets @ right) / depth
        v = self.height / 2 + self.focal * (offsets @ down) / depth
        return np.stack([u, v], axis=1)

    def pixels_per_metre(self, point: Metres) -> float:
        """How many pixels a metre across the line of sight takes at `point`."""
        return self.focal / math.dist(self.position, point)

    def _axes(self) -> tuple[Floats, Floats, Floats]:
        forward = np.asarray(self.target, np.float64) - np.asarray(self.position)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return right, np.cross(forward, right), forward
