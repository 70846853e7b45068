"""A bed from straight above: sheet, pillow, blanket, and the shape of who lies under it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from service.simulator.rooms import BED_LENGTH, BED_WIDTH
from service.simulator.scene import BedScene, Posture

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

SCALE = 220.0
"""Pixels a metre of the surface: cloth is soft, and faces are laid on in the frame itself."""
WIDTH, HEIGHT = int(BED_WIDTH * SCALE), int(BED_LENGTH * SCALE)

_SHEET = (226, 229, 228)
_PILLOW = (240, 242, 241)
_GOWN = (186, 168, 138)
_HAIR = ((24, 26, 32), (36, 46, 62), (70, 84, 104), (128, 132, 136))
_BLANKETS = ((196, 164, 122), (168, 182, 132), (150, 178, 206), (178, 150, 158))


@dataclass(frozen=True, slots=True)
class HeadPlace:
    """Where the head lies on the surface: metres from the middle line and from the head end, degrees of tilt, and how
    much narrower a turned head looks."""

    across: float
    down: float
    tilt: float
    squeeze: float


def head_place(scene: BedScene) -> HeadPlace:
    """The head's place for a sleeper who has not stirred since `scene.fold`."""
    draw = np.random.default_rng((scene.fold, 11))
    side = {Posture.FACE_LEFT: -1.0, Posture.FACE_RIGHT: 1.0}.get(scene.posture, 0.0)
    return HeadPlace(
        across=0.07 * side + float(draw.uniform(-0.03, 0.03)),
        down=0.29 + float(draw.uniform(-0.02, 0.03)),
        tilt=side * float(draw.uniform(8.0, 20.0)) + float(draw.uniform(-5.0, 5.0)),
        squeeze=1.0 if side == 0.0 else float(draw.uniform(0.9, 0.97)),
    )


def bed_surface(scene: BedScene, blanket: int) -> Pixels:
    """The surface (HEIGHT, WIDTH, 3) uint8 BGR, head end at the top, without the face. `blanket` chooses its colour.

    Drawn once for each posture, fold and colour; not to be written to.
    """
    return _surface(scene.posture, scene.fold, blanket % len(_BLANKETS))


@lru_cache(maxsize=256)
def _surface(posture: Posture, fold: int, blanket: int) -> Pixels:
    scene = BedScene(posture, "any" if posture.shows_face else None, fold)
    draw = np.random.default_rng((scene.fold, 17))
    surface = np.empty((HEIGHT, WIDTH, 3), np.float32)
    surface[:] = _SHEET
    surface *= _folds(draw, 0.020, 9)[..., None]
    head = head_place(scene)
    _pillow(surface, draw, head if scene.posture.occupied else None)
    if scene.posture.occupied and scene.posture is not Posture.COVERED:
        _shoulders(surface, head, draw)
        _hair(surface, head, scene)
    _blanket(surface, scene, blanket, draw)
    return np.clip(surface, 0, 255).astype(np.uint8)


def _folds(draw: np.random.Generator, strength: float, cells: int) -> Field:
    """Soft creases: the slope of a coarse random height field, around 1."""
    coarse = draw.standard_normal((cells * 2, cells)).astype(np.float32)
    height = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) + 0.6 * cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(1.0 + strength * slope / max(float(slope.std()), 1e-6), np.float32)


def _spot(
    shape: str, centre: tuple[float, float], half: tuple[float, float], *, turn: float = 0.0, soft: float
) -> Field:
    """A soft-edged ellipse or rectangle, 0..1. Metres: (across, down), half sizes.

    What is soft needs few pixels: it is drawn and blurred small, with a blur of two pixels, and enlarged.
    """
    shrink = max(1.0, soft * SCALE / 2.0)
    scale, size = SCALE / shrink, (round(WIDTH / shrink), round(HEIGHT / shrink))
    mask = np.zeros((size[1], size[0]), np.uint8)
    middle = (size[0] / 2 + centre[0] * scale, centre[1] * scale)
    axes = (half[0] * scale, half[1] * scale)
    if shape == "ellipse":
        cv2.ellipse(mask, (middle, (2 * axes[0], 2 * axes[1]), turn), 255, -1, cv2.LINE_AA)
    else:
        box = cv2.boxPoints((middle, (2 * axes[0], 2 * axes[1]), turn))
        cv2.fillConvexPoly(mask, np.round(box * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    blurred = cv2.GaussianBlur(mask, (0, 0), soft * scale)
    if shrink > 1.0:
        blurred = cv2.resize(blurred, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(blurred, np.float32) / 255.0


def _paint(surface: Field, mask: Field, colour: tuple[int, int, int] | Field) -> None:
    surface += (np.asarray(colour, np.float32) - surface) * mask[..., None]


def _pillow(surface: Field, draw: np.random.Generator, head: HeadPlace | None) -> None:
    centre = (float(draw.uniform(-0.03, 0.03)), 0.26)
    turn = float(draw.uniform(-4.0, 4.0))
    surface *= (1.0 - 0.22 * _spot("box", (centre[0] + 0.015, centre[1] + 0.02), (0.33, 0.21), turn=turn, soft=0.03))[
        ..., None
    ]
    _paint(surface, _spot("box", centre, (0.31, 0.19), turn=turn, soft=0.014), _PILLOW)
    surface *= _folds(draw, 0.012, 12)[..., None]
    if head is not None:  # the dent under the head
        surface *= (1.0 - 0.20 * _spot("ellipse", (head.across, head.down), (0.14, 0.15), soft=0.03))[..., None]


def _shoulders(surface: Field, head: HeadPlace, draw: np.random.Generator) -> None:
    """A hospital gown from the neck to where the blanket begins."""
    neck = _spot("ellipse", (head.across * 0.8, head.down + 0.15), (0.06, 0.09), soft=0.012)
    _paint(surface, neck, (118, 142, 180))
    gown = _spot("ellipse", (head.across * 0.5, head.down + 0.34), (0.25, 0.19), soft=0.014)
    stripes = np.full((HEIGHT, WIDTH, 3), _GOWN, np.float32)
    stripes[:, np.arange(WIDTH) % 10 < 3] = (224, 214, 200)
    _paint(surface, gown, stripes)
    surface *= (1.0 - 0.25 * gown * (_spot("ellipse", (head.across + 0.18, head.down + 0.4), (0.1, 0.2), soft=0.05)))[
        ..., None
    ]
    if draw.random() < 0.5:  # an arm on the blanket's edge is painted before the blanket covers its end
        arm = _spot("box", (head.across * 0.5 - 0.2, head.down + 0.45), (0.045, 0.2), turn=8.0, soft=0.012)
        _paint(surface, arm, stripes)


def _hair(surface: Field, head: HeadPlace, scene: BedScene) -> None:
    """The back of the head; a face, if it shows, is laid over it."""
    colour = _HAIR[scene.fold % len(_HAIR)] if scene.posture is Posture.TURNED_AWAY else (96, 100, 108)
    half = (0.095, 0.125) if scene.posture is Posture.TURNED_AWAY else (0.07, 0.09)
    _paint(surface, _spot("ellipse", (head.across, head.down), half, turn=head.tilt, soft=0.012), colour)


def _blanket(surface: Field, scene: BedScene, colour: int, draw: np.random.Generator) -> None:
    base = np.asarray(_BLANKETS[colour % len(_BLANKETS)], np.float32)
    top = {Posture.MADE: 0.55, Posture.LEFT: 1.05, Posture.COVERED: 0.16}.get(
        scene.posture, 0.60 + float(draw.uniform(-0.03, 0.06))
    )
    lean = float(draw.uniform(-2.0, 2.0)) if scene.posture is not Posture.LEFT else float(draw.uniform(8.0, 16.0))
    half = (BED_LENGTH - top) / 2 + 0.05
    centre = (0.0 if scene.posture is not Posture.LEFT else 0.09, top + half)
    cloth = _spot("box", centre, (0.46, half), turn=lean, soft=0.008)
    strength = {Posture.MADE: 0.010, Posture.LEFT: 0.055}.get(scene.posture, 0.030)
    shade = _folds(draw, strength, 7) * _body_relief(scene, draw)
    surface *= (1.0 - 0.25 * np.roll(cloth, -int(0.02 * SCALE), axis=0) * (1.0 - cloth))[..., None]
    pattern = np.empty_like(surface)
    pattern[:] = base
    pattern[np.arange(HEIGHT) % int(0.2 * SCALE) < int(0.016 * SCALE)] *= 0.86
    _paint(surface, cloth, pattern * shade[..., None])
    band = _spot("box", (centre[0], top + 0.06), (0.45, 0.055), turn=lean, soft=0.006) * cloth
    _paint(surface, band, np.asarray(_SHEET, np.float32) * shade[..., None])


def _body_relief(scene: BedScene, draw: np.random.Generator) -> Field:
    """Light and shadow of trunk and legs under the blanket, around 1."""
    if not scene.posture.occupied:
        return np.ones((HEIGHT, WIDTH), np.float32)
    bend = float(draw.uniform(-0.12, 0.12))
    height = 0.9 * _spot("ellipse", (0.0, 0.85), (0.22, 0.42), soft=0.06)
    height += 0.8 * _spot("ellipse", (-0.08 + bend, 1.35), (0.09, 0.4), turn=-bend * 60, soft=0.045)
    height += 0.8 * _spot("ellipse", (0.09 + bend, 1.33), (0.09, 0.4), turn=-bend * 40, soft=0.045)
    height += 0.6 * _spot("ellipse", (bend * 0.5, 1.78), (0.14, 0.08), soft=0.03)
    if scene.posture is Posture.COVERED:
        height += 0.8 * _spot("ellipse", (0.0, 0.28), (0.12, 0.13), soft=0.04)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=5) + 0.8 * cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=5)
    return np.clip(1.0 - 0.085 * slope + 0.05 * height, 0.62, 1.22).astype(np.float32)
