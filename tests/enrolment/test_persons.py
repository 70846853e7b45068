"""References of staff and delegates, pictures of somebody else among several, collisions, and a changed model pack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from sqlmodel import Session, select

from service.access import Actor, Forbidden, Role
from service.admissions import Patient
from service.enrolment import (
    EnrolmentReport,
    PersonKind,
    PersonReport,
    PersonTemplate,
    due_for_enrolment,
    enrol,
    enrol_delegate,
    enrol_staff,
    gallery_of_pack,
    kinds_of,
    record_consent,
    reference_since,
    revoke_person,
    staff_ids,
)
from service.enrolment.photos import AssessedPhoto
from service.facilities import Facility
from service.kit.errors import InvalidInput
from service.platform.context import Context
from tests.builders import EPOCH, actor_with, create_admission, create_bed, create_facility, create_patient, create_ward
from tests.enrolment.faces import PlainAssessor, bad, face


@dataclass
class Desk:
    """An enrolment desk with one admitted patient."""

    context: Context
    session: Session
    facility: Facility
    patient: Patient
    nurse: Actor

    def staff(self, number: str, *photos: bytes, pack: str = "test-pack") -> PersonReport:
        return enrol_staff(
            self.context,
            self.session,
            self.facility,
            number,
            photos,
            actor=self.nurse,
            consent_at=EPOCH,
            assessor=PlainAssessor(pack),
        )

    def patient_enrolled(self, *photos: bytes, pack: str = "test-pack", reference: str = "") -> EnrolmentReport:
        return enrol(
            self.context,
            self.session,
            self.patient,
            photos,
            reference or "id_card_picture",
            self.nurse,
            EPOCH,
            assessor=PlainAssessor(pack),
        )

    def keys(self, pack: str = "test-pack") -> set[str]:
        return set(gallery_of_pack(self.context.keys, self.session, self.facility.id, pack_hash=pack, dimension=3).keys)


@pytest.fixture
def desk(context: Context) -> Iterator[Desk]:
    with context.database.transaction() as session:
        facility = create_facility(session)
        patient = create_patient(session, facility, "P1")
        create_admission(session, bed=create_bed(session, create_ward(session, facility)), patient=patient)
        record_consent(session, patient, status="given", given_at=EPOCH, actor="user:t", now=context.clock.now())
        yield Desk(context, session, facility, patient, actor_with(Role.WARD_STAFF, facility))


def test_a_member_of_staff_is_in_the_gallery_and_known_as_staff(desk: Desk) -> None:
    desk.patient_enrolled(face(1, 0, 0))
    report = desk.staff("N-017", face(0, 1, 0), face(0, 1, 0.1))
    assert (report.accepted, report.kind, len(report.photos)) == (True, PersonKind.STAFF, 2)
    assert desk.keys() == {desk.patient.id, report.person_id}
    assert kinds_of(desk.session, desk.keys()) == {
        desk.patient.id: PersonKind.PATIENT,
        report.person_id: PersonKind.STAFF,
    }
    assert staff_ids(desk.session, desk.facility.id) == {report.person_id}
    # Staff are judged by no rule about patients.
    assert set(reference_since(desk.session, desk.facility.id)) == {desk.patient.id}


def test_the_same_person_again_keeps_the_key_and_another_face_is_refused(desk: Desk) -> None:
    first = desk.staff("N-017", face(0, 1, 0))
    again = desk.staff("N-017", face(0, 1, 0.1))
    other = desk.staff("N-017", face(1, 0, 0))
    assert again.person_id == first.person_id
    assert [r.code for r in other.reasons] == ["differs_from_previous"]
    standing = [row for row in desk.session.exec(select(PersonTemplate)) if row.sealed is not None]
    assert len(standing) == 1


def test_a_revoked_member_of_staff_is_compared_with_nobody(desk: Desk) -> None:
    desk.staff("N-017", face(0, 1, 0))
    wiped = revoke_person(
        desk.session,
        desk.facility.id,
        PersonKind.STAFF,
        "N-017",
        why="left",
        actor=desk.nurse,
        now=desk.context.clock.now(),
    )
    assert (wiped, desk.keys()) == (1, set())


def test_a_delegate_is_in_no_gallery_of_patients(desk: Desk) -> None:
    desk.session.commit()
    report = enrol_delegate(
        desk.context,
        desk.facility.id,
        "d" * 32,
        "D-1",
        [face(0, 0, 1)],
        actor=desk.nurse,
        consent_at=EPOCH,
        assessor=PlainAssessor(),
    )
    assert (report.accepted, report.person_id) == (True, "d" * 32)
    assert desk.keys() == set()
    assert kinds_of(desk.session, ["d" * 32]) == {"d" * 32: PersonKind.DELEGATE}


def test_others_may_write_while_a_delegates_pictures_are_assessed(desk: Desk) -> None:
    assessor = _Meanwhile(desk)
    desk.session.commit()
    report = enrol_delegate(
        desk.context,
        desk.facility.id,
        "d" * 32,
        "D-1",
        [face(0, 0, 1)],
        actor=desk.nurse,
        consent_at=EPOCH,
        assessor=assessor,
    )
    assert report.accepted
    assert assessor.entered == 1


class _Meanwhile:
    """An assessor during whose work somebody else writes; with the only writer taken that ends in a timeout."""

    pack_hash = "test-pack"
    same_person = 0.4

    def __init__(self, desk: Desk) -> None:
        self.desk, self.entered = desk, 0

    def __call__(self, photo: bytes, name: str = "") -> AssessedPhoto:
        with self.desk.context.database.transaction() as session:
            create_patient(session, self.desk.facility)
        self.entered += 1
        return PlainAssessor()(photo, name)


def test_who_may_not_enrol_and_what_is_no_number_is_refused(desk: Desk) -> None:
    stranger = actor_with(Role.VIEWER, desk.facility)
    with pytest.raises(Forbidden):
        enrol_staff(
            desk.context, desk.session, desk.facility, "N", [face(1)], actor=stranger, consent_at=EPOCH,
            assessor=PlainAssessor(),
        )  # fmt: skip
    with pytest.raises(InvalidInput):
        desk.staff("  ", face(0, 1, 0))


def test_collisions_are_looked_for_among_everybody_and_reported_with_the_margin(desk: Desk) -> None:
    desk.staff("N-017", face(0, 1, 0))
    report = desk.patient_enrolled(face(0.05, 1, 0))  # a twin, or a nurse put into a bed
    assert report.accepted
    (alike,) = report.look_alikes
    assert (alike.kind, alike.patient_no) == ("staff", "N-017")
    cosine = 1 / np.sqrt(1 + 0.05**2)
    assert (alike.similarity, alike.margin) == (round(cosine, 4), round(cosine - 0.40, 4))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_picture_of_somebody_else_is_left_out(desk: Desk, place: int) -> None:
    photos = [face(1, 0, 0), face(1, 0.1, 0)]
    photos.insert(place, face(0, 0, 1))
    report = desk.patient_enrolled(*photos)
    assert report.accepted
    assert [p.status.value for p in report.photos].count("accepted") == 2
    assert [r.code for r in report.photos[place].reasons] == ["unlike_the_others"]
    again = desk.patient_enrolled(*photos)
    assert again.status.value == "unchanged"


def test_without_a_majority_nothing_is_taken(desk: Desk) -> None:
    two = desk.patient_enrolled(face(1, 0, 0), face(0, 1, 0))
    four = desk.patient_enrolled(face(1, 0, 0), face(1, 0.1, 0), face(0, 1, 0), face(0, 1, 0.1))
    for report in (two, four):
        assert not report.accepted
        assert [r.code for r in report.reasons] == ["photos_differ"]


def test_bad_pictures_have_no_vote_in_who_is_the_outlier(desk: Desk) -> None:
    report = desk.patient_enrolled(face(1, 0, 0), bad("blurred"), face(1, 0.1, 0), bad("too_dark"))
    assert [p.status.value for p in report.photos] == ["accepted", "refused", "accepted", "refused"]


def test_a_changed_pack_lists_whom_to_enrol_again_and_the_old_template_goes(desk: Desk) -> None:
    desk.patient_enrolled(face(1, 0, 0))
    desk.staff("N-017", face(0, 1, 0))
    assert due_for_enrolment(desk.session, desk.facility.id, "test-pack") == ()
    due = due_for_enrolment(desk.session, desk.facility.id, "new-pack")
    assert [(d.kind.value, d.number, d.in_hospital, d.packs) for d in due] == [
        ("patient", "P1", True, ("test-pack",)),
        ("staff", "N-017", False, ("test-pack",)),
    ]
    assert desk.keys("new-pack") == set()

    # What was proven is not replaced by what is not, whatever pack made it.
    weaker = desk.patient_enrolled(face(1, 0, 0, take=2), pack="new-pack", reference="unproven")
    assert [r.code for r in weaker.reasons] == ["weaker_reference"]

    report = desk.patient_enrolled(face(1, 0, 0, take=3), pack="new-pack")
    assert report.accepted
    assert "not_compared_with_previous" in [w.code for w in report.warnings]
    assert [d.number for d in due_for_enrolment(desk.session, desk.facility.id, "new-pack")] == ["N-017"]
    assert desk.keys("test-pack") == staff_ids(desk.session, desk.facility.id)
    since = reference_since(desk.session, desk.facility.id, pack_hash="new-pack")
    assert since == {desk.patient.id: EPOCH}
