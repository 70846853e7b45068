"""A pack of twenty lines: a face is a patch of one exact colour, a body a patch of another. No mesh, no models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.vision import Frame, Pack, Zone
from service.vision.bodies import Bodies
from service.vision.faces import Faces
from service.vision.runtime import Ready

NOBODY = (90, 110, 100)
PEOPLE = {"anna": (10, 20, 250), "bela": (250, 20, 10), "cora": (20, 250, 10)}
VECTORS = {name: np.eye(4, dtype=np.float32)[i] for i, name in enumerate(PEOPLE)}
BODY_BLUE = 37


class ColourFaces:
    def find(self, pixels: np.ndarray) -> Faces:
        boxes = [box for colour in PEOPLE.values() if (box := box_of(pixels, colour)) is not None]
        points = [[(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)] for x1, y1, x2, y2 in boxes]
        n = len(boxes)
        shape = np.array(points, np.float32).reshape(n, 5, 2)
        return Faces(np.array(boxes, np.float32).reshape(n, 4), shape, np.full(n, 0.95, np.float32))

    def ready(self, pictures: Sequence[np.ndarray]) -> Ready[list[Faces]]:
        return lambda: lambda: [self.find(pixels) for pixels in pictures]


class ColourVectors:
    dimension = 4

    def align(self, pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
        x, y = points.mean(axis=0).astype(int)
        patch = np.random.default_rng(0).integers(60, 200, (112, 112, 3)).astype(np.uint8)
        patch[0, 0] = pixels[y, x]
        return patch

    def embed(self, aligned: Sequence[np.ndarray]) -> np.ndarray:
        rows = [next((VECTORS[n] for n, c in PEOPLE.items() if near(a[0, 0], c)), np.eye(4)[3]) for a in aligned]
        return np.array(rows, np.float32).reshape(len(aligned), 4)


class ColourBodies:
    def __init__(self, score: float) -> None:
        self.score = score

    def ready(self, pixels: np.ndarray) -> Ready[Bodies]:
        return lambda: lambda: self.find(pixels)

    def find(self, pixels: np.ndarray) -> Bodies:
        box = box_of(pixels, (BODY_BLUE,) * 3)
        boxes = np.array([box] if box else [], np.float32).reshape(-1, 4)
        return Bodies(boxes, np.full(len(boxes), self.score, np.float32))


def fake_pack(body_score: float = 0.6) -> Pack:
    return Pack("fake", "0" * 64, ColourFaces(), ColourVectors(), bodies=ColourBodies(body_score))


def near(pixel: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool((np.abs(pixel.astype(int) - np.array(colour)) <= 6).all())


def box_of(pixels: np.ndarray, colour: tuple[int, ...]) -> tuple[float, float, float, float] | None:
    ys, xs = np.where((np.abs(pixels.astype(int) - np.array(colour)) <= 6).all(axis=2))
    return (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)) if len(xs) > 8 else None


def left_and_right() -> tuple[Zone, Zone]:
    """Two beds side by side, heads at the top."""
    left = np.array([[0.05, 0.1], [0.45, 0.1], [0.45, 0.9], [0.05, 0.9]], np.float32)
    return Zone("left", left), Zone("right", left + np.array([0.5, 0.0], np.float32))


def ward(faces: dict[str, tuple[int, int]] | None = None, body: tuple[int, int, int, int] | None = None) -> Frame:
    """A 640x480 room with texture. `faces`: name -> centre; `body`: x1, y1, x2, y2."""
    pixels = np.random.default_rng(3).integers(60, 180, (480, 640, 3)).astype(np.uint8)
    if body:
        pixels[body[1] : body[3], body[0] : body[2]] = BODY_BLUE
    for name, (x, y) in (faces or {}).items():
        pixels[y - 20 : y + 20, x - 20 : x + 20] = PEOPLE[name]
    return Frame(pixels)
