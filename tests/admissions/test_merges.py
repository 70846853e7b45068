"""A40 to a number that nobody has yet: the survivor comes into being, and everything of the person goes along."""

from __future__ import annotations

from datetime import date

import pytest
from sqlmodel import select

from service.access import SYSTEM, Role
from service.admissions import Patient, charges_of, orders_of, patient_by_no, record_vital_status, vital_status_of
from service.admissions.vital_status import deaths_on_record
from service.enrolment import enrol, gallery_of_pack, record_consent
from service.facilities import Facility
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.worker import handlers
from tests.admissions.feed import adt, header, merge, stamp
from tests.admissions.test_hl7 import DAY, HOUR, Hospital, hospital
from tests.builders import EPOCH, actor_with, create_patient
from tests.enrolment.faces import PlainAssessor, face

__all__ = ["hospital"]

BORN = date(1950, 1, 31)


def enter(hospital: Hospital, number: str, photo: bytes | None = None) -> str:
    """A patient without a stay, perhaps with a reference; the id."""
    with hospital.context.database.transaction() as session:
        place = session.get_one(Facility, hospital.facility_id)
        patient = create_patient(session, place, number, birth_date=BORN, sex="female")
        if photo is not None:
            now = hospital.context.clock.now()
            record_consent(session, patient, status="given", given_at=EPOCH, actor="user:nurse", now=now)
            nurse = actor_with(Role.WARD_STAFF, place)
            given = (patient, [photo], "id_card_picture", nurse, EPOCH)
            assert enrol(hospital.context, session, *given, assessor=PlainAssessor()).proven
        return patient.id


def follow(context: Context) -> None:
    """Does what the merge asked for, as the worker would."""
    chosen = {"patient.merged": handlers()["patient.merged"]}
    JobRunner(context, dict.fromkeys(handlers(), lambda *_: None) | chosen, 0).run_until_idle()


def faces(hospital: Hospital) -> list[str]:
    with hospital.context.database.reading() as session:
        found = gallery_of_pack(
            hospital.context.keys, session, hospital.facility_id, pack_hash="test-pack", dimension=3
        )
        return [session.get_one(Patient, key).patient_no for key in found.keys]


def dies(hospital: Hospital, patient_id: str) -> None:
    with hospital.context.database.transaction() as session:
        record_vital_status(
            session,
            hospital.facility_id,
            patient_id,
            source="civil_affairs",
            status="died",
            noticed_at=EPOCH + 2 * DAY,
            identifiers={"patient_no": "P1", "birth_date": BORN.isoformat()},
            actor=SYSTEM.label,
            now=EPOCH + 2 * DAY,
            died_at=EPOCH + DAY,
        )


def test_a_person_without_a_stay_goes_to_a_number_that_nobody_had(hospital: Hospital) -> None:
    prior = enter(hospital, "P1", face(1, 0, 0))
    dies(hospital, prior)
    hospital.taken(merge("P9", "P1", said=EPOCH + 3 * DAY))
    with hospital.context.database.reading() as session:
        survivor = patient_by_no(session, hospital.facility_id, "P9")
        assert (survivor.sex, survivor.birth_date) == ("female", BORN)
        assert vital_status_of(session, [survivor.id]).dead_from == EPOCH + DAY
        assert vital_status_of(session, [prior]).dead_from == EPOCH + DAY  # whoever shows the old card is dead as well
        assert set(deaths_on_record(session, [hospital.facility_id])) == {prior, survivor.id}
    follow(hospital.context)
    assert faces(hospital) == ["P9"]


def test_a_merge_that_is_undone_takes_the_death_along(hospital: Hospital) -> None:
    prior, other = enter(hospital, "P1"), enter(hospital, "P5")
    dies(hospital, prior)
    hospital.taken(merge("P9", "P1", said=EPOCH + 3 * DAY), merge("P5", "P9", said=EPOCH + 4 * DAY))
    with hospital.context.database.reading() as session:
        assert vital_status_of(session, [other]).dead_from == EPOCH + DAY
    hospital.taken(merge("P1", "P1X", said=EPOCH + 5 * DAY))  # P1 lives on by its own number again
    with hospital.context.database.reading() as session:
        assert vital_status_of(session, [other]).dead_from is None
        assert vital_status_of(session, [prior]).dead_from == EPOCH + DAY


def test_stays_orders_and_charges_go_along(hospital: Hospital) -> None:
    bill = [
        header("DFT", "P03", EPOCH + 5 * HOUR, "dft-1"),
        f"EVN|P03|{stamp(EPOCH + 5 * HOUR)}",
        "PID|1||P1^^^HIS^PI",
        "PV1|1|I" + "|" * 17 + "V1",
        f"FT1|1|C1||{stamp(EPOCH + 4 * HOUR)}||CG|B01||||1|40.00",
    ]
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"), "\r".join(bill) + "\r")
    hospital.taken(merge("P9", "P1", said=EPOCH + 6 * HOUR))
    stay = hospital.record("V1")
    assert stay.patient_no == "P9"
    with hospital.context.database.reading() as session:
        assert len(charges_of(session, [stay.admission_id])[stay.admission_id]) == 1
        assert orders_of(session, [stay.admission_id])[stay.admission_id] == ()


def test_two_faces_never_end_under_one_number_unseen(hospital: Hospital) -> None:
    """Two numbers go to a third that nobody had: the second face is compared with the first, and wiped."""
    enter(hospital, "P1", face(1, 0, 0))
    enter(hospital, "P2", face(0, 1, 0))
    hospital.taken(merge("P9", "P1", said=EPOCH + 3 * DAY), merge("P9", "P2", said=EPOCH + 4 * DAY))
    follow(hospital.context)
    assert faces(hospital) == ["P9"]


@pytest.mark.parametrize("first", ["merge", "admission"])
def test_the_order_of_merge_and_admission_plays_no_part(hospital: Hospital, first: str) -> None:
    enter(hospital, "P1")
    told = [merge("P9", "P1", said=EPOCH + 3 * DAY), adt("A01", at=EPOCH, place="N1^^01")]
    hospital.taken(*(told if first == "merge" else reversed(told)))
    assert hospital.record("V1").patient_no == "P9"
    with hospital.context.database.reading() as session:
        numbers = sorted(row.patient_no for row in session.exec(select(Patient)))
    assert numbers == ["P1", "P9"]
