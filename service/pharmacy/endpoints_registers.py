"""The API of registers: sites, delegates, delegations, exemptions, vital status. Their imports: `endpoints_feeds`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Path, Query, UploadFile
from sqlmodel import Session

from service.access import Actor, Forbidden, Permission, allow
from service.admissions import Patient, record_vital_status, vital_status_of
from service.enrolment import enrol_delegate
from service.facilities import Facility, event_now, facility_for
from service.kit.errors import InvalidInput, NotFound
from service.pharmacy.approval import decide_delegation
from service.pharmacy.disclosure import record_vital_status_read
from service.pharmacy.exemptions import approve_exemption, end_exemption, exemptions_readable, request_exemption
from service.pharmacy.policies import purchase_policy, version_at
from service.pharmacy.registers import (
    Entry,
    NewDelegate,
    NewDelegation,
    add_delegate,
    add_delegation,
    delegate_by_no,
    delegation_by_id,
    patients_called,
    revoke_delegation,
)
from service.pharmacy.repository import (
    delegates_readable,
    delegations_readable,
    pharmacies_in,
    row_readable,
    standing_now,
)
from service.pharmacy.schemas_registers import (
    DelegateIn,
    DelegateOut,
    DelegationDecisionIn,
    DelegationIn,
    DelegationOut,
    ExemptionIn,
    ExemptionOut,
    RevocationIn,
    SiteIn,
    SiteOut,
    VitalStatusIn,
    VitalStatusOut,
)
from service.pharmacy.sites import describe_site, register_of, sites_readable
from service.pharmacy.tables import IdentityExemption, PharmacySite
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter()

Reader = Annotated[Actor, allow(Permission.PURCHASES_READ)]
Writer = Annotated[Actor, allow(Permission.REGISTERS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]
RowId = Annotated[str, Path(max_length=32)]


@router.put("/pharmacies/{facility_code}", summary="Describe a pharmacy, or a hospital that shares its register")
def put_site(
    facility_code: Annotated[str, Path(max_length=64)],
    body: SiteIn,
    actor: Annotated[Actor, allow(Permission.FACILITY_WRITE)],
    context: ContextDep,
    session: WriteSession,
) -> SiteOut:
    """Level, type, opening hours, the register shared with others, and what this place has otherwise in its policy."""
    facility = facility_for(session, actor, Permission.FACILITY_WRITE, facility_code)
    site = describe_site(
        session,
        facility,
        register=body.register_code,
        level=body.level,
        pharmacy_type=body.pharmacy_type,
        opening_hours=body.opening_hours,
        policy=body.policy,
        legal_basis=body.legal_basis.model_dump() if body.legal_basis else None,
        actor=actor,
        now=context.clock.now(),
    )
    return _site(session, facility, site, context.clock.now())


@router.get("/pharmacies", summary="Pharmacies and their registers")
def list_sites(
    actor: Annotated[Actor, allow(Permission.FACILITY_READ)], context: ContextDep, session: ReadSession
) -> list[SiteOut]:
    """The described sites that you may see, each with the policy in force."""
    now = context.clock.now()
    return [_site(session, place, site, now) for place, site in sites_readable(session, actor)]


@router.post("/delegates", status_code=201, summary="Enter a delegate")
def post_delegate(
    body: DelegateIn, facility: FacilityCode, actor: Writer, context: ContextDep, session: WriteSession
) -> DelegateOut:
    """Enters somebody who buys for others, or changes the one with this number."""
    entry = _entry(session, actor, facility, context.clock.now())
    row, _ = add_delegate(session, entry, NewDelegate(**body.model_dump()))
    return DelegateOut.of(row)


@router.get("/delegates", summary="Delegates of your registers")
def list_delegates(actor: Reader, session: ReadSession) -> list[DelegateOut]:
    """In order of their number."""
    return [DelegateOut.of(row) for row in delegates_readable(session, actor)]


@router.post("/delegates/{delegate_no}/enrolments", summary="Enrol a delegate's face")
def post_delegate_enrolment(
    delegate_no: Annotated[str, Path(max_length=64)],
    facility: FacilityCode,
    actor: Annotated[Actor, allow(Permission.ENROLMENTS_WRITE)],
    context: ContextDep,
    photos: Annotated[list[UploadFile], File(description="1 to 10 photographs: JPEG, PNG or WebP.")],
    consent_at: Annotated[datetime, Form(description="When the delegate consented, with its offset.")],
    consent_ref: Annotated[str, Form(max_length=200, description="Number of the signed paper.")] = "",
) -> dict[str, Any]:
    """The delegate's photographs become templates; they are assessed and forgotten. A refusal is an answer."""
    if consent_at.tzinfo is None:
        raise InvalidInput("names no time zone", field="consent_at", remedy="add the offset, for example +08:00")
    with context.database.reading() as session:
        place = facility_for(session, actor, Permission.ENROLMENTS_WRITE, facility)
        delegate = delegate_by_no(session, register_of(session, place), delegate_no)
    limit = context.settings.max_image_bytes
    pictures = [photo.file.read(limit + 1) for photo in photos]
    report = enrol_delegate(
        context,
        place.id,
        delegate.id,
        delegate.delegate_no,
        pictures,
        actor=actor,
        consent_at=consent_at,
        consent_ref=consent_ref,
    )
    return {
        "delegate_no": delegate.delegate_no,
        "accepted": report.accepted,
        "photos": len(report.photos),
        "reasons": [reason.code for reason in report.reasons],
    }


@router.post("/delegations", status_code=201, summary="Enter a delegation")
def post_delegation(
    body: DelegationIn, facility: FacilityCode, actor: Writer, context: ContextDep, session: WriteSession
) -> DelegationOut:
    """Staff enter it with the documents seen; it counts at once. The same delegation twice is one."""
    now = context.clock.now()
    entry = _entry(session, actor, facility, now)
    row, _ = add_delegation(session, entry, NewDelegation(**body.model_dump()))
    return standing_now(session, entry.facility, row, now)


@router.get("/delegations", summary="Delegations of your registers")
def list_delegations(
    actor: Reader,
    context: ContextDep,
    session: ReadSession,
    patient_no: Annotated[str | None, Query(max_length=64)] = None,
    delegate_no: Annotated[str | None, Query(max_length=64)] = None,
    status: Literal["pending_review", "active", "rejected", "revoked"] | None = None,
) -> list[DelegationOut]:
    """The latest first, at most 1,000, each with how it stands now."""
    found = delegations_readable(session, actor, patient_no=patient_no, delegate_no=delegate_no, status=status)
    places = pharmacies_in(session, {row.facility_id for row, _ in found})
    now = context.clock.now()
    return [standing_now(session, places[row.facility_id], row, now, number) for row, number in found]


@router.post("/delegations/{delegation_id}/decision", summary="Approve or reject a delegation that waits")
def post_delegation_decision(
    delegation_id: RowId, body: DelegationDecisionIn, actor: Writer, context: ContextDep, session: WriteSession
) -> DelegationOut:
    """A person looks at the documents of what was registered at a kiosk, and says for how long, how often and for which
    drugs it holds."""
    if actor.kind != "user":
        raise Forbidden(
            "a person decides, not a program",
            remedy="log in and decide there",
            message_zh="须由人员审批",
            remedy_zh="请登录后审批",
        )
    now = context.clock.now()
    row, place = row_readable(session, actor, Permission.REGISTERS_WRITE, delegation_by_id(session, delegation_id))
    limits = body.limits.limits() if body.limits else None
    entry = Entry(place, actor.label, now)
    decided = decide_delegation(session, entry, row, approve=body.approve, note=body.note, limits=limits)
    return standing_now(session, place, decided, now)


@router.post("/delegations/{delegation_id}/revocation", summary="Revoke a delegation")
def post_revocation(
    delegation_id: RowId, body: RevocationIn, actor: Writer, context: ContextDep, session: WriteSession
) -> DelegationOut:
    """From that time on; what was bought before stays lawful."""
    now = context.clock.now()
    row, place = row_readable(session, actor, Permission.REGISTERS_WRITE, delegation_by_id(session, delegation_id))
    at = body.at or event_now(place, now)
    return standing_now(
        session, place, revoke_delegation(session, Entry(place, actor.label, now), row, at=at, note=body.note), now
    )


@router.post("/patients/{patient_no}/vital-status", status_code=201, summary="Record a notice about a patient's life")
def post_vital_status(
    patient_no: Annotated[str, Path(max_length=64)],
    body: VitalStatusIn,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> VitalStatusOut:
    """A death with its time and the time of the notice, or a correction. Nothing is overwritten."""
    place = facility_for(session, actor, Permission.REGISTERS_WRITE, facility)
    rows = _patients(session, place, patient_no)
    for row in rows:
        record_vital_status(
            session,
            row.facility_id,
            row.id,
            source=body.source,
            status=body.status,
            noticed_at=body.noticed_at,
            identifiers={str(name): value for name, value in body.identifiers.items()},
            actor=actor.label,
            now=context.clock.now(),
            died_at=body.died_at,
            died_on=body.died_on,
            reference=body.reference,
        )
    record_vital_status_read(session, actor, rows, context.clock.now())
    return _vital_out(session, rows, patient_no)


@router.get("/patients/{patient_no}/vital-status", summary="What the sources say of a patient's life")
def read_vital_status(
    patient_no: Annotated[str, Path(max_length=64)],
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> VitalStatusOut:
    """For people of the register; a buyer is never told. Each reading is recorded."""
    place = facility_for(session, actor, Permission.REGISTERS_WRITE, facility)
    rows = _patients(session, place, patient_no)
    record_vital_status_read(session, actor, rows, context.clock.now())
    return _vital_out(session, rows, patient_no)


@router.post("/identity-exemptions", status_code=201, summary="Ask for an exemption from the face")
def post_exemption(
    body: ExemptionIn, facility: FacilityCode, actor: Writer, context: ContextDep, session: WriteSession
) -> ExemptionOut:
    """With a reason. It counts once another person has approved it."""
    place = facility_for(session, actor, Permission.REGISTERS_WRITE, facility)
    row = request_exemption(
        session,
        place,
        person_kind=body.person_kind,
        person_no=body.person_no,
        reason=body.reason,
        valid_to=body.valid_to,
        actor=actor,
        now=context.clock.now(),
    )
    return ExemptionOut.of(row)


@router.get("/identity-exemptions", summary="Exemptions of your registers")
def list_exemptions(actor: Reader, session: ReadSession) -> list[ExemptionOut]:
    """The latest first."""
    return [ExemptionOut.of(row) for row in exemptions_readable(session, actor)]


@router.post("/identity-exemptions/{exemption_id}/approval", summary="Approve an exemption")
def post_exemption_approval(
    exemption_id: RowId, actor: Writer, context: ContextDep, session: WriteSession
) -> ExemptionOut:
    """By another person than who entered it."""
    found = session.get(IdentityExemption, exemption_id)
    row, _ = row_readable(session, actor, Permission.REGISTERS_WRITE, found)
    return ExemptionOut.of(approve_exemption(session, row, actor, context.clock.now()))


@router.delete("/identity-exemptions/{exemption_id}", summary="End an exemption")
def delete_exemption(exemption_id: RowId, actor: Writer, context: ContextDep, session: WriteSession) -> ExemptionOut:
    """From now on the face is asked for again."""
    found = session.get(IdentityExemption, exemption_id)
    row, _ = row_readable(session, actor, Permission.REGISTERS_WRITE, found)
    return ExemptionOut.of(end_exemption(session, row, actor, context.clock.now()))


def _site(session: Session, place: Facility, site: PharmacySite, now: datetime) -> SiteOut:
    at = event_now(place, now)
    row = version_at(session, place.id, at)
    overrides = site.policy if row is None else row.overrides
    return SiteOut.of(place.code, site, overrides, purchase_policy(session, place, at).version)


def _entry(session: Session, actor: Actor, facility_code: str, now: datetime) -> Entry:
    return Entry(facility_for(session, actor, Permission.REGISTERS_WRITE, facility_code), actor.label, now)


def _patients(session: Session, facility: Facility, patient_no: str) -> tuple[Patient, ...]:
    rows = patients_called(session, register_of(session, facility), patient_no)
    if not rows:
        raise NotFound(f"no patient {patient_no[:64]!r}", field="patient_no", remedy="import the census, or correct it")
    return rows


def _vital_out(session: Session, rows: tuple[Patient, ...], patient_no: str) -> VitalStatusOut:
    status = vital_status_of(session, [row.id for row in rows])
    return VitalStatusOut(
        patient_no=patient_no,
        dead_from=status.dead_from,
        conflicting=status.conflicting,
        confirmed_by=list(status.sources),
        unconfirmed=list(status.unconfirmed),
    )
