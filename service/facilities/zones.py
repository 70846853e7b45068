"""Bed zones: what a valid polygon is, and redrawing one without losing how it was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlmodel import Session, col, select

from service.facilities.tables import BedZone
from service.kit.errors import Conflict
from service.kit.geometry import area, is_simple

MIN_AREA = 0.0005
"""Of the frame. A zone of 0.05% is 32 x 32 pixels at 1080p: no face in it could be judged."""
MIN_SIDE = 0.004
"""Between neighbouring vertices, as a fraction: 8 pixels at 1080p."""
SINCE_EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""A camera's first drawing holds for everything before it too: nobody knows better, and late frames need one."""

Vertex = tuple[float, float]


def checked_polygon(vertices: Sequence[Vertex]) -> list[Vertex]:
    """The polygon itself. Raises `ValueError` saying what is wrong with it."""
    if not 3 <= len(vertices) <= 32:
        raise ValueError(f"a polygon has 3 to 32 vertices, not {len(vertices)}")
    for x, y in vertices:
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError("vertices are fractions of the frame's width and height, 0 to 1")
    if any(math.dist(vertices[i - 1], vertices[i]) < MIN_SIDE for i in range(len(vertices))):
        raise ValueError("two neighbouring vertices are the same, or nearly")
    if not is_simple(vertices):
        raise ValueError("the edges cross each other: list the vertices around the bed in order")
    if area(vertices) < MIN_AREA:
        raise ValueError(f"the polygon covers less than {MIN_AREA:.2%} of the frame")
    return [(float(x), float(y)) for x, y in vertices]


Polygon = Annotated[
    list[tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]]],
    Field(max_length=32),
    AfterValidator(checked_polygon),
]
"""Vertices in order, as fractions of the frame's width and height."""


@dataclass(frozen=True, slots=True)
class ZoneDrawing:
    """One bed's outline as somebody drew it. `head_edge` i: the head lies at the edge from vertex i to i + 1."""

    bed_id: str
    polygon: tuple[Vertex, ...]
    head_edge: int


@dataclass(frozen=True, slots=True)
class ZoneChanges:
    """What a redrawing did: numbers of zones, and from when."""

    drawn: int = 0
    closed: int = 0
    unchanged: int = 0
    valid_from: datetime | None = None


def redraw(session: Session, camera_id: str, drawings: Iterable[ZoneDrawing], *, valid_from: datetime) -> ZoneChanges:
    """Makes `drawings` the camera's zones from `valid_from` on; the old versions stay for what was seen before.

    A camera's first drawing holds since ever. A zone equal to the recorded one is left alone. Raises `Conflict` when a
    recorded zone begins after `valid_from`: history is not rewritten.
    """
    current = {zone.bed_id: zone for zone in _open_zones(session, camera_id)}
    newest = _newest_versions(session, camera_id)
    begins = valid_from if newest else SINCE_EVER
    drawn = closed = unchanged = 0
    for drawing in drawings:
        old = current.pop(drawing.bed_id, None)
        if old is not None and _same(old, drawing):
            unchanged += 1
            continue
        if old is not None:
            _close(session, old, valid_from)
        session.add(
            BedZone(
                camera_id=camera_id,
                bed_id=drawing.bed_id,
                polygon=[list(vertex) for vertex in drawing.polygon],
                head_edge=drawing.head_edge,
                version=newest.get(drawing.bed_id, 0) + 1,
                valid_from=begins,
            )
        )
        drawn += 1
    for old in current.values():
        _close(session, old, valid_from)
        closed += 1
    session.flush()
    return ZoneChanges(drawn, closed, unchanged, valid_from)


def _open_zones(session: Session, camera_id: str) -> Sequence[BedZone]:
    query = select(BedZone).where(BedZone.camera_id == camera_id, col(BedZone.valid_to).is_(None))
    return session.exec(query).all()


def _newest_versions(session: Session, camera_id: str) -> dict[str, int]:
    newest: dict[str, int] = {}
    for zone in session.exec(select(BedZone).where(BedZone.camera_id == camera_id)):
        newest[zone.bed_id] = max(zone.version, newest.get(zone.bed_id, 0))
    return newest


def _same(zone: BedZone, drawing: ZoneDrawing) -> bool:
    recorded = tuple((float(x), float(y)) for x, y in zone.polygon)
    return recorded == drawing.polygon and zone.head_edge == drawing.head_edge


def _close(session: Session, zone: BedZone, at: datetime) -> None:
    if zone.valid_from > at:
        raise Conflict(
            "a zone of this camera was drawn later than that",
            field="valid_from",
            remedy=f"use an instant from {zone.valid_from.isoformat()} on",
        )
    zone.valid_to = at
    session.add(zone)
