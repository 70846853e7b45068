"""What the cameras of a made-up month see: readings, as the analysis would have written them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from service.cli.month.stage import CADENCE, PACK, Play
from service.cli.month.world import TrueStay, Way, World
from service.facilities import Camera
from service.kit.ids import new_id
from service.sightings import Snapshot, ZoneReading

LETTERS = {
    "P": "patient",
    "U": "unidentified",
    "O": "other_person",
    "E": "empty",
    "X": "unobserved",
    "S": "other_person",
}


def film(session: Session, stage: Play, start: datetime, end: datetime) -> None:
    snapshots: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    holders = _holders(stage, start, end)
    when = start
    while when < end:
        stage.sequence += 1
        shots = []
        for number, camera in enumerate(stage.cameras):
            snapshot_id = new_id()
            shots.append(snapshot_id)
            snapshots.append(_snapshot(stage, snapshot_id, number, camera, when))
        for bed in range(stage.plan.beds):
            holder = next((s for s in holders.get(bed, ()) if s.holds(bed, when)), None)
            letter, who = _seen(stage, bed, holder, when)
            found.append(_reading(stage, bed, shots[bed // 4], holder, letter, who, when))
        when += CADENCE
    connection = session.connection()  # rows as they are: the mapper would cost more than the rest of the day
    connection.execute(insert(Snapshot.__table__), snapshots)  # type: ignore[attr-defined]
    connection.execute(insert(ZoneReading.__table__), found)  # type: ignore[attr-defined]


def _holders(stage: Play, start: datetime, end: datetime) -> dict[int, list[TrueStay]]:
    found: dict[int, list[TrueStay]] = {}
    for stay in stage.world.stays:
        if stay.admitted < end and (stay.discharged is None or stay.discharged > start):
            found.setdefault(stay.bed, []).append(stay)
    return found


def _snapshot(stage: Play, snapshot_id: str, number: int, camera: Camera, when: datetime) -> dict[str, Any]:
    way, day = stage.world.cameras.get(number), (when - stage.plan.start).days
    late = way is Way.BACKFILLED and 4 <= day < 22 and 7 <= when.hour < 19
    disputed = way is Way.WRONG_CLOCK and day in (3, 4, 5) and when.hour == 9
    return {
        "id": snapshot_id,
        "facility_id": stage.facility_id,
        "camera_id": camera.id,
        "sequence": stage.sequence,
        "sha256": snapshot_id * 2,
        "media_type": "image/jpeg",
        "byte_count": 1,
        "captured_at": when.astimezone(UTC),
        "received_at": when.astimezone(UTC),
        "state": "analysed",
        "pack_hash": PACK,
        "strangers": 0,
        "is_held": False,
        "trust": "late" if late else "live",
        "clock_flag": "disputed" if disputed else None,
    }


def _seen(stage: Play, bed: int, holder: TrueStay | None, when: datetime) -> tuple[str, str | None]:
    """The letter of what a picture shows, and whose enrolled face it is."""
    world, rng = stage.world, stage.rng
    if bed // 4 == 7 and timedelta(days=10, hours=10) <= when - stage.plan.start < timedelta(days=10, hours=15):
        return "X", None  # an ordinary outage
    if world.beds.get(bed) is Way.BLINDED and when.hour in (2, 9, 16) and (when.day % 5) < 3:
        return "X", None
    sitter = world.sitters.get(bed)
    if sitter is not None and sitter[0] <= when < sitter[1]:
        return {"stranger": ("U", None), "staff": ("S", None)}.get(sitter[2], ("O", sitter[2]))
    if holder is None or not holder.there(when):
        return "E", None
    if holder.way is Way.DAY_PATIENT and not 7 <= when.hour < 19:
        return "E", None
    return _face(holder, when, rng, world)


def _face(stay: TrueStay, when: datetime, rng: random.Random, world: World) -> tuple[str, str | None]:
    by_day = 7 <= when.hour < 22
    if stay.partner is not None:
        other = next(item for item in world.stays if item.bed == stay.partner and item.way is Way.SWAPPED)
        return "O", other.person
    age = when - stay.admitted
    if stay.way is Way.IMPOSTOR and age > timedelta(hours=20):
        return ("O" if by_day else "U"), None
    if stay.way is Way.VISITED and age.days in (1, 3) and 8 <= when.hour < 11:
        return "O", None
    if stay.way in (Way.REFUSED, Way.UNENROLLED):
        return ("U" if rng.random() < 0.97 else "E"), None
    if rng.random() < 0.02:
        return "E", None
    shows = 0.25 if stay.way is Way.RESTLESS else 0.8 if by_day else 0.15
    return ("P", stay.person) if rng.random() < shows else ("U", None)


def _reading(
    stage: Play, bed: int, snapshot_id: str, holder: TrueStay | None, letter: str, who: str | None, when: datetime
) -> dict[str, Any]:
    own = stage.people[holder.person] if holder is not None else None
    return {
        "id": new_id(),
        "snapshot_id": snapshot_id,
        "facility_id": stage.facility_id,
        "camera_id": stage.cameras[bed // 4].id,
        "bed_id": stage.beds[bed].id,
        "zone_id": stage.zones[bed],
        "captured_at": when.astimezone(UTC),
        "state": LETTERS[letter],
        "confidence": 0.9,
        "cause": "black" if letter == "X" else None,
        "expected_patient_id": own,
        "recognised_patient_id": stage.people[who] if who else None,
        "recognised_staff_id": "staff-1" if letter == "S" else None,
        "quality_reasons": [],
        "pack_hash": PACK,
    }
