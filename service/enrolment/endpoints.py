"""The API of enrolment: consent, photographs of one patient, many at once, a second person, revocation."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.admissions import Patient, patient_by_no
from service.contracts import read_message
from service.enrolment.bulk_enrol import bulk_enrol
from service.enrolment.consent import consents_of, record_consent, standing_consent
from service.enrolment.enrol_patient import check_consent, check_photo_count, enrolment_request, store_enrolment
from service.enrolment.photos import assess_photos, pack_assessor
from service.enrolment.schemas import (
    BulkReportOut,
    ConfirmedOut,
    ConsentIn,
    ConsentOut,
    EnrolmentMeta,
    EnrolmentOut,
    PatientEnrolmentOut,
    RevocationIn,
    RevokedOut,
    TemplateOut,
)
from service.enrolment.second_person import confirm_enrolment, revoke_enrolment
from service.enrolment.tables import Consent
from service.enrolment.templates import templates_of_patient
from service.facilities import facility_for
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession, WriteSession, language

router = APIRouter(prefix="/api/v1", tags=["enrolment"])

Writer = Annotated[Actor, allow(Permission.ENROLMENTS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]
Reference = Literal["id_card_picture", "electronic_credential", "two_persons", "unproven"]


@router.post("/patients/{patient_no}/enrolments")
def post_enrolment(
    request: Request,
    patient_no: str,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    photos: Annotated[list[UploadFile], File(description="1 to 10 photographs: JPEG, PNG or WebP.")],
    meta: Annotated[str, Form(max_length=10_000, description="JSON: reference, consent, effective_from.")],
) -> EnrolmentOut:
    """Enrols a patient from photographs and says what is wrong with each. A refusal is an answer, not an error.

    The photographs are assessed and forgotten. A consent in `meta` is recorded even when every photograph is refused.
    """
    details = read_message(EnrolmentMeta, meta, field="meta")
    check_photo_count(len(photos))
    with context.database.transaction() as session:
        place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
        patient = patient_by_no(session, place.id, patient_no)
        wanted = enrolment_request(context, session, patient, details.reference, actor, details.effective_from)
        if details.consent is not None:
            _record(session, context, patient, details.consent, actor)
        refused = check_consent(session, wanted)
    if refused is not None:
        return EnrolmentOut.of(refused, language(request))
    assessor = pack_assessor(context)
    # Outside of any transaction: an inference takes longer than the database's only writer may be held.
    limit = context.settings.max_image_bytes
    assessed = assess_photos(assessor, [photo.file.read(limit + 1) for photo in photos])
    with context.database.transaction() as session:
        report = store_enrolment(
            context, session, wanted, assessed, assessor.pack_hash, same_person=assessor.same_person
        )
    return EnrolmentOut.of(report, language(request))


@router.get("/patients/{patient_no}/enrolments")
def get_enrolments(patient_no: str, facility: FacilityCode, actor: Writer, session: ReadSession) -> PatientEnrolmentOut:
    """What is on record about the patient's face: decisions and templates, never a picture or a template itself."""
    place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    patient = patient_by_no(session, place.id, patient_no)
    return PatientEnrolmentOut(
        patient_no=patient.patient_no,
        consent=standing_consent(session, patient.id),
        consents=[ConsentOut.of(row) for row in consents_of(session, patient.id)],
        templates=[TemplateOut.of(row) for row in templates_of_patient(session, patient.id)],
    )


@router.post("/patients/{patient_no}/consents", status_code=201)
def post_consent(
    patient_no: str,
    facility: FacilityCode,
    body: ConsentIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> ConsentOut:
    """Records what the patient decided. A refusal or withdrawal wipes the templates at once."""
    place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    patient = patient_by_no(session, place.id, patient_no)
    return ConsentOut.of(_record(session, context, patient, body, actor))


@router.post("/patients/{patient_no}/enrolments/confirmation")
def post_confirmation(
    patient_no: str, facility: FacilityCode, actor: Writer, context: ContextDep, session: WriteSession
) -> ConfirmedOut:
    """A second person, logged in, vouches that the face is the patient's. From now on it counts."""
    place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    patient = patient_by_no(session, place.id, patient_no)
    return ConfirmedOut(confirmed=confirm_enrolment(session, patient, actor=actor, now=context.clock.now()))


@router.post("/patients/{patient_no}/enrolments/revocation")
def post_revocation(
    patient_no: str,
    facility: FacilityCode,
    body: RevocationIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> RevokedOut:
    """The templates were not the patient's: they are wiped, and count no more for the past either."""
    place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    patient = patient_by_no(session, place.id, patient_no)
    count = revoke_enrolment(session, patient, why=body.why, actor=actor, now=context.clock.now())
    return RevokedOut(revoked=count)


@router.post("/imports/enrolments")
def post_bulk(
    request: Request,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    file: Annotated[UploadFile, File(description="ZIP with photographs and one CSV table.")],
    table: Annotated[UploadFile | None, File(description="The table, when it is not in the ZIP.")] = None,
    reference: Annotated[Reference, Query(description="For rows that do not say.")] = "unproven",
) -> BulkReportOut:
    """Enrols many patients from a ZIP with a table (docs/csv-contract.md). Every row gets its answer.

    Each patient is kept as soon as it is done; the same ZIP again changes nothing. Some 100 photographs take about
    ten seconds: send a thousand in several ZIPs, or use `wardwatch enrol` on the server.
    """
    with context.database.reading() as session:
        place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    report = bulk_enrol(
        context,
        place,
        file.file,
        actor=actor,
        table=table.file.read() if table is not None else None,
        default_reference=reference,
    )
    return BulkReportOut.of(report, language(request))


def _record(session: Session, context: Context, patient: Patient, consent: ConsentIn, actor: Actor) -> Consent:
    return record_consent(
        session,
        patient,
        status=consent.status,
        given_at=consent.given_at,
        given_by=consent.given_by,
        document_ref=consent.document_ref,
        actor=actor.label,
        now=context.clock.now(),
    )
