"""Changing one recorded stay by hand or by program: transfers, discharge, cancellation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions.census.apply import Effects, transfer
from service.admissions.changes import beds_changed, presence_changed
from service.admissions.errors import StayConflict
from service.admissions.local_time import REPLAY_AHEAD
from service.admissions.recording import log_operation
from service.admissions.repository import assignments_of
from service.admissions.stay_events import EventKind, Facts
from service.admissions.tables import Admission, BedAssignment
from service.facilities import Bed, Facility, event_now
from service.kit.clock import utc
from service.ledger import append


def transfer_admission(
    session: Session, facility: Facility, admission: Admission, bed: Bed, at: datetime, *, actor: Actor, now: datetime
) -> BedAssignment:
    """The patient has `bed` from event time `at` on. The same transfer twice is one. Raises `StayConflict`."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    at = utc(at)
    refuse_future(facility, at, now, "at")
    _refuse_cancelled(admission)
    stays = assignments_of(session, [admission.id]).get(admission.id, [])
    last = stays[-1] if stays else None
    if last is not None and last.bed_id == bed.id and last.from_at <= at:
        return last
    _refuse_outside(admission, at)
    if last is not None and at < last.from_at:
        raise StayConflict(
            f"a later transfer is recorded at {last.from_at.isoformat()}",
            field="at",
            remedy="record transfers in the order of their time",
            message_zh=f"已有更晚的转床记录（{last.from_at.isoformat()}）",
            remedy_zh="请按时间先后记录转床",
        )
    effects = Effects()
    if last is not None:
        effects.bed(last.bed_id, at, admission.discharged_at)
    effects.bed(bed.id, at, admission.discharged_at)
    if last is not None and last.from_at == at:
        last.bed_id = bed.id
        session.add(last)
        assignment = last
    else:
        assignment = transfer(admission, stays, bed.id, at, now)
        session.add(assignment)
    _changed(session, admission, now)
    log_operation(
        session,
        facility,
        admission,
        EventKind.TRANSFER,
        at,
        Facts(bed_id=bed.id),
        trigger="transfer",
        effect=f"bed {bed.hospital_code} from {at.isoformat()}",
        now=now,
    )
    _publish(session, facility, admission, effects, "admission.transfer", {"bed": bed.id, "at": at}, actor, now)
    return assignment


def discharge(
    session: Session, facility: Facility, admission: Admission, at: datetime, *, actor: Actor, now: datetime
) -> Admission:
    """The stay ended at event time `at`; a recorded discharge is corrected. Raises `StayConflict`."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    at = utc(at)
    refuse_future(facility, at, now, "at")
    _refuse_cancelled(admission)
    stays = assignments_of(session, [admission.id]).get(admission.id, [])
    if at <= max([admission.admitted_at] + [stay.from_at for stay in stays]):
        raise StayConflict(
            "the discharge would lie before the admission or a recorded transfer",
            field="at",
            remedy="correct the time, or the transfer first",
            message_zh="出院时间早于入院或已记录的转床",
            remedy_zh="请更正时间，或先更正转床记录",
        )
    if admission.discharged_at == at:
        return admission
    old = admission.discharged_at
    effects = _end_stay(session, admission, stays, at)
    _changed(session, admission, now)
    log_operation(
        session,
        facility,
        admission,
        EventKind.DISCHARGE,
        at,
        Facts(discharged_at=at),
        trigger="discharge",
        effect=f"discharged_at {old.isoformat() if old else 'none'} -> {at.isoformat()}",
        now=now,
    )
    _publish(session, facility, admission, effects, "admission.discharge", {"at": at}, actor, now)
    return admission


def cancel_discharge(
    session: Session, facility: Facility, admission: Admission, *, actor: Actor, now: datetime
) -> Admission:
    """The discharge did not happen (HL7 A13): the stay goes on in its last bed."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    _refuse_cancelled(admission)
    if admission.discharged_at is None:
        return admission
    old = admission.discharged_at
    stays = assignments_of(session, [admission.id]).get(admission.id, [])
    effects = _end_stay(session, admission, stays, None)
    _changed(session, admission, now)
    log_operation(
        session,
        facility,
        admission,
        EventKind.CANCEL_DISCHARGE,
        old,
        Facts(),
        trigger="cancel_discharge",
        effect=f"discharged_at {old.isoformat()} -> none",
        now=now,
    )
    _publish(session, facility, admission, effects, "admission.discharge_cancelled", {"was": old}, actor, now)
    return admission


def cancel_admission(
    session: Session, facility: Facility, admission: Admission, *, actor: Actor, now: datetime
) -> Admission:
    """The admission did not happen (HL7 A11). The record stays, marked; conclusions from it are drawn anew."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    if admission.cancelled_at is not None:
        return admission
    effects = Effects()
    effects.touch(admission.admitted_at)
    for stay in assignments_of(session, [admission.id]).get(admission.id, []):
        effects.bed(stay.bed_id, stay.from_at, stay.to_at)
    admission.cancelled_at = now
    _changed(session, admission, now)
    log_operation(
        session,
        facility,
        admission,
        EventKind.CANCEL_ADMIT,
        admission.admitted_at,
        Facts(),
        trigger="cancel_admission",
        effect=f"admission of {admission.admitted_at.isoformat()} taken back",
        now=now,
    )
    _publish(session, facility, admission, effects, "admission.cancelled", {}, actor, now)
    return admission


def refuse_future(facility: Facility, at: datetime, now: datetime, field: str) -> None:
    """Raises `StayConflict` for a fact of a live facility that has not happened yet, and for one far ahead of a
    replay's clock."""
    ahead = timedelta() if facility.clock == "live" else REPLAY_AHEAD
    if at > event_now(facility, now) + ahead:
        raise StayConflict(
            "lies in the future",
            field=field,
            remedy="record it when it has happened",
            message_zh="时间尚未到来",
            remedy_zh="请在发生后记录",
        )


def _end_stay(session: Session, admission: Admission, stays: list[BedAssignment], at: datetime | None) -> Effects:
    effects = Effects()
    old = admission.discharged_at
    admission.discharged_at = at
    moments = sorted(moment for moment in (old, at) if moment is not None)
    end = moments[1] if len(moments) == 2 else None
    effects.touch(moments[0])
    if stays:
        stays[-1].to_at = at
        session.add(stays[-1])
        effects.bed(stays[-1].bed_id, moments[0], end)
    return effects


def _changed(session: Session, admission: Admission, now: datetime) -> None:
    admission.updated_at = now
    session.add(admission)
    session.flush()


def _refuse_cancelled(admission: Admission) -> None:
    if admission.cancelled_at is not None:
        raise StayConflict(
            "the admission was cancelled",
            field="admission_no",
            remedy="use the admission that replaced it",
            message_zh="该住院已被取消",
            remedy_zh="请使用替代它的住院号",
        )


def _refuse_outside(admission: Admission, at: datetime) -> None:
    if at < admission.admitted_at or (admission.discharged_at is not None and at >= admission.discharged_at):
        raise StayConflict(
            "lies outside of the stay",
            field="at",
            remedy="give a time between admission and discharge",
            message_zh="不在住院期间内",
            remedy_zh="请填写入院与出院之间的时间",
        )


def _publish(
    session: Session,
    facility: Facility,
    admission: Admission,
    effects: Effects,
    action: str,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    if effects.since is not None:
        presence_changed(session, facility, effects.since, None, now)
    beds_changed(session, facility, effects.merged_beds(), now)
    audit(session, facility, admission, action, details, actor, now)


def audit(
    session: Session,
    facility: Facility,
    admission: Admission,
    action: str,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    """Writes a change of the stay to the audit log; instants in `details` as text."""
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=action,
        object_kind="admission",
        object_id=admission.id,
        facility_id=facility.id,
        details={key: value.isoformat() if isinstance(value, datetime) else value for key, value in details.items()},
    )
