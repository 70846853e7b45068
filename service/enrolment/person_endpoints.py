"""The API of references that are no patients': staff; and of who must be enrolled again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.access import Actor, Permission, allow
from service.contracts import Instant, read_message
from service.enrolment.due import DueForEnrolment, due_for_enrolment
from service.enrolment.enrol_patient import check_photo_count
from service.enrolment.pack import opened_pack
from service.enrolment.person_templates import PersonKind
from service.enrolment.persons import PersonReport, revoke_person, staff_request, store_person
from service.enrolment.photos import assess_photos, pack_assessor
from service.enrolment.schemas import LookAlikeOut, PhotoOut, ReasonOut, RevocationIn, RevokedOut, Words
from service.facilities import facility_for
from service.platform.http import ContextDep, ReadSession, WriteSession, language

router = APIRouter(prefix="/api/v1", tags=["enrolment"])

Writer = Annotated[Actor, allow(Permission.ENROLMENTS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]
StaffNo = Annotated[str, Path(max_length=64, description="The facility's number of the member of staff.")]


class StaffMeta(BaseModel):
    """What comes with the photographs of a member of staff: the separate consent to face matching."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"consent_at": "2026-03-02T08:30:00+08:00", "consent_ref": "HR-2026-117"}]},
    )

    consent_at: Instant
    consent_ref: Annotated[Words, Field(max_length=200)] = ""


class PersonEnrolmentOut(BaseModel):
    """An enrolment of somebody who is no patient, photograph by photograph."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "staff",
                    "person_no": "N-017",
                    "accepted": True,
                    "photos": [],
                    "reasons": [],
                    "warnings": [],
                    "look_alikes": [],
                }
            ]
        }
    )

    kind: PersonKind
    person_no: str
    accepted: bool
    photos: list[PhotoOut]
    reasons: list[ReasonOut]
    warnings: list[ReasonOut]
    look_alikes: list[LookAlikeOut]

    @classmethod
    def of(cls, report: PersonReport, language: str) -> PersonEnrolmentOut:
        """The report on the wire."""
        return cls(
            kind=report.kind,
            person_no=report.person_no,
            accepted=report.accepted,
            photos=[PhotoOut.of(photo, language) for photo in report.photos],
            reasons=[ReasonOut.of(reason, language) for reason in report.reasons],
            warnings=[ReasonOut.of(reason, language) for reason in report.warnings],
            look_alikes=[LookAlikeOut.of(found) for found in report.look_alikes],
        )


class DueOut(BaseModel):
    """Somebody whose templates the current model pack cannot use."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "patient",
                    "number": "P000001",
                    "enrolled_at": "2026-03-02T00:31:00Z",
                    "packs": ["64498888a73d"],
                    "in_hospital": True,
                }
            ]
        }
    )

    kind: PersonKind
    number: str
    enrolled_at: AwareDatetime
    packs: list[str]
    in_hospital: bool

    @classmethod
    def of(cls, due: DueForEnrolment) -> DueOut:
        """The entry on the wire."""
        return cls(
            kind=due.kind,
            number=due.number,
            enrolled_at=due.enrolled_at,
            packs=list(due.packs),
            in_hospital=due.in_hospital,
        )


@router.post("/staff/{staff_no}/enrolments", summary="Enrol a member of staff")
def post_staff_enrolment(
    request: Request,
    staff_no: StaffNo,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    photos: Annotated[list[UploadFile], File(description="1 to 10 photographs: JPEG, PNG or WebP.")],
    meta: Annotated[str, Form(max_length=4_000, description="JSON: consent_at, consent_ref.")],
) -> PersonEnrolmentOut:
    """A face at a bed that belongs to staff is then reported as staff. The photographs are assessed and forgotten."""
    details = read_message(StaffMeta, meta, field="meta")
    check_photo_count(len(photos))
    with context.database.reading() as session:
        place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
        wanted = staff_request(context, session, place, staff_no, actor, details.consent_at, details.consent_ref)
    assessor = pack_assessor(context)
    # Outside of any transaction: an inference takes longer than the database's only writer may be held.
    limit = context.settings.max_image_bytes
    assessed = assess_photos(assessor, [photo.file.read(limit + 1) for photo in photos])
    with context.database.transaction() as session:
        report = store_person(context, session, wanted, assessed, assessor.pack_hash, assessor.same_person)
    return PersonEnrolmentOut.of(report, language(request))


@router.post("/staff/{staff_no}/enrolments/revocation", summary="Wipe the templates of a member of staff")
def post_staff_revocation(
    staff_no: StaffNo,
    facility: FacilityCode,
    body: RevocationIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> RevokedOut:
    """Consent was withdrawn, the person left, or the pictures were wrong."""
    place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    now = context.clock.now()
    count = revoke_person(session, place.id, PersonKind.STAFF, staff_no, why=body.why, actor=actor, now=now)
    return RevokedOut(revoked=count)


@router.get("/enrolments/due", summary="Who must be enrolled again")
def get_due(facility: FacilityCode, actor: Writer, context: ContextDep, session: ReadSession) -> list[DueOut]:
    """After a change of the model pack: everybody whose templates another pack made, patients in hospital first."""
    place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
    pack_hash = opened_pack(context).pack_hash
    return [DueOut.of(due) for due in due_for_enrolment(session, place.id, pack_hash)]
