"""Two numbers with one face become a piece of work, through sealed templates, books and rules as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from sqlmodel import select

from service.admissions.tables import Admission, Patient, PatientMerge
from service.enrolment import collisions, record_consent
from service.enrolment.tables import FaceTemplate
from service.facilities import move_watermark
from service.facilities.tables import Facility
from service.screening import compare, run
from service.screening.run import Screened, run_stays
from service.screening.tables import Finding
from tests import builders
from tests.occupancy.scenes import at

FACE, SAME, OTHER = (1.0, 0.0, 0.0, 0.0), (0.8, 0.6, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
"""Their cosines by hand: FACE.SAME = 0.8; OTHER is at right angles to both."""


@dataclass
class Pair:
    """Two patients with one face, and a third with another, each in a bed since 1 March 20:00."""

    facility: Facility
    patients: list[Patient]
    stays: list[Admission]


def build(context, *, first=None, second=None, faces=(FACE, SAME, OTHER), stays=({}, {}, {}), **template) -> Pair:
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay")
        ward = builders.create_ward(session, facility)
        patients, admissions = [], []
        for own, vector, stay in zip((first, second, None), faces, stays, strict=True):
            patient = builders.create_patient(session, facility, **(own or {}))
            builders.create_consent(session, patient)
            builders.create_template(context, session, patient, vector, **template)
            bed = builders.create_bed(session, ward)
            admissions.append(
                builders.create_admission(session, bed=bed, patient=patient, admitted_at=at("01 20:00"), **stay)
            )
            patients.append(patient)
        move_watermark(session.get_one(Facility, facility.id), at("03 12:00"))
    return Pair(facility, patients, admissions)


def raised(context, pair: Pair) -> dict[str, Finding]:
    """Admission -> its finding of the rule."""
    with context.database.reading() as session:
        query = select(Finding).where(Finding.facility_id == pair.facility.id, Finding.rule == "duplicate_identity")
        return {str(row.admission_id): row for row in session.exec(query) if row.state == "raised"}


def test_one_face_under_two_numbers_is_work_for_a_person_and_no_suspicion(context):
    pair = build(context)
    with context.database.reading() as session:
        (found,) = collisions(context, session, pair.facility.id)
    assert {found.key_a, found.key_b} == {patient.id for patient in pair.patients[:2]}
    assert found.key_a < found.key_b
    assert (found.similarity, found.threshold) == (pytest.approx(0.8, abs=1e-3), 0.40)
    assert run(context, pair.facility.id).raised == 2
    rows = raised(context, pair)
    assert rows.keys() == {pair.stays[0].id, pair.stays[1].id}
    row = rows[pair.stays[0].id]
    assert row.kind == "work_item"
    said = {fact["code"]: fact["value"] for fact in row.facts["facts"]}
    assert said == {"similarity": 0.8, "other_patients": [pair.patients[1].patient_no]}
    assert row.evidence_ids == [pair.patients[1].id]
    assert "0.8, 0.6" not in str(row.facts)
    # A single stay gives what the batch gives, and so does the comparison of versions.
    assert run(context, pair.facility.id) == Screened()
    assert run_stays(context, pair.facility.id, [pair.stays[1].id]) == Screened()
    assert compare(context, pair.facility.id, "duplicate_identity@1", "duplicate_identity@1").both == 2


BORN = date(1980, 5, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"first": {"birth_date": BORN, "display_name": "王一"}, "second": {"birth_date": BORN, "display_name": "王二"}},
        {"first": {"birth_date": BORN}, "second": {"birth_date": BORN}},
        {"second": {"display_name": "王芳之子"}},
        {"second": {"display_name": "Son of Wang Fang"}},
        {"stays": ({}, {"category": "newborn"}, {})},
        {"stays": ({"admission_type": "newborn"}, {}, {})},
        {"faces": (FACE, (0.45, 0.893, 0.0, 0.0), OTHER)},
        {"reference": "unproven"},
        {"reference": "two_persons"},
    ],
    ids=["twins", "twins-unnamed", "son-zh", "son-en", "newborn", "born-here", "not-alike", "unproven", "unconfirmed"],
)
def test_twins_newborns_and_what_proves_nothing_are_no_work(context, changes):
    pair = build(context, **changes)
    run(context, pair.facility.id)
    assert raised(context, pair) == {}


def test_two_records_of_one_name_and_birthday_are_no_twins(context):
    own = {"birth_date": BORN, "display_name": "王一"}
    pair = build(context, first=own, second=own)
    run(context, pair.facility.id)
    assert len(raised(context, pair)) == 2


def test_the_work_is_done_when_the_numbers_are_merged_or_a_consent_is_withdrawn(context):
    merged, withdrawn = build(context), build(context)
    for pair in (merged, withdrawn):
        run(context, pair.facility.id)
        assert len(raised(context, pair)) == 2
    with context.database.transaction() as session:
        session.add(
            PatientMerge(
                facility_id=merged.facility.id,
                prior_no=merged.patients[1].patient_no,
                surviving_no=merged.patients[0].patient_no,
                stated_at=at("03 10:00"),
                received_at=at("03 10:00"),
                fingerprint="f" * 64,
            )
        )
        patient = session.get_one(Patient, withdrawn.patients[0].id)
        record_consent(
            session, patient, status="withdrawn", given_at=at("03 10:00"), actor="user:tester", now=at("03 10:00")
        )
    for pair in (merged, withdrawn):
        assert run(context, pair.facility.id).withdrawn == 2
        assert raised(context, pair) == {}


def test_a_template_that_does_not_open_stops_nobody_else(context):
    pair = build(context)
    with context.database.transaction() as session:
        broken = session.exec(select(FaceTemplate).where(FaceTemplate.patient_id == pair.patients[2].id)).one()
        broken.sealed = bytes(len(broken.sealed or b""))
    with context.database.reading() as session:
        assert len(collisions(context, session, pair.facility.id)) == 1


def test_every_pair_of_many_is_compared(context):
    rng = np.random.default_rng(3)
    faces = rng.normal(size=(9, 64))
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay")
        patients = []
        for vector in [*faces, faces[2]]:
            patient = builders.create_patient(session, facility)
            builders.create_consent(session, patient)
            builders.create_template(context, session, patient, vector)
            patients.append(patient.id)
        found = {(item.key_a, item.key_b) for item in collisions(context, session, facility.id)}
    assert found == {tuple(sorted((patients[2], patients[9])))}
