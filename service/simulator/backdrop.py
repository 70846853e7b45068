"""A room without its mattresses: floor, walls, windows, cabinets, bed frames, shadows. Drawn once a camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.simulator.optics import Lens, Metres
from service.simulator.rooms import BED_LENGTH, BED_WIDTH, MATTRESS_BOTTOM, MATTRESS_TOP, BedPlace, Room

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FLOOR: Colour = (168, 176, 172)
_WALL: Colour = (214, 224, 222)
_WALL_LOW: Colour = (186, 196, 170)
_STEEL: Colour = (172, 174, 172)
_WOOD: Colour = (128, 164, 196)


def draw_backdrop(room: Room, seed: int) -> Pixels:
    """The room (height, width, 3) uint8 BGR in full light."""
    lens = room.lens
    picture = np.empty((lens.height, lens.width, 3), np.uint8)
    picture[:] = _FLOOR
    _floor(picture, lens)
    _walls(picture, room)
    for place in sorted(room.beds, key=lambda bed: -bed.point(0.0, BED_LENGTH / 2)[1]):
        _bed_frame(
            picture,
            lens,
            place,
            np.random.default_rng((seed, int(place.head[0] * 100) + 999, int(place.head[1] * 100) + 999)),
        )
    _unevenness(picture, seed)
    return picture


def _polygon(picture: Pixels, lens: Lens, points: Sequence[Metres], colour: Colour) -> None:
    pixels = np.round(lens.project(points) * 16).astype(np.int32)
    cv2.fillPoly(picture, [pixels], colour, cv2.LINE_AA, 4)


def _line(picture: Pixels, lens: Lens, a: Metres, b: Metres, colour: Colour, width: int) -> None:
    (x1, y1), (x2, y2) = np.round(lens.project([a, b]) * 16).astype(int)
    cv2.line(picture, (int(x1), int(y1)), (int(x2), int(y2)), colour, width, cv2.LINE_AA, 4)


def _floor(picture: Pixels, lens: Lens) -> None:
    """Vinyl tiles of 60 cm, as far as the camera sees forward."""
    near = lens.position[1] + 0.9
    for i in range(-10, 11):
        _line(picture, lens, (i * 0.6, near, 0.0), (i * 0.6, 3.0, 0.0), (156, 165, 160), 1)
    for j in range(20):
        y = near + j * 0.6
        _line(picture, lens, (-6.0, y, 0.0), (6.0, y, 0.0), (156, 165, 160), 1)


def _walls(picture: Pixels, room: Room) -> None:
    lens, y, x = room.lens, room.wall_y, room.side_wall_x
    _polygon(picture, lens, [(-x, y, 0), (x, y, 0), (x, y, 3.2), (-x, y, 3.2)], _WALL)
    _polygon(picture, lens, [(-x, y, 0), (x, y, 0), (x, y, 1.1), (-x, y, 1.1)], _WALL_LOW)
    _polygon(picture, lens, [(-x, y, 1.1), (x, y, 1.1), (x, y, 1.2), (-x, y, 1.2)], (150, 160, 150))
    near = lens.position[1] + 1.0
    for side in (-x, x):
        _polygon(picture, lens, [(side, near, 0), (side, y, 0), (side, y, 3.2), (side, near, 3.2)], _WALL)
        _polygon(picture, lens, [(side, near, 0), (side, y, 0), (side, y, 1.1), (side, near, 1.1)], _WALL_LOW)
    for place in room.beds:
        _supply_unit(picture, lens, place)


def _supply_unit(picture: Pixels, lens: Lens, place: BedPlace) -> None:
    """The strip over a bed with sockets, oxygen and the bed's number plate."""
    back = -0.11
    corners = [place.point(-0.36, back, 1.32), place.point(0.36, back, 1.32)]
    corners += [place.point(0.36, back, 1.52), place.point(-0.36, back, 1.52)]
    _polygon(picture, lens, corners, (206, 208, 206))
    for across in (-0.24, -0.08, 0.08):
        spot = [
            place.point(across + dx, back, 1.42 + dz)
            for dx, dz in ((-0.03, -0.04), (0.03, -0.04), (0.03, 0.04), (-0.03, 0.04))
        ]
        _polygon(picture, lens, spot, (120, 128, 130))
    plate = [place.point(dx, back, z) for dx, z in ((0.16, 1.36), (0.30, 1.36), (0.30, 1.48), (0.16, 1.48))]
    _polygon(picture, lens, plate, (150, 96, 40))


def _bed_frame(picture: Pixels, lens: Lens, place: BedPlace, draw: np.random.Generator) -> None:
    half = BED_WIDTH / 2
    _shadow(picture, lens, place)
    _cabinet(picture, lens, place, draw)
    for across, down in ((-half, 0.08), (half, 0.08), (-half, BED_LENGTH - 0.08), (half, BED_LENGTH - 0.08)):
        _line(picture, lens, place.point(across, down, 0.0), place.point(across, down, 0.4), (120, 122, 122), 6)
    _board(picture, lens, place, -0.05, 0.98)
    for low, high, colour in ((0.32, MATTRESS_BOTTOM, _STEEL), (MATTRESS_BOTTOM, MATTRESS_TOP, (206, 210, 208))):
        bottom, top = place.corners(low), place.corners(high)
        for i in range(4):
            j = (i + 1) % 4
            shade = 0.82 + 0.06 * i
            tone: Colour = (int(colour[0] * shade), int(colour[1] * shade), int(colour[2] * shade))
            _polygon(picture, lens, [bottom[i], bottom[j], top[j], top[i]], tone)
    _polygon(picture, lens, place.corners(MATTRESS_TOP), (226, 229, 228))
    _board(picture, lens, place, BED_LENGTH + 0.04, 0.74)


def _shadow(picture: Pixels, lens: Lens, place: BedPlace) -> None:
    half = BED_WIDTH / 2 + 0.10
    outline = [
        place.point(a, d, 0.0)
        for a, d in ((-half, -0.1), (half, -0.1), (half, BED_LENGTH + 0.15), (-half, BED_LENGTH + 0.15))
    ]
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(lens.project(outline)).astype(np.int32)], 110)
    dark = np.asarray(cv2.GaussianBlur(mask, (0, 0), 18), np.float32) / 255.0
    picture[:] = (picture * (1.0 - dark[..., None])).astype(np.uint8)


def _board(picture: Pixels, lens: Lens, place: BedPlace, down: float, height: float) -> None:
    half = BED_WIDTH / 2
    face = [
        place.point(-half, down, 0.35),
        place.point(half, down, 0.35),
        place.point(half, down, height),
        place.point(-half, down, height),
    ]
    _polygon(picture, lens, face, (196, 206, 214))
    _line(picture, lens, face[3], face[2], _STEEL, 7)
    inner = [
        place.point(a, down, z)
        for a, z in (
            (-half + 0.1, height - 0.22),
            (half - 0.1, height - 0.22),
            (half - 0.1, height - 0.06),
            (-half + 0.1, height - 0.06),
        )
    ]
    _polygon(picture, lens, inner, _WOOD)


def _cabinet(picture: Pixels, lens: Lens, place: BedPlace, draw: np.random.Generator) -> None:
    left, right, front = BED_WIDTH / 2 + 0.05, BED_WIDTH / 2 + 0.05 + 0.24, 0.40

    def at(across: float, down: float, z: float) -> Metres:
        return place.point(across, down, z)

    _polygon(
        picture,
        lens,
        [at(left, front, 0), at(right, front, 0), at(right, front, 0.75), at(left, front, 0.75)],
        (112, 148, 182),
    )
    _polygon(
        picture, lens, [at(left, 0, 0), at(left, front, 0), at(left, front, 0.75), at(left, 0, 0.75)], (100, 134, 166)
    )
    _polygon(
        picture,
        lens,
        [at(right, 0, 0), at(right, front, 0), at(right, front, 0.75), at(right, 0, 0.75)],
        (96, 128, 158),
    )
    _polygon(
        picture,
        lens,
        [at(left, 0, 0.75), at(right, 0, 0.75), at(right, front, 0.75), at(left, front, 0.75)],
        (150, 186, 214),
    )
    _line(picture, lens, at(left, front, 0.5), at(right, front, 0.5), (80, 104, 130), 2)
    cup = lens.project([at((left + right) / 2, 0.2 + 0.1 * float(draw.random()), 0.8)])[0]
    cv2.circle(picture, (int(cup[0]), int(cup[1])), 9, (210, 150, 60), -1, cv2.LINE_AA)
    cv2.circle(picture, (int(cup[0]), int(cup[1])), 6, (236, 206, 160), -1, cv2.LINE_AA)


def _unevenness(picture: Pixels, seed: int) -> None:
    """Light from the window side, corners a little darker, and the texture that flat colours lack."""
    height, width = picture.shape[:2]
    across = np.linspace(1.05, 0.90, width, dtype=np.float32)[None, :]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    mottled = np.random.default_rng((seed, 3)).normal(1.0, 0.012, (height // 8, width // 8)).astype(np.float32)
    gain = (
        across * (1.0 - 0.10 * (x * x + y * y)) * cv2.resize(mottled, (width, height), interpolation=cv2.INTER_LINEAR)
    )
    picture[:] = np.clip(picture * gain[..., None], 0, 255).astype(np.uint8)
