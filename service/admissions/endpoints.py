"""The API of stays: the census import, one stay, and what changes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.admissions.census.importing import import_census
from service.admissions.event_log import surviving_number
from service.admissions.excuses import cancel_leave, cancel_off_ward, end_leave, grant_leave, record_off_ward
from service.admissions.recording import stay_as_known
from service.admissions.repository import (
    admission_by_no,
    assignments_of,
    leave_by_id,
    leaves_of,
    off_ward_by_id,
    off_ward_of,
    patient_by_id,
)
from service.admissions.schemas import (
    AdmissionOut,
    AssignmentOut,
    ImportReportOut,
    LeaveIn,
    LeaveOut,
    MomentIn,
    OffWardIn,
    OffWardOut,
    TransferIn,
)
from service.admissions.stays import cancel_admission, cancel_discharge, discharge, transfer_admission
from service.admissions.tables import Admission
from service.contracts.messages import Instant
from service.facilities import Facility, bed_by_hospital_code, bed_by_id, facility_for
from service.kit.errors import NotFound
from service.platform.http import ContextDep, ReadSession, WriteSession, language

router = APIRouter(prefix="/api/v1", tags=["admissions"])

Reader = Annotated[Actor, allow(Permission.FACILITY_READ)]
Writer = Annotated[Actor, allow(Permission.ADMISSIONS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]

_CENSUS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file itself; docs/csv-contract.md lists the columns.",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "patient_no,admission_no,bed,admitted_at\nP000001,ZY2026030001,N1-03,2026-03-02 08:00\n",
            }
        },
    }
}


async def _raw_body(request: Request) -> bytes:
    return await request.body()


@router.post("/imports/census", openapi_extra=_CENSUS_BODY)
def post_census(
    request: Request,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Annotated[bytes, Depends(_raw_body)],
    dry_run: bool = False,
    as_of: Annotated[Instant | None, Query(description="When the file was true; default: now.")] = None,
) -> ImportReportOut:
    """Imports a census as CSV. Every row is reported; a bad one never stops the others; the same file twice is one."""
    place = facility_for(session, actor, Permission.ADMISSIONS_WRITE, facility)
    report = import_census(session, place, body, dry_run=dry_run, actor=actor, now=context.clock.now(), as_of=as_of)
    return ImportReportOut.of(report, language(request))


@router.get("/admissions/{admission_no}")
def get_admission(
    admission_no: str,
    facility: FacilityCode,
    actor: Reader,
    session: ReadSession,
    as_of: Annotated[Instant | None, Query(description="As it was known at that event time; default: now.")] = None,
) -> AdmissionOut:
    """One stay with its beds, leaves and absences from the ward: as it is known now, or was known `as_of`."""
    place = facility_for(session, actor, Permission.FACILITY_READ, facility)
    admission = admission_by_no(session, place.id, admission_no)
    return _admission_out(session, admission) if as_of is None else _as_known(session, place, admission, as_of)


@router.post("/admissions/{admission_no}/transfers")
def post_transfer(
    admission_no: str,
    facility: FacilityCode,
    body: TransferIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> AdmissionOut:
    """Moves the patient to another bed from an event time on."""
    place, admission = _writable(session, actor, facility, admission_no)
    bed = bed_by_hospital_code(session, place.id, body.bed)
    if bed is None:
        raise NotFound(
            f"the facility has no bed {body.bed!r}",
            field="bed",
            remedy="use the hospital_code of the layout",
            message_zh=f"本机构没有床位 {body.bed!r}",
            remedy_zh="请使用布局中的 hospital_code",
        )
    transfer_admission(session, place, admission, bed, body.at, actor=actor, now=context.clock.now())
    return _admission_out(session, admission)


@router.post("/admissions/{admission_no}/discharge")
def post_discharge(
    admission_no: str,
    facility: FacilityCode,
    body: MomentIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> AdmissionOut:
    """Ends the stay, or corrects when it ended."""
    place, admission = _writable(session, actor, facility, admission_no)
    discharge(session, place, admission, body.at, actor=actor, now=context.clock.now())
    return _admission_out(session, admission)


@router.delete("/admissions/{admission_no}/discharge")
def delete_discharge(
    admission_no: str, facility: FacilityCode, actor: Writer, context: ContextDep, session: WriteSession
) -> AdmissionOut:
    """Takes a discharge back: the stay goes on in its last bed."""
    place, admission = _writable(session, actor, facility, admission_no)
    cancel_discharge(session, place, admission, actor=actor, now=context.clock.now())
    return _admission_out(session, admission)


@router.post("/admissions/{admission_no}/cancellation")
def post_cancellation(
    admission_no: str, facility: FacilityCode, actor: Writer, context: ContextDep, session: WriteSession
) -> AdmissionOut:
    """The admission did not happen. The record stays, marked."""
    place, admission = _writable(session, actor, facility, admission_no)
    cancel_admission(session, place, admission, actor=actor, now=context.clock.now())
    return _admission_out(session, admission)


@router.post("/admissions/{admission_no}/leaves", status_code=201)
def post_leave(
    admission_no: str,
    facility: FacilityCode,
    body: LeaveIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> LeaveOut:
    """Records a leave that a doctor approved."""
    place, admission = _writable(session, actor, facility, admission_no)
    leave = grant_leave(
        session,
        place,
        admission,
        from_at=body.from_at,
        expected_return_at=body.expected_return_at,
        approved_by=body.approved_by,
        signed_at=body.signed_at,
        reason=body.reason,
        actor=actor,
        now=context.clock.now(),
    )
    return LeaveOut.of(leave)


@router.post("/admissions/{admission_no}/leaves/{leave_id}/return")
def post_return(
    admission_no: str,
    leave_id: str,
    facility: FacilityCode,
    body: MomentIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> LeaveOut:
    """The patient was back."""
    place, admission = _writable(session, actor, facility, admission_no)
    leave = leave_by_id(session, admission.id, leave_id)
    return LeaveOut.of(end_leave(session, place, admission, leave, body.at, actor=actor, now=context.clock.now()))


@router.delete("/admissions/{admission_no}/leaves/{leave_id}")
def delete_leave(
    admission_no: str,
    leave_id: str,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> LeaveOut:
    """The leave was not taken: it excuses nothing any more. The record stays, marked."""
    place, admission = _writable(session, actor, facility, admission_no)
    leave = leave_by_id(session, admission.id, leave_id)
    return LeaveOut.of(cancel_leave(session, place, admission, leave, actor=actor, now=context.clock.now()))


@router.post("/admissions/{admission_no}/off-ward-activities", status_code=201)
def post_off_ward(
    admission_no: str,
    facility: FacilityCode,
    body: OffWardIn,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> OffWardOut:
    """Records that the patient is, or was, off the ward; the same kind and start again sets the end."""
    place, admission = _writable(session, actor, facility, admission_no)
    activity = record_off_ward(
        session,
        place,
        admission,
        kind=body.kind,
        from_at=body.from_at,
        to_at=body.to_at,
        actor=actor,
        now=context.clock.now(),
    )
    return OffWardOut.of(activity)


@router.delete("/admissions/{admission_no}/off-ward-activities/{activity_id}")
def delete_off_ward(
    admission_no: str,
    activity_id: str,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
) -> OffWardOut:
    """The activity did not take place. The record stays, marked."""
    place, admission = _writable(session, actor, facility, admission_no)
    activity = off_ward_by_id(session, admission.id, activity_id)
    return OffWardOut.of(cancel_off_ward(session, place, admission, activity, actor=actor, now=context.clock.now()))


def _writable(session: Session, actor: Actor, code: str, admission_no: str) -> tuple[Facility, Admission]:
    place = facility_for(session, actor, Permission.ADMISSIONS_WRITE, code)
    return place, admission_by_no(session, place.id, admission_no)


def _as_known(session: Session, place: Facility, admission: Admission, as_of: datetime) -> AdmissionOut:
    state = stay_as_known(session, place, admission, as_of)
    if state.admitted_at is None or state.patient_no is None:
        raise NotFound(
            f"nothing was known of admission {admission.admission_no!r} at {as_of.isoformat()}",
            field="as_of",
            remedy="ask for a later time",
            message_zh=f"当时尚无住院号 {admission.admission_no!r} 的信息",
            remedy_zh="请查询更晚的时间",
        )
    patient_no = surviving_number(session, place.id, state.patient_no, as_of)
    beds = {span.bed_id: bed_by_id(session, span.bed_id).hospital_code for span in state.beds}
    return AdmissionOut.as_known(admission, patient_no, state, beds, state.admitted_at)


def _admission_out(session: Session, admission: Admission) -> AdmissionOut:
    return AdmissionOut.of(
        admission,
        patient_by_id(session, admission.patient_id).patient_no,
        [
            AssignmentOut.of(row, bed_by_id(session, row.bed_id).hospital_code)
            for row in assignments_of(session, [admission.id]).get(admission.id, [])
        ],
        [LeaveOut.of(row) for row in leaves_of(session, admission.id)],
        [OffWardOut.of(row) for row in off_ward_of(session, admission.id)],
    )
