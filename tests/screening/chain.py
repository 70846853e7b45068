"""A small replay hospital whose pictures say what they show, driven through the real rooms: posted, analysed by an
analyser that reads the truth from the picture, judged, screened. Everything but the looking at pixels is real."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin
from sqlmodel import Session, select

from service.access import Actor, Permission
from service.admissions.tables import Admission, Patient
from service.contracts import SnapshotMeta
from service.enrolment.tables import Consent, FaceTemplate
from service.facilities import move_watermark
from service.facilities.tables import Bed, Camera, Facility
from service.occupancy import advance_job, dirty_job
from service.occupancy.directed import Answer, add_look
from service.occupancy.looks import LookMethod, LookResult
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.pharmacy import rescreen_job
from service.platform.context import Context
from service.platform.jobs import JobRunner, enqueue
from service.screening import places_job, run_job
from service.screening.tables import Finding
from service.sightings import accept_snapshot, analyse_snapshot, purge_job, reread_job
from service.sightings.tables import ZoneReading
from service.vision import BedReading, BedState, FrameAnalysis, Gallery, UnobservedCause, ViewCheck, Zone
from tests import builders
from tests.occupancy.scenes import STATES, at


@dataclass(frozen=True)
class TruthAnalyser:
    """Reads the letters that the picture carries: one a zone, in the order of the zones' beds."""

    threshold: float = 0.4

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        keys = tuple(session.exec(select(FaceTemplate.patient_id).where(FaceTemplate.facility_id == facility_id)))
        return Gallery(keys, np.eye(max(len(keys), 1), dtype=np.float32)[: len(keys)])

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        with Image.open(io.BytesIO(data)) as picture:
            letters = picture.text["truth"]
        readings = tuple(self._read(zone, letter, expected) for zone, letter in zip(zones, letters, strict=True))
        return FrameAnalysis(ViewCheck(True), readings, 0, "fake-pack", 0.0, 0.0)

    def _read(self, zone: Zone, letter: str, expected: Mapping[str, str]) -> BedReading:
        own = expected.get(zone.zone_id)
        state = STATES[letter]
        if own is None and state in (BedState.PATIENT, BedState.OTHER_PERSON):
            state = BedState.UNIDENTIFIED  # nobody enrolled to compare with
        cause = UnobservedCause.BLACK if state is BedState.UNOBSERVED else None
        return BedReading(zone.zone_id, state, 0.9, cause, own if state is BedState.PATIENT else None)


@dataclass
class Shot:
    """One picture: what each bed of the camera shows."""

    camera: int
    when: datetime
    letters: str


@dataclass
class Hospital:
    """The installation and the names of what is in it. Beds 0 and 1 are seen by camera 0, beds 2 and 3 by camera 1."""

    context: Context
    facility: Facility
    cameras: list[Camera]
    beds: list[Bed]
    admissions: list[Admission]
    nurse: Actor
    doctor: Actor
    tokens: list[Actor]
    analyser: TruthAnalyser = field(default_factory=TruthAnalyser)

    def post(self, shot: Shot) -> str:
        sequence = int(shot.when.timestamp()) // 60
        meta = SnapshotMeta(camera_id=self.cameras[shot.camera].code, captured_at=shot.when, sequence=sequence)
        return accept_snapshot(self.context, self.tokens[shot.camera], png(shot.letters), meta).snapshot_id

    def work(self) -> int:
        handlers: dict[str, Callable[[Context, dict[str, Any]], None]] = {
            "sightings.analyse": lambda context, payload: analyse_snapshot(
                context, payload["snapshot_id"], self.analyser
            ),
            "sightings.reread": reread_job,
            "frames.purge": purge_job,
            "presence.dirty": dirty_job,
            "presence.advance": advance_job,
            "screening.run": run_job,
            "screening.places": places_job,
            "purchases.rescreen": rescreen_job,
        }
        return JobRunner(self.context, handlers, 0).run_until_idle()

    def advance(self, to: datetime) -> None:
        with self.context.database.transaction() as session:
            move_watermark(session.get_one(Facility, self.facility.id), to)
            enqueue(session, "presence.advance", {"facility_id": self.facility.id}, now=self.context.clock.now())

    def look(self, admission: int, due: datetime, actor: Actor, when: datetime, result: str, method: str) -> None:
        with self.context.database.transaction() as session:
            request = session.exec(
                select(DirectedCheck).where(
                    DirectedCheck.admission_id == self.admissions[admission].id, DirectedCheck.due_at == due
                )
            ).one()
            answer = Answer(LookResult(result), LookMethod(method), True, True, looked_at=when)
            add_look(session, actor, request, answer, self.context.clock)

    def outcomes(self) -> dict[tuple[int, str], str]:
        """(number of the admission, local due time) -> state."""
        number = {admission.id: k for k, admission in enumerate(self.admissions)}
        with self.context.database.reading() as session:
            rows = session.exec(select(PresenceCheck).where(PresenceCheck.facility_id == self.facility.id)).all()
        return {
            (number[r.admission_id], r.due_at.astimezone(at("03 09:00").tzinfo).strftime("%d %H:%M")): r.outcome
            for r in rows
        }

    def summary(self) -> dict[str, Any]:
        """Everything derived, with ids replaced by what they stand for."""
        number = {admission.id: k for k, admission in enumerate(self.admissions)}
        with self.context.database.reading() as session:
            name = {r.id: f"{r.bed_id}@{r.captured_at}" for r in session.exec(select(ZoneReading))}
            due = {d.id: f"{d.admission_id}@{d.due_at}" for d in session.exec(select(DirectedCheck))}
            checks = {
                (number[r.admission_id], str(r.due_at)): (
                    r.outcome,
                    r.method,
                    sorted(name[i] for i in r.reading_ids),
                    due.get(r.directed_check_id or ""),
                    {k: v for k, v in r.details.items() if k != "look_ids"},
                )
                for r in session.exec(select(PresenceCheck).where(PresenceCheck.facility_id == self.facility.id))
            }
            findings = {
                (number[f.admission_id], f.rule): (
                    f.state,
                    str(f.event_at),
                    f.facts,
                    f.counter_evidence,
                    sorted(name.get(i, "look") for i in f.evidence_ids),
                )
                for f in session.exec(select(Finding).where(Finding.facility_id == self.facility.id))
                if f.state == "raised"
            }
        return {"checks": checks, "findings": findings}


def png(letters: str) -> bytes:
    """A picture that carries its truth."""
    info = PngImagePlugin.PngInfo()
    info.add_text("truth", letters)
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (90, 90, 90)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def build(context: Context, *, patients: int = 4) -> Hospital:
    """A replay hospital with two cameras, four beds and a patient in each, enrolled since 1 March 20:00."""
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay")
        ward = builders.create_ward(session, facility)
        beds = [builders.create_bed(session, ward, code=f"{k + 1:02}") for k in range(4)]
        beds.sort(key=lambda bed: bed.id)  # zones come in the order of their bed's id
        cameras = [builders.create_camera(session, ward) for _ in range(2)]
        for k, bed in enumerate(beds):
            builders.create_zone(session, cameras[k // 2], bed, valid_from=at("01 00:00"))
        admissions = []
        for bed in beds[:patients]:
            admission = builders.create_admission(session, bed=bed, admitted_at=at("01 20:00"))
            admissions.append(admission)
            enrol(session, session.get_one(Patient, admission.patient_id))
        nurse = builders.create_user(session, role="ward_staff", facility=facility)
        doctor = builders.create_user(session, role="inspector", facility=facility)
        nurse_actor, doctor_actor = builders.actor_for(session, nurse), builders.actor_for(session, doctor)
    tokens = [
        Actor(
            kind="token",
            id=camera.id,
            name=camera.code,
            scopes=frozenset({Permission.SNAPSHOTS_POST}),
            facility_id=facility.id,
            camera_id=camera.id,
        )
        for camera in cameras
    ]
    return Hospital(context, facility, cameras, beds, admissions, nurse_actor, doctor_actor, tokens)


def enrol(session: Session, patient: Patient, since: datetime | None = None) -> None:
    """A proven reference with consent; the template itself is never opened by these tests."""
    when = since or at("01 20:00")
    session.add(Consent(patient_id=patient.id, status="given", given_at=when, recorded_by="test", recorded_at=when))
    session.add(
        FaceTemplate(
            patient_id=patient.id,
            facility_id=patient.facility_id,
            pack_hash="fake-pack",
            sealed=b"sealed",
            dimension=4,
            quality=0.9,
            reference="id_card_picture",
            photo_sha256="0" * 64,
            effective_from=when,
            enrolled_by="test",
            enrolled_at=when,
        )
    )


def shots(start: str, end: str, letters: Callable[[int, datetime], str], every: int = 30) -> list[Shot]:
    """Pictures of both cameras every `every` minutes in [start, end). `letters(bed, when)`: what a bed shows."""
    found, when = [], at(start)
    while when < at(end):
        for camera in range(2):
            found.append(Shot(camera, when, "".join(letters(2 * camera + k, when) for k in range(2))))
        when += timedelta(minutes=every)
    return found
