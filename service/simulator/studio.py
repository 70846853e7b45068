"""Rendering in a process of its own, a few steps ahead of event time, so that both cores work."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import cv2

from service.kit.errors import InvalidInput
from service.simulator.behaviour import bed_scene, lamp_at, seed_of
from service.simulator.faces import FaceLibrary, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scenario import Scenario
from service.simulator.scene import BedScene, Posture, Scene
from service.simulator.schedule import Shot

_GAINS = {"": 1.0, "dark": 0.4, "bright": 1.6}
"""Two stops apart: a commanded exposure, as the sensor sees it."""


@dataclass(frozen=True, slots=True)
class StudioSetup:
    """What a rendering process needs. `pictures`: path of each picture of the catalogue, by its key."""

    scenario: Scenario
    catalogue: str
    pictures: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class TakenShot:
    """A rendered picture on the disk."""

    shot: Shot
    path: Path


class Studio:
    """Renders the shots of a scenario, in this process."""

    def __init__(self, setup: StudioSetup) -> None:
        self._scenario = setup.scenario
        self._library = FaceLibrary(read_catalogue(setup.catalogue), setup.pictures)
        _check_faces(setup.scenario, self._library)
        self._renderers = {
            camera.code: Renderer(ROOMS[camera.room], self._library, seed_of(setup.scenario, camera.code) % 1000)
            for camera in setup.scenario.cameras
        }

    def scene(self, shot: Shot) -> Scene:
        """What the camera of `shot` has before it."""
        camera = next(camera for camera in self._scenario.cameras if camera.code == shot.camera)
        beds = [bed_scene(self._scenario, bed, shot.at) for bed in self._scenario.beds_of(camera)]
        bare = BedScene(Posture.MADE)
        beds += [bare] * (len(ROOMS[camera.room].beds) - len(beds))
        return Scene(
            beds=tuple(beds),
            lamp=lamp_at(self._scenario, shot.at, infrared=camera.infrared),
            covered=shot.covered,
            gain=_GAINS[shot.exposure],
            grain=seed_of(self._scenario, shot.camera, shot.at.astimezone(UTC).isoformat()),
        )

    def jpeg(self, shot: Shot) -> bytes:
        """The picture."""
        return self._renderers[shot.camera].jpeg(self.scene(shot))

    def portrait(self, face: str) -> bytes:
        """The ID picture of a face."""
        return self._library.portrait(face)


def portraits(setup: StudioSetup) -> Callable[[str], bytes]:
    """ID pictures by face, without a room to draw. Raises `InvalidInput` for a face that the catalogue lacks."""
    library = FaceLibrary(read_catalogue(setup.catalogue), setup.pictures)
    _check_faces(setup.scenario, library)
    return library.portrait


class RenderAhead:
    """A rendering process with a queue. `folder` lies where the pictures can be moved from without copying."""

    def __init__(self, setup: StudioSetup, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_open, initargs=(setup,))

    def begin(self, shots: Sequence[Shot]) -> Future[list[TakenShot]]:
        """Asks for pictures; the answer comes when all of them lie in the folder."""
        return self._pool.submit(_render, list(shots), self._folder)

    def close(self) -> None:
        """Ends the process; what was asked for and not begun is forgotten."""
        self._pool.shutdown(wait=True, cancel_futures=True)


_studio: Studio | None = None
"""The rendering process's own: made once by its initializer."""


def _open(setup: StudioSetup) -> None:
    global _studio
    cv2.setNumThreads(1)
    os.nice(5)  # event time must not wait for the pictures of tomorrow
    _studio = Studio(setup)


def _render(shots: list[Shot], folder: Path) -> list[TakenShot]:
    assert _studio is not None  # noqa: S101 - the initializer ran
    taken = []
    for shot in shots:
        path = folder / f"{shot.camera}_{_stamp(shot.at)}.jpg"
        path.write_bytes(_studio.jpeg(shot))
        taken.append(TakenShot(shot, path))
    return taken


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _check_faces(scenario: Scenario, library: FaceLibrary) -> None:
    wanted = {story.face for story in scenario.patients} | {
        story.occupant for story in scenario.patients if story.occupant
    }
    missing = sorted(name for name in wanted if name not in library)
    if missing:
        raise InvalidInput(
            f"no face is called {', '.join(missing)}", field="patients.face", remedy="use names of faces.yaml"
        )
