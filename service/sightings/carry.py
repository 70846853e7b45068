"""Pictures in which nothing has changed since the first of their quarter of an hour: its readings stand for them too.

Which picture is compared with which follows from event time alone. The first one that a camera took in a slot is always
read in full, and before any other of the slot; one that comes late and turns out to be the first has the others read
again. So any order of arrival ends in the same readings. How two pictures are compared: `service.vision.unchanged`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session, col, select

from service.facilities import camera_by_id
from service.platform.blobs import BlobMissing
from service.platform.context import Context
from service.platform.tables import Job
from service.sightings.receive import ANALYSE, analysis_key
from service.sightings.repository import readings_of_snapshot
from service.sightings.tables import Snapshot, SnapshotPrint, ZoneReading
from service.vision import (
    Anchor,
    BedReading,
    BedState,
    Frame,
    FrameAnalysis,
    Gallery,
    QualityReason,
    ReusePolicy,
    UnobservedCause,
    ViewCheck,
    Zone,
    make_anchor,
    reuse,
    slot_of,
)

_SLOT = ReusePolicy().slot
_ANCHORS_HELD = 256
"""About 32 KiB each: the cells of four beds."""
_TURNS = tuple(threading.Lock() for _ in range(64))
"""Cameras share them: whoever waits needlessly waits for one analysis."""

IsWatched = Callable[[Session, str, Collection[str], datetime], bool]
"""(session, ward id, bed ids, event time): whether people wait for what cameras of the ward see there just then. Such
a picture is always read itself."""


def nobody_watches(_session: Session, _ward_id: str, _bed_ids: Collection[str], _at: datetime) -> bool:
    """No picture is waited for."""
    return False


class Carrying(Protocol):
    """What an analyser must say besides reading, for readings to be carried over."""

    def question(self, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery) -> bytes:
        """32 bytes that change with everything a reading depends on besides the pixels."""
        ...

    def frame(self, data: bytes) -> Frame:
        """The decoded picture. Raises `ImageError`."""
        ...

    def printed(self, analysis: FrameAnalysis, data: bytes, zones: Sequence[Zone]) -> FrameAnalysis:
        """The analysis with the picture's own print: whether a view lies is asked of every picture."""
        ...


@dataclass(frozen=True, slots=True)
class Carrier:
    """How readings are carried over. `is_watched`: see `IsWatched`."""

    analyser: Carrying
    is_watched: IsWatched = nobody_watches


class _HeldAnchors:
    """The newest anchors, by snapshot and question. Safe for several threads; one that is gone is made again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], Anchor | None] = OrderedDict()

    def get(self, key: tuple[str, str], make: Callable[[], Anchor | None]) -> Anchor | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            self._held[key] = made
            while len(self._held) > _ANCHORS_HELD:
                self._held.popitem(last=False)
        return made


_anchors = _HeldAnchors()


def turn_of(camera_id: str) -> threading.Lock:
    """Held while a camera's first picture of a slot is sought or read: whoever needs it waits for it."""
    return _TURNS[hash(camera_id) % len(_TURNS)]


def first_of_slot(session: Session, snapshot: Snapshot) -> Snapshot | None:
    """The first picture of the camera's slot that can be read or was, by the time it was taken; then as the camera
    numbered them, not as they came."""
    start = slot_of(snapshot.captured_at)
    query = (
        select(Snapshot)
        .where(
            Snapshot.camera_id == snapshot.camera_id,
            col(Snapshot.captured_at) >= start,
            col(Snapshot.captured_at) < start + _SLOT,
            Snapshot.state != "unreadable",
        )
        .order_by(col(Snapshot.captured_at), col(Snapshot.sequence), col(Snapshot.sha256))
    )
    can_be = (row for row in session.exec(query) if row.state == "analysed" or row.blob_key is not None)
    return next(can_be, None)


def awaits_reading(session: Session, snapshot: Snapshot) -> bool:
    """Whether the picture was never read, or is to be read again: what it says now may not stand."""
    if snapshot.state == "queued":
        return True
    waiting = select(Job.id).where(Job.dedupe_key == analysis_key(snapshot.id))
    if session.exec(waiting).first() is not None:
        return True
    running = session.exec(select(Job.payload).where(Job.kind == ANALYSE, Job.state == "running"))
    return any(payload.get("snapshot_id") == snapshot.id for payload in running)


def depend_on(session: Session, first: Snapshot, before: tuple[str, str | None]) -> tuple[str, ...]:
    """Ids of the slot's other pictures that may say something else now that `first` does. `before`: its state and
    question until now."""
    start = slot_of(first.captured_at)
    query = select(Snapshot).where(
        Snapshot.camera_id == first.camera_id,
        col(Snapshot.captured_at) >= start,
        col(Snapshot.captured_at) < start + _SLOT,
        Snapshot.id != first.id,
        Snapshot.state == "analysed",
        col(Snapshot.blob_key).is_not(None),
    )
    state, question = before
    is_other = state != "analysed" or first.state != "analysed"
    return tuple(
        row.id
        for row in session.exec(query)
        if is_other or (row.question == question) != (row.question == first.question)
    )


def carried(
    context: Context,
    carrier: Carrier,
    first: Snapshot,
    at: datetime,
    data: bytes,
    zones: Sequence[Zone],
    question: bytes,
) -> FrameAnalysis | None:
    """What `first` says, for the picture `data` taken `at`, when nothing has changed since; `None`: read it itself.
    Raises `ImageError` when `data` does not decode."""
    asked = question.hex()
    if first.question != asked:
        return None
    anchor = _anchors.get((first.id, asked), lambda: _anchor(context, carrier, first, zones))
    if anchor is None:
        return None
    found = reuse(anchor, carrier.analyser.frame(data), at, zones, question)
    return None if found is None else carrier.analyser.printed(found, data, zones)


def watched(session: Session, carrier: Carrier, snapshot: Snapshot, bed_ids: Collection[str]) -> bool:
    """Whether somebody waits for what this picture shows."""
    ward_id = camera_by_id(session, snapshot.camera_id).ward_id
    return carrier.is_watched(session, ward_id, bed_ids, snapshot.captured_at)


def _anchor(context: Context, carrier: Carrier, first: Snapshot, zones: Sequence[Zone]) -> Anchor | None:
    """The first picture as later ones are compared with it, made from what is kept of it: exactly as when it was read.
    `None` when its picture is gone, or showed nothing."""
    with context.database.reading() as session:
        rows = {row.zone_id: row for row in readings_of_snapshot(session, first.id)}
        kept = session.get(SnapshotPrint, first.id)
    if kept is None or kept.seen_cause is not None or first.blob_key is None or first.question is None:
        return None
    if rows.keys() != {zone.zone_id for zone in zones}:
        return None
    try:
        frame = carrier.analyser.frame(context.blobs.get(first.blob_key))
    except BlobMissing:
        return None
    analysis = FrameAnalysis(
        view=ViewCheck(True),
        readings=tuple(_as_read(rows[zone.zone_id]) for zone in zones),
        strangers=first.strangers,
        pack_hash=first.pack_hash or "",
        seconds_models=0.0,
        seconds_total=0.0,
    )
    return make_anchor(first.id, first.captured_at, frame, zones, bytes.fromhex(first.question), analysis)


def _as_read(row: ZoneReading) -> BedReading:
    """What the picture alone said of the bed, as `service.vision` said it."""
    box = row.face_box
    return BedReading(
        zone_id=row.zone_id,
        state=BedState(row.seen_state or row.state),
        confidence=row.confidence if row.seen_confidence is None else row.seen_confidence,
        cause=UnobservedCause(row.seen_cause) if row.seen_cause is not None else None,
        recognised=row.seen_recognised_id or row.seen_staff_id,
        similarity=row.similarity,
        expected_similarity=row.expected_similarity,
        face_quality=row.face_quality,
        quality_reasons=tuple(QualityReason(reason) for reason in row.quality_reasons),
        body_score=row.body_score,
        face_box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])) if box is not None else None,
    )
