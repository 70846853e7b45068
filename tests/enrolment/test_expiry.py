"""Templates go after the last discharge; what was concluded while they stood is not concluded anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select, update

from service.access import Role
from service.admissions import Admission, Patient, admissions_of_patient
from service.enrolment import (
    FaceTemplate,
    enrol,
    expire_templates,
    expired_references,
    record_consent,
    reference_since,
)
from service.facilities import Facility, facility_by_id
from service.occupancy import place_of, stays_of
from service.platform.context import Context
from service.screening import Finding
from service.worker import handlers
from tests.builders import (
    EPOCH,
    actor_with,
    create_admission,
    create_bed,
    create_facility,
    create_patient,
    create_ward,
)
from tests.enrolment.faces import PlainAssessor, face

LEFT = EPOCH + timedelta(days=5)


@pytest.fixture
def patient(context: Context) -> Patient:
    """Enrolled at `EPOCH`, discharged five days later, in a replay hospital that stands at that instant."""
    with context.database.transaction() as session:
        facility = create_facility(session, clock="replay")
        facility.watermark = LEFT
        found = create_patient(session, facility)
        bed = create_bed(session, create_ward(session, facility))
        create_admission(session, bed=bed, patient=found, admitted_at=EPOCH, discharged_at=LEFT)
        _enrol(context, session, found, face(1, 0, 0))
        session.expunge(found)
        return found


def _enrol(context: Context, session: Session, patient: Patient, photo: bytes) -> None:
    now = context.clock.now()
    record_consent(session, patient, status="given", given_at=EPOCH, actor="user:nurse", now=now)
    facility = facility_by_id(session, patient.facility_id)
    nurse = actor_with(Role.WARD_STAFF, facility)
    report = enrol(
        context, session, patient, [photo], "id_card_picture", nurse, _begins(facility), assessor=PlainAssessor()
    )
    assert report.proven


def _begins(facility: Facility) -> object:
    return EPOCH if facility.watermark == LEFT else facility.watermark


def _advance(context: Context, patient: Patient, days: int) -> None:
    with context.database.transaction() as session:
        facility = facility_by_id(session, patient.facility_id)
        facility.watermark = LEFT + timedelta(days=days)
        session.add(facility)
    handlers()["enrolment.expire"](context, {})


def _causes(context: Context, patient: Patient) -> list[str | None]:
    with context.database.reading() as session:
        rows = session.exec(select(FaceTemplate).where(FaceTemplate.patient_id == patient.id)).all()
        assert all((row.sealed is None) == (row.revoked_cause is not None) for row in rows)
        return sorted((row.revoked_cause for row in rows), key=str)


def _judged_since(context: Context, patient: Patient) -> list[object]:
    with context.database.reading() as session:
        place = place_of(facility_by_id(session, patient.facility_id))
        records = sorted(admissions_of_patient(session, patient.id), key=lambda record: record.admitted_at)
        return [stay.reference_since for stay in stays_of(session, place, records)]


def test_a_template_goes_when_the_term_is_over_in_event_time_and_not_before(context: Context, patient: Patient) -> None:
    _advance(context, patient, 30)
    assert _causes(context, patient) == [None]
    _advance(context, patient, 31)
    assert _causes(context, patient) == ["expired"]


def test_the_past_is_judged_as_before_and_a_new_stay_only_by_a_new_template(context: Context, patient: Patient) -> None:
    before = _judged_since(context, patient)
    _advance(context, patient, 31)
    assert _judged_since(context, patient) == before == [EPOCH]
    with context.database.transaction() as session:
        facility = facility_by_id(session, patient.facility_id)
        bed = create_bed(session, create_ward(session, facility))
        back = LEFT + timedelta(days=31)
        create_admission(session, bed=bed, patient=session.get_one(Patient, patient.id), admitted_at=back)
        assert reference_since(session, facility.id) == {}
        assert [span.end for span in expired_references(session, facility.id)[patient.id]] == [back]
    assert _judged_since(context, patient) == [EPOCH, None]
    with context.database.transaction() as session:
        _enrol(context, session, session.get_one(Patient, patient.id), face(0, 1, 0))
    assert _judged_since(context, patient) == [EPOCH, back]


def test_nothing_goes_while_a_finding_about_the_patient_stands(context: Context, patient: Patient) -> None:
    with context.database.transaction() as session:
        stay = session.exec(select(Admission).where(Admission.patient_id == patient.id)).one()
        at = {"event_at": LEFT, "raised_at": LEFT, "updated_at": LEFT}
        common = {"facility_id": patient.facility_id, "rule": "r", "rule_version": "1", "severity": "high"}
        session.add(Finding(subject_id=stay.id, admission_id=stay.id, **common, **at))
    _advance(context, patient, 90)
    assert _causes(context, patient) == [None]
    with context.database.transaction() as session:
        session.execute(update(Finding).where(col(Finding.rule) == "r").values(state="withdrawn"))
    _advance(context, patient, 90)
    assert _causes(context, patient) == ["expired"]


def test_nothing_goes_during_a_stay(context: Context, patient: Patient) -> None:
    with context.database.transaction() as session:
        facility = facility_by_id(session, patient.facility_id)
        bed = create_bed(session, create_ward(session, facility))
        create_admission(session, bed=bed, patient=session.get_one(Patient, patient.id), admitted_at=LEFT)
    _advance(context, patient, 365)
    assert _causes(context, patient) == [None]
    assert expire_templates(context, lambda *_: ()) == 0
