"""Enrolling one patient: consent first, then pictures, then templates. Pictures are never kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.admissions import Patient
from service.enrolment.agreement import reject_outliers
from service.enrolment.consent import standing_consent
from service.enrolment.look_alikes import KnownFaces, look_alikes, resembles
from service.enrolment.notices import judgement_changed
from service.enrolment.photos import MAX_PHOTOS, AssessedPhoto, Assessor, assess_photos, pack_assessor
from service.enrolment.reasons import Reason, reason
from service.enrolment.references import EXPIRED
from service.enrolment.report import EnrolmentReport, EnrolmentStatus, LookAlike, PhotoReport
from service.enrolment.stamp import restamp
from service.enrolment.tables import FaceTemplate, PersonTemplate
from service.enrolment.templates import (
    MATCHES_PREVIOUS,
    REFERENCES,
    NewTemplate,
    active_templates,
    is_proven,
    open_templates,
    store_template,
    wipe_templates,
)
from service.facilities import Facility, event_now, facility_by_id
from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.ledger import append
from service.platform.context import Context


@dataclass(frozen=True, slots=True)
class Request:
    """Who is enrolled by whom, with what proof, and from which event time it may judge."""

    facility: Facility
    patient: Patient
    reference: str
    actor: Actor
    effective_from: datetime
    now: datetime


def enrol(
    context: Context,
    session: Session,
    patient: Patient,
    photos: Sequence[bytes],
    reference: str,
    actor: Actor,
    effective_from: datetime | None = None,
    *,
    assessor: Assessor | None = None,
) -> EnrolmentReport:
    """Enrols the patient from 1 to 10 pictures; those accepted replace the templates before.

    `reference` is what proves that the face is the patient's: id_card_picture, electronic_credential, two_persons
    (counts after `confirm_enrolment` by somebody else) or unproven. `effective_from`: event time from which it may
    judge, by default the facility's event time. The same pictures twice change nothing.

    Pictures are assessed inside the caller's transaction; where many are expected, call `check_consent`,
    `assess_photos` and `store_enrolment` apart. Raises `InvalidInput`, `NotFound`, `Forbidden`, `PackUnusable`.
    """
    request = enrolment_request(context, session, patient, reference, actor, effective_from)
    check_photo_count(len(photos))
    refused = check_consent(session, request)
    if refused is not None:
        return refused
    chosen = assessor or pack_assessor(context)
    assessed = assess_photos(chosen, photos)
    return store_enrolment(context, session, request, assessed, chosen.pack_hash, same_person=chosen.same_person)


def enrolment_request(
    context: Context,
    session: Session,
    patient: Patient,
    reference: str,
    actor: Actor,
    effective_from: datetime | None,
) -> Request:
    """The request, checked: the actor's right, the reference, and that it does not begin in the future."""
    actor.require(Permission.ENROLMENTS_WRITE, patient.facility_id)
    facility = facility_by_id(session, patient.facility_id)
    now = context.clock.now()
    present = event_now(facility, now)
    begins = utc(effective_from) if effective_from is not None else present
    if reference not in REFERENCES:
        raise InvalidInput(
            "not a known proof of identity",
            field="reference",
            remedy=f"use one of: {', '.join(REFERENCES)}",
            message_zh="未知的身份证明方式",
            remedy_zh=f"可用取值：{'、'.join(REFERENCES)}",
        )
    if begins > max(present, now):
        raise InvalidInput(
            "lies in the future",
            field="effective_from",
            remedy="leave it out, or give the time at which the picture was compared with the ID",
            message_zh="时间尚未到来",
            remedy_zh="请省略，或填写核对证件的时间",
        )
    return Request(facility, patient, reference, actor, begins, now)


def check_photo_count(count: int) -> None:
    """Raises `InvalidInput` unless there are 1 to 10 pictures."""
    if not 1 <= count <= MAX_PHOTOS:
        raise InvalidInput(
            f"{count} pictures, 1 to {MAX_PHOTOS} are taken",
            field="photos",
            remedy="send the clearest ones",
            message_zh=f"收到 {count} 张照片，应为 1 至 {MAX_PHOTOS} 张",
            remedy_zh="请选择最清晰的照片",
        )


def check_consent(session: Session, request: Request) -> EnrolmentReport | None:
    """A refusal when nobody consented: then no picture may be looked at."""
    standing = standing_consent(session, request.patient.id)
    if standing == "given":
        return None
    return _refused(request, (), (reason("consent_refused" if standing else "consent_missing"),))


@dataclass(slots=True)
class _Decision:
    """What is to be done with the pictures, gathered before anything is written."""

    refusal: tuple[Reason, ...] = ()
    warnings: list[Reason] = field(default_factory=list)
    look_alikes: tuple[LookAlike, ...] = ()


def store_enrolment(
    context: Context,
    session: Session,
    request: Request,
    photos: Sequence[AssessedPhoto],
    pack_hash: str,
    known_faces: KnownFaces | None = None,
    *,
    same_person: float,
) -> EnrolmentReport:
    """Decides over assessed pictures, keeps what is accepted. Consent is checked again: it may be withdrawn by now.

    `known_faces`: kept between the enrolments of one run, so that each template is opened once. `same_person`: the
    pack's threshold.
    """
    refused = check_consent(session, request)
    if refused is not None:
        return refused
    agreed = reject_outliers(photos, same_person)
    photos = agreed if agreed is not None else photos
    known = active_templates(session, request.patient.id, pack_hash)
    same = _already_enrolled(request, photos, known)
    if same is not None:
        return same
    good = [photo for photo in photos if photo.vector is not None]
    faces = known_faces or KnownFaces(context.keys, request.facility.id, pack_hash)
    earlier = [row for row in active_templates(session, request.patient.id) if row.pack_hash != pack_hash]
    decision = _decide(context, session, request, good, (known, earlier), faces, same_person)
    if agreed is None:
        decision = _Decision((reason("photos_differ"),))
    if not good or decision.refusal:
        _audit(session, request, "enrolment.refused", {"reasons": [r.code for r in decision.refusal]})
        return _refused(request, photos, decision.refusal)
    created = _keep(context, session, request, good, (*known, *earlier), pack_hash, same_person)
    details: dict[str, object] = {
        "reference": request.reference,
        "templates": [row.id for row in created],
        "pack_hash": pack_hash,
        "effective_from": request.effective_from.isoformat(),
        "look_alikes": [[item.patient_no, item.similarity] for item in decision.look_alikes],
    }
    _audit(session, request, "enrolment.accepted", details)
    judgement_changed(session, request.facility, request.patient.id, request.effective_from, request.now)
    return _accepted(request, photos, decision)


def _decide(
    context: Context,
    session: Session,
    request: Request,
    good: Sequence[AssessedPhoto],
    standing: tuple[Sequence[FaceTemplate], Sequence[FaceTemplate]],
    faces: KnownFaces,
    same_person: float,
) -> _Decision:
    """`standing`: the patient's templates of this pack, and those that other packs made."""
    known, earlier = standing
    vectors = [photo.vector for photo in good if photo.vector is not None]
    if not vectors:
        return _Decision()
    if _enrolled_for_another(session, request, [photo.sha256 for photo in good]):
        return _Decision((reason("photo_of_another_patient"),))
    proven = [row for row in known if is_proven(row)]
    if (proven or any(is_proven(row) for row in earlier)) and request.reference == "unproven":
        return _Decision((reason("weaker_reference"),))
    # One person alone must not exchange a patient's face in mid-stay.
    if request.reference != "two_persons" and not resembles(vectors, open_templates(context.keys, proven), same_person):
        return _Decision((reason("differs_from_previous"),))
    decision = _Decision()
    decision.look_alikes = look_alikes(
        session,
        faces,
        facility_id=request.facility.id,
        patient_id=request.patient.id,
        vectors=vectors,
        same_person=same_person,
    )
    if decision.look_alikes:
        decision.warnings.append(reason("looks_like_another"))
    if earlier and not known:
        decision.warnings.append(reason("not_compared_with_previous"))
    decision.warnings += standing_warnings(request.reference)
    if request.patient.birth_date is None:
        decision.warnings.append(reason("birth_date_unknown"))
    return decision


def standing_warnings(reference: str) -> list[Reason]:
    """What a kind of proof leaves to be done."""
    if reference == "two_persons":
        return [reason("awaits_second_person")]
    return [reason("unproven_reference")] if reference == "unproven" else []


def _keep(
    context: Context,
    session: Session,
    request: Request,
    good: Sequence[AssessedPhoto],
    known: Sequence[FaceTemplate],
    pack_hash: str,
    same_person: float,
) -> list[FaceTemplate]:
    """Writes the templates, and wipes those that they replace; each says whether it agrees with them.

    What awaits a second person replaces nothing proven.
    """
    replaced = [row for row in known if request.reference != "two_persons" or not is_proven(row)]
    # What is proven outweighs what is not; another pack's templates say nothing about these.
    comparable = [row for row in known if row.pack_hash == pack_hash]
    before = open_templates(context.keys, [row for row in comparable if is_proven(row)] or comparable)
    wipe_templates(session, replaced, cause="superseded", at=request.now)
    created = []
    for photo in good:
        if photo.vector is None:
            continue
        agrees = bool(before) and resembles([photo.vector], before, same_person)
        new = NewTemplate(
            vector=photo.vector,
            pack_hash=pack_hash,
            quality=photo.quality,
            photo_sha256=photo.sha256,
            reference=request.reference,
            effective_from=request.effective_from,
            enrolled_by=request.actor.label,
            enrolled_at=request.now,
            signature=photo.signature,
            reasons=(MATCHES_PREVIOUS,) if agrees else (),
        )
        created.append(
            store_template(
                session, context.keys, facility_id=request.facility.id, patient_id=request.patient.id, new=new
            )
        )
    restamp(session, request.facility.id)
    return created


def _already_enrolled(
    request: Request, photos: Sequence[AssessedPhoto], known: Sequence[FaceTemplate]
) -> EnrolmentReport | None:
    """A report without changes when every acceptable picture is a template with the same proof already."""
    digests = {photo.sha256 for photo in photos if photo.vector is not None}
    same = [row for row in known if row.photo_sha256 in digests and row.reference == request.reference]
    if not digests or {row.photo_sha256 for row in same} != digests:
        return None
    return unchanged_report(request, photos, same)


def unchanged_report(
    request: Request, photos: Sequence[AssessedPhoto], same: Sequence[FaceTemplate]
) -> EnrolmentReport:
    """The report of pictures that are templates already."""
    proven = all(is_proven(row) for row in same)
    enrolled = {row.photo_sha256: row for row in same}
    return EnrolmentReport(
        patient_no=request.patient.patient_no,
        status=EnrolmentStatus.UNCHANGED,
        reference=request.reference,
        proven=proven,
        photos=tuple(
            PhotoReport(photo.sha256, EnrolmentStatus.UNCHANGED, enrolled[photo.sha256].quality, (), photo.name)
            if photo.sha256 in enrolled
            else _photo_report(photo)
            for photo in photos
        ),
        warnings=() if proven else tuple(standing_warnings(request.reference)),
        effective_from=min(row.effective_from for row in same),
    )


def _accepted(request: Request, photos: Sequence[AssessedPhoto], decision: _Decision) -> EnrolmentReport:
    return EnrolmentReport(
        patient_no=request.patient.patient_no,
        status=EnrolmentStatus.ACCEPTED,
        reference=request.reference,
        proven=request.reference in ("id_card_picture", "electronic_credential"),
        photos=tuple(_photo_report(photo) for photo in photos),
        warnings=tuple(decision.warnings),
        look_alikes=decision.look_alikes,
        effective_from=request.effective_from,
    )


def _refused(request: Request, photos: Sequence[AssessedPhoto], reasons: tuple[Reason, ...]) -> EnrolmentReport:
    elsewhere = (reason("refused_elsewhere"),) if not reasons else reasons
    return EnrolmentReport(
        patient_no=request.patient.patient_no,
        status=EnrolmentStatus.REFUSED,
        reference=request.reference,
        proven=False,
        photos=tuple(
            PhotoReport(photo.sha256, EnrolmentStatus.REFUSED, photo.quality, photo.reasons or elsewhere, photo.name)
            for photo in photos
        ),
        reasons=reasons or tuple({r.code: r for photo in photos for r in photo.reasons}.values()),
    )


def _photo_report(photo: AssessedPhoto) -> PhotoReport:
    status = EnrolmentStatus.ACCEPTED if photo.vector is not None else EnrolmentStatus.REFUSED
    return PhotoReport(photo.sha256, status, photo.quality, photo.reasons, photo.name)


def _enrolled_for_another(session: Session, request: Request, digests: Sequence[str]) -> bool:
    """Also among wiped templates: the same file under two names is an error whenever it happens."""
    query = select(FaceTemplate).where(
        FaceTemplate.facility_id == request.facility.id, FaceTemplate.patient_id != request.patient.id
    )
    rows = session.exec(query.where(col(FaceTemplate.photo_sha256).in_(list(digests))))
    if any(row.revoked_cause in (None, "superseded", EXPIRED) for row in rows):
        return True
    of_others = select(PersonTemplate.id).where(
        PersonTemplate.facility_id == request.facility.id,
        col(PersonTemplate.photo_sha256).in_(list(digests)),
        col(PersonTemplate.sealed).is_not(None),
    )
    return session.exec(of_others).first() is not None


def _audit(session: Session, request: Request, action: str, details: dict[str, object]) -> None:
    append(
        session,
        clock_now=request.now,
        kind="audit",
        actor=request.actor.label,
        action=action,
        object_kind="patient",
        object_id=request.patient.id,
        facility_id=request.facility.id,
        details=details,
    )
