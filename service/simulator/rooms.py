"""The two kinds of room that the simulator can show, each with four beds in the view of one camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.simulator.optics import Floats, Lens, Metres

BED_WIDTH = 0.86
BED_LENGTH = 2.0
MATTRESS_TOP = 0.58
MATTRESS_BOTTOM = 0.44


@dataclass(frozen=True, slots=True)
class BedPlace:
    """A bed on the floor: `head` is the middle of its head end, `along` the unit vector from head to feet."""

    head: tuple[float, float]
    along: tuple[float, float]

    def point(self, across: float, down: float, z: float = MATTRESS_TOP) -> Metres:
        """The point `across` metres to the right of the middle line, seen with the head up, `down` from the head."""
        (hx, hy), (ax, ay) = self.head, self.along
        return hx + ax * down - ay * across, hy + ay * down + ax * across, z

    def corners(self, z: float = MATTRESS_TOP) -> list[Metres]:
        """Head end first: the two head corners, then the two at the feet, in order around the bed."""
        half = BED_WIDTH / 2
        return [
            self.point(-half, 0.0, z),
            self.point(half, 0.0, z),
            self.point(half, BED_LENGTH, z),
            self.point(-half, BED_LENGTH, z),
        ]


@dataclass(frozen=True, slots=True)
class Room:
    """A room as its camera sees it. `wall_y` is where the head wall stands; `side_wall_x` the side walls, if seen."""

    name: str
    lens: Lens
    beds: tuple[BedPlace, ...]
    wall_y: float
    side_wall_x: float

    def quad(self, bed: int, z: float = MATTRESS_TOP) -> Floats:
        """The four corners of a bed's mattress in pixels (4, 2), head end first."""
        return self.lens.project(self.beds[bed].corners(z))

    def zone(self, bed: int) -> list[list[float]]:
        """The bed's zone: fractions of width and height, a little wider than the mattress; edge 0 is the head end."""
        place = self.beds[bed]
        half = BED_WIDTH / 2 + 0.05
        outline = [
            place.point(-half, -0.14, MATTRESS_TOP + 0.12),
            place.point(half, -0.14, MATTRESS_TOP + 0.12),
            place.point(half, BED_LENGTH + 0.04),
            place.point(-half, BED_LENGTH + 0.04),
        ]
        pixels = self.lens.project(outline) / (self.lens.width, self.lens.height)
        return [[round(float(x), 4), round(float(y), 4)] for x, y in np.clip(pixels, 0.0, 1.0)]


def _row() -> Room:
    beds = tuple(BedPlace((x, 0.0), (0.0, -1.0)) for x in (-1.72, -0.575, 0.575, 1.72))
    return Room("row", Lens((0.0, -5.2, 4.3), (0.0, -1.05, 0.5), 2150.0), beds, wall_y=0.12, side_wall_x=4.0)


def _aisle() -> Room:
    left = tuple(BedPlace((-2.3, y), (1.0, 0.0)) for y in (-0.68, 0.72))
    right = tuple(BedPlace((2.3, y), (-1.0, 0.0)) for y in (-0.68, 0.72))
    return Room("aisle", Lens((0.0, -2.9, 4.5), (0.0, -0.02, 0.5), 1640.0), left + right, wall_y=1.6, side_wall_x=2.42)


ROOMS = {room.name: room for room in (_row(), _aisle())}
"""`row`: four beds side by side, heads to the far wall. `aisle`: two by two, heads to the left and right walls."""
