"""From a kept picture to readings: one for each bed in the camera's view at that time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

import numpy as np
from sqlmodel import Session

from service.admissions import assigned_patients
from service.enrolment import gallery, opened_pack, staff_ids
from service.facilities import BedZone, zones_of_camera
from service.platform.blobs import BlobMissing
from service.platform.context import Context
from service.platform.metrics import counter, histogram
from service.sightings.carry import (
    Carrier,
    IsWatched,
    awaits_reading,
    carried,
    depend_on,
    first_of_slot,
    nobody_watches,
    turn_of,
    watched,
)
from service.sightings.notices import presence_changed
from service.sightings.over_time import keep_print
from service.sightings.photographs import seal_trace
from service.sightings.receive import image_limits, request_analysis
from service.sightings.repository import readings_of_snapshot
from service.sightings.tables import Snapshot, ZoneReading
from service.vision import (
    BedReading,
    Frame,
    FrameAnalysis,
    Gallery,
    ImageError,
    ReadingPolicy,
    UnobservedCause,
    Zone,
    analyse_frame,
    decode,
    question_of,
)
from service.vision.sequence import make_print

frames_total = counter(
    "frames_analysed_total", "Frames analysed, by result: analysed, carried, unreadable", ("result",)
)
frame_seconds = histogram("frame_analysis_seconds", "Analysis of one decoded frame", ())

log = logging.getLogger(__name__)


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


@dataclass(slots=True)
class PackAnalyser:
    """Reads pictures with the installation's model pack. For one thread: it keeps the picture that it decoded last."""

    context: Context
    _decoded: tuple[bytes, Frame] | None = field(default=None, init=False, repr=False)

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        """The facility's proven, consented templates of the current pack."""
        return gallery(self.context, session, facility_id)

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        """Decodes within the settings' limits, and reads."""
        found = analyse_frame(self.frame(data), zones, expected, gallery, opened_pack(self.context), self._policy())
        return self.printed(found, data, zones)

    def frame(self, data: bytes) -> Frame:
        """The picture, decoded once however often it is asked for in turn."""
        if self._decoded is None or self._decoded[0] is not data:
            self._decoded = data, decode(data, image_limits(self.context))
        return self._decoded[1]

    def printed(self, analysis: FrameAnalysis, data: bytes, zones: Sequence[Zone]) -> FrameAnalysis:
        """The analysis with the picture's own print."""
        return replace(analysis, view_print=make_print(self.frame(data), zones))

    def question(self, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery) -> bytes:
        """Everything that a reading depends on besides the pixels, as 32 bytes."""
        return question_of(zones, expected, gallery.version, opened_pack(self.context).pack_hash, self._policy())

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
    gallery's keys that are members of staff. Where readings are carried over, `asked`: all of it in 32 bytes, and
    `first`: what was taken for the first picture of its slot."""

    snapshot: Snapshot
    zones: tuple[BedZone, ...]
    expected: dict[str, str]
    gallery: Gallery
    staff: frozenset[str] = frozenset()
    asked: bytes | None = None
    first: Snapshot | None = None

    def known_expected(self) -> dict[str, str]:
        """Zone id to the patient whose bed it is, of those who can be compared."""
        known = set(self.gallery.keys)
        return {zone_id: patient for zone_id, patient in self.expected.items() if patient in known}


def analyse_job(context: Context, payload: dict[str, Any], is_watched: IsWatched = nobody_watches) -> None:
    """Job `sightings.analyse` {snapshot_id}. `is_watched`: see `IsWatched`."""
    analyser = PackAnalyser(context)
    carrier = Carrier(analyser, is_watched) if context.settings.carry_unchanged else None
    analyse_snapshot(context, str(payload["snapshot_id"]), analyser, carrier)


def analyse_snapshot(context: Context, snapshot_id: str, analyser: Analyser, carrier: Carrier | None = None) -> None:
    """Reads the snapshot and records what it says. Doing it again replaces what was said, under the same ids.

    With a `carrier`, a picture in which nothing has changed since the first one of its slot is not read again.
    """
    with context.database.reading() as session:
        snapshot = session.get(Snapshot, snapshot_id)
    if snapshot is None or snapshot.blob_key is None:
        return
    first: Snapshot | None = None
    if carrier is not None:
        with turn_of(snapshot.camera_id):
            first = _first_read(context, snapshot, analyser, carrier)
            if first is not None and first.id == snapshot.id:
                _analyse(context, snapshot_id, analyser, carrier, first)
                return
    _analyse(context, snapshot_id, analyser, carrier, first)


def _first_read(context: Context, snapshot: Snapshot, analyser: Analyser, carrier: Carrier) -> Snapshot | None:
    """The first picture of the snapshot's slot, read: now, if it waited for it. The snapshot itself when it is the
    first; `None` when no other can be read, in which case every picture speaks for itself."""
    tried: set[str] = set()
    while True:
        with context.database.reading() as session:
            first = first_of_slot(session, snapshot)
            if first is None or first.id == snapshot.id or not awaits_reading(session, first):
                return first
        if first.id in tried:
            return None if first.state == "queued" else first
        tried.add(first.id)
        try:
            _analyse(context, first.id, analyser, carrier, first)
        except Exception:
            log.exception("the first picture of a slot cannot be read", extra={"snapshot": first.id})
            return None


def _analyse(
    context: Context, snapshot_id: str, analyser: Analyser, carrier: Carrier | None, first: Snapshot | None
) -> None:
    """Reads one picture, or carries over what `first` says where nothing has changed since; `first` itself is read."""
    with context.database.reading() as session:
        question = _question(session, snapshot_id, analyser)
        if question is None or question.snapshot.blob_key is None:
            return
        if first is not None and carrier is not None and first.id != snapshot_id:
            beds = [zone.bed_id for zone in question.zones]
            first = None if watched(session, carrier, question.snapshot, beds) else first
    zones, expected = [zone_of(row) for row in question.zones], question.known_expected()
    if carrier is not None:
        asked = carrier.analyser.question(zones, expected, question.gallery)
        question = replace(question, asked=asked, first=first)
    analysis: FrameAnalysis | None = None
    cause = None
    try:
        data = context.blobs.get(question.snapshot.blob_key or "")
        if question.asked is not None and first is not None and first.id != snapshot_id and carrier is not None:
            analysis = carried(context, carrier, first, question.snapshot.captured_at, data, zones, question.asked)
        analysis = analysis or analyser.analyse(data, zones, expected, question.gallery)
    except BlobMissing:
        return  # purged while it waited: what was read before stands
    except ImageError as error:
        cause = error.code
    with context.database.transaction() as session:
        _record(context, session, question, analysis, cause, analyser.threshold)
    _count(analysis)


def _count(analysis: FrameAnalysis | None) -> None:
    if analysis is None:
        frames_total.labels("unreadable").inc()
        return
    frames_total.labels("carried" if analysis.carried_from is not None else "analysed").inc()
    if analysis.carried_from is None:
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


def zone_of(row: BedZone) -> Zone:
    """The row as `service.vision` knows a bed."""
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
    snapshot = session.get_one(Snapshot, question.snapshot.id, with_for_update=True)  # two workers may have read it
    before = snapshot.state, snapshot.question
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
        row.carried_from = analysis.carried_from if analysis is not None else None
        session.add(row)
    for row in old.values():
        session.delete(row)
    snapshot.state = "analysed" if analysis is not None else "unreadable"
    snapshot.cause = cause
    snapshot.view_cause = analysis.view.cause if analysis is not None else UnobservedCause.UNDECODABLE
    snapshot.pack_hash = analysis.pack_hash if analysis is not None else None
    snapshot.strangers = analysis.strangers if analysis is not None else 0
    snapshot.analysed_at = now
    snapshot.carried_from = analysis.carried_from if analysis is not None else None
    snapshot.question = question.asked.hex() if question.asked is not None and analysis is not None else None
    session.add(snapshot)
    session.flush()
    if question.asked is not None:
        _settle_slot(session, snapshot, question, before, now)
    gone = faces - _faces(readings_of_snapshot(session, snapshot.id))
    presence_changed(session, snapshot, beds, now, faces_before=gone)
    if analysis is not None and analysis.view_print is not None:
        keep_print(session, snapshot, analysis.view_print, now)


def _settle_slot(
    session: Session, snapshot: Snapshot, question: _Question, before: tuple[str, str | None], now: datetime
) -> None:
    """Asks for what the slot still needs: this picture again, if another one has become the first meanwhile; the others
    again, if this is the first and was not read before, or was asked something else."""
    first = first_of_slot(session, snapshot)
    used = question.first
    if used is not None and snapshot.state == "analysed" and first is not None:
        if first.id != used.id or (first.id != snapshot.id and first.question != used.question):
            request_analysis(session, snapshot.id, now)
    is_first = first is not None and first.id == snapshot.id
    lost = before[0] == "analysed" and snapshot.state != "analysed"
    if (is_first or lost) and (snapshot.state, snapshot.question) != before:
        for other in depend_on(session, snapshot, before):
            request_analysis(session, other, now)


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
    # Staff fall ill too: a face that is also the one expected in this bed is no reason to say who else it could be.
    is_expected = reading.expected_similarity is not None and reading.expected_similarity >= threshold
    row.recognised_patient_id = None if is_staff else reading.recognised
    row.recognised_staff_id = reading.recognised if is_staff and not is_expected else None
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


EdgeJudgement = TypeVar("EdgeJudgement")


def record_edge_reading(
    context: Context,
    session: Session,
    snapshot: Snapshot,
    analyser: PackAnalyser,
    judged: Callable[[Mapping[str, str]], tuple[FrameAnalysis | None, EdgeJudgement]],
    cause: str | None,
) -> EdgeJudgement:
    """Records what a box read in its own picture, as if it had been read here. `snapshot` is in `session`.

    `judged`: from whoever belongs in each zone to the readings, and what else the caller wants to know of them.
    """
    question = _question(session, snapshot.id, analyser)
    if question is None:
        raise ValueError("the snapshot is not in this session")
    analysis, told = judged(question.expected)
    _record(context, session, question, analysis, cause, analyser.threshold)
    return told
