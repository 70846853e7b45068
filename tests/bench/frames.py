"""Ward-like frames made of what insightface ships: four beds in a 1080p view, photographed faces laid on the pillows.

Nothing here is a picture of a ward: it gives models something of the right size to work on, at the right places.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import cv2
import insightface
import numpy as np

from service.vision import Frame, Zone

WIDTH, HEIGHT = 1920, 1080
# x1, y1, x2, y2, head edge (0 top, 1 right, 2 bottom, 3 left)
_BEDS = ((120, 120, 420, 620, 0), (560, 120, 860, 620, 0), (1000, 200, 1500, 480, 1), (1000, 620, 1500, 900, 3))
# Heads in the group photograph: centre x, y and half a side; found once by a detector.
_HEADS = ((519, 330, 105), (798, 400, 92), (1181, 325, 92), (953, 130, 100), (321, 210, 95), (111, 325, 100))


@dataclass(frozen=True, slots=True)
class WardFrame:
    """`frame` with its `zones`; `occupied` tells zone by zone whether a face lies there, `who` which head it is."""

    frame: Frame
    zones: tuple[Zone, ...]
    occupied: tuple[bool, ...]
    who: tuple[int | None, ...]


@cache
def group_photograph() -> Frame:
    """The group photograph that the installed insightface carries (886 x 1280)."""
    path = os.path.join(os.path.dirname(insightface.__file__), "data", "images", "t1.jpg")
    return Frame(np.asarray(cv2.imread(path), np.uint8))


def ward_frame(seed: int, occupants: dict[int, int]) -> WardFrame:
    """A frame in which bed b holds head h for each (b, h) of `occupants`."""
    rng = np.random.default_rng(seed)
    pixels = np.full((HEIGHT, WIDTH, 3), (150, 155, 150), np.uint8)
    pixels[::54] = (120, 125, 122)
    pixels[:, ::96] = (126, 130, 126)
    for bed in _BEDS:
        _draw_bed(pixels, bed)
    for bed, head in occupants.items():
        _lay(pixels, _BEDS[bed], head)
    noise = rng.normal(0, 3, pixels.shape).astype(np.int16)
    pixels = np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    who = tuple(occupants.get(b) for b in range(len(_BEDS)))
    return WardFrame(Frame(pixels), zones(), tuple(w is not None for w in who), who)


def zones() -> tuple[Zone, ...]:
    """The beds as zones, clockwise from the top left corner."""
    size = np.array([WIDTH, HEIGHT], np.float32)
    return tuple(
        Zone(f"bed-{i}", np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32) / size, head)
        for i, (x1, y1, x2, y2, head) in enumerate(_BEDS)
    )


def _draw_bed(pixels: np.ndarray, bed: tuple[int, ...]) -> None:
    x1, y1, x2, y2, head = bed
    cv2.rectangle(pixels, (x1, y1), (x2, y2), (225, 225, 222), -1)
    cv2.rectangle(pixels, (x1, y1), (x2, y2), (90, 90, 95), 4)
    centre = _pillow(bed)
    cv2.ellipse(pixels, centre, (95, 70) if head in (0, 2) else (70, 95), 0, 0, 360, (245, 245, 245), -1)
    if head in (0, 2):
        cv2.rectangle(pixels, (x1 + 8, y1 + 250), (x2 - 8, y2 - 8), (190, 160, 120), -1)
    elif head == 1:
        cv2.rectangle(pixels, (x1 + 8, y1 + 8), (x2 - 250, y2 - 8), (190, 160, 120), -1)
    else:
        cv2.rectangle(pixels, (x1 + 250, y1 + 8), (x2 - 8, y2 - 8), (190, 160, 120), -1)


def _pillow(bed: tuple[int, ...]) -> tuple[int, int]:
    x1, y1, x2, y2, head = bed
    return {
        0: ((x1 + x2) // 2, y1 + 110),
        1: (x2 - 110, (y1 + y2) // 2),
        2: ((x1 + x2) // 2, y2 - 110),
        3: (x1 + 110, (y1 + y2) // 2),
    }[head]


def _lay(pixels: np.ndarray, bed: tuple[int, ...], head: int) -> None:
    x, y, half = _HEADS[head]
    face = group_photograph().pixels[max(0, y - half) : y + half, max(0, x - half) : x + half]
    side = 180
    face = np.rot90(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), {0: 0, 1: 3, 2: 2, 3: 1}[bed[4]])
    mask = np.zeros((side, side), np.uint8)
    cv2.ellipse(mask, (side // 2, side // 2), (side // 2 - 4, side // 2 - 4), 0, 0, 360, 255, -1)
    cx, cy = _pillow(bed)
    part = pixels[cy - side // 2 : cy + side // 2, cx - side // 2 : cx + side // 2]
    part[mask > 0] = face[mask > 0]


def head(number: int) -> Frame:
    """Head `number` of the group photograph, alone."""
    x, y, half = _HEADS[number]
    pixels = group_photograph().pixels
    return Frame(np.ascontiguousarray(pixels[max(0, y - half) : y + half, max(0, x - half) : x + half]))
