"""A member of staff who is a patient is never called staff in a bed: through readings, templates, books and bed checks
as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import Session, select

from service.admissions.tables import Patient
from service.enrolment import PersonTemplate, record_consent, staff_among_patients
from service.enrolment.person_templates import seal_person
from service.facilities import move_watermark
from service.facilities.tables import Facility
from service.occupancy import BedCheck
from service.screening import explain, run_places
from service.screening.tables import Finding
from service.sightings import analyse_snapshot
from service.sightings.tables import ZoneReading
from service.vision import BedReading, BedState, FrameAnalysis, Gallery, ViewCheck, Zone
from tests import builders
from tests.occupancy.scenes import at
from tests.screening import chain

FACE, ALIKE, OTHER = (1.0, 0.0, 0.0, 0.0), (0.8, 0.6, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
"""Their cosines by hand: FACE.ALIKE = 0.8; OTHER is at right angles to both."""


@dataclass
class Scene:
    """A bed with a patient in it, and somebody of the staff seen lying there at a check."""

    facility: Facility
    patient: Patient
    staff: str


def staff_with_face(context, session: Session, facility: Facility, vector: Sequence[float]) -> str:
    """The gallery key of a member of staff whose template opens."""
    key = builders.create_staff(session, facility)
    row = session.exec(select(PersonTemplate).where(PersonTemplate.person_id == key)).one()
    row.pack_hash = "test-pack"
    seal_person(context.keys, row, np.array(vector, np.float32))
    session.add(row)
    session.flush()
    return key


def scene(context, face=OTHER, *, reference: str | None = "id_card_picture", since=None, bed_of: str = "hers") -> Scene:
    """`face`: the patient's own; `reference`: None for nobody enrolled. `bed_of`: whose bed the staff face lay in:
    hers, nobody's, or another patient's who is enrolled."""
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay")
        ward = builders.create_ward(session, facility)
        beds = [builders.create_bed(session, ward) for _ in range(3)]
        patients = []
        for bed in beds[:2]:
            patient = builders.create_patient(session, facility)
            builders.create_consent(session, patient)
            builders.create_admission(session, bed=bed, patient=patient, admitted_at=at("01 20:00"))
            patients.append(patient)
        if reference is not None:
            builders.create_template(
                context, session, patients[0], face, reference=reference, effective_from=since or at("01 20:00")
            )
        builders.create_template(context, session, patients[1], (0.0, 0.0, 0.0, 1.0), effective_from=at("01 20:00"))
        staff = staff_with_face(context, session, facility, FACE)
        bed = beds[{"hers": 0, "another's": 1, "nobody's": 2}[bed_of]]
        session.add(
            BedCheck(
                facility_id=facility.id,
                ward_id=ward.id,
                bed_id=bed.id,
                due_at=at("02 09:00"),
                window_start=at("02 09:00"),
                window_end=at("02 09:30"),
                outcome="staff_in_bed",
                recognised_key=staff,
                occupied_seconds=1500,
                reading_ids=[],
                details={},
                computed_at=at("02 09:30"),
            )
        )
        move_watermark(session.get_one(Facility, facility.id), at("03 12:00"))
        return Scene(facility, patients[0], staff)


def accused(context, found: Scene) -> list[Finding]:
    run_places(context, found.facility.id)
    with context.database.reading() as session:
        query = select(Finding).where(Finding.facility_id == found.facility.id, Finding.rule == "staff_in_bed")
        return [row for row in session.exec(query) if row.state == "raised"]


@pytest.mark.parametrize("bed_of", ["hers", "another's", "nobody's"])
def test_staff_in_a_bed_are_named_and_the_finding_explains_itself(context, bed_of):
    (row,) = accused(context, scene(context, bed_of=bed_of))
    for language in ("en", "zh"):
        told = explain(row, language)
        assert "{" not in told.headline + "".join(told.paragraphs)
    assert "25 minutes" in explain(row, "en").headline


@pytest.mark.parametrize("bed_of", ["hers", "another's", "nobody's"])
def test_who_is_admitted_herself_is_never_named_in_whatever_bed(context, bed_of):
    found = scene(context, ALIKE, bed_of=bed_of)
    with context.database.reading() as session:
        assert staff_among_patients(context, session, found.facility.id, {found.patient.id}) == {found.staff}
        assert staff_among_patients(context, session, found.facility.id, {"somebody else"}) == frozenset()
    assert accused(context, found) == []


def test_an_unproven_picture_that_is_like_hers_excuses_nobody(context):
    assert accused(context, scene(context, ALIKE, reference="unproven", bed_of="another's"))


@pytest.mark.parametrize("terms", [{"reference": None}, {"reference": "unproven"}, {"since": at("02 09:01")}])
def test_in_the_bed_of_a_patient_without_a_reference_nobody_is_judged(context, terms):
    assert accused(context, scene(context, **terms)) == []


def test_a_resemblance_is_forgotten_with_the_consent(context):
    found = scene(context, ALIKE, bed_of="nobody's")
    assert accused(context, found) == []
    with context.database.transaction() as session:
        patient = session.get_one(Patient, found.patient.id)
        record_consent(
            session, patient, status="withdrawn", given_at=at("03 10:00"), actor="user:t", now=at("03 10:00")
        )
    with context.database.reading() as session:
        assert staff_among_patients(context, session, found.facility.id, {found.patient.id}) == frozenset()


@dataclass(frozen=True)
class SaysStaff:
    """Reads every bed as a face most like the member of staff's, and so much like the bed's own patient's."""

    staff: str
    own: float
    threshold: float = 0.4

    def gallery(self, session: Session, facility_id: str) -> Gallery:
        return chain.TruthAnalyser().gallery(session, facility_id)

    def analyse(
        self, data: bytes, zones: Sequence[Zone], expected: Mapping[str, str], gallery: Gallery
    ) -> FrameAnalysis:
        one = BedReading("", BedState.UNIDENTIFIED, 0.5, None, self.staff, 0.75, self.own, 0.9)
        readings = tuple(replace(one, zone_id=zone.zone_id) for zone in zones)
        return FrameAnalysis(ViewCheck(True), readings, 0, "fake-pack", 0.0, 0.0)


@pytest.mark.parametrize(("own", "named"), [(0.41, False), (0.39, True)])
def test_a_face_that_is_also_the_expected_patients_is_recorded_as_no_staff(context, own, named):
    hospital = chain.build(context)
    with context.database.transaction() as session:
        staff = builders.create_staff(session, hospital.facility)
    snapshot_id = hospital.post(chain.Shot(0, at("02 09:00") + timedelta(minutes=5), "PP"))
    analyse_snapshot(context, snapshot_id, SaysStaff(staff, own))
    with context.database.reading() as session:
        rows = session.exec(select(ZoneReading).where(ZoneReading.snapshot_id == snapshot_id)).all()
    assert [row.recognised_staff_id for row in rows] == [staff if named else None] * 2
    assert all(row.recognised_patient_id is None for row in rows)
    assert [row.seen_staff_id for row in rows] == [row.recognised_staff_id for row in rows]
