"""HL7 A40: what becomes of the templates and the consent under the number that goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from service.access import SYSTEM, Role
from service.admissions import Patient, patient_by_no, take_hl7
from service.enrolment import enrol, exempt_patients, gallery_of_pack, record_consent, reference_since
from service.facilities import Facility
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.worker import handlers
from tests.admissions.feed import merge
from tests.builders import EPOCH, actor_with, create_admission, create_bed, create_facility, create_patient, create_ward
from tests.enrolment.faces import PlainAssessor, face


@dataclass
class Hospital:
    """A replay hospital two days after `EPOCH` with two numbers: P1, in a bed, and P9."""

    context: Context
    facility_id: str

    def decide(self, number: str, status: str = "given", days: float = 0) -> None:
        """Consent, or its refusal."""
        with self.context.database.transaction() as session:
            patient, now = patient_by_no(session, self.facility_id, number), self.context.clock.now()
            at = EPOCH + timedelta(days=days)
            record_consent(session, patient, status=status, given_at=at, actor="user:nurse", now=now)  # type: ignore[arg-type]

    def enrol(self, number: str, photo: bytes) -> None:
        """Consent and a picture."""
        self.decide(number)
        with self.context.database.transaction() as session:
            place = session.get_one(Facility, self.facility_id)
            patient, nurse = patient_by_no(session, self.facility_id, number), actor_with(Role.WARD_STAFF, place)
            given = (patient, [photo], "id_card_picture", nurse, EPOCH)
            assert enrol(self.context, session, *given, assessor=PlainAssessor()).proven

    def merge(self) -> None:
        """P9 turns out to be P1."""
        with self.context.database.transaction() as session:
            place = session.get_one(Facility, self.facility_id)
            data = merge("P1", "P9", said=EPOCH + timedelta(days=1)).encode()
            take_hl7(self.context, session, place, data, channel="hl7-http", actor=SYSTEM)
        chosen = {"patient.merged": handlers()["patient.merged"]}
        ignored = dict.fromkeys(handlers(), lambda *_: None)
        JobRunner(self.context, ignored | chosen, 0).run_until_idle()

    def faces(self) -> list[str]:
        """Whose faces are in the gallery, by number."""
        with self.context.database.reading() as session:
            keys = self.context.keys
            found = gallery_of_pack(keys, session, self.facility_id, pack_hash="test-pack", dimension=3)
            return [session.get_one(Patient, key).patient_no for key in found.keys]

    def said(self) -> list[str]:
        """What the ledger says of it."""
        with self.context.database.reading() as session:
            wanted = col(LedgerEntry.action).in_(("enrolment.carried_over", "enrolment.merge_differs"))
            return [entry.action for entry in session.exec(select(LedgerEntry).where(wanted))]


@pytest.fixture
def hospital(context: Context) -> Hospital:
    """Nobody is enrolled yet."""
    with context.database.transaction() as session:
        place = create_facility(session, clock="replay")
        place.watermark = EPOCH + timedelta(days=2)
        bed = create_bed(session, create_ward(session, place))
        create_admission(session, bed=bed, patient=create_patient(session, place, patient_no="P1"), admitted_at=EPOCH)
        create_patient(session, place, patient_no="P9")
        return Hospital(context, place.id)


def _survivor(session: Session, hospital: Hospital) -> str:
    return patient_by_no(session, hospital.facility_id, "P1").id


def test_a_survivor_without_a_template_gets_the_other_ones(hospital: Hospital) -> None:
    hospital.enrol("P9", face(1, 0, 0))
    hospital.merge()
    assert hospital.faces() == ["P1"]
    with hospital.context.database.reading() as session:
        assert reference_since(session, hospital.facility_id) == {_survivor(session, hospital): EPOCH}
    assert hospital.said() == ["enrolment.carried_over"]


def test_faces_that_agree_are_all_the_survivors(hospital: Hospital) -> None:
    hospital.enrol("P1", face(1, 0, 0))
    hospital.enrol("P9", face(1, 0.1, 0))
    hospital.merge()
    assert hospital.faces() == ["P1", "P1"]


def test_a_face_that_differs_is_wiped_and_the_ledger_says_so(hospital: Hospital) -> None:
    hospital.enrol("P1", face(1, 0, 0))
    hospital.enrol("P9", face(0, 1, 0))
    hospital.merge()
    assert hospital.faces() == ["P1"]
    assert hospital.said() == ["enrolment.merge_differs"]


def test_a_later_refusal_under_the_other_number_stands(hospital: Hospital) -> None:
    hospital.enrol("P1", face(1, 0, 0))
    hospital.decide("P9", "refused", days=0.5)
    hospital.merge()
    assert hospital.faces() == []
    with hospital.context.database.reading() as session:
        assert exempt_patients(session, hospital.facility_id) == {_survivor(session, hospital)}
