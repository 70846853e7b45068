"""Bursts for measuring the kiosk's challenge: rendered heads of photographed people, honest and attacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from service.kit.errors import InvalidInput
from service.simulator.attacks import Attempt as Attack
from service.simulator.attacks import Species, attack_burst
from service.simulator.faces import FacePlace
from service.simulator.heads import HeadCamera, Light, Motion, genuine_burst, head_of, pose_of
from service.simulator.surfaces import Pixels, Pose, Surface
from service.vision.decode import Frame
from service.vision.liveness import Turn, turns_for
from service.vision.liveness.evaluate import BONA_FIDE, Attempt
from service.vision.mesh import LandmarkMesh

STRAIGHT = 12.0
"""Degrees: a head made from a half profile has one good side only."""
_ROLL = 20.0
_SECONDS = 0.9
"""Between two frames of a burst."""


class HeadLibrary:
    """The heads of a catalogue whose photographs are straight enough."""

    def __init__(self, places: Mapping[str, FacePlace], pictures: Mapping[str, Path], mesh: LandmarkMesh) -> None:
        self._mesh = mesh
        self._pictures = {key: _read(key, path) for key, path in pictures.items()}
        self._places = {name: place for name, place in places.items() if self._is_straight(place)}

    @property
    def names(self) -> tuple[str, ...]:
        """The usable heads, in the catalogue's order."""
        return tuple(self._places)

    def head(self, name: str, relief: float = 1.0) -> Surface:
        """The head of `name`. Raises `InvalidInput` for one that is not there."""
        if name not in self._places:
            raise InvalidInput(f"no head is called {name!r}", field="face", remedy=f"use {', '.join(self.names)}")
        place = self._places[name]
        return head_of(self._pictures[place.picture], place.points, self._mesh, relief)

    def _is_straight(self, place: FacePlace) -> bool:
        if place.picture not in self._pictures:
            return False
        face = self._mesh.refine(self._pictures[place.picture], place.points)
        return face is not None and face.flag > 0.9 and abs(face.yaw) < STRAIGHT and abs(face.roll) < _ROLL


def rendered_attempts(
    library: HeadLibrary, count: int, seed: int = 0, names: Sequence[str] | None = None
) -> Iterator[Attempt]:
    """`count` honest bursts and `count` of each species of attack. People stand nearer or farther, turn more or less,
    are lit and filmed better or worse, and have deeper or flatter faces than the mesh guesses."""
    names = tuple(names or library.names)
    for index in range(count):
        draws = np.random.default_rng((seed, index, 67))
        one, other = draws.choice(len(names), 2, replace=False)
        victim = library.head(names[one], float(draws.uniform(0.85, 1.15)))
        motion = Motion(
            yaw=float(draws.uniform(19, 31)),
            pitch=float(draws.uniform(14, 22)),
            place=Pose(distance=float(draws.uniform(6.8, 9.2)), x=float(draws.normal(0, 0.2)), y=-0.3),
        )
        light = Light(float(draws.uniform(0.6, 1.2)), float(draws.uniform(1.5, 4.5)), int(draws.integers(75, 94)))
        nonce = f"{seed}-{index}"
        turns, filmed = turns_for(nonce), _other_turns(nonce)
        attack = Attack(victim, library.head(names[other]), turns, filmed, motion, seed * 1000 + index)
        for species in (None, *Species):
            camera = HeadCamera(seed * 1000 + index, light=light)
            if species is None:
                shots = genuine_burst(victim, turns, camera, motion)
            else:
                shots = attack_burst(species, attack, camera)
            label = BONA_FIDE if species is None else species.value
            yield Attempt(f"{label}/{index}", label, turns, tuple(Frame(shot) for shot in shots), _times(len(shots)))


def honest_turn(
    library: HeadLibrary, name: str, turns: Sequence[Turn], seed: int = 0, between: int = 8
) -> list[Pixels]:
    """A film of somebody who does as asked: `between` frames from each turn to the next, and as many at rest there."""
    camera, head = HeadCamera(seed), library.head(name)
    film: list[Pixels] = []
    before = Motion().place
    for turn in turns:
        after = pose_of(turn, Motion())
        for step in range(between):
            film.append(camera.shot(head, _between(before, after, (step + 1) / between)))
        film += [camera.shot(head, after) for _ in range(between)]
        before = after
    return film


def _between(one: Pose, other: Pose, share: float) -> Pose:
    ease = share * share * (3 - 2 * share)
    return replace(one, yaw=one.yaw + (other.yaw - one.yaw) * ease, pitch=one.pitch + (other.pitch - one.pitch) * ease)


def _other_turns(nonce: str) -> tuple[Turn, ...]:
    """The turns of another challenge, different ones: one in 108 is the same, and that one passes."""
    return next(turns for k in range(100) if (turns := turns_for(f"{nonce}-filmed-{k}")) != turns_for(nonce))


def _times(count: int) -> tuple[float, ...]:
    return tuple(index * _SECONDS for index in range(count))


def _read(key: str, path: Path) -> Pixels:
    data = path.read_bytes() if path.exists() else b""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise InvalidInput(
            f"the picture {key!r} is not there or cannot be read",
            field="pictures",
            remedy="run `wardwatch models fetch --test-pictures`",
        )
    return np.asarray(picture, np.uint8)
