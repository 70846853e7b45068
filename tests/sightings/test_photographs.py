"""Faces that repeat as only pictures do: reported with their evidence, of verified faces alone, accusing nobody."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlmodel import Session

from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.crypto import SealBroken
from service.sightings import RepeatedFace, ZoneReading, repeated_face_reports
from service.sightings.photographs import seal_trace
from service.sightings.tables import Snapshot
from service.vision.sequence import RepeatKind, face_signature
from service.vision.trace import FaceTrace, trace_face
from tests import builders
from tests.builders import EPOCH

POINTS = np.array([[38, 51], [73, 51], [56, 71], [41, 92], [70, 92]], np.float32)


def picture(seed: int) -> np.ndarray:
    """An aligned face's worth of soft blotches."""
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 16, axis=0), 16, axis=1)


def trace(seed: int, *, nod: float = 0.0) -> FaceTrace:
    """A face; `nod` moves its nose by so many pixels."""
    points = POINTS.copy()
    points[2, 1] += nod
    return trace_face(points, picture(seed))


class Bed:
    """A patient in a bed, seen again and again."""

    def __init__(self, context: Context, session: Session) -> None:
        self.context, self.session = context, session
        self.facility = builders.create_facility(session)
        ward = builders.create_ward(session, self.facility)
        self.bed = builders.create_bed(session, ward)
        self.camera = builders.create_camera(session, ward)
        self.zone = builders.create_zone(session, self.camera, self.bed)
        self.patient = builders.create_patient(session, self.facility)
        self.count = 0

    def seen(self, at: datetime, made: FaceTrace | None, similarity: float = 0.7, state: str = "patient") -> str:
        """A reading of the bed."""
        self.count += 1
        snapshot = Snapshot(
            facility_id=self.facility.id,
            camera_id=self.camera.id,
            sequence=self.count,
            sha256=f"{self.count:064d}",
            media_type="image/jpeg",
            byte_count=1,
            captured_at=at,
            received_at=at,
            state="analysed",
        )
        self.session.add(snapshot)
        self.session.flush()
        row = ZoneReading(
            snapshot_id=snapshot.id,
            facility_id=self.facility.id,
            camera_id=self.camera.id,
            bed_id=self.bed.id,
            zone_id=self.zone.id,
            captured_at=at,
            state=state,
            confidence=0.9,
            recognised_patient_id=self.patient.id if state == "patient" else None,
            expected_similarity=similarity,
        )
        row.face_trace = seal_trace(self.context.keys, row, made)
        self.session.add(row)
        self.session.flush()
        return row.id

    def reports(self, days: int = 10) -> tuple[RepeatedFace, ...]:
        span = Interval(EPOCH, EPOCH + timedelta(days=days))
        return repeated_face_reports(self.context, self.session, self.facility.id, span)


@pytest.fixture
def bed(context: Context):
    with context.database.transaction() as session:
        yield Bed(context, session)


def night(number: int, hour: float) -> datetime:
    """`hour` hours after 22:00 of that night in Shanghai (EPOCH is 08:00 there)."""
    return EPOCH + timedelta(days=number, hours=14 + hour)


def test_one_picture_in_three_nights_is_reported_with_its_readings(bed: Bed) -> None:
    ids = [bed.seen(night(k, 2 + hour), trace(1), 0.70 + 0.005 * k) for k in range(3) for hour in (0, 3)]
    (report,) = bed.reports()
    assert report.kind is RepeatKind.SAME_POSE
    assert report.patient_id == bed.patient.id
    assert report.bed_ids == (bed.bed.id,)
    assert len(report.nights) == 3  # two readings after midnight belong to the night before
    assert set(report.reading_ids) <= set(ids)
    assert (report.similarity_low, report.similarity_high) == (0.70, 0.71)
    assert report.shape_distance == 0.0


def test_a_living_sleeper_two_nights_and_other_people_are_no_report(bed: Bed) -> None:
    for k in range(4):
        bed.seen(night(k, 2), trace(10 + k, nod=3.0 * k), 0.6 + 0.05 * k)
    for k in range(2):
        bed.seen(night(5 + k, 2), trace(1))
    assert bed.reports() == ()


def test_what_is_not_believed_is_no_photograph(bed: Bed) -> None:
    for k in range(4):
        bed.seen(night(k, 2), trace(1), state="unobserved")
    assert bed.reports() == ()


def test_the_enrolment_picture_in_the_bed_is_reported_at_once(bed: Bed) -> None:
    template = builders.create_template(bed.context, bed.session, bed.patient, [1, 0, 0])
    signature = face_signature(picture(1))
    template.sealed_signature = bed.context.keys.seal(signature, f"face-signature:{bed.facility.id}:{bed.patient.id}")
    bed.session.add(template)
    bed.session.flush()
    bed.seen(night(0, 1), trace(2), 0.75)
    shown = bed.seen(night(0, 2), trace(1), 0.97)
    (report,) = bed.reports()
    assert (report.kind, report.reading_ids) == (RepeatKind.ENROLMENT_PICTURE, (shown,))


def test_a_trace_moved_to_another_reading_does_not_open(bed: Bed) -> None:
    first = bed.session.get_one(ZoneReading, bed.seen(night(0, 1), trace(1)))
    second = bed.session.get_one(ZoneReading, bed.seen(night(1, 1), trace(1)))
    second.face_trace = first.face_trace
    bed.session.add(second)
    bed.session.flush()
    with pytest.raises(SealBroken):
        bed.reports()


def test_a_fortnight_of_a_face_every_five_minutes_is_judged_in_a_moment(bed: Bed) -> None:
    made = trace(1)
    for k in range(3):
        for step in range(0, 400, 5):
            bed.seen(night(k, step / 60), made)
    (report,) = bed.reports()
    assert len(report.reading_ids) == 3


def test_the_api_tells_of_lying_views_and_of_faces_that_repeat(app, client, context: Context) -> None:
    with context.database.transaction() as session:
        bed = Bed(context, session)
        for k in range(3):
            bed.seen(night(k, 2), trace(1))
        snapshot = session.get_one(ZoneReading, bed.seen(night(3, 2), None, state="unobserved")).snapshot_id
        session.get_one(Snapshot, snapshot).view_cause = "looped"
        inspector = builders.create_user(session, role="inspector", facility=bed.facility)
    client = builders.browser(app, context, inspector)  # `client` of the fixture has started the application
    span = {
        "facility": bed.facility.code,
        "from": EPOCH.isoformat(),
        "to": (EPOCH + timedelta(days=9)).isoformat(),
    }
    answer = client.get("/api/v1/repeated-faces", params=span)
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()
    assert (face["patient_no"], face["kind"], len(face["nights"])) == (
        bed.patient.patient_no,
        "same_pose_over_nights",
        3,
    )
    assert face["beds"] == [bed.bed.hospital_code]
    (event,) = client.get("/api/v1/view-events", params=span).json()
    assert (event["camera"], event["cause"], event["pictures"]) == (bed.camera.code, "looped", 1)
    late = client.get("/api/v1/view-events", params=span | {"to": (EPOCH + timedelta(days=90)).isoformat()})
    assert (late.status_code, late.json()["field"]) == (422, "to")
