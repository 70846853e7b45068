"""Frames of a room: backdrop, bed surfaces in perspective, faces on pillows, light, noise, JPEG.

What does not change is drawn once: the backdrop a camera, its lit version a lamp, a bed's surface in perspective while
nobody stirs. A frame then costs four small face warps, four pastes, noise from ready tiles and the JPEG.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.simulator.backdrop import draw_backdrop
from service.simulator.bedding import HEIGHT, WIDTH, bed_surface, head_place
from service.simulator.faces import FACE_BREADTH, FACE_CENTRE, FaceLibrary
from service.simulator.rooms import MATTRESS_TOP, Room
from service.simulator.scene import BedScene, Lamp, Scene

Pixels = NDArray[np.uint8]

HEAD_BREADTH = 0.20
"""Metres; a third broader than life, so that a photograph of 80 pixels need not be shrunk to 50."""
_GAIN: dict[Lamp, tuple[float, float, float]] = {
    Lamp.DAY: (1.0, 1.0, 1.0),
    Lamp.DUSK: (0.66, 0.76, 0.84),
    Lamp.NIGHT: (0.58, 0.54, 0.54),
    Lamp.INFRARED: (0.80, 0.80, 0.80),
}
_NOISE: dict[Lamp, float] = {Lamp.DAY: 2.2, Lamp.DUSK: 3.2, Lamp.NIGHT: 4.5, Lamp.INFRARED: 4.0}
_MARGIN = 96


@dataclass(frozen=True, slots=True)
class _Patch:
    """A bed's surface as the camera sees it: `pixels` at `x`, `y`, and where it applies."""

    x: int
    y: int
    pixels: Pixels
    mask: Pixels


class Renderer:
    """Draws one room. The same room, seed and scene give the same bytes."""

    def __init__(self, room: Room, library: FaceLibrary, seed: int, *, quality: int = 84) -> None:
        self.room = room
        self._library = library
        self._seed = seed
        self._quality = quality
        self._backdrop = draw_backdrop(room, seed)
        self._lit: dict[Lamp, Pixels] = {}
        self._patches: OrderedDict[tuple[int, str, int, Lamp], _Patch] = OrderedDict()
        self._tiles: dict[Lamp, tuple[Pixels, Pixels]] = {}

    def frame(self, scene: Scene) -> Pixels:
        """The frame (height, width, 3) uint8 BGR. Raises `ValueError` unless the scene has a value for every bed."""
        if len(scene.beds) != len(self.room.beds):
            raise ValueError(f"the room has {len(self.room.beds)} beds, the scene {len(scene.beds)}")
        if scene.covered:
            return self._noisy(np.full_like(self._backdrop, 38), scene)
        picture = self._lit_backdrop(scene.lamp).copy()
        for index, bed in enumerate(scene.beds):
            patch = self._patch(index, bed, scene.lamp)
            height, width = patch.mask.shape
            under = picture[patch.y : patch.y + height, patch.x : patch.x + width]
            cv2.copyTo(patch.pixels, patch.mask, under)
        for index, bed in enumerate(scene.beds):
            if bed.face is not None:
                self._lay_face(picture, index, bed, scene.lamp)
        if scene.gain != 1.0:
            table = np.clip(np.arange(256, dtype=np.float32) * scene.gain, 0, 255).astype(np.uint8)
            picture = np.asarray(cv2.LUT(picture, table), np.uint8)
        return self._noisy(picture, scene)

    def jpeg(self, scene: Scene) -> bytes:
        """The frame as JPEG."""
        ok, encoded = cv2.imencode(".jpg", self.frame(scene), [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        if not ok:
            raise RuntimeError("the frame could not be encoded")
        return bytes(encoded)

    def _lit_backdrop(self, lamp: Lamp) -> Pixels:
        if lamp not in self._lit:
            self._lit[lamp] = _lit(self._backdrop, lamp)
        return self._lit[lamp]

    def _patch(self, index: int, bed: BedScene, lamp: Lamp) -> _Patch:
        key = (index, bed.posture.value, bed.fold, lamp)
        if key not in self._patches:
            self._patches[key] = self._draw_patch(index, bed, lamp)
            while len(self._patches) > 40:
                self._patches.popitem(last=False)
        return self._patches[key]

    def _draw_patch(self, index: int, bed: BedScene, lamp: Lamp) -> _Patch:
        lens, quad = self.room.lens, self.room.quad(index)
        low = np.clip(np.floor(quad.min(axis=0)), 0, (lens.width, lens.height)).astype(int)
        high = np.clip(np.ceil(quad.max(axis=0)), 0, (lens.width, lens.height)).astype(int)
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        source = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, (quad - low).astype(np.float32))
        surface = _lit(bed_surface(bed, blanket=self._seed + index), lamp)
        pixels = cv2.warpPerspective(surface, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpPerspective(np.full((HEIGHT, WIDTH), 255, np.uint8), matrix, size)
        return _Patch(
            int(low[0]), int(low[1]), np.asarray(pixels, np.uint8), np.where(mask > 127, 255, 0).astype(np.uint8)
        )

    def _lay_face(self, picture: Pixels, index: int, bed: BedScene, lamp: Lamp) -> None:
        """Warps a head onto its pillow, turned with the bed, and blends it in by its soft mask."""
        assert bed.face is not None  # noqa: S101 - BedScene holds it
        cutout = self._library.cutout(bed.face)
        centre, matrix = self._face_matrix(index, bed)
        x, y = int(centre[0]) - _MARGIN, int(centre[1]) - _MARGIN
        matrix[:, 2] -= (x, y)
        side = (2 * _MARGIN, 2 * _MARGIN)
        warped = cv2.warpAffine(cutout.pixels, matrix, side, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        head = _lit(np.asarray(warped, np.uint8), lamp)
        mask = cv2.warpAffine(cutout.mask, matrix, side, flags=cv2.INTER_LINEAR)
        x1, y1 = max(x, 0), max(y, 0)
        x2, y2 = min(x + side[0], picture.shape[1]), min(y + side[1], picture.shape[0])
        part = (slice(y1 - y, y2 - y), slice(x1 - x, x2 - x))
        weight = mask[part].astype(np.float32)[..., None] / 255.0
        under = picture[y1:y2, x1:x2]
        picture[y1:y2, x1:x2] = (under + (head[part].astype(np.float32) - under) * weight).astype(np.uint8)

    def _face_matrix(self, index: int, bed: BedScene) -> tuple[tuple[float, float], NDArray[np.float64]]:
        """Where the face's centre comes to lie, and the map (2, 3) from the cut-out to the frame."""
        head = head_place(bed)
        stir = np.random.default_rng((bed.stir, 23))
        lens, place = self.room.lens, self.room.beds[index]
        across, down = head.across + float(stir.normal(0, 0.006)), head.down + float(stir.normal(0, 0.006))
        here = place.point(across, down, MATTRESS_TOP + 0.06)
        there = place.point(across, down - 0.2, MATTRESS_TOP + 0.06)
        (cx, cy), (tx, ty) = lens.project([here, there])
        angle = math.atan2(tx - cx, cy - ty) + math.radians(head.tilt + float(stir.normal(0, 2.0)))
        scale = HEAD_BREADTH * lens.pixels_per_metre(here) / FACE_BREADTH * float(stir.uniform(0.97, 1.03))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = turn @ np.diag([scale * head.squeeze, scale])
        shift = np.array([cx, cy]) - linear @ np.array(FACE_CENTRE)
        return (float(cx), float(cy)), np.hstack([linear, shift[:, None]])

    def _noisy(self, picture: Pixels, scene: Scene) -> Pixels:
        """Adds sensor noise cut at random from two ready tiles, one that brightens and one that darkens."""
        plus, minus = self._noise(scene.lamp)
        draw = np.random.default_rng((scene.grain, 29))
        dy, dx = int(draw.integers(0, 64)), int(draw.integers(0, 64))
        height, width = picture.shape[:2]
        brighter = cv2.add(picture, plus[dy : dy + height, dx : dx + width])
        return np.asarray(cv2.subtract(brighter, minus[dx : dx + height, dy : dy + width]), np.uint8)

    def _noise(self, lamp: Lamp) -> tuple[Pixels, Pixels]:
        if lamp not in self._tiles:
            height, width = self._backdrop.shape[:2]
            draw = np.random.default_rng((self._seed, 31))
            channels = 1 if lamp is Lamp.INFRARED else 3
            shape = (height + 64, width + 64, channels)
            noise = draw.standard_normal(shape, np.float32) * _NOISE[lamp]
            plus = np.broadcast_to(np.clip(noise, 0, 255).astype(np.uint8), (*shape[:2], 3))
            minus = np.broadcast_to(np.clip(-noise, 0, 255).astype(np.uint8), (*shape[:2], 3))
            self._tiles[lamp] = np.ascontiguousarray(plus), np.ascontiguousarray(minus)
        return self._tiles[lamp]


def _lit(picture: Pixels, lamp: Lamp) -> Pixels:
    """`picture` as it looks under `lamp`."""
    if lamp is Lamp.INFRARED:
        picture = np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    ramp = np.arange(256, dtype=np.float32)
    table = np.stack([np.clip(ramp * gain, 0, 255) for gain in _GAIN[lamp]], axis=1).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table[None]), np.uint8)
