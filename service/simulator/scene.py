"""What a frame shows, as plain values: who lies where and how, and the light."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Posture(StrEnum):
    """How somebody lies, or how an empty bed was left."""

    MADE = "made"
    LEFT = "left"
    FACE_UP = "face_up"
    FACE_LEFT = "face_left"
    FACE_RIGHT = "face_right"
    TURNED_AWAY = "turned_away"
    COVERED = "covered"

    @property
    def occupied(self) -> bool:
        """Whether somebody is in the bed."""
        return self not in (Posture.MADE, Posture.LEFT)

    @property
    def shows_face(self) -> bool:
        """Whether the camera can see the face."""
        return self in (Posture.FACE_UP, Posture.FACE_LEFT, Posture.FACE_RIGHT)


@dataclass(frozen=True, slots=True)
class BedScene:
    """One bed. `face`: a name of the catalogue, for postures that show one. `fold`: in which of so many ways head,
    pillow and blanket lie while the sleeper does not stir. `stir`: a seed of the head's movement in this frame."""

    posture: Posture
    face: str | None = None
    fold: int = 0
    stir: int = 0

    def __post_init__(self) -> None:
        if self.posture.shows_face != (self.face is not None):
            raise ValueError(f"{self.posture} and the face {self.face!r} do not go together")


class Lamp(StrEnum):
    """Where the light comes from."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"
    INFRARED = "infrared"


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame. `covered`: something hangs before the lens. `grain`: a seed of the sensor's noise.
    `gain`: how much more light the sensor gathers than usual."""

    beds: tuple[BedScene, ...]
    lamp: Lamp = Lamp.DAY
    covered: bool = False
    grain: int = 0
    gain: float = 1.0
