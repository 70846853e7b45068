"""insightface's own detectors (SCRFD of any pack) behind the same protocol as the default finder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.vision.decode import Pixels
from service.vision.faces import Faces
from service.vision.runtime import Ready


@dataclass(frozen=True, slots=True)
class InsightfaceFinder:
    """`detector` is insightface's `SCRFD`, prepared with its input size and threshold."""

    detector: Any

    def find(self, pixels: Pixels) -> Faces:
        """The faces in `pixels`, best first."""
        boxes, points = self.detector.detect(pixels)
        if points is None or not len(boxes):
            return Faces.none()
        order = np.argsort(-boxes[:, 4], kind="stable")
        found = boxes[order].astype(np.float32)
        return Faces(found[:, :4], points[order].astype(np.float32), found[:, 4])

    def ready(self, pictures: Sequence[Pixels]) -> Ready[list[Faces]]:
        """One after the other, all in the second step: the detector takes one picture and does everything itself."""

        def ask() -> Callable[[], list[Faces]]:
            found = [self.find(pixels) for pixels in pictures]
            return lambda: found

        return ask
