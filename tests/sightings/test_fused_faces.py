"""Weak faces of one bed, several frames of a check: read by the real rule from chosen similarities, sent through the
real jobs and tables, and fused there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

import cv2
import numpy as np
import pytest
from sqlmodel import Session, select

from service.contracts import SnapshotMeta
from service.facilities.tables import Facility
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.sightings import ZoneReading, accept_snapshot, analyse_snapshot, judge_job
from service.sightings.carry import Carrier
from service.vision import BedReading, Frame, FrameAnalysis, Gallery, ReadingPolicy, ViewCheck, Zone, decode
from service.vision.judge import FaceEvidence, compare, identities, judge
from service.vision.quality import FaceQuality
from service.vision.sequence import make_print
from service.vision.unchanged import question_of
from tests import builders
from tests.sightings.rooms_over_time import Ward, build
from tests.vision.sequence.rooms import START, View, pixels

SAME = ReadingPolicy().same_person


@dataclass(frozen=True)
class Face:
    """How much a face resembles the patient of the left bed, of the right one, and the nurse."""

    left: float = 0.0
    right: float = 0.0
    nurse: float = 0.0
    quality: float = 0.8


Bed = Face | None


@dataclass(frozen=True)
class Sent:
    """A picture of the `minute`: the face in each bed, none where it is empty. `folds`: how the beds lie."""

    minute: float
    left: Bed = None
    right: Bed = None
    folds: int | None = None
    grain: int | None = None

    @property
    def data(self) -> bytes:
        folds = 200 + int(self.minute * 10) if self.folds is None else self.folds
        grain = 1000 + int(self.minute * 10) if self.grain is None else self.grain
        return cv2.imencode(".png", pixels(View(beds=(folds, folds + 500), grain=grain)))[1].tobytes()


@dataclass
class Resembling:
    """Judges the faces it was told of as `service.vision` does, from vectors that are so much alike."""

    people: Gallery
    shown: dict[str, Sent] = field(default_factory=dict)
    threshold: float = SAME

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        return self.people

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        sent = self.shown[hashlib.sha256(data).hexdigest()]
        ordered = sorted(zones, key=lambda zone: float(zone.polygon[:, 0].min()))
        beds = [(zone.zone_id, face) for zone, face in zip(ordered, (sent.left, sent.right), strict=True)]
        told = dict(self._read(beds, expected, gallery))
        readings = tuple(told[zone.zone_id] for zone in zones)
        return self.printed(FrameAnalysis(ViewCheck(True), readings, 0, "fake-pack", 0.0, 0.0), data, zones)

    def _read(
        self, beds: Sequence[tuple[str, Bed]], expected: Mapping[str, str], gallery: Gallery
    ) -> list[tuple[str, BedReading]]:
        faces = [(zone, face) for zone, face in beds if face is not None]
        own = [expected.get(zone) for zone, _ in faces]
        found = compare(np.array([_vector(face) for _, face in faces], np.float32).reshape(-1, 4), own, gallery, SAME)
        names = identities(found, own)
        evidence = {
            zone: [FaceEvidence((1.0, 2.0, 3.0, 4.0), FaceQuality(face.quality), name, one.best, one.expected)]
            for (zone, face), one, name in zip(faces, found, names, strict=True)
        }
        policy = ReadingPolicy()
        return [
            (zone, judge(zone, evidence.get(zone, ()), 0.5 if face else 0.02, expected.get(zone), policy))
            for zone, face in beds
        ]

    def frame(self, data: bytes) -> Frame:
        return decode(data)

    def printed(self, analysis: FrameAnalysis, data: bytes, zones: Sequence[Zone]) -> FrameAnalysis:
        return replace(analysis, view_print=make_print(decode(data), zones))

    def question(self, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery) -> bytes:
        return question_of(zones, expected, gallery.version, "fake-pack", ReadingPolicy())


def _vector(face: Face) -> list[float]:
    known = [face.left, face.right, face.nurse]
    return [*known, float(np.sqrt(1.0 - sum(value**2 for value in known)))]


@dataclass
class Room:
    """Two beds with their patients, and a nurse."""

    ward: Ward
    patients: tuple[str, str]
    nurse: str

    def send(self, *pictures: Sent, carries: bool = False) -> None:
        """Posts the pictures in the order given, and does what waits after each."""
        analyser = Resembling(Gallery((*self.patients, self.nurse), np.eye(3, 4, dtype=np.float32)))
        carrier = Carrier(analyser) if carries else None
        handlers = {
            "sightings.analyse": lambda context, payload: analyse_snapshot(
                context, payload["snapshot_id"], analyser, carrier
            ),
            "sightings.judge": judge_job,
            "presence.dirty": lambda _context, _payload: None,
        }
        for sent in pictures:
            data, at = sent.data, START + sent.minute * (START.resolution * 60_000_000)
            analyser.shown[hashlib.sha256(data).hexdigest()] = sent
            meta = SnapshotMeta(camera_id=self.ward.camera.code, captured_at=at, sequence=int(sent.minute * 10))
            accept_snapshot(self.ward.context, self.ward.token, data, meta)
            JobRunner(self.ward.context, handlers, 0).run_until_idle()

    def left(self) -> list[tuple[str | None, str, str | None]]:
        """Of the left bed: what each picture alone said, what is recorded, and who that is: left, right, or nobody."""
        names = {self.patients[0]: "left", self.patients[1]: "right", None: None}
        return [(row.seen_state, row.state, names[row.recognised_patient_id]) for row in self.rows()]

    def rows(self) -> list[ZoneReading]:
        """The left bed's readings in order of time."""
        bed = self.ward.beds[0].id
        with self.ward.context.database.reading() as session:
            query = select(ZoneReading).where(ZoneReading.bed_id == bed).order_by(ZoneReading.captured_at)
            return list(session.exec(query))


def room_of(context: Context) -> Room:
    ward = build(context)
    with context.database.transaction() as session:
        facility = session.get_one(Facility, ward.camera.facility_id)
        patients = [builders.create_admission(session, bed=bed).patient_id for bed in ward.beds]
        return Room(ward, (patients[0], patients[1]), builders.create_staff(session, facility))


@pytest.fixture
def room(context: Context) -> Room:
    return room_of(context)


UNSURE = ("unidentified", "unidentified", None)
SURE = ("patient", "patient", "left")
FUSED = ("unidentified", "patient", "left")


def test_a_weak_face_beside_a_surer_one_is_the_patients(room: Room) -> None:
    room.send(Sent(0, Face(0.36, quality=0.4)), Sent(5, Face(0.46)), Sent(10, Face(0.38)))
    assert room.left() == [FUSED, SURE, FUSED]
    first = room.rows()[0]
    # As sure as one just at the threshold; what was measured in the picture itself stays as it was.
    assert (first.confidence, first.seen_recognised_id) == (0.5, None)
    assert first.expected_similarity == pytest.approx(0.36, abs=1e-3)


def test_no_order_of_arrival_matters(context: Context) -> None:
    story = [Sent(0, Face(0.36, quality=0.4)), Sent(5, Face(0.46)), Sent(12, Face(0.38))]
    for order in list(permutations(story))[1::2]:
        room = room_of(context)
        room.send(*order)
        assert room.left() == [FUSED, SURE, FUSED], [sent.minute for sent in order]


def test_however_many_weak_faces_are_not_one_sure_one(room: Room) -> None:
    room.send(*(Sent(minute, Face(0.39)) for minute in range(0, 15, 2)))
    assert set(room.left()) == {UNSURE}


def test_weak_faces_outweigh_the_one_that_matched_by_chance(room: Room) -> None:
    room.send(Sent(0, Face(0.32)), Sent(4, Face(0.41)), Sent(8, Face(0.33)))
    assert room.left() == [UNSURE, SURE, UNSURE]


@pytest.mark.parametrize(("minute", "told"), [(15, FUSED), (15.1, UNSURE), (30, UNSURE)])
def test_only_frames_within_a_quarter_of_an_hour_are_fused(room: Room, minute: float, told: tuple[str, ...]) -> None:
    room.send(Sent(0, Face(0.6)), Sent(minute, Face(0.36)))
    assert room.left() == [SURE, told]


def test_a_face_that_shows_nothing_has_no_vote_and_gains_nothing(room: Room) -> None:
    room.send(Sent(0, Face(0.6)), Sent(5, Face(0.36, quality=0.1)))
    assert room.left() == [SURE, UNSURE]


def test_a_poor_face_unlike_the_patient_gains_nothing_by_the_patients_own(room: Room) -> None:
    # Too poor to be called another person; the mean is far above the threshold all the same.
    room.send(Sent(0, Face(0.7)), Sent(5, Face(0.1, quality=0.3)), Sent(8, Face(0.29, quality=0.3)))
    assert room.left() == [SURE, UNSURE, UNSURE]


@pytest.mark.parametrize("between", [None, Face(0.05), Face(right=0.7)])
def test_an_empty_bed_or_another_person_in_it_parts_the_frames(room: Room, between: Bed) -> None:
    room.send(Sent(0, Face(0.7)), Sent(4, between), Sent(8, Face(0.36)))
    assert [room.left()[0], room.left()[2]] == [SURE, UNSURE]


def test_a_nurse_over_the_bed_parts_nothing(room: Room) -> None:
    room.send(Sent(0, Face(0.7)), Sent(4, Face(nurse=0.7)), Sent(8, Face(0.36)))
    assert room.left() == [SURE, ("other_person", "other_person", None), FUSED]


def test_a_neighbours_weak_face_never_becomes_the_patients(room: Room) -> None:
    # The neighbour is unsure in the wrong bed, and a little like its patient: surer of the neighbour is no argument.
    room.send(
        Sent(0, right=Face(right=0.7)),
        Sent(5, Face(0.2, 0.38, quality=0.3)),
        Sent(10, Face(0.31, 0.39)),
        Sent(12, right=Face(right=0.7)),
    )
    assert room.left()[1:3] == [UNSURE, UNSURE]
    assert "left" not in {name for _, _, name in room.left()}


def test_who_is_seen_in_another_bed_of_the_picture_is_not_fused_into_this_one(room: Room) -> None:
    # The left patient lies on the right; somebody alike lies in the left bed, twice beyond the threshold.
    moved = Face(0.7)
    room.send(Sent(0, Face(0.42), moved), Sent(5, Face(0.43), moved), Sent(10, Face(0.36), moved))
    assert room.left() == [UNSURE, UNSURE, UNSURE]


def test_nor_by_a_picture_in_which_the_patient_still_lay_here(room: Room) -> None:
    room.send(Sent(0, Face(0.7)), Sent(5, Face(0.36), Face(0.7)))
    assert room.left() == [SURE, UNSURE]


def test_carried_frames_have_no_vote(room: Room) -> None:
    still = [Sent(minute, Face(0.46), folds=33, grain=int(minute)) for minute in (0, 2, 4, 6)]
    room.send(*still, Sent(8, Face(0.31)), carries=True)
    assert [row.carried_from is not None for row in room.rows()] == [False, True, True, True, False]
    assert room.left() == [SURE] * 4 + [UNSURE]  # four votes of .46 would have had it


def test_carried_frames_go_with_the_one_that_was_read(room: Room) -> None:
    still = [Sent(minute, Face(0.36), folds=33, grain=int(minute)) for minute in (0, 2, 4)]
    room.send(*still, Sent(8, Face(0.5)), carries=True)
    assert [row.carried_from is not None for row in room.rows()] == [False, True, True, False]
    assert room.left() == [FUSED] * 3 + [SURE]
