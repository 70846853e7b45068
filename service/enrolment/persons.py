"""Enrolling people who are no patients: staff, so that a nurse at a bed is known as a nurse; delegates, who buy for a
patient. The rules are those of patients: consent first, one person in the pictures, nobody enrolled twice unnoticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.enrolment.agreement import reject_outliers
from service.enrolment.enrol_patient import check_photo_count
from service.enrolment.look_alikes import KnownFaces, look_alikes, resembles
from service.enrolment.pack import opened_pack
from service.enrolment.person_templates import (
    PersonKind,
    open_persons,
    person_id_of,
    seal_person,
    standing_of_person,
    wipe_persons,
)
from service.enrolment.photos import AssessedPhoto, Assessor, assess_photos, pack_assessor
from service.enrolment.reasons import Reason, reason
from service.enrolment.report import EnrolmentStatus, LookAlike, PhotoReport
from service.enrolment.stamp import restamp
from service.enrolment.tables import FaceTemplate, PersonTemplate
from service.facilities import Facility, event_now, facility_by_id
from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.ledger import append
from service.platform.context import Context

_AHEAD = timedelta(days=1)
"""How far in the future a consent may be dated: clocks and time zones differ."""
_LONGEST_NO = 64


@dataclass(frozen=True, slots=True)
class PersonReport:
    """An enrolment of somebody who is no patient. `person_id`: the key that galleries and readings use, empty when
    refused before there was one. `reasons` say why the whole was refused, `warnings` what a person should look at."""

    kind: PersonKind
    person_no: str
    person_id: str
    accepted: bool
    photos: tuple[PhotoReport, ...] = ()
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonRequest:
    """Who is enrolled by whom, checked. `consent_at`: when the person consented to face matching."""

    facility: Facility
    kind: PersonKind
    person_id: str
    person_no: str
    consent_at: datetime
    consent_ref: str
    actor: Actor
    now: datetime


def enrol_staff(
    context: Context,
    session: Session,
    facility: Facility,
    staff_no: str,
    photos: Sequence[bytes],
    *,
    actor: Actor,
    consent_at: datetime,
    consent_ref: str = "",
    assessor: Assessor | None = None,
) -> PersonReport:
    """Enrols a member of staff from 1 to 10 pictures; those accepted replace the templates before.

    A recognised member of staff is reported as one wherever a face is read, and never taken for an impostor's unknown
    face. Raises `InvalidInput`, `NotFound`, `Forbidden`, `PackUnusable`.
    """
    asked = staff_request(context, session, facility, staff_no, actor, consent_at, consent_ref)
    return _enrol(context, session, asked, photos, assessor)


def enrol_delegate(
    context: Context,
    facility_id: str,
    delegate_id: str,
    delegate_no: str,
    photos: Sequence[bytes],
    *,
    actor: Actor,
    consent_at: datetime,
    consent_ref: str = "",
    assessor: Assessor | None = None,
) -> PersonReport:
    """Enrols a delegate under the pharmacy's id of the person. The caller has checked the actor's right.

    Opens its own transactions: an inference takes longer than the database's only writer may be held, so the pictures
    are assessed between the two. Raises `InvalidInput`, `PackUnusable`.
    """
    check_photo_count(len(photos))
    now = context.clock.now()
    with context.database.reading() as session:
        facility = facility_by_id(session, facility_id)
    _check(delegate_no, consent_at, max(now, event_now(facility, now)), "delegate_no")
    asked = PersonRequest(
        facility, PersonKind.DELEGATE, delegate_id, delegate_no, utc(consent_at), consent_ref[:200], actor, now
    )
    chosen = assessor or pack_assessor(context)
    assessed = assess_photos(chosen, photos)
    with context.database.transaction() as session:
        return store_person(context, session, asked, assessed, chosen.pack_hash, chosen.same_person)


def is_enrolled_from(
    context: Context,
    session: Session,
    facility_id: str,
    person_id: str,
    photos: Sequence[bytes],
    *,
    consent_at: datetime,
    consent_ref: str,
) -> bool:
    """Whether the person's standing templates were made at this facility from exactly these pictures, by the pack in
    use and upon this consent: enrolling them again would change nothing."""
    rows = standing_of_person(session, person_id)
    wanted = {hashlib.sha256(photo).hexdigest() for photo in photos}
    if {row.photo_sha256 for row in rows} != wanted:
        return False
    same = (facility_id, opened_pack(context).pack_hash, utc(consent_at), consent_ref[:200])
    return all((row.facility_id, row.pack_hash, row.consent_at, row.consent_ref) == same for row in rows)


def staff_request(
    context: Context,
    session: Session,
    facility: Facility,
    staff_no: str,
    actor: Actor,
    consent_at: datetime,
    consent_ref: str = "",
) -> PersonRequest:
    """The request, checked: the actor's right, the number, and that the consent is not of the future."""
    actor.require(Permission.ENROLMENTS_WRITE, facility.id)
    now = context.clock.now()
    _check(staff_no, consent_at, max(now, event_now(facility, now)), "staff_no")
    person_id = person_id_of(session, facility.id, PersonKind.STAFF, staff_no)
    return PersonRequest(
        facility, PersonKind.STAFF, person_id, staff_no, utc(consent_at), consent_ref[:200], actor, now
    )


def store_person(
    context: Context,
    session: Session,
    asked: PersonRequest,
    photos: Sequence[AssessedPhoto],
    pack_hash: str,
    same_person: float,
) -> PersonReport:
    """Decides over assessed pictures, keeps what is accepted. `same_person`: the pack's threshold."""
    agreed = reject_outliers(photos, same_person)
    photos = photos if agreed is None else agreed
    good = [photo for photo in photos if photo.vector is not None]
    vectors = [photo.vector for photo in photos if photo.vector is not None]
    standing = standing_of_person(session, asked.person_id)
    refusal = _refusal(context, session, asked, photos, None if agreed is None else same_person)
    if refusal is not None or not good:
        _audit(session, asked, "enrolment.refused", {"reasons": [refusal.code] if refusal else []})
        every = {r.code: r for photo in photos for r in photo.reasons}
        return _report(asked, photos, accepted=False, reasons=(refusal,) if refusal else tuple(every.values()))
    alike = look_alikes(
        session,
        KnownFaces(context.keys, asked.facility.id, pack_hash),
        facility_id=asked.facility.id,
        patient_id=asked.person_id,
        vectors=vectors,
        same_person=same_person,
    )
    wipe_persons(session, standing, cause="superseded", at=asked.now)
    for photo in good:
        session.add(_row(context, asked, photo, pack_hash))
    session.flush()
    restamp(session, asked.facility.id)
    details: dict[str, object] = {
        "pack_hash": pack_hash,
        "templates": len(good),
        "look_alikes": [[item.kind, item.patient_no, item.similarity] for item in alike],
    }
    _audit(session, asked, "enrolment.accepted", details)
    warnings = (reason("looks_like_another"),) if alike else ()
    return replace(_report(asked, photos, accepted=True, reasons=()), warnings=warnings, look_alikes=alike)


def revoke_person(
    session: Session, facility_id: str, kind: PersonKind, person_no: str, *, why: str, actor: Actor, now: datetime
) -> int:
    """Wipes the person's templates: consent was withdrawn, the person left, or they were wrong. Returns how many."""
    actor.require(Permission.ENROLMENTS_WRITE, facility_id)
    if not why.strip():
        raise InvalidInput(
            "a reason is needed", field="why", remedy="say what was wrong", message_zh="须填写原因", remedy_zh="请说明"
        )
    query = select(PersonTemplate).where(
        PersonTemplate.facility_id == facility_id,
        PersonTemplate.person_kind == kind.value,
        PersonTemplate.person_no == person_no,
        col(PersonTemplate.sealed).is_not(None),
    )
    rows = list(session.exec(query))
    wiped = wipe_persons(session, rows, cause="revoked", at=now)
    if rows:
        append(
            session,
            clock_now=now,
            kind="audit",
            actor=actor.label,
            action="enrolment.revoked",
            object_kind=kind.value,
            object_id=rows[0].person_id,
            facility_id=facility_id,
            details={"templates": wiped, "why": why[:200]},
        )
    return wiped


def _enrol(
    context: Context, session: Session, asked: PersonRequest, photos: Sequence[bytes], assessor: Assessor | None
) -> PersonReport:
    check_photo_count(len(photos))
    chosen = assessor or pack_assessor(context)
    photos_assessed = assess_photos(chosen, photos)
    return store_person(context, session, asked, photos_assessed, chosen.pack_hash, chosen.same_person)


def _check(number: str, consent_at: datetime, present: datetime, field: str) -> None:
    if not number.strip() or len(number) > _LONGEST_NO:
        raise InvalidInput(
            f"a number of 1 to {_LONGEST_NO} characters is needed",
            field=field,
            remedy="use the number that the facility gave the person",
            message_zh=f"须为 1 至 {_LONGEST_NO} 个字符的编号",
            remedy_zh="请使用机构内的人员编号",
        )
    if utc(consent_at) > present + _AHEAD:
        raise InvalidInput(
            "lies in the future",
            field="consent_at",
            remedy="give the time of signing",
            message_zh="时间尚未到来",
            remedy_zh="请填写签署时间",
        )


def _refusal(
    context: Context,
    session: Session,
    asked: PersonRequest,
    photos: Sequence[AssessedPhoto],
    same_person: float | None,
) -> Reason | None:
    """`same_person`: `None` when the pictures show no one person."""
    if same_person is None:
        return reason("photos_differ")
    digests = [photo.sha256 for photo in photos if photo.vector is not None]
    if _of_somebody_else(session, asked, digests):
        return reason("photo_of_another_patient")
    vectors = [photo.vector for photo in photos if photo.vector is not None]
    standing = open_persons(context.keys, standing_of_person(session, asked.person_id))
    comparable = [item for item in standing if vectors and len(item.vector) == len(vectors[0])]
    if vectors and not resembles(vectors, comparable, same_person):
        return reason("differs_from_previous")
    return None


def _of_somebody_else(session: Session, asked: PersonRequest, digests: Sequence[str]) -> bool:
    """Whether one of the files is enrolled for another person, or for a patient, of the facility."""
    persons = select(PersonTemplate.id).where(
        PersonTemplate.facility_id == asked.facility.id,
        PersonTemplate.person_id != asked.person_id,
        col(PersonTemplate.photo_sha256).in_(list(digests)),
        col(PersonTemplate.sealed).is_not(None),
    )
    patients = select(FaceTemplate.id).where(
        FaceTemplate.facility_id == asked.facility.id,
        col(FaceTemplate.photo_sha256).in_(list(digests)),
        col(FaceTemplate.sealed).is_not(None),
    )
    return session.exec(persons).first() is not None or session.exec(patients).first() is not None


def _row(context: Context, asked: PersonRequest, photo: AssessedPhoto, pack_hash: str) -> PersonTemplate:
    row = PersonTemplate(
        person_kind=asked.kind.value,
        person_id=asked.person_id,
        person_no=asked.person_no,
        facility_id=asked.facility.id,
        pack_hash=pack_hash,
        dimension=0,
        quality=photo.quality,
        photo_sha256=photo.sha256,
        consent_at=asked.consent_at,
        consent_ref=asked.consent_ref,
        enrolled_by=asked.actor.label,
        enrolled_at=asked.now,
    )
    if photo.vector is not None:
        seal_person(context.keys, row, photo.vector)
    return row


def _report(
    asked: PersonRequest, photos: Sequence[AssessedPhoto], *, accepted: bool, reasons: tuple[Reason, ...]
) -> PersonReport:
    shown = tuple(
        PhotoReport(
            photo.sha256,
            EnrolmentStatus.ACCEPTED if accepted and photo.vector is not None else EnrolmentStatus.REFUSED,
            photo.quality,
            photo.reasons or (() if accepted else reasons),
            photo.name,
        )
        for photo in photos
    )
    return PersonReport(asked.kind, asked.person_no, asked.person_id, accepted, shown, reasons)


def _audit(session: Session, asked: PersonRequest, action: str, details: dict[str, object]) -> None:
    append(
        session,
        clock_now=asked.now,
        kind="audit",
        actor=asked.actor.label,
        action=action,
        object_kind=asked.kind.value,
        object_id=asked.person_id,
        facility_id=asked.facility.id,
        details=details,
    )
