"""A camera's pictures judged together, in event order: views that lie, and beds without a face.

What is judged of a picture depends on a fixed set of prints: the camera's first ones with the same zones, which found
its known view, and those from a day before the picture's day to six hours after it. So the same pictures give the same
result in whatever order they came, and a late one changes no more than the days around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlmodel import Session, col, select

from service.platform.context import Context
from service.platform.jobs import enqueue
from service.platform.metrics import counter
from service.sightings.notices import presence_changed
from service.sightings.refine import SingleReading, TimedReading, refined
from service.sightings.repository import chunks
from service.sightings.tables import Snapshot, SnapshotPrint, ZoneReading
from service.vision import BedState
from service.vision.sequence import (
    BedVerdict,
    FaceSeen,
    PrintUnreadable,
    TimedPrint,
    ViewPrint,
    ViewVerdict,
    fuse_faces,
    judge_beds,
    judge_views,
)

DAY = timedelta(days=1)
_AHEAD = timedelta(hours=6)
"""How far later pictures speak for earlier ones: two that confirm a change, and stillness up to four hours."""
_FOUNDING = 24
"""First prints of a set of zones that are always looked at; the known view is founded on 16 good ones."""
_AFTER_ANALYSES = 105
"""Judged when the pictures that wait have been read, before presence is recomputed (110)."""

views_lying_total = counter("views_lying_total", "Pictures found to lie once time was heard, by cause", ("cause",))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What of a picture is to be believed. `beds`: reading id to what is recorded; `repeats`: snapshot id."""

    snapshot_id: str
    view: ViewVerdict
    repeats: str | None
    beds: dict[str, TimedReading]


def keep_print(session: Session, snapshot: Snapshot, made: ViewPrint, now: datetime) -> None:
    """Keeps the picture's print, and asks for the judgement of every day that it bears on."""
    days: set[date] = set()
    kept = session.get(SnapshotPrint, snapshot.id)
    if kept is not None and kept.layout != made.layout.hex():
        days.update(_days_touched(session, kept))  # new zones: it founds another view no more
    kept = kept or SnapshotPrint(
        snapshot_id=snapshot.id,
        camera_id=snapshot.camera_id,
        sequence=snapshot.sequence,
        captured_at=snapshot.captured_at,
        layout="",
        data=b"",
    )
    kept.layout, kept.data = made.layout.hex(), made.to_bytes()
    kept.seen_cause = snapshot.view_cause
    session.add(kept)
    session.flush()
    days.update(_days_touched(session, kept))
    for day in sorted(days):
        ask_for_judgement(session, snapshot.camera_id, day, now)


def ask_for_judgement(session: Session, camera_id: str, day: date, now: datetime) -> None:
    """Asks for the camera's day (UTC) to be judged again; asking while the job waits adds nothing."""
    enqueue(
        session,
        "sightings.judge",
        {"camera_id": camera_id, "day": day.isoformat()},
        now=now,
        dedupe_key=f"sightings.judge:{camera_id}:{day.isoformat()}",
        priority=_AFTER_ANALYSES,
    )


def judge_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `sightings.judge` {camera_id, day}."""
    with context.database.reading() as session:
        judgements = judge_day(session, str(payload["camera_id"]), date.fromisoformat(str(payload["day"])))
    now = context.clock.now()
    with context.database.transaction() as session:
        for judgement in judgements:
            snapshot = session.get(Snapshot, judgement.snapshot_id)
            changed = _apply(session, snapshot, judgement) if snapshot is not None else None
            if snapshot is not None and changed:
                presence_changed(session, snapshot, changed.bed_ids, now, faces_before=changed.faces_before)


def judge_day(session: Session, camera_id: str, day: date) -> tuple[Judgement, ...]:
    """The judgement of each of the camera's pictures of the day (UTC), in event order."""
    start = datetime.combine(day, time(), UTC)
    near = _prints(session, camera_id, start - DAY, start + DAY + _AHEAD)
    wanted = {_key(row) for row in near if start <= row.captured_at < start + DAY}
    if not wanted:
        return ()
    founding = [row for layout in sorted({row.layout for row in near}) for row in _first(session, camera_id, layout)]
    rows = {_key(row): row for row in (*founding, *near)}
    prints = [timed for key, row in rows.items() if (timed := _timed(key, row)) is not None]
    singles = _singles(session, rows)
    views = judge_views(prints)
    sights = {(key, one.zone_id): one.sight for key, found in singles.items() for one in found.values()}
    beds = {(told.key, zone): told for zone, series in judge_beds(prints, views, sights).items() for told in series}
    fused = _fused(rows, views, singles)
    return tuple(_judgement(rows, view, singles[view.key], beds, fused) for view in views if view.key in wanted)


def _judgement(
    rows: Mapping[str, SnapshotPrint],
    view: ViewVerdict,
    singles: Mapping[str, SingleReading],
    beds: Mapping[tuple[str, str], BedVerdict],
    fused: Mapping[str, float],
) -> Judgement:
    told = {
        reading: refined(one, view, beds.get((view.key, one.zone_id)), fused.get(reading))
        for reading, one in singles.items()
    }
    repeats = rows[view.repeats].snapshot_id if view.repeats is not None else None
    return Judgement(rows[view.key].snapshot_id, view, repeats, told)


def _fused(
    rows: Mapping[str, SnapshotPrint],
    views: Sequence[ViewVerdict],
    singles: Mapping[str, Mapping[str, SingleReading]],
) -> dict[str, float]:
    """By reading id: the similarity of its face with the bed's patient, fused with the frames around it. Pictures that
    lie have no say, and those in which nothing has changed no second one: they go with the picture that was read. An
    empty bed, or another person in it, parts those before from those after. Nobody lies in two beds of one picture."""
    faces: dict[tuple[str, str], list[FaceSeen]] = defaultdict(list)
    parted: dict[str, list[datetime]] = defaultdict(list)
    for view in views:
        at = rows[view.key].captured_at
        seen_in = {one.recognised: one.zone_id for one in singles[view.key].values() if one.recognised is not None}
        for reading, one in singles[view.key].items() if view.observed else ():
            if one.parts_those_around:
                parted[one.zone_id].append(at)
            elif one.state is BedState.OTHER_PERSON or one.carried_from is not None or one.is_claimed_elsewhere:
                continue
            elif one.expected is None or seen_in.get(one.expected, one.zone_id) != one.zone_id:
                continue
            elif one.similarity is not None and one.quality is not None and one.expected:
                faces[one.zone_id, one.expected].append(FaceSeen(reading, at, one.similarity, one.quality))
    found: dict[str, float] = {}
    for (zone_id, _), seen in faces.items():
        found |= fuse_faces(seen, parted[zone_id])
    return found | _with_their_source(rows, views, singles, found)


def _with_their_source(
    rows: Mapping[str, SnapshotPrint],
    views: Sequence[ViewVerdict],
    singles: Mapping[str, Mapping[str, SingleReading]],
    fused: Mapping[str, float],
) -> dict[str, float]:
    """By id of a carried reading: what was fused for the reading that it repeats."""
    told = {
        (rows[view.key].snapshot_id, one.zone_id): fused[reading]
        for view in views
        for reading, one in singles[view.key].items()
        if reading in fused
    }
    return {
        reading: told[one.carried_from, one.zone_id]
        for found in singles.values()
        for reading, one in found.items()
        if one.carried_from is not None and (one.carried_from, one.zone_id) in told
    }


@dataclass(frozen=True, slots=True)
class _Changed:
    """Beds that a judgement changed, and patients who were seen in them before."""

    bed_ids: frozenset[str] = frozenset()
    faces_before: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.bed_ids)


def _apply(session: Session, snapshot: Snapshot, judgement: Judgement) -> _Changed:
    """Writes the judgement where it differs from what is recorded; the beds that it changed."""
    kept = session.get_one(SnapshotPrint, snapshot.id)
    cause = judgement.view.cause.value if judgement.view.cause is not None else kept.seen_cause
    if cause is not None and cause not in (snapshot.view_cause, kept.seen_cause):
        views_lying_total.labels(cause).inc()
    snapshot.view_cause = cause
    kept.since, kept.repeats_id = judgement.view.since, judgement.repeats
    session.add_all([snapshot, kept])
    query = select(ZoneReading).where(ZoneReading.snapshot_id == snapshot.id)
    beds: set[str] = set()
    faces: set[str | None] = set()
    for row in session.exec(query).all():
        before = row.recognised_patient_id
        if row.id in judgement.beds and _apply_to(row, judgement.beds[row.id]):
            beds.add(row.bed_id)
            faces.add(before if before != row.recognised_patient_id else None)
    return _Changed(frozenset(beds), frozenset(face for face in faces if face is not None))


def _apply_to(row: ZoneReading, told: TimedReading) -> bool:
    values: dict[str, object] = {
        "state": told.state.value,
        "cause": told.cause,
        "confidence": told.confidence,
        "recognised_patient_id": told.recognised,
        "recognised_staff_id": told.staff,
    }
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


def _singles(session: Session, rows: Mapping[str, SnapshotPrint]) -> dict[str, dict[str, SingleReading]]:
    """By print key, then reading id: what each picture alone said."""
    keys = {row.snapshot_id: key for key, row in rows.items()}
    found: dict[str, dict[str, SingleReading]] = defaultdict(dict)
    for chosen in chunks(keys):
        query = select(ZoneReading).where(col(ZoneReading.snapshot_id).in_(chosen or []))
        for row in session.exec(query):
            found[keys[row.snapshot_id]][row.id] = single_reading(row)
    return found


def single_reading(row: ZoneReading) -> SingleReading:
    """What the picture alone said of the bed, whatever has been judged since."""
    new = row.seen_state is not None
    return SingleReading(
        zone_id=row.zone_id,
        state=BedState(row.seen_state or row.state),
        confidence=row.confidence if row.seen_confidence is None else row.seen_confidence,
        cause=row.seen_cause if new else row.cause,
        recognised=row.seen_recognised_id if new else row.recognised_patient_id,
        staff=row.seen_staff_id if new else row.recognised_staff_id,
        body=row.body_score,
        face=row.face_quality is not None,
        expected=row.expected_patient_id,
        similarity=row.expected_similarity,
        threshold=row.threshold,
        quality=row.face_quality,
        carried_from=row.carried_from,
    )


def _key(row: SnapshotPrint) -> str:
    """Orders pictures of one instant as the camera numbered them, not as they came."""
    return f"{row.sequence:020d}:{row.snapshot_id}"


def _timed(key: str, row: SnapshotPrint) -> TimedPrint | None:
    try:
        return TimedPrint(key, row.captured_at, ViewPrint.from_bytes(row.data))
    except PrintUnreadable:  # of an older version: as if the picture had none
        return None


def _prints(session: Session, camera_id: str, start: datetime, end: datetime) -> Sequence[SnapshotPrint]:
    query = select(SnapshotPrint).where(
        SnapshotPrint.camera_id == camera_id,
        col(SnapshotPrint.captured_at) >= start,
        col(SnapshotPrint.captured_at) < end,
    )
    return session.exec(query).all()


def _first(session: Session, camera_id: str, layout: str) -> Sequence[SnapshotPrint]:
    query = (
        select(SnapshotPrint)
        .where(SnapshotPrint.camera_id == camera_id, SnapshotPrint.layout == layout)
        .order_by(col(SnapshotPrint.captured_at), col(SnapshotPrint.sequence), col(SnapshotPrint.snapshot_id))
        .limit(_FOUNDING)
    )
    return session.exec(query).all()


def _days_touched(session: Session, kept: SnapshotPrint) -> Iterable[date]:
    """The days (UTC) whose judgement looks at this print: its own, its neighbours', and, while the known view is being
    founded, every later one."""
    day = kept.captured_at.astimezone(UTC).date()
    days = {day, day + DAY}
    if kept.captured_at < datetime.combine(day, time(), UTC) + _AHEAD:
        days.add(day - DAY)
    if any(row.snapshot_id == kept.snapshot_id for row in _first(session, kept.camera_id, kept.layout)):
        until = (_last_captured(session, kept.camera_id) - kept.captured_at).days + 2
        days.update(day + k * DAY for k in range(until))
    last = _last_captured(session, kept.camera_id).astimezone(UTC).date()
    return {one for one in days if one <= last}


def _last_captured(session: Session, camera_id: str) -> datetime:
    return session.exec(
        select(SnapshotPrint.captured_at)
        .where(SnapshotPrint.camera_id == camera_id)
        .order_by(col(SnapshotPrint.captured_at).desc())
        .limit(1)
    ).one()
