"""The demo's week without pixels, so that what follows is logic alone: beds are read as the models were measured to.

Everything above the readings is real: admissions and looks over the API, checks, rates, findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from service.admissions import assigned_patients, patient_by_no
from service.cli.simulate import credentials_for
from service.enrolment.consent import record_consent
from service.enrolment.templates import NewTemplate, store_template
from service.facilities import bed_by_hospital_code, facility_by_code, find_camera, zones_of_camera
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.sightings.tables import Snapshot, ZoneReading
from service.simulator import Api, Comparison, Credentials, Scenario, compare
from service.simulator.drive import Step, steps_of
from service.simulator.records import HospitalSystem
from service.simulator.results import read_checks, read_findings, read_rates
from service.simulator.scenario import PatientStory
from service.simulator.schedule import Shot, shots
from service.simulator.staff import Staff
from service.simulator.truth import ExpectedFinding, bed_truths, check_truths

Eye = Callable[[str, str], str]
"""(room, true state) -> the state that is read."""


def as_measured(room: str, state: str) -> str:
    """Reads a face turned away as the models do: a body in one room, an empty bed in the other."""
    return "empty" if state == "unidentified" and room == "aisle" else state


class _Books(HospitalSystem):
    """The hospital's system; templates are written without a picture."""

    def __init__(self, scenario: Scenario, context: Context) -> None:
        super().__init__(scenario, lambda face: b"")
        self._context = context

    def _enrol(self, api: Api, stories: Sequence[PatientStory], effective_from: datetime) -> None:
        now = self._context.clock.now()
        with self._context.database.transaction() as session:
            place = facility_by_code(session, self._code)
            for number, story in enumerate(stories):
                patient = patient_by_no(session, place.id, story.patient_no)
                record_consent(session, patient, status="given", given_at=effective_from, actor="token:test", now=now)
                vector = np.eye(128, dtype=np.float32)[number]
                new = NewTemplate(vector, "pack", 0.9, "0" * 64, "id_card_picture", effective_from, "token:test", now)
                store_template(session, self._context.keys, facility_id=place.id, patient_id=patient.id, new=new)


@dataclass(frozen=True, slots=True)
class _View:
    """A camera by its ids. `beds`: id by hospital code; `zones`: id by bed id."""

    facility_id: str
    camera_id: str
    room: str
    beds: dict[str, str]
    zones: dict[str, str]

    @classmethod
    def of(cls, session: Session, scenario: Scenario, shot: Shot) -> _View:
        place = facility_by_code(session, scenario.facility.code)
        camera = find_camera(session, place.id, shot.camera)
        drawn = next(item for item in scenario.cameras if item.code == shot.camera)
        beds = {code: bed_by_hospital_code(session, place.id, code) for code in scenario.beds_of(drawn)}
        assert camera is not None
        zones = {zone.bed_id: zone.id for zone in zones_of_camera(session, camera.id, shot.at)}
        return cls(place.id, camera.id, drawn.room, {code: bed.id for code, bed in beds.items() if bed}, zones)


class _World:
    """The scenario driven as the simulator does, with readings written where pictures would be analysed."""

    def __init__(self, scenario: Scenario, context: Context, app: FastAPI, jobs: Callable[[], int], eye: Eye) -> None:
        credentials: Credentials = credentials_for(context, scenario)
        self.scenario = scenario
        self._context, self._jobs, self._eye = context, jobs, eye
        self.driver = Api("http://testserver", token=credentials.driver, client=TestClient(app))
        nurse = Api("http://testserver", person=credentials.nurse, client=TestClient(app))
        inspector = Api("http://testserver", person=credentials.inspector, client=TestClient(app))
        self._staff = Staff(scenario, nurse, inspector)
        self._books = _Books(scenario, context)
        self._sequence = 0
        self._views: dict[str, _View] = {}

    def run(self) -> None:
        self._books.open_books(self.driver)
        events, watermark = list(self._books.events()), self.scenario.start
        late: list[Shot] = []
        for step in steps_of(self.scenario, shots(self.scenario)):
            late = self._see(step, late)
            self._jobs()
            self._staff.answer(self.driver, watermark)
            watermark = step.span.end
            code = self.scenario.facility.code
            self.driver.post(f"/api/v1/facilities/{code}/watermark", {"to": watermark.isoformat()})
            for event in [event for event in events if event.at <= watermark]:
                event.send(self.driver)
            events = [event for event in events if event.at > watermark]
        self._jobs()
        while self._staff.answer(self.driver, watermark):
            self._jobs()

    def compared(self) -> Comparison:
        findings = read_findings(self.scenario, self.driver, "en")
        return compare(
            self.scenario,
            ([], []),
            (check_truths(self.scenario), read_checks(self.scenario, self.driver)),
            [ExpectedFinding(found.admission_no, found.rule) for found in findings],
        )

    def _see(self, step: Step, late: list[Shot]) -> list[Shot]:
        """Writes the readings of a step's pictures; returns those that wait behind a cut network."""
        cut = {
            item.camera
            for item in self.scenario.disturbances
            if item.kind == "network_cut" and item.interval.contains(step.span.start)
        }
        waiting = [*late, *step.shots]
        with self._context.database.transaction() as session:
            for shot in waiting:
                if shot.camera not in cut:
                    self._write(session, shot)
            seen = [shot.at for shot in waiting if shot.camera not in cut]
            if seen:
                place = facility_by_code(session, self.scenario.facility.code)
                payload = {"facility_id": place.id, "from": min(seen).isoformat(), "to": max(seen).isoformat()}
                enqueue(session, "presence.dirty", payload, now=self._context.clock.now())
        return [shot for shot in waiting if shot.camera in cut]

    def _write(self, session: Session, shot: Shot) -> None:
        if shot.camera not in self._views:
            self._views[shot.camera] = _View.of(session, self.scenario, shot)
        view = self._views[shot.camera]
        self._sequence += 1
        now = self._context.clock.now()
        snapshot = Snapshot(
            facility_id=view.facility_id,
            camera_id=view.camera_id,
            sequence=self._sequence,
            sha256=f"{self._sequence:064x}",
            media_type="image/jpeg",
            byte_count=1,
            captured_at=shot.at,
            received_at=now,
            state="analysed",
            analysed_at=now,
        )
        session.add(snapshot)
        session.flush()
        expected = assigned_patients(session, list(view.beds.values()), shot.at)
        for truth in bed_truths(self.scenario, shot):
            bed_id = view.beds[truth.bed]
            patient = expected[bed_id].patient_id if bed_id in expected else None
            state = self._eye(view.room, truth.state)
            session.add(
                ZoneReading(
                    snapshot_id=snapshot.id,
                    facility_id=view.facility_id,
                    camera_id=view.camera_id,
                    bed_id=bed_id,
                    zone_id=view.zones[bed_id],
                    captured_at=shot.at,
                    state=state,
                    confidence=1.0,
                    cause="covered" if state == "unobserved" else None,
                    expected_patient_id=patient,
                    recognised_patient_id=patient if state == "patient" else None,
                )
            )


@pytest.mark.usefixtures("client")  # the application runs
def test_the_week_ends_with_what_each_patient_states_and_nobody_else_is_accused(
    demo_week: Scenario, context: Context, app: FastAPI, run_jobs: Callable[[], int]
) -> None:
    world = _World(demo_week, context, app, run_jobs, as_measured)

    world.run()

    result = world.compared()
    bed_states = [problem for problem in result.problems if problem.startswith("bed states")]
    assert [problem for problem in result.problems if problem not in bed_states] == []
    assert result.accused == ()
    assert all(rate.reportable for rate in read_rates(demo_week, world.driver))
