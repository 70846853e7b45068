"""What excuses an absence from the bed: leave that a doctor approved, and recorded activity off the ward."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions.changes import presence_changed
from service.admissions.errors import StayConflict
from service.admissions.recording import log_operation
from service.admissions.repository import leaves_of, off_ward_of
from service.admissions.stay_events import LONGEST_LEAVE, EventKind, Facts
from service.admissions.stays import audit, refuse_future
from service.admissions.tables import Admission, LeaveOfAbsence, OffWardActivity
from service.facilities import Facility
from service.kit.clock import utc


def grant_leave(
    session: Session,
    facility: Facility,
    admission: Admission,
    *,
    from_at: datetime,
    expected_return_at: datetime,
    approved_by: str,
    signed_at: datetime,
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> LeaveOfAbsence:
    """Records a leave; one signed after it began, too. The same leave twice is one. Raises `StayConflict`."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    start, back, signed = utc(from_at), utc(expected_return_at), utc(signed_at)
    _check_span(admission, start, back, "from", "expected_return_at")
    refuse_future(facility, signed, now, "signed_at")
    if back - start > LONGEST_LEAVE:
        raise StayConflict(
            f"longer than {LONGEST_LEAVE.days} days",
            field="expected_return_at",
            remedy="discharge the patient instead",
            message_zh=f"请假超过 {LONGEST_LEAVE.days} 天",
            remedy_zh="请办理出院",
        )
    for known in leaves_of(session, admission.id):
        same = (known.from_at, known.expected_return_at, known.signed_at) == (start, back, signed)
        if known.cancelled_at is None and same:
            return known
    leave = LeaveOfAbsence(
        admission_id=admission.id,
        from_at=start,
        expected_return_at=back,
        reason=reason,
        approved_by=approved_by,
        signed_at=signed,
        recorded_at=now,
    )
    session.add(leave)
    session.flush()
    facts = Facts(target=leave.id, expected_return_at=back, approved_by=approved_by, signed_at=signed, reason=reason)
    effect = f"leave until {back.isoformat()}"
    log_operation(session, facility, admission, EventKind.LEAVE, start, facts, trigger="leave", effect=effect, now=now)
    details = {"leave": leave.id, "from": start, "expected_return_at": back, "signed_at": signed}
    _publish(session, facility, admission, start, back, "leave.granted", details, actor, now)
    return leave


def end_leave(
    session: Session,
    facility: Facility,
    admission: Admission,
    leave: LeaveOfAbsence,
    at: datetime,
    *,
    actor: Actor,
    now: datetime,
) -> LeaveOfAbsence:
    """The patient was back at event time `at` (HL7 A22). Raises `StayConflict`."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    at = utc(at)
    refuse_future(facility, at, now, "at")
    if leave.cancelled_at is not None or at < leave.from_at:
        raise StayConflict(
            "the leave was cancelled, or had not begun then",
            field="at",
            remedy="give a time after its start",
            message_zh="请假已取消或尚未开始",
            remedy_zh="请填写请假开始之后的时间",
        )
    if leave.to_at == at:
        return leave
    since = min(at, leave.to_at or leave.expected_return_at)
    leave.to_at = at
    session.add(leave)
    session.flush()
    until = max(at, leave.expected_return_at)
    facts, effect = Facts(target=leave.id), f"back from leave at {at.isoformat()}"
    log_operation(session, facility, admission, EventKind.RETURN, at, facts, trigger="return", effect=effect, now=now)
    details = {"leave": leave.id, "at": at}
    _publish(session, facility, admission, since, until, "leave.ended", details, actor, now)
    return leave


def cancel_leave(
    session: Session, facility: Facility, admission: Admission, leave: LeaveOfAbsence, *, actor: Actor, now: datetime
) -> LeaveOfAbsence:
    """The leave was not taken (HL7 A52): it excuses nothing any more, and the record stays."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    if leave.cancelled_at is None:
        leave.cancelled_at = now
        session.add(leave)
        session.flush()
        facts, effect = Facts(target=leave.id), "leave taken back"
        log_operation(
            session,
            facility,
            admission,
            EventKind.CANCEL_LEAVE,
            leave.from_at,
            facts,
            trigger="cancel_leave",
            effect=effect,
            now=now,
        )
        span = (leave.from_at, leave.expected_return_at)
        _publish(session, facility, admission, *span, "leave.cancelled", {"leave": leave.id}, actor, now)
    return leave


def record_off_ward(
    session: Session,
    facility: Facility,
    admission: Admission,
    *,
    kind: str,
    from_at: datetime,
    to_at: datetime | None,
    actor: Actor,
    now: datetime,
) -> OffWardActivity:
    """Records that the patient is, or was, off the ward for `kind`. The same start and kind again sets the end."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    start, end = utc(from_at), utc(to_at) if to_at else None
    _check_span(admission, start, end, "from", "to")
    for known in off_ward_of(session, admission.id):
        if known.cancelled_at is None and (known.kind, known.from_at) == (kind, start):
            return _end_activity(session, facility, admission, known, end, actor, now)
    activity = OffWardActivity(
        admission_id=admission.id, kind=kind, from_at=start, to_at=end, recorded_by=actor.label, recorded_at=now
    )
    session.add(activity)
    session.flush()
    _log_activity(session, facility, admission, activity, now)
    details = {"activity": activity.id, "kind": kind, "from": start, "to": end}
    _publish(session, facility, admission, start, end, "off_ward.recorded", details, actor, now)
    return activity


def cancel_off_ward(
    session: Session,
    facility: Facility,
    admission: Admission,
    activity: OffWardActivity,
    *,
    actor: Actor,
    now: datetime,
) -> OffWardActivity:
    """The activity did not take place: it excuses nothing any more, and the record stays."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    if activity.cancelled_at is None:
        activity.cancelled_at = now
        session.add(activity)
        session.flush()
        facts, effect = Facts(target=activity.id), "activity off the ward taken back"
        log_operation(
            session,
            facility,
            admission,
            EventKind.CANCEL_OFF_WARD,
            activity.from_at,
            facts,
            trigger="cancel_off_ward",
            effect=effect,
            now=now,
        )
        span = (activity.from_at, activity.to_at)
        _publish(session, facility, admission, *span, "off_ward.cancelled", {"activity": activity.id}, actor, now)
    return activity


def _log_activity(
    session: Session, facility: Facility, admission: Admission, activity: OffWardActivity, now: datetime
) -> None:
    facts = Facts(target=activity.id, off_ward_kind=activity.kind, to_at=activity.to_at)
    until = activity.to_at.isoformat() if activity.to_at else "further notice"
    log_operation(
        session,
        facility,
        admission,
        EventKind.OFF_WARD,
        activity.from_at,
        facts,
        trigger="off_ward",
        effect=f"{activity.kind} until {until}",
        now=now,
    )


def _end_activity(
    session: Session,
    facility: Facility,
    admission: Admission,
    activity: OffWardActivity,
    end: datetime | None,
    actor: Actor,
    now: datetime,
) -> OffWardActivity:
    if activity.to_at == end:
        return activity
    known = [moment for moment in (activity.to_at, end) if moment is not None]
    since, until = min(known), max(known) if len(known) == 2 else None
    activity.to_at = end
    session.add(activity)
    session.flush()
    _log_activity(session, facility, admission, activity, now)
    details = {"activity": activity.id, "to": end}
    _publish(session, facility, admission, since, until, "off_ward.ended", details, actor, now)
    return activity


def _check_span(admission: Admission, start: datetime, end: datetime | None, first: str, second: str) -> None:
    if end is not None and end <= start:
        raise StayConflict(
            "does not lie after the start",
            field=second,
            remedy="correct one of the two times",
            message_zh="不晚于开始时间",
            remedy_zh="请更正开始或结束时间",
        )
    outside = admission.cancelled_at is not None or start < admission.admitted_at
    if outside or (admission.discharged_at is not None and start >= admission.discharged_at):
        raise StayConflict(
            "lies outside of the stay",
            field=first,
            remedy="give a time between admission and discharge",
            message_zh="不在住院期间内",
            remedy_zh="请填写入院与出院之间的时间",
        )


def _publish(
    session: Session,
    facility: Facility,
    admission: Admission,
    since: datetime,
    until: datetime | None,
    action: str,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    presence_changed(session, facility, since, until, now)
    audit(session, facility, admission, action, details, actor, now)
