"""Rooms drawn with numpy: furniture of random boxes, beds with folds, a lamp and a live sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision import Frame, Zone
from service.vision.sequence import TimedPrint, make_print

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 360
START = datetime(2026, 3, 2, 20, tzinfo=UTC)
ZONES = (
    Zone("left", np.array([[0.1, 0.4], [0.4, 0.4], [0.4, 0.9], [0.1, 0.9]], np.float32)),
    Zone("right", np.array([[0.6, 0.4], [0.9, 0.4], [0.9, 0.9], [0.6, 0.9]], np.float32)),
)


@dataclass(frozen=True)
class View:
    """A frame to draw. `beds`: a seed of each bed's folds. `grain`: a seed of the noise."""

    room: int = 1
    beds: tuple[int, ...] = (0, 0)
    grain: int = 0
    gain: float = 1.0
    infrared: bool = False
    noise: float = 3.0
    shift: tuple[int, int] = (0, 0)
    hidden: float = 0.0
    blur: float = 0.0
    flat: int | None = None


def pixels(view: View) -> Pixels:
    """The frame (360, 640, 3)."""
    shown = _room(view.room) if view.flat is None else np.full((HEIGHT, WIDTH, 3), view.flat, np.float32)
    if view.flat is None:
        for zone, seed in zip(ZONES, view.beds, strict=True):
            _bed(shown, zone, seed)
    if view.shift != (0, 0):
        shown = np.roll(shown, view.shift[::-1], axis=(0, 1))
    shown = shown * np.linspace(view.gain, 0.8 * view.gain, WIDTH, dtype=np.float32)[None, :, None]
    if view.infrared:
        shown = np.repeat(shown.mean(axis=2, keepdims=True), 3, axis=2)
    if view.hidden:
        edge = int(view.hidden * WIDTH)
        shown[:, :edge] = 120 + 30 * np.sin(np.arange(edge) / 9.0)[None, :, None]
    if view.blur:
        shown = np.asarray(cv2.GaussianBlur(shown, (0, 0), view.blur), np.float32)
    draw = np.random.default_rng((view.grain, 3))
    channels = 1 if view.infrared else 3
    noisy = shown + draw.normal(0, view.noise, (HEIGHT, WIDTH, channels)).astype(np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def shot(index: int, view: View, *, minutes: float = 15, zones: tuple[Zone, ...] = ZONES) -> TimedPrint:
    """The print of picture `index` of an evening; every picture has noise of its own unless the view has a grain."""
    own = view if view.grain else replace(view, grain=1000 + index)
    frame = Frame(pixels(own))
    return TimedPrint(f"{index:04d}", START + timedelta(minutes=minutes * index), make_print(frame, zones))


def shots(*views: View, minutes: float = 15) -> list[TimedPrint]:
    """The prints of an evening."""
    return [shot(index, view, minutes=minutes) for index, view in enumerate(views)]


def folds() -> Iterator[int]:
    """Seeds of beds that are always different."""
    seed = 100
    while True:
        seed += 1
        yield seed


@dataclass
class _Drawn:
    rooms: dict[int, NDArray[np.float32]] = field(default_factory=dict)


_drawn = _Drawn()


def _room(seed: int) -> NDArray[np.float32]:
    if seed not in _drawn.rooms:
        draw = np.random.default_rng((seed, 1))
        picture = np.full((HEIGHT, WIDTH, 3), 150, np.float32)
        for _ in range(60):
            x, y = int(draw.integers(0, WIDTH)), int(draw.integers(0, HEIGHT))
            w, h = int(draw.integers(15, 120)), int(draw.integers(15, 90))
            picture[y : y + h, x : x + w] = draw.uniform(60, 230, 3)
        _drawn.rooms[seed] = picture
    return _drawn.rooms[seed].copy()


def _bed(picture: NDArray[np.float32], zone: Zone, seed: int) -> None:
    low = (zone.polygon.min(axis=0) * (WIDTH, HEIGHT)).astype(int)
    high = (zone.polygon.max(axis=0) * (WIDTH, HEIGHT)).astype(int)
    coarse = np.random.default_rng((seed, 2)).normal(185, 28, (9, 6)).astype(np.float32)
    cloth = cv2.resize(coarse, (int(high[0] - low[0]), int(high[1] - low[1])), interpolation=cv2.INTER_CUBIC)
    picture[low[1] : high[1], low[0] : high[0]] = cloth[..., None]
