"""Presentation attacks on the kiosk, rendered: what is held before the camera instead of a face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np

from service.simulator.heads import PIVOT, HeadCamera, Motion, genuine_burst, pose_of
from service.simulator.surfaces import Camera, Pixels, Pose, Surface, draw, turned
from service.vision.liveness import Turn


class Species(StrEnum):
    """Kinds of attack, as ISO/IEC 30107-3 counts them: each has its own error rate. `screen_replay` and
    `recorded_challenge` show other turns than those asked for; `screen_same_order` and what follows show the very
    turns, on a tablet in the hand, one whose grid no camera sees (`fine`), one on a stand, or fed in past the lens."""

    PRINT_FLAT = "print_flat"
    PRINT_BENT = "print_bent"
    PRINT_ROLLED = "print_rolled"
    PRINT_FOLDED = "print_folded"
    CUT_OUT_EYES = "cut_out_eyes"
    SCREEN_REPLAY = "screen_replay"
    RECORDED_CHALLENGE = "recorded_challenge"
    SWAP_MID_BURST = "swap_mid_burst"
    REPEATED_FRAMES = "repeated_frames"
    SCREEN_SAME_ORDER = "screen_same_order"
    SCREEN_FINE = "screen_fine"
    SCREEN_ON_STAND = "screen_on_stand"
    SCREEN_FINE_ON_STAND = "screen_fine_on_stand"
    RECORDED_SAME_ORDER = "recorded_same_order"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attacker has: the victim's head (as photographed, or filmed), his own, the turns asked for, and the turns
    that he happens to have on film."""

    victim: Surface
    attacker: Surface
    turns: Sequence[Turn]
    filmed: Sequence[Turn]
    motion: Motion
    seed: int


def attack_burst(species: Species, attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """A frame a turn, as the kiosk's camera sees the attack."""
    return _ATTACKS[species](attempt, camera)


def print_of(
    photograph: Pixels, eyes: float, bend: float = 0.0, *, upright: bool = True, holes: bool = False
) -> Surface:
    """A sheet of paper with `photograph` on it, whose eyes are `eyes` pixels apart; the origin is its middle.

    `bend`: how far its edges lie behind its middle, eye distances; about an upright axis, or a level one. `holes`: the
    eyes are cut out.
    """
    height, width = photograph.shape[:2]
    columns, rows = np.meshgrid(np.linspace(0, 1, 13), np.linspace(0, 1, 13))
    u, v = columns.ravel() * (width - 1), rows.ravel() * (height - 1)
    x, y = (u - width / 2) / eyes, (v - height / 2) / eyes
    along = columns.ravel() * 2 - 1 if upright else rows.ravel() * 2 - 1
    cells = [(r * 13 + c) for r in range(12) for c in range(12)]
    triangles = np.array([t for i in cells for t in ((i, i + 1, i + 13), (i + 1, i + 14, i + 13))], np.int32)
    opacity = np.full((height, width), 255, np.uint8)
    if holes:
        for side in (-0.5, 0.5):
            centre = round(width / 2 + side * eyes), round(height / 2)
            cv2.ellipse(opacity, centre, (round(0.27 * eyes), round(0.15 * eyes)), 0, 0, 360, 0, -1)
    texture = np.dstack([photograph, opacity])
    return Surface(np.stack([x, y, bend * along**2], axis=1), triangles, np.stack([u, v], axis=1), texture)


def photograph_of(head: Surface, camera: HeadCamera, size: tuple[int, int] = (420, 520)) -> tuple[Pixels, float]:
    """A print of `head` looking ahead, its eyes in the middle, and the pixels between them."""
    lens = Camera(size[0], size[1], focal=1100.0)
    canvas = np.full((size[1], size[0], 3), (205, 200, 190), np.uint8)
    pose = Pose(distance=9.0)
    draw(canvas, head, turned(head.vertices, pose, PIVOT), lens)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7), np.uint8), lens.focal / pose.distance


def _print(bend: float, upright: bool = True) -> Callable[[Attempt, HeadCamera], list[Pixels]]:
    def burst(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
        photograph, eyes = photograph_of(attempt.victim, camera)
        bent = bend * float(np.random.default_rng((attempt.seed, 47)).uniform(0.7, 1.3))
        sheet = print_of(photograph, eyes, bent, upright=upright)
        return [_sheet_shot(camera, sheet, _held(turn, attempt, camera)) for turn in attempt.turns]

    return burst


def _folded(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """Creased along the nose: of all that paper does, nearest to a face."""
    photograph, eyes = photograph_of(attempt.victim, camera)
    sheet = print_of(photograph, eyes)
    slope = 0.5 * float(np.random.default_rng((attempt.seed, 61)).uniform(0.7, 1.3))
    creased = sheet.vertices.copy()
    creased[:, 2] = slope * np.abs(creased[:, 0])
    sheet = replace(sheet, vertices=creased)
    return [_sheet_shot(camera, sheet, _held(turn, attempt, camera)) for turn in attempt.turns]


def _held(turn: Turn, attempt: Attempt, camera: HeadCamera) -> Pose:
    """A print is turned farther than a head, so that the face on it seems to turn at all."""
    more = replace(attempt.motion, yaw=attempt.motion.yaw * 1.5, pitch=attempt.motion.pitch * 1.6)
    return camera.unsteady(pose_of(turn, more))


def _sheet_shot(camera: HeadCamera, sheet: Surface, pose: Pose) -> Pixels:
    canvas = camera.scene()
    draw(canvas, sheet, turned(sheet.vertices, pose), camera.camera, light=0.15)
    return camera.exposed(canvas)


def _cut_out_eyes(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """The attacker wears the print, bent about his face, and looks through it."""
    photograph, eyes = photograph_of(attempt.victim, camera)
    mask = print_of(photograph, eyes, 0.9, holes=True)
    worn = replace(mask, vertices=mask.vertices - (0.0, 0.0, 0.55))
    shots = []
    for turn in attempt.turns:
        pose = camera.unsteady(pose_of(turn, attempt.motion))
        canvas = camera.scene()
        camera.draw_head(canvas, attempt.attacker, pose)
        draw(canvas, worn, turned(worn.vertices, pose, PIVOT), camera.camera, light=0.15)
        shots.append(camera.exposed(canvas))
    return shots


def _screen(
    *, same_order: bool = True, fine: bool = False, stand: bool = False
) -> Callable[[Attempt, HeadCamera], list[Pixels]]:
    def burst(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
        film = genuine_burst(attempt.victim, attempt.turns if same_order else attempt.filmed, camera, attempt.motion)
        place = replace(attempt.motion.place, yaw=4.0, pitch=-3.0, distance=attempt.motion.place.distance * 0.8)
        grid = 0.0 if fine else float(np.random.default_rng((attempt.seed, 73)).uniform(0.15, 1.0))
        held = [place if stand else camera.unsteady(place) for _ in film]
        return [_screen_shot(camera, frame, pose, grid) for frame, pose in zip(film, held, strict=True)]

    return burst


def _screen_shot(camera: HeadCamera, frame: Pixels, pose: Pose, strength: float) -> Pixels:
    """A tablet: bezel, brighter than paper, its pixel grid beating against the sensor's. `strength`: of the grid, as
    far as the lens resolves it; 1 darkens every other column by a fifth, 0 is a screen too fine for the lens."""
    scale = 2
    large = cv2.resize(frame[:, 80:560], None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    grid = np.full(large.shape[:2], 1 + 0.04 * strength, np.float32)
    grid[:, 1::scale] *= 1 - 0.18 * strength
    grid[1::scale] *= 1 - 0.1 * strength
    lit = np.clip(large.astype(np.float32) * grid[..., None] * 1.15 + 8, 0, 255).astype(np.uint8)
    tablet = cv2.copyMakeBorder(lit, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(14, 14, 14))
    eyes = camera.camera.focal / 8.0 * scale
    canvas = camera.scene()
    flat = print_of(np.asarray(tablet, np.uint8), eyes)
    draw(canvas, flat, turned(flat.vertices, pose), camera.camera, light=0.0)
    return camera.exposed(canvas)


def _recorded(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """A film of the victim meeting another challenge, fed in where the camera should be."""
    return genuine_burst(attempt.victim, attempt.filmed, camera, attempt.motion)


def _injected(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """A film of the victim making the very turns, fed in where the camera should be."""
    return genuine_burst(attempt.victim, attempt.turns, camera, attempt.motion)


def _swap(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """The victim looks ahead, somebody else does the exercise."""
    at = int(np.random.default_rng((attempt.seed, 53)).integers(1, len(attempt.turns)))
    shots = []
    for index, turn in enumerate(attempt.turns):
        head = attempt.victim if index < at else attempt.attacker
        shots.append(camera.shot(head, camera.unsteady(pose_of(turn, attempt.motion))))
    return shots


def _repeated(attempt: Attempt, camera: HeadCamera) -> list[Pixels]:
    """A frame of a film is used twice, compressed anew, because one turn was never filmed."""
    shots = genuine_burst(attempt.victim, attempt.turns, camera, attempt.motion)
    again = int(np.random.default_rng((attempt.seed, 59)).integers(1, len(shots)))
    ok, data = cv2.imencode(".jpg", shots[again - 1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    shots[again] = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8) if ok else shots[again - 1]
    return shots


_ATTACKS: dict[Species, Callable[[Attempt, HeadCamera], list[Pixels]]] = {
    Species.PRINT_FLAT: _print(0.0),
    Species.PRINT_BENT: _print(1.1),
    Species.PRINT_ROLLED: _print(1.1, upright=False),
    Species.PRINT_FOLDED: _folded,
    Species.CUT_OUT_EYES: _cut_out_eyes,
    Species.SCREEN_REPLAY: _screen(same_order=False),
    Species.RECORDED_CHALLENGE: _recorded,
    Species.SWAP_MID_BURST: _swap,
    Species.REPEATED_FRAMES: _repeated,
    Species.SCREEN_SAME_ORDER: _screen(),
    Species.SCREEN_FINE: _screen(fine=True),
    Species.SCREEN_ON_STAND: _screen(stand=True),
    Species.SCREEN_FINE_ON_STAND: _screen(fine=True, stand=True),
    Species.RECORDED_SAME_ORDER: _injected,
}
