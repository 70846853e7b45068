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
from service.vision.liveness import Turn, pauses_for, turns_for
from service.vision.liveness.evaluate import BONA_FIDE, Attempt
from service.vision.mesh import LandmarkMesh

STRAIGHT = 12.0
"""Degrees: a head made from a half profile has one good side only."""
_ROLL = 20.0
_MEASURED = frozenset({"f02", "f10", "f14", "f21", "f25", "f35"})
_SLOWNESS = (0.55, 2.2)
"""Seconds from an arrow to the turn that it asks for, least and most."""
_OWN_TIME = frozenset({Species.SCREEN_REPLAY, Species.RECORDED_CHALLENGE, Species.RECORDED_SAME_ORDER})
"""Attacks that play a film which knows nothing of this challenge's rhythm. Whoever holds a print, or taps the right
film on a tablet when the arrow comes, follows it."""


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


def for_judging(names: Sequence[str]) -> tuple[str, ...]:
    """Heads that no threshold was set on: every other one was used for the surroundings of a face and the marks of
    screens, and `_MEASURED` for its relief. All of them, where that leaves fewer than four."""
    rest = tuple(name for name in names[1::2] if name not in _MEASURED)
    return rest if len(rest) >= 4 else tuple(names)


def rendered_attempts(
    library: HeadLibrary, count: int, seed: int = 0, names: Sequence[str] | None = None
) -> Iterator[Attempt]:
    """`count` honest bursts and `count` of each species of attack. People stand nearer or farther, turn more or less,
    are lit and filmed better or worse, and have deeper or flatter faces than the mesh guesses; somebody walks by behind
    half of them, and the kiosk trembles. `names`: heads; without it those that no threshold was set on (`for_judging`).
    """
    names = tuple(names or for_judging(library.names))
    for index in range(count):
        draws = np.random.default_rng((seed, index, 67))
        one, other = draws.choice(len(names), 2, replace=False)
        victim = library.head(names[one], float(draws.uniform(0.85, 1.15)))
        motion = Motion(
            yaw=float(draws.uniform(19, 31)),
            pitch=float(draws.uniform(14, 22)),
            place=Pose(distance=float(draws.uniform(6.8, 9.2)), x=float(draws.normal(0, 0.2)), y=-0.3),
        )
        light = Light(
            float(draws.uniform(0.6, 1.2)),
            float(draws.uniform(1.5, 4.5)),
            int(draws.integers(75, 94)),
            shake=float(draws.uniform(0, 0.6)),
            passers=int(draws.integers(0, 2)),
        )
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
            pauses = pauses_for(nonce, len(turns))
            times = _filmed_times(pauses, draws) if species in _OWN_TIME else _answered_times(pauses, draws)
            frames = tuple(Frame(shot) for shot in shots)
            yield Attempt(f"{label}/{index}", label, turns, frames, times, pauses)


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


def _answered_times(pauses: Sequence[float], draws: np.random.Generator) -> tuple[float, ...]:
    """When the kiosk takes each turn of somebody who turns when the arrow comes, seconds."""
    times = [0.0]
    for pause in pauses[1:]:
        times.append(times[-1] + pause + float(draws.uniform(*_SLOWNESS)))
    return tuple(times)


def _filmed_times(pauses: Sequence[float], draws: np.random.Generator) -> tuple[float, ...]:
    """When the kiosk takes each turn of a film that was made for another rhythm: at once, where the film shows it
    before the arrow."""
    film = _answered_times(pauses_for(f"film-{int(draws.integers(1 << 30))}", len(pauses)), draws)
    times = [0.0]
    for pause, at in zip(pauses[1:], film[1:], strict=True):
        times.append(max(times[-1] + pause + 0.05, at))
    return tuple(times)


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
