"""Enrolling one patient: consent, proof, what replaces what, and what is kept of a face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sqlmodel import Session, select

from service.access import Actor, Forbidden, Role
from service.admissions import Patient
from service.enrolment import (
    ConfirmationRefused,
    ConsentInvalid,
    EnrolmentReport,
    EnrolmentStatus,
    FaceTemplate,
    confirm_enrolment,
    enrol,
    exempt_patients,
    gallery_of_pack,
    record_consent,
    reference_since,
    revoke_enrolment,
)
from service.facilities import Facility
from service.kit.errors import InvalidInput, NotFound
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from service.platform.crypto import SealBroken
from service.platform.tables import Job
from service.screening.repository import template_changes
from service.vision import Gallery
from tests.builders import (
    EPOCH,
    actor_with,
    create_admission,
    create_bed,
    create_facility,
    create_patient,
    create_ward,
)
from tests.enrolment.faces import PlainAssessor, bad, face


@dataclass
class Desk:
    """An enrolment desk at a facility, with one admitted patient, and two nurses."""

    context: Context
    session: Session
    facility: Facility
    patient: Patient
    nurse: Actor
    colleague: Actor

    def consent(self, status: str = "given", at: datetime = EPOCH, patient: Patient | None = None) -> None:
        """Records a decision."""
        record_consent(
            self.session,
            patient or self.patient,
            status=status,  # type: ignore[arg-type]
            given_at=at,
            actor="user:nurse",
            now=self.context.clock.now(),
        )

    def enrol(self, *photos: bytes, reference: str = "id_card_picture", **values: object) -> EnrolmentReport:
        """Enrols the patient."""
        given = {"patient": self.patient, "actor": self.nurse, "effective_from": EPOCH} | values
        return enrol(
            self.context,
            self.session,
            given["patient"],  # type: ignore[arg-type]
            list(photos),
            reference,
            given["actor"],  # type: ignore[arg-type]
            given["effective_from"],  # type: ignore[arg-type]
            assessor=PlainAssessor(),
        )

    def gallery(self, pack_hash: str = "test-pack") -> Gallery:
        """The facility's gallery."""
        return gallery_of_pack(self.context.keys, self.session, self.facility.id, pack_hash=pack_hash, dimension=3)

    def since(self, patient: Patient | None = None) -> datetime | None:
        """Since when the patient may be judged."""
        found = reference_since(self.session, self.facility.id, pack_hash="test-pack")
        return found.get((patient or self.patient).id)

    def templates(self) -> list[FaceTemplate]:
        """Every row, oldest first."""
        return list(self.session.exec(select(FaceTemplate).order_by(FaceTemplate.id)))

    def confirm(self, actor: Actor) -> int:
        """A second person vouches."""
        return confirm_enrolment(self.session, self.patient, actor=actor, now=self.context.clock.now())


@pytest.fixture
def desk(context: Context) -> Iterator[Desk]:
    """A desk, and nobody asked for consent yet."""
    with context.database.transaction() as session:
        facility = create_facility(session)
        patient = create_patient(session, facility, birth_date=date(1950, 1, 1))
        create_admission(session, bed=create_bed(session, create_ward(session, facility)), patient=patient)
        nurse = actor_with(Role.WARD_STAFF, facility)
        yield Desk(context, session, facility, patient, nurse, replace(nurse, name="colleague"))


def codes(report: EnrolmentReport) -> list[str]:
    """Why the whole was refused."""
    return [reason.code for reason in report.reasons]


def test_a_proven_picture_makes_a_reference(desk: Desk) -> None:
    desk.consent()
    report = desk.enrol(face(1, 0, 0))
    assert (report.status, report.proven) == (EnrolmentStatus.ACCEPTED, True)
    assert desk.gallery().keys == (desk.patient.id,)
    assert desk.gallery().vectors.tolist() == [[1, 0, 0]]
    assert desk.since() == EPOCH


def test_no_picture_is_looked_at_without_consent(desk: Desk) -> None:
    report = desk.enrol(b"this would break the assessor")
    assert codes(report) == ["consent_missing"]
    desk.consent("refused")
    assert codes(desk.enrol(b"this too")) == ["consent_refused"]
    assert exempt_patients(desk.session, desk.facility.id) == {desk.patient.id}
    assert desk.templates() == []


def test_the_template_is_sealed_for_its_patient_and_the_picture_is_nowhere(desk: Desk) -> None:
    desk.consent()
    photo = face(0.6, 0.8, 0)
    desk.enrol(photo)
    row = desk.templates()[0]
    plain = np.array([0.6, 0.8, 0], np.float32).tobytes()
    assert row.sealed is not None
    assert plain not in row.sealed
    row.patient_id = create_patient(desk.session, desk.facility).id
    desk.consent(patient=desk.session.get_one(Patient, row.patient_id))
    with pytest.raises(SealBroken):
        desk.gallery()
    desk.session.flush()
    root = desk.context.settings.data_dir
    files = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    assert not any(photo in data or plain in data for data in files)


def test_the_same_pictures_again_change_nothing(desk: Desk) -> None:
    desk.consent()
    first, second = face(1, 0, 0), face(1, 0.1, 0)
    desk.enrol(first, second)
    entries = len(desk.session.exec(select(LedgerEntry)).all())
    report = desk.enrol(second, first, first)
    assert report.status is EnrolmentStatus.UNCHANGED
    assert len(desk.templates()) == 2
    assert len(desk.session.exec(select(LedgerEntry)).all()) == entries


def test_a_new_picture_of_the_same_face_replaces_and_keeps_since_when(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    desk.enrol(face(1, 0.1, 0), effective_from=EPOCH + timedelta(days=1))
    old, new = desk.templates()
    assert (old.sealed, old.revoked_cause) == (None, "superseded")
    assert new.sealed is not None
    assert len(desk.gallery().keys) == 1
    assert desk.since() == EPOCH


def test_one_person_alone_cannot_exchange_a_face(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    assert codes(desk.enrol(face(0, 1, 0))) == ["differs_from_previous"]
    assert codes(desk.enrol(face(0, 1, 0), reference="unproven")) == ["weaker_reference"]
    waiting = desk.enrol(face(0, 1, 0), reference="two_persons")
    assert waiting.accepted
    assert desk.gallery().vectors.tolist() == [[1, 0, 0]]  # until a second person confirms
    assert desk.confirm(desk.colleague) == 1
    assert desk.gallery().vectors.tolist() == [[0, 1, 0]]
    assert desk.since() != EPOCH  # the other face proved nothing about this one


def test_two_persons_are_two(desk: Desk) -> None:
    desk.consent()
    report = desk.enrol(face(1, 0, 0), reference="two_persons")
    assert [reason.code for reason in report.warnings] == ["awaits_second_person"]
    assert (report.proven, desk.since(), desk.gallery().keys) == (False, None, ())
    with pytest.raises(ConfirmationRefused):
        desk.confirm(desk.nurse)
    with pytest.raises(ConfirmationRefused):
        desk.confirm(Actor(kind="system", name="cli"))
    before = desk.context.clock.now()
    assert desk.confirm(desk.colleague) == 1
    since = desk.since()
    assert since is not None
    assert since >= before  # nothing was proven before
    with pytest.raises(ConfirmationRefused):
        desk.confirm(desk.colleague)


def test_an_unproven_picture_judges_nobody(desk: Desk) -> None:
    desk.consent()
    report = desk.enrol(face(1, 0, 0), reference="unproven")
    assert [reason.code for reason in report.warnings] == ["unproven_reference"]
    assert (desk.since(), desk.gallery().keys) == (None, ())
    assert desk.enrol(face(1, 0, 0)).status is EnrolmentStatus.ACCEPTED
    assert desk.since() == EPOCH


def test_a_bad_picture_is_refused_with_its_reasons_in_both_languages(desk: Desk) -> None:
    desk.consent()
    report = desk.enrol(bad("blurred"), bad("several_faces"))
    assert report.status is EnrolmentStatus.REFUSED
    assert [[reason.code for reason in photo.reasons] for photo in report.photos] == [["blurred"], ["several_faces"]]
    assert all(reason.text("zh") != reason.text("en") for reason in report.reasons)
    mixed = desk.enrol(bad("blurred"), face(1, 0, 0))
    assert [photo.status for photo in mixed.photos] == [EnrolmentStatus.REFUSED, EnrolmentStatus.ACCEPTED]
    assert mixed.accepted


def test_pictures_of_different_people_are_refused(desk: Desk) -> None:
    desk.consent()
    assert codes(desk.enrol(face(1, 0, 0), face(0, 1, 0))) == ["photos_differ"]
    assert desk.templates() == []


def test_one_file_for_two_patients_is_refused(desk: Desk) -> None:
    other = create_patient(desk.session, desk.facility)
    desk.consent()
    desk.consent(patient=other)
    desk.enrol(face(1, 0, 0))
    assert codes(desk.enrol(face(1, 0, 0), patient=other)) == ["photo_of_another_patient"]


def test_a_look_alike_is_reported_and_not_refused(desk: Desk) -> None:
    other = create_patient(desk.session, desk.facility, "P-other")
    desk.consent()
    desk.consent(patient=other)
    desk.enrol(face(1, 0, 0), patient=other)
    report = desk.enrol(face(1, 1, 0))  # cosine 0.7071 to the other
    assert report.accepted
    assert [reason.code for reason in report.warnings] == ["looks_like_another"]
    found = report.look_alikes[0]
    assert (found.patient_no, found.similarity) == ("P-other", pytest.approx(0.7071, abs=1e-4))
    assert found.margin == pytest.approx(0.7071 - 0.40, abs=1e-4)
    desk.patient = create_patient(desk.session, desk.facility, birth_date=date(1950, 1, 1))
    desk.consent()
    assert desk.enrol(face(0, 0, 1)).warnings == ()


def test_withdrawal_wipes_at_once(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    assert desk.gallery().keys
    desk.consent("withdrawn", EPOCH + timedelta(days=1))
    assert [(row.sealed, row.revoked_cause) for row in desk.templates()] == [(None, "consent_withdrawn")]
    assert desk.gallery().keys == ()
    assert desk.since() is None
    assert exempt_patients(desk.session, desk.facility.id) == {desk.patient.id}
    desk.consent("given", EPOCH)  # an older form, found again: the withdrawal stands
    assert exempt_patients(desk.session, desk.facility.id) == {desk.patient.id}
    desk.consent("given", EPOCH + timedelta(days=2))
    assert exempt_patients(desk.session, desk.facility.id) == set()
    assert desk.since() is None  # until enrolled again


def test_a_revoked_template_proves_nothing_about_the_past(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    desk.enrol(face(1, 0.1, 0))
    now = desk.context.clock.now()
    assert revoke_enrolment(desk.session, desk.patient, why="his brother", actor=desk.nurse, now=now) == 1
    desk.enrol(face(0, 1, 0), effective_from=EPOCH + timedelta(days=2))
    assert desk.since() == EPOCH + timedelta(days=2)


def test_another_pack_knows_nobody(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    assert desk.gallery("newer-pack").keys == ()
    assert reference_since(desk.session, desk.facility.id, pack_hash="newer-pack") == {}


def test_the_gallery_in_memory_notices_every_change(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    first = desk.gallery()
    assert desk.gallery() is first
    desk.enrol(face(1, 0.1, 0))
    assert desk.gallery() is not first
    now = desk.context.clock.now()
    revoke_enrolment(desk.session, desk.patient, why="wrong", actor=desk.nurse, now=now)
    assert desk.gallery().keys == ()


def test_what_was_rolled_back_is_not_held(context: Context) -> None:
    class Undone(Exception):
        pass

    with context.database.transaction() as session:
        facility = create_facility(session)
        patient = create_patient(session, facility)
        nurse = actor_with(Role.WARD_STAFF, facility)
        desk = Desk(context, session, facility, patient, nurse, nurse)
        desk.consent()

    def enrol_and_fail() -> None:
        with context.database.transaction() as session:
            desk.session = session
            desk.enrol(face(1, 0, 0))
            assert desk.gallery().keys
            raise Undone

    with pytest.raises(Undone):
        enrol_and_fail()
    with context.database.reading() as session:
        desk.session = session
        assert desk.gallery().keys == ()


@pytest.mark.parametrize(("born", "allowed"), [(date(2012, 3, 3), False), (date(2012, 3, 2), True)])
def test_a_guardian_consents_for_a_child_under_14(desk: Desk, born: date, allowed: bool) -> None:
    # EPOCH is 2 March 2026: whoever was born on 2 March 2012 turns 14 that day.
    child = create_patient(desk.session, desk.facility, birth_date=born)

    def consent(by: str) -> None:
        record_consent(
            desk.session,
            child,
            status="given",
            given_at=EPOCH,
            given_by=by,  # type: ignore[arg-type]
            actor="user:nurse",
            now=desk.context.clock.now(),
        )

    if allowed:
        consent("patient")
    else:
        with pytest.raises(ConsentInvalid, match="guardian"):
            consent("patient")
        consent("guardian")


def test_a_consent_of_the_future_is_refused(desk: Desk) -> None:
    with pytest.raises(ConsentInvalid, match="future"):
        desk.consent(at=desk.context.clock.now() + timedelta(days=2))


def test_a_patient_of_unknown_age_is_pointed_at(desk: Desk) -> None:
    desk.patient = create_patient(desk.session, desk.facility)
    desk.consent()
    assert [reason.code for reason in desk.enrol(face(1, 0, 0)).warnings] == ["birth_date_unknown"]


def test_enrolment_asks_for_the_beds_pictures_to_be_read_again(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    kinds = {job.kind for job in desk.session.exec(select(Job))}
    assert {"presence.dirty", "sightings.reread"} <= kinds


@pytest.mark.parametrize("count", [0, 11])
def test_too_few_or_many_pictures_are_refused(desk: Desk, count: int) -> None:
    with pytest.raises(InvalidInput, match="pictures"):
        desk.enrol(*[face(1, 0, 0, take=i) for i in range(count)])


def test_who_may_enrol(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        desk.enrol(face(1, 0, 0), actor=actor_with(Role.VIEWER, desk.facility))
    with pytest.raises(NotFound):
        desk.enrol(face(1, 0, 0), actor=actor_with(Role.ADMIN, create_facility(desk.session)))
    with pytest.raises(InvalidInput, match="proof"):
        desk.enrol(face(1, 0, 0), reference="trust me")
    with pytest.raises(InvalidInput, match="future"):
        desk.enrol(face(1, 0, 0), effective_from=desk.context.clock.now() + timedelta(hours=1))


def test_the_ledger_holds_no_template(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(0.6, 0.8, 0))
    entries = desk.session.exec(select(LedgerEntry)).all()
    assert [entry.action for entry in entries] == ["consent.given", "enrolment.accepted"]
    assert "0.6" not in str(entries[1].details)


def test_a_new_template_says_whether_it_agrees_with_the_one_before(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0))
    desk.enrol(face(1, 0.1, 0), effective_from=EPOCH + timedelta(days=1))
    assert [row.reasons for row in desk.templates()] == [[], ["matches_previous"]]
    changes = template_changes(desk.session, desk.facility.id)[desk.patient.id]
    assert [change.matched_old for change in changes] == [True]
    desk.enrol(face(0, 1, 0), reference="two_persons", effective_from=EPOCH + timedelta(days=2))
    desk.confirm(desk.colleague)
    assert desk.templates()[-1].reasons == []
    changes = template_changes(desk.session, desk.facility.id)[desk.patient.id]
    assert [(change.matched_old, change.second_person) for change in changes] == [(True, False), (False, True)]


def test_several_pictures_of_one_enrolment_are_no_change_of_face(desk: Desk) -> None:
    desk.consent()
    desk.enrol(face(1, 0, 0), face(1, 0.1, 0))

    desk.enrol(face(1, 0.2, 0), effective_from=EPOCH + timedelta(days=1))
    changes = template_changes(desk.session, desk.facility.id)[desk.patient.id]
    assert [change.matched_old for change in changes] == [True]


def test_faces_are_compared_by_the_threshold_of_the_pack(desk: Desk) -> None:
    desk.consent()
    other = create_patient(desk.session, desk.facility)
    desk.consent(patient=other)
    desk.enrol(face(1, 0, 0))
    strict = enrol(
        desk.context,
        desk.session,
        other,
        [face(1, 1, 0)],  # a cosine of .71 with the patient's
        "id_card_picture",
        desk.nurse,
        EPOCH,
        assessor=PlainAssessor(same_person=0.8),
    )
    assert strict.look_alikes == ()
    assert desk.enrol(face(1, 0.9, 0), patient=other).look_alikes
