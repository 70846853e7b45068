"""Photographs spoilt the way a ward spoils them, by stated rules: the same photograph gives the same bytes again.

What is made here is degraded, not photographed: it says what a condition takes away from a face, and nothing of how
real blankets, masks and lamps differ from these. A profile cannot be made from a frontal photograph, so there is none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from service.vision.decode import Pixels
from service.vision.faces import FloatArray

Change = Callable[["Photo", np.random.Generator], "Spoilt"]

_JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
"""Vertices of the mesh's outline from ear to ear below the chin (MediaPipe, canonical_face_model)."""
_MASK_TOP = (347, 195, 118)
"""Cheek, the middle of the nose's bridge, cheek: where a surgical mask ends."""
_CLOTH = (205.0, 196.0, 160.0)
_SHEET = (214.0, 212.0, 206.0)
_ROOM = (640, 480)
"""Width and height of the frame in which a small photograph is laid."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph with its face. `width`: pixels across the face (twice the distance of the eyes, as quality counts);
    `points`: (5, 2) and `vertices`: (468, 2), pixels; without a mesh there are none."""

    pixels: Pixels
    points: FloatArray
    vertices: FloatArray | None

    @property
    def width(self) -> float:
        """Pixels across the face."""
        return float(2 * np.linalg.norm(self.points[1] - self.points[0]))


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A frame and the part of it that is the bed: x1, y1, x2, y2 as shares of width and height."""

    pixels: Pixels
    bed: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Degradation:
    """One condition. `how`: the rule in words, for reports. `needs_mesh`: it follows the mesh's landmarks."""

    name: str
    how: str
    change: Change
    needs_mesh: bool = False

    def apply(self, photo: Photo) -> Spoilt:
        """The spoilt photograph. Chance (noise) is drawn from the photograph's own bytes and the condition's name."""
        seed = (zlib.crc32(photo.pixels.tobytes()), zlib.crc32(self.name.encode()))
        return self.change(photo, np.random.default_rng(seed))


def as_taken(photo: Photo, _: np.random.Generator) -> Spoilt:
    """The photograph itself."""
    return Spoilt(photo.pixels)


def _far(width: float) -> Change:
    """The photograph reduced to a face of `width` pixels, in a frame of its own with a floor of tiles and noise."""

    def change(photo: Photo, draw: np.random.Generator) -> Spoilt:
        scale = min(1.0, width / photo.width)
        small = cv2.resize(photo.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, across = small.shape[:2]
        room = (max(_ROOM[0], across), max(_ROOM[1], height))
        frame = np.full((room[1], room[0], 3), (150, 155, 150), np.float32)
        frame[::24] -= 30
        frame[:, ::24] -= 30
        x, y = (room[0] - across) // 2, (room[1] - height) // 2
        frame[y : y + height, x : x + across] = small
        bed = (x / room[0], y / room[1], (x + across) / room[0], (y + height) / room[1])
        return Spoilt(_stored(frame + draw.normal(0, 2, frame.shape)), bed)

    return change


def _dim(stops: float, noise: float) -> Change:
    """`stops` less light (gamma 2.2), and a sensor's noise of `noise` grey values."""

    def change(photo: Photo, draw: np.random.Generator) -> Spoilt:
        dark = photo.pixels.astype(np.float32) * float(2.0 ** (-stops / 2.2))
        return Spoilt(_stored(dark + draw.normal(0, noise, dark.shape)))

    return change


def _infrared(photo: Photo, draw: np.random.Generator) -> Spoilt:
    """One channel (mostly red: skin is bright near 850 nm), two thirds of the contrast, a lamp amid it, noise of 7."""
    grey = photo.pixels.astype(np.float32) @ np.array([0.05, 0.2, 0.75], np.float32)
    grey = np.asarray(120.0 + (grey - float(grey.mean())) * 0.66, np.float32)
    height, width = grey.shape
    across, down = np.linspace(-1, 1, width) ** 2, np.linspace(-1, 1, height) ** 2
    lit = grey * (1.0 - 0.25 * (across[None, :] + down[:, None]) / 2) + draw.normal(0, 7, grey.shape)
    return Spoilt(_stored(np.repeat(lit[..., None], 3, axis=2)))


def _masked(photo: Photo, draw: np.random.Generator) -> Spoilt:
    """A surgical mask from the nose's bridge to under the chin, along the mesh."""
    if photo.vertices is None:
        raise ValueError("a mask follows the mesh")
    edge = photo.vertices[list(_JAW + _MASK_TOP)]
    middle = edge.mean(axis=0)
    return Spoilt(_laid(photo, middle + (edge - middle) * 1.04, _CLOTH, draw))


def _covered(side: str) -> Change:
    """A sheet over one half of the face: left or right of the line from brow to chin, or from the nose's tip down."""

    def change(photo: Photo, draw: np.random.Generator) -> Spoilt:
        eyes, nose = photo.points[:2].mean(axis=0), photo.points[2]
        mouth = photo.points[3:].mean(axis=0)
        down = (mouth - eyes) / max(1e-6, float(np.linalg.norm(mouth - eyes)))
        right = np.array([down[1], -down[0]])
        if side == "below":
            start, over, along = nose, down, right
        else:
            start, over, along = (eyes + mouth) / 2, right if side == "right" else -right, down
        reach = 2.0 * photo.width
        ends = [start - along * reach, start + along * reach, start + along * reach + over * reach]
        return Spoilt(_laid(photo, np.array([*ends, start - along * reach + over * reach]), _SHEET, draw))

    return change


def _moved(share: float) -> Change:
    """The head moved by `share` of its width to the side while the shutter was open."""

    def change(photo: Photo, _: np.random.Generator) -> Spoilt:
        length = max(3, round(share * photo.width) | 1)
        kernel = np.full((1, length), 1.0 / length, np.float32)
        return Spoilt(np.asarray(cv2.filter2D(photo.pixels, -1, kernel, borderType=cv2.BORDER_REFLECT), np.uint8))

    return change


def _turned(quarters: int) -> Change:
    def change(photo: Photo, _: np.random.Generator) -> Spoilt:
        return Spoilt(np.ascontiguousarray(np.rot90(photo.pixels, quarters)))

    return change


def _jpeg(quality: int) -> Change:
    def change(photo: Photo, _: np.random.Generator) -> Spoilt:
        return Spoilt(_encoded(photo.pixels, quality))

    return change


def _night_far(photo: Photo, draw: np.random.Generator) -> Spoilt:
    """The worst usual night: a face of 32 pixels, three stops less light, a camera's JPEG at 60."""
    small = _far(32.0)(photo, draw)
    dark = small.pixels.astype(np.float32) * float(2.0 ** (-3.0 / 2.2)) + draw.normal(0, 5, small.pixels.shape)
    return Spoilt(_encoded(_stored(dark), 60), small.bed)


AS_TAKEN = Degradation("as_taken", "nothing is done", as_taken)
DEGRADATIONS = (
    AS_TAKEN,
    Degradation("far_48", "face reduced to 48 pixels", _far(48.0)),
    Degradation("far_32", "face reduced to 32 pixels", _far(32.0)),
    Degradation("far_24", "face reduced to 24 pixels", _far(24.0)),
    Degradation("far_16", "face reduced to 16 pixels", _far(16.0)),
    Degradation("dim", "3 stops less light, noise of 6 grey values", _dim(3.0, 6.0)),
    Degradation("very_dark", "5 stops less light, noise of 8 grey values", _dim(5.0, 8.0)),
    Degradation("infrared", "one channel, 2/3 of the contrast, a lamp's falloff, noise of 7", _infrared),
    Degradation("masked", "nose to chin painted as a surgical mask, along the mesh", _masked, needs_mesh=True),
    Degradation("half_covered_left", "a sheet over the face's left half", _covered("left")),
    Degradation("half_covered_right", "a sheet over the face's right half", _covered("right")),
    Degradation("covered_below", "a sheet from the nose's tip down", _covered("below")),
    Degradation("motion", "moved sideways by 1/8 of the face's width", _moved(0.125)),
    Degradation("turned_90", "turned a quarter", _turned(1)),
    Degradation("turned_180", "turned upside down", _turned(2)),
    Degradation("turned_270", "turned three quarters", _turned(3)),
    Degradation("jpeg_10", "JPEG of quality 10", _jpeg(10)),
    Degradation("night_far", "32 pixels, 3 stops less light, noise of 5, JPEG of quality 60", _night_far),
)


def _laid(photo: Photo, shape: FloatArray, colour: tuple[float, float, float], draw: np.random.Generator) -> Pixels:
    """Cloth of `colour` within `shape` ((n, 2), pixels), as bright as the photograph, with folds and soft edges."""
    height, width = photo.pixels.shape[:2]
    light = min(1.1, max(0.4, float(np.median(photo.pixels)) / 130.0))
    folds = 0.92 + 0.08 * np.sin(np.arange(height) / max(1.0, photo.width / 30.0))
    cloth = np.array(colour, np.float32) * light * folds.astype(np.float32)[:, None, None]
    cloth = np.repeat(cloth, width, axis=1) + draw.normal(0, 2.5, (height, width, 1))
    cover = np.zeros((height, width), np.uint8)
    cv2.fillPoly(cover, [np.round(np.clip(shape, -8192, 16384)).astype(np.int32)], 255)
    weight = cv2.GaussianBlur(cover, (0, 0), max(0.6, photo.width / 100.0)).astype(np.float32)[..., None] / 255.0
    return _stored(photo.pixels + (cloth - photo.pixels) * weight)


def _encoded(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _stored(values: np.ndarray) -> Pixels:
    """As a sensor stores them: whole grey values 0..255."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
