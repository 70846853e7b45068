"""Simulated wards over a day and a night, honest and lying, with their truth, for `evaluate sequence`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from service.simulator.faces import FaceLibrary, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scene import BedScene, Lamp, Posture, Scene
from service.vision import Zone
from service.vision.sequence import ViewCause

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
_UNMOVED = 45.0
"""Mean minutes in one posture; old people shift about twice an hour (De Koninck et al., Sleep 15, 1992)."""
_TURNED_AFTER = 120.0
"""Whoever cannot move is turned every two hours, against pressure ulcers."""
_WITH_FACE = (Posture.FACE_UP, Posture.FACE_LEFT, Posture.FACE_RIGHT)


@dataclass(frozen=True, slots=True)
class Take:
    """One picture of a play. `occupied`: the truth of each bed. `lie`: what is wrong with the view."""

    key: str
    at: datetime
    jpeg: bytes
    occupied: tuple[bool, ...]
    lie: ViewCause | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Where plays are given."""

    room: str
    seed: int
    pictures: Mapping[str, Path]
    catalogue: str
    faces: tuple[str, ...]
    minutes: int = 15
    count: int = 96

    def renderer(self, *, room: str | None = None, seed: int | None = None) -> Renderer:
        """The camera of this stage, or another one."""
        library = FaceLibrary(read_catalogue(self.catalogue), self.pictures)
        return Renderer(ROOMS[room or self.room], library, self.seed if seed is None else seed)

    def zones(self) -> tuple[Zone, ...]:
        """The beds in the view."""
        room = ROOMS[self.room]
        return tuple(Zone(f"bed{i + 1}", np.asarray(room.zone(i), np.float32)) for i in range(len(room.beds)))

    def scenes(self) -> list[Scene]:
        """What really happens, one scene a picture. The same stage gives the same scenes."""
        draw = np.random.default_rng((self.seed, 5))
        infrared = bool(draw.random() < 0.6)
        beds = [_bed_story(self, np.random.default_rng((self.seed, 7, bed)), bed) for bed in range(4)]
        return [
            Scene(
                tuple(story[i] for story in beds),
                _lamp(self.at(i), infrared=infrared),
                grain=int(draw.integers(0, 2**31)),
            )
            for i in range(self.count)
        ]

    def at(self, index: int) -> datetime:
        """When picture `index` is taken."""
        return START + timedelta(minutes=self.minutes * index)


def honest(stage: Stage, *, passing: float = 0.06) -> Iterator[Take]:
    """A day and a night: people come, go, turn and cover themselves; lamps change; nurses pass."""
    renderer = stage.renderer()
    draw = np.random.default_rng((stage.seed, 13))
    for index, scene in enumerate(stage.scenes()):
        pixels = renderer.frame(scene)
        if draw.random() < passing:
            pixels = nurse(pixels, draw)
        yield _take(stage, index, encode(pixels), scene)


def changed(stage: Stage, takes: list[Take], span: range, change: Change, lie: ViewCause | None) -> list[Take]:
    """The play with `change` done to the pictures of `span`."""
    draw = np.random.default_rng((stage.seed, 17))
    played = list(takes)
    for index in span:
        pixels = np.asarray(cv2.imdecode(np.frombuffer(takes[index].jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        played[index] = replace(takes[index], jpeg=encode(change(pixels, draw)), lie=lie)
    return played


def frozen(takes: list[Take], span: range) -> list[Take]:
    """The picture before `span` again and again."""
    still = takes[span.start - 1].jpeg
    return [replace(t, jpeg=still, lie=ViewCause.FROZEN) if i in span else t for i, t in enumerate(takes)]


def looped(takes: list[Take], span: range, lag: int, *, quality: int | None = None) -> list[Take]:
    """Pictures of `lag` ago again; through an encoder once more if a quality is given."""
    played = list(takes)
    for i in span:
        data = played[i - lag].jpeg
        if quality is not None and played[i - lag].lie is None:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            data = encode(np.asarray(pixels, np.uint8), quality)
        played[i] = replace(takes[i], jpeg=data, lie=ViewCause.LOOPED)
    return played


def quiet(stage: Stage, takes: list[Take], span: range) -> list[Take]:
    """The play with nobody moving in the pictures of `span`: what changes is the lamp and the sensor's noise."""
    renderer, scenes = stage.renderer(), stage.scenes()
    played = list(takes)
    for i in span:
        scene = replace(scenes[i], beds=scenes[span.start].beds)
        played[i] = _take(stage, i, encode(renderer.frame(scene)), scene)
    return played


def swapped(stage: Stage, takes: list[Take], span: range) -> list[Take]:
    """Another room's pictures."""
    room = next(name for name in ROOMS if name != stage.room)
    renderer, scenes = stage.renderer(room=room, seed=stage.seed + 500), stage.scenes()
    played = list(takes)
    for i in span:
        played[i] = replace(takes[i], jpeg=encode(renderer.frame(scenes[i])), lie=ViewCause.SWAPPED_CAMERA)
    return played


def encode(pixels: Pixels, quality: int = 84) -> bytes:
    """A JPEG."""
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def nurse(pixels: Pixels, draw: np.random.Generator) -> Pixels:
    """Somebody in white walks through the room, a fifth to a third of the frame tall and nearer than the beds."""
    height, width = pixels.shape[:2]
    shown = pixels.copy()
    tall = int(draw.uniform(0.45, 0.9) * height)
    middle, foot = int(draw.uniform(0.1, 0.9) * width), height - int(draw.uniform(0, 0.1) * height)
    light = float(np.median(pixels)) / 150.0
    coat, skin, hair = ((int(c * light) for c in tone) for tone in ((225, 222, 218), (120, 150, 190), (30, 34, 40)))
    head, body = tall // 9, (middle, foot - tall // 2)
    cv2.ellipse(shown, body, (tall // 6, tall // 2 - head), 0, 0, 360, tuple(coat), -1, cv2.LINE_AA)
    cv2.circle(shown, (middle, foot - tall + head), head, tuple(skin), -1, cv2.LINE_AA)
    cv2.ellipse(shown, (middle, foot - tall + head), (head, head), 0, 180, 360, tuple(hair), -1, cv2.LINE_AA)
    noise = draw.normal(0, 3, shown.shape).astype(np.int16)
    return np.asarray(np.clip(shown.astype(np.int16) + noise, 0, 255), np.uint8)


def curtain(share: float, left: bool) -> Change:
    """A striped curtain before `share` of the view."""

    def draw_curtain(pixels: Pixels, draw: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        reach = int(share * width)
        folds = 0.85 + 0.15 * np.sin(np.arange(reach) / 17.0)
        cloth = np.empty((height, reach, 3), np.float32)
        cloth[:] = np.array([176, 190, 160], np.float32) * float(np.median(pixels)) / 160.0
        cloth *= folds[None, :, None]
        cloth += draw.normal(0, 3, cloth.shape)
        shown = pixels.copy()
        part = slice(0, reach) if left else slice(width - reach, width)
        shown[:, part] = np.clip(cloth, 0, 255).astype(np.uint8)
        return shown

    return draw_curtain


def blurred(sigma: float) -> Change:
    """Out of focus: `sigma` as a share of the width. The sensor's noise stays sharp."""

    def defocus(pixels: Pixels, draw: np.random.Generator) -> Pixels:
        soft = cv2.GaussianBlur(pixels, (0, 0), sigma * pixels.shape[1]).astype(np.float32)
        return np.asarray(np.clip(soft + draw.normal(0, 2.5, pixels.shape), 0, 255), np.uint8)

    return defocus


def moved(right: float, down: float, turn: float = 0.0) -> Change:
    """The camera turned: shares of the width, degrees. What comes into view is a mirror of what was at the edge."""

    def move(pixels: Pixels, _: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
        matrix[:, 2] += (right * width, down * width)
        return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)

    return move


def black(pixels: Pixels, draw: np.random.Generator) -> Pixels:
    """No light."""
    return np.clip(draw.normal(4, 2, pixels.shape), 0, 255).astype(np.uint8)


def over_exposed(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """A lamp into the lens."""
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1.6, beta=190), np.uint8)


def cloth(pixels: Pixels, draw: np.random.Generator) -> Pixels:
    """A woven cloth right before the lens."""
    height, width = pixels.shape[:2]
    coarse = draw.normal(90, 22, (max(2, height // 120), max(2, width // 120))).astype(np.float32)
    shade = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    shown = shade[..., None] * np.array([0.9, 0.95, 1.0], np.float32) + draw.normal(0, 3, (height, width, 1))
    return np.clip(shown, 0, 255).astype(np.uint8)


def brighter(factor: float) -> Change:
    """A lamp goes on, or the sun comes out: more light on one side."""

    def lighten(pixels: Pixels, _: np.random.Generator) -> Pixels:
        ramp = np.linspace(factor, 1.0 + (factor - 1.0) * 0.4, pixels.shape[1], dtype=np.float32)
        return np.asarray(np.clip(pixels * ramp[None, :, None], 0, 255), np.uint8)

    return lighten


def _take(stage: Stage, index: int, jpeg: bytes, scene: Scene) -> Take:
    return Take(f"{index:05d}", stage.at(index), jpeg, tuple(bed.posture.occupied for bed in scene.beds))


def _lamp(at: datetime, *, infrared: bool) -> Lamp:
    hour = at.hour + at.minute / 60
    if 7.0 <= hour < 17.5:
        return Lamp.DAY
    if 6.0 <= hour < 7.0 or 17.5 <= hour < 21.5:
        return Lamp.DUSK
    return Lamp.INFRARED if infrared else Lamp.NIGHT


def _bed_story(stage: Stage, draw: np.random.Generator, bed: int) -> list[BedScene]:
    """Comes and goes: 1 to 8 hours in bed, half an hour to 6 away; a third of the time without a face, a seventh wholly
    under the blanket. A bed that is left looks different every time."""
    face = stage.faces[(stage.seed + bed) % len(stage.faces)]
    scenes: list[BedScene] = []
    inside = bool(draw.random() < 0.6)
    while len(scenes) < stage.count:
        hours = draw.uniform(1, 8) if inside else draw.uniform(0.5, 6)
        stay = max(2, round(hours * 60 / stage.minutes))
        scenes += _lying(stage, draw, stay, face) if inside else _away(draw, stay)
        inside = not inside
    return scenes[: stage.count]


def _away(draw: np.random.Generator, stay: int) -> list[BedScene]:
    posture = Posture.MADE if draw.random() < 0.5 else Posture.LEFT
    return [BedScene(posture, fold=int(draw.integers(0, 2**31)))] * stay


def _lying(stage: Stage, draw: np.random.Generator, stay: int, face: str) -> list[BedScene]:
    scenes: list[BedScene] = []
    while len(scenes) < stay:
        fold, roll = int(draw.integers(0, 2**31)), draw.random()
        posture = Posture.TURNED_AWAY if roll < 0.20 else Posture.COVERED if roll < 0.35 else _WITH_FACE[fold % 3]
        minutes = min(float(draw.exponential(_UNMOVED)), _TURNED_AFTER)
        turns = max(1, round(minutes / stage.minutes))
        for _ in range(turns):
            shown = face if posture.shows_face else None
            scenes.append(BedScene(posture, shown, fold, stir=int(draw.integers(0, 2**31))))
    return scenes[:stay]
