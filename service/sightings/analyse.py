"""From a kept picture to readings: one for each bed in the camera's view at that time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from sqlmodel import Session

from service.admissions import assigned_patients
from service.enrolment import gallery, opened_pack, staff_ids
from service.facilities import BedZone, zones_of_camera
from service.platform.blobs import BlobMissing
from service.platform.context import Context
from service.platform.metrics import counter, histogram
from service.sightings.notices import presence_changed
from service.sightings.over_time import keep_print
from service.sightings.photographs import seal_trace
from service.sightings.receive import image_limits
from service.sightings.repository import readings_of_snapshot
from service.sightings.tables import Snapshot, ZoneReading
from service.vision import (
    BedReading,
    FrameAnalysis,
    Gallery,
    ImageError,
    ReadingPolicy,
    UnobservedCause,
    Zone,
    analyse_frame,
    decode,
)
from service.vision.sequence import make_print

frames_total = counter("frames_analysed_total", "Frames analysed, by result: analysed, unreadable", ("result",))
frame_seconds = histogram("frame_analysis_seconds", "Analysis of one decoded frame", ())


class Analyser(Protocol):
    """Whatever reads pictures. The real one is `PackAnalyser`; tests pass one that knows the truth."""

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        """Whom faces may be compared with; keys are patient ids."""
        ...

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        """The readings of a picture as it was sent, with its print when it is to be judged over time too. Raises
        `ImageError` when it does not decode."""
        ...

    @property
    def threshold(self) -> float:
        """The similarity from which a face is the expected patient's."""
        ...


@dataclass(frozen=True, slots=True)
class PackAnalyser:
    """Reads pictures with the installation's model pack."""

    context: Context

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        """The facility's proven, consented templates of the current pack."""
        return gallery(self.context, session, facility_id)

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        """Decodes within the settings' limits, and reads."""
        frame = decode(data, image_limits(self.context))
        analysis = analyse_frame(frame, zones, expected, gallery, opened_pack(self.context), self._policy())
        return replace(analysis, view_print=make_print(frame, zones))

    @property
    def threshold(self) -> float:
        """The pack's own threshold."""
        return self._policy().same_person

    def _policy(self) -> ReadingPolicy:
        same = opened_pack(self.context).thresholds.same_person
        standard = ReadingPolicy()
        return ReadingPolicy(same_person=same, other_person=min(standard.other_person, same))


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of one snapshot. `expected`: zone id to the patient whose bed it is, enrolled or not; `staff`: the
    gallery's keys that are members of staff."""

    snapshot: Snapshot
    zones: tuple[BedZone, ...]
    expected: dict[str, str]
    gallery: Gallery
    staff: frozenset[str] = frozenset()


def analyse_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `sightings.analyse` {snapshot_id}."""
    analyse_snapshot(context, str(payload["snapshot_id"]), PackAnalyser(context))


def analyse_snapshot(context: Context, snapshot_id: str, analyser: Analyser) -> None:
    """Reads the snapshot and records what it says. Doing it again replaces what was said, under the same ids."""
    with context.database.reading() as session:
        question = _question(session, snapshot_id, analyser)
    if question is None or question.snapshot.blob_key is None:
        return
    try:
        data = context.blobs.get(question.snapshot.blob_key)
        known = set(question.gallery.keys)
        expected = {zone_id: patient for zone_id, patient in question.expected.items() if patient in known}
        zones = [_zone(row) for row in question.zones]
        analysis: FrameAnalysis | None = analyser.analyse(data, zones, expected, question.gallery)
        cause = None
    except BlobMissing:
        return  # purged while it waited: what was read before stands
    except ImageError as error:
        analysis, cause = None, error.code
    with context.database.transaction() as session:
        _record(context, session, question, analysis, cause, analyser.threshold)
    frames_total.labels("analysed" if analysis is not None else "unreadable").inc()
    if analysis is not None:
        frame_seconds.observe(analysis.seconds_total)


def _question(session: Session, snapshot_id: str, analyser: Analyser) -> _Question | None:
    snapshot = session.get(Snapshot, snapshot_id)
    if snapshot is None:
        return None
    zones = zones_of_camera(session, snapshot.camera_id, snapshot.captured_at)
    assigned = assigned_patients(session, [zone.bed_id for zone in zones], snapshot.captured_at)
    expected = {zone.id: assigned[zone.bed_id].patient_id for zone in zones if zone.bed_id in assigned}
    known = analyser.gallery(session, snapshot.facility_id)
    staff = staff_ids(session, snapshot.facility_id)
    return _Question(snapshot, zones, expected, known, staff)


def _zone(row: BedZone) -> Zone:
    return Zone(row.id, np.asarray(row.polygon, dtype=np.float32), row.head_edge)


def _record(
    context: Context,
    session: Session,
    question: _Question,
    analysis: FrameAnalysis | None,
    cause: str | None,
    threshold: float,
) -> None:
    now = context.clock.now()
    snapshot = session.get_one(Snapshot, question.snapshot.id)
    old = {row.bed_id: row for row in readings_of_snapshot(session, snapshot.id)}
    beds, faces = {zone.bed_id for zone in question.zones} | old.keys(), _faces(old.values())
    by_zone = {reading.zone_id: reading for reading in analysis.readings} if analysis is not None else {}
    for zone in question.zones:
        row = old.pop(zone.bed_id, None) or _new_row(snapshot, zone)
        row.zone_id = zone.id
        row.expected_patient_id = question.expected.get(zone.id)
        reading = by_zone.get(zone.id)
        _fill(row, reading, threshold, question.staff)
        row.face_trace = seal_trace(context.keys, row, reading.trace) if reading is not None else None
        row.pack_hash = analysis.pack_hash if analysis is not None else None
        session.add(row)
    for row in old.values():
        session.delete(row)
    snapshot.state = "analysed" if analysis is not None else "unreadable"
    snapshot.cause = cause
    snapshot.view_cause = analysis.view.cause if analysis is not None else UnobservedCause.UNDECODABLE
    snapshot.pack_hash = analysis.pack_hash if analysis is not None else None
    snapshot.strangers = analysis.strangers if analysis is not None else 0
    snapshot.analysed_at = now
    session.add(snapshot)
    session.flush()
    gone = faces - _faces(readings_of_snapshot(session, snapshot.id))
    presence_changed(session, snapshot, beds, now, faces_before=gone)
    if analysis is not None and analysis.view_print is not None:
        keep_print(session, snapshot, analysis.view_print, now)


def _faces(rows: Iterable[ZoneReading]) -> set[str]:
    """Whose faces the readings show."""
    return {row.recognised_patient_id for row in rows if row.recognised_patient_id is not None}


def _new_row(snapshot: Snapshot, zone: BedZone) -> ZoneReading:
    return ZoneReading(
        snapshot_id=snapshot.id,
        facility_id=snapshot.facility_id,
        camera_id=snapshot.camera_id,
        bed_id=zone.bed_id,
        zone_id=zone.id,
        captured_at=snapshot.captured_at,
        state="unobserved",
        confidence=0.0,
    )


def _fill(row: ZoneReading, reading: BedReading | None, threshold: float, staff: frozenset[str]) -> None:
    """The reading's values into the row; a picture that did not decode leaves the bed unobserved."""
    if reading is None:
        row.state, row.confidence, row.cause = "unobserved", 0.0, UnobservedCause.UNDECODABLE
        row.recognised_patient_id = row.recognised_staff_id = None
        row.similarity = row.expected_similarity = row.threshold = None
        row.face_quality = row.body_score = row.face_box = None
        row.quality_reasons = []
        _as_seen(row)
        return
    row.state, row.confidence = reading.state.value, reading.confidence
    row.cause = reading.cause.value if reading.cause is not None else None
    is_staff = reading.recognised in staff
    row.recognised_patient_id = None if is_staff else reading.recognised
    row.recognised_staff_id = reading.recognised if is_staff else None
    row.similarity, row.expected_similarity = reading.similarity, reading.expected_similarity
    row.threshold = threshold if reading.expected_similarity is not None else None
    row.face_quality, row.body_score = reading.face_quality, reading.body_score
    row.quality_reasons = [reason.value for reason in reading.quality_reasons]
    row.face_box = [float(v) for v in reading.face_box] if reading.face_box is not None else None
    _as_seen(row)


def _as_seen(row: ZoneReading) -> None:
    """Keeps what the picture alone says apart: time may say something else."""
    row.seen_state, row.seen_confidence, row.seen_cause = row.state, row.confidence, row.cause
    row.seen_recognised_id, row.seen_staff_id = row.recognised_patient_id, row.recognised_staff_id
