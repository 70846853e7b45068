"""A ward with one camera over drawn rooms: its pictures are judged over time for real, and read by an analyser that
knows what each of them shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from sqlmodel import Session, select

from service.access import Actor, Permission
from service.contracts import SnapshotMeta
from service.facilities.tables import Bed, Camera, Facility
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.sightings import Snapshot, ZoneReading, accept_snapshot, analyse_snapshot, judge_job
from service.vision import BedReading, BedState, FrameAnalysis, Gallery, ViewCheck, Zone, decode
from service.vision.sequence import make_print
from tests import builders
from tests.vision.sequence.rooms import START, ZONES, View, pixels


@dataclass(frozen=True)
class Take:
    """One picture: what it shows, and what one picture alone says of each bed: P patient, S staff, E empty,
    U unidentified."""

    index: int
    view: View
    letters: str = "PE"
    minutes: float = 15

    @property
    def at(self) -> datetime:
        """When it was taken."""
        return START + timedelta(minutes=self.minutes * self.index)

    @property
    def data(self) -> bytes:
        """The picture as it is sent; every one has noise of its own unless the view has a grain."""
        return _drawn(self.view if self.view.grain else replace(self.view, grain=1000 + self.index))


@lru_cache(maxsize=96)
def _drawn(view: View) -> bytes:
    """The picture (360, 640, 3) as a PNG of 0.4 MB, drawn once for all tests that send it."""
    return cv2.imencode(".png", pixels(view))[1].tobytes()


@dataclass
class KnowingAnalyser:
    """Reads a picture by what it was said to show, and makes its print for real."""

    letters: dict[str, str] = field(default_factory=dict)
    threshold: float = 0.4
    nurse: str = ""

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        return Gallery.empty(4)

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        letters = self.letters[hashlib.sha256(data).hexdigest()]
        readings = tuple(self._read(zone.zone_id, letter) for zone, letter in zip(zones, letters, strict=True))
        made = make_print(decode(data), zones)
        return FrameAnalysis(ViewCheck(True), readings, 0, "fake-pack", 0.0, 0.0, made)

    def _read(self, zone_id: str, letter: str) -> BedReading:
        if letter == "S":
            return BedReading(zone_id, BedState.OTHER_PERSON, 0.9, recognised=self.nurse, face_quality=0.8)
        return _reading(zone_id, letter)


def _reading(zone_id: str, letter: str) -> BedReading:
    if letter == "P":
        return BedReading(zone_id, BedState.PATIENT, 0.9, recognised="p" * 32, face_quality=0.8, body_score=0.5)
    if letter == "U":
        return BedReading(zone_id, BedState.UNIDENTIFIED, 0.6, body_score=0.4)
    return BedReading(zone_id, BedState.EMPTY, 0.9, body_score=0.02)


@dataclass
class Ward:
    """The installation. `beds[0]` is the left one."""

    context: Context
    camera: Camera
    beds: list[Bed]
    token: Actor
    analyser: KnowingAnalyser = field(default_factory=KnowingAnalyser)
    presence_asked: list[dict[str, Any]] = field(default_factory=list)

    def send(self, takes: Sequence[Take], *, work_every: int = 1000) -> None:
        """Posts the pictures in the order given; works after every so many, and in the end."""
        for number, take in enumerate(takes, start=1):
            data = take.data
            self.analyser.letters[hashlib.sha256(data).hexdigest()] = take.letters
            meta = SnapshotMeta(camera_id=self.camera.code, captured_at=take.at, sequence=take.index)
            accept_snapshot(self.context, self.token, data, meta)
            if number % work_every == 0:
                self.work()
        self.work()

    def work(self) -> int:
        """Does what waits."""
        handlers: dict[str, Callable[[Context, dict[str, Any]], None]] = {
            "sightings.analyse": lambda context, payload: analyse_snapshot(
                context, payload["snapshot_id"], self.analyser
            ),
            "sightings.judge": judge_job,
            "presence.dirty": lambda _, payload: self.presence_asked.append(payload),
        }
        return JobRunner(self.context, handlers, 0).run_until_idle()

    def views(self) -> list[str | None]:
        """The cause of each picture in order of time."""
        with self.context.database.reading() as session:
            return [row.view_cause for row in session.exec(select(Snapshot).order_by(Snapshot.captured_at))]

    def states(self, bed: int) -> list[str]:
        """What is recorded of the bed, in order of time; an unobserved one with its cause."""
        return [f"{row.state} {row.cause}" if row.cause else row.state for row in self.readings(bed)]

    def readings(self, bed: int) -> list[ZoneReading]:
        """The bed's readings in order of time."""
        query = select(ZoneReading).where(ZoneReading.bed_id == self.beds[bed].id).order_by(ZoneReading.captured_at)
        with self.context.database.reading() as session:
            return list(session.exec(query))

    def told(self) -> list[tuple[object, ...]]:
        """Everything that is recorded of beds, without ids."""
        return [
            (bed, row.captured_at, row.state, row.cause, row.confidence, row.recognised_patient_id, row.seen_state)
            for bed in range(2)
            for row in self.readings(bed)
        ]


def build(context: Context) -> Ward:
    """A replay hospital with one camera over two beds."""
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay")
        room = builders.create_ward(session, facility)
        beds = sorted((builders.create_bed(session, room) for _ in range(2)), key=lambda bed: bed.id)
        camera = builders.create_camera(session, room)
        for bed, zone in zip(beds, ZONES, strict=True):
            polygon = [[float(x), float(y)] for x, y in np.asarray(zone.polygon)]
            builders.create_zone(session, camera, bed, polygon=polygon, valid_from=START - timedelta(days=9))
    return Ward(context, camera, beds, _token(facility, camera))


def _token(facility: Facility, camera: Camera) -> Actor:
    return Actor(
        kind="token",
        id=camera.id,
        name=camera.code,
        scopes=frozenset({Permission.SNAPSHOTS_POST}),
        facility_id=facility.id,
        camera_id=camera.id,
    )
