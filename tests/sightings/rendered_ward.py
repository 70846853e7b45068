"""A ward of four beds whose pictures the simulator draws, read by an analyser that knows what each of them shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sqlmodel import Session, select

from service.access import Actor, Permission
from service.contracts import SnapshotMeta
from service.facilities.tables import Bed, Camera, Facility
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.sightings import Snapshot, ZoneReading, accept_snapshot, analyse_snapshot, judge_job, reread_job
from service.sightings.carry import Carrier, IsWatched, nobody_watches
from service.simulator.faces import FaceLibrary, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scene import BedScene, Posture, Scene
from service.vision import (
    BedReading,
    BedState,
    Frame,
    FrameAnalysis,
    Gallery,
    ImageCorrupt,
    ReadingPolicy,
    ViewCheck,
    Zone,
    decode,
)
from service.vision.packs import PackError, fetch_test_pictures
from service.vision.sequence import make_print
from service.vision.unchanged import question_of
from tests import builders

ROOM = ROOMS["row"]
START = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
CATALOGUE = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "faces.yaml"


@lru_cache(maxsize=1)
def catalogue() -> tuple[str, ...]:
    """Names of faces."""
    return tuple(read_catalogue(CATALOGUE.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    """Draws the room with faces of the catalogue; skips where its pictures cannot be had."""
    try:
        found = fetch_test_pictures(Path.home() / ".cache" / "wardwatch")
    except PackError as error:
        pytest.skip(f"NO TEST PICTURES: {error.line()}; no carried reading is tested")
    pictures = {"group-1927": found.group_1927, "group-colour": found.bundled, "portrait-colour": found.astronaut}
    return Renderer(ROOM, FaceLibrary(read_catalogue(CATALOGUE.read_text(encoding="utf-8")), pictures), 5)


@dataclass(frozen=True)
class Shot:
    """A picture of `scene`, taken `minutes` after the start, `share` of its full size."""

    minutes: float
    scene: Scene
    number: int
    share: float = 1.0

    @property
    def at(self) -> datetime:
        """When it was taken."""
        return START + timedelta(minutes=self.minutes)

    @property
    def data(self) -> bytes:
        """As it is sent: every picture with noise of its own."""
        return _drawn(self.scene, self.number, self.share)


@lru_cache(maxsize=256)
def _drawn(scene: Scene, number: int, share: float) -> bytes:
    pixels = renderer().frame(replace(scene, grain=100 + number))
    if share != 1.0:
        pixels = np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 84])[1].tobytes()


def key_of(face: str) -> str:
    """The person whom the analyser takes this face for."""
    return hashlib.md5(face.encode(), usedforsecurity=False).hexdigest()


@dataclass
class SeeingAnalyser:
    """Reads what it was told that a picture shows. Each picture gives a confidence of its own, so that a reading tells
    which picture it was made from."""

    shown: dict[str, Shot] = field(default_factory=dict)
    read: list[float] = field(default_factory=list)
    threshold: float = 0.4
    people: Gallery = field(default_factory=lambda: Gallery.empty(4))

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        return self.people

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        shot = self.shown.get(hashlib.sha256(data).hexdigest())
        if shot is None:
            raise ImageCorrupt("nobody knows what it shows", field="image", remedy="send it again")
        self.read.append(shot.minutes)
        readings = tuple(_reading(zone, shot) for zone in zones)
        return self.printed(FrameAnalysis(ViewCheck(True), readings, 0, "fake-pack", 0.0, 0.0), data, zones)

    def frame(self, data: bytes) -> Frame:
        return decode(data)

    def printed(self, analysis: FrameAnalysis, data: bytes, zones: Sequence[Zone]) -> FrameAnalysis:
        return replace(analysis, view_print=make_print(decode(data), zones))

    def question(self, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery) -> bytes:
        return question_of(zones, expected, gallery.version, "fake-pack", ReadingPolicy())


def _reading(zone: Zone, shot: Shot) -> BedReading:
    bed: BedScene = shot.scene.beds[_place(zone)]
    confidence = 0.9 - shot.number / 1000
    if bed.face is not None:
        return BedReading(
            zone.zone_id, BedState.PATIENT, confidence, recognised=key_of(bed.face), similarity=0.7, face_quality=0.8,
            body_score=0.5, face_box=(1.0, 2.0, 3.0, 4.0 + shot.number),
        )  # fmt: skip
    if bed.posture.occupied:
        return BedReading(zone.zone_id, BedState.UNIDENTIFIED, confidence, body_score=0.4)
    return BedReading(zone.zone_id, BedState.EMPTY, confidence, body_score=0.02)


def _place(zone: Zone) -> int:
    places = [np.abs(np.asarray(ROOM.zone(i)) - zone.polygon).max() for i in range(len(ROOM.beds))]
    return int(np.argmin(places))


@dataclass
class RenderedWard:
    """The installation. `beds`: in the order of the scene's; `analyse_job`: instead of the analyser."""

    context: Context
    camera: Camera
    beds: list[Bed]
    token: Actor
    analyser: SeeingAnalyser = field(default_factory=SeeingAnalyser)
    is_watched: IsWatched = nobody_watches
    carries: bool = True
    analyse_job: Callable[[Context, dict[str, Any]], None] | None = None

    def send(self, shots: Sequence[Shot], *, work_every: int = 1000) -> None:
        """Posts the pictures in the order given; works after every so many, and in the end."""
        for count, shot in enumerate(shots, start=1):
            self.analyser.shown[hashlib.sha256(shot.data).hexdigest()] = shot
            self.post(shot.data, shot.at, shot.number)
            if count % work_every == 0:
                self.work()
        self.work()

    def post(self, data: bytes, at: datetime, number: int) -> None:
        """Posts a picture, and leaves it waiting."""
        meta = SnapshotMeta(camera_id=self.camera.code, captured_at=at, sequence=number)
        accept_snapshot(self.context, self.token, data, meta)

    def work(self) -> int:
        """Does what waits."""
        carrier = Carrier(self.analyser, self.is_watched) if self.carries else None
        handlers: dict[str, Callable[[Context, dict[str, Any]], None]] = {
            "sightings.analyse": self.analyse_job
            or (lambda context, payload: analyse_snapshot(context, payload["snapshot_id"], self.analyser, carrier)),
            "sightings.judge": judge_job,
            "sightings.reread": reread_job,
            "presence.dirty": lambda _context, _payload: None,
        }
        return JobRunner(self.context, handlers, 0).run_until_idle()

    def carried(self) -> dict[float, float | None]:
        """Minute of each picture: the minute of the one whose readings it has, if not its own."""
        with self.context.database.reading() as session:
            rows = session.exec(select(Snapshot).where(Snapshot.camera_id == self.camera.id)).all()
        minute = {row.id: (row.captured_at - START) / timedelta(minutes=1) for row in rows}
        return {minute[row.id]: minute[row.carried_from] if row.carried_from else None for row in rows}

    def readings(self) -> list[ZoneReading]:
        """Every reading, in order of time and bed."""
        places = {bed.id: k for k, bed in enumerate(self.beds)}
        with self.context.database.reading() as session:
            rows = session.exec(select(ZoneReading).where(ZoneReading.camera_id == self.camera.id)).all()
        return sorted(rows, key=lambda row: (row.captured_at, places[row.bed_id]))

    def told(self) -> list[tuple[object, ...]]:
        """Everything that is recorded of beds, without ids."""
        places = {bed.id: k for k, bed in enumerate(self.beds)}
        return [
            (
                row.captured_at, places[row.bed_id], row.state, row.cause, row.confidence, row.seen_confidence,
                row.recognised_patient_id, row.similarity, row.body_score, row.face_box, row.carried_from is None,
            )
            for row in self.readings()
        ]  # fmt: skip

    def faces(self) -> dict[float, tuple[str | None, ...]]:
        """Minute of each picture: whom each bed was seen to hold."""
        found: dict[float, tuple[str | None, ...]] = {}
        for row in self.readings():
            minute = (row.captured_at - START) / timedelta(minutes=1)
            found[minute] = (*found.get(minute, ()), row.seen_recognised_id)
        return found


def build(context: Context) -> RenderedWard:
    """A replay hospital with one camera over four beds."""
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay")
        ward = builders.create_ward(session, facility)
        beds = [builders.create_bed(session, ward) for _ in ROOM.beds]
        camera = builders.create_camera(session, ward)
        for place, bed in enumerate(beds):
            builders.create_zone(session, camera, bed, polygon=ROOM.zone(place), valid_from=START - timedelta(days=9))
    return RenderedWard(context, camera, beds, _token(facility, camera))


def sleepers(*names: str) -> tuple[BedScene, ...]:
    """Two people with faces, one under the blanket, one made bed."""
    first, second = names or catalogue()[:2]
    return (
        BedScene(Posture.FACE_UP, first),
        BedScene(Posture.FACE_LEFT, second),
        BedScene(Posture.COVERED),
        BedScene(Posture.MADE),
    )


def _token(facility: Facility, camera: Camera) -> Actor:
    return Actor(
        kind="token",
        id=camera.id,
        name=camera.code,
        scopes=frozenset({Permission.SNAPSHOTS_POST}),
        facility_id=facility.id,
        camera_id=camera.id,
    )
