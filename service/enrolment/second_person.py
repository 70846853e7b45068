"""What needs another look after an enrolment: confirming it as a second person, and revoking it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions import Patient
from service.enrolment.errors import ConfirmationRefused
from service.enrolment.notices import judgement_changed
from service.enrolment.stamp import restamp
from service.enrolment.templates import active_templates, is_proven, superseded_templates, wipe_templates
from service.facilities import event_now, facility_by_id
from service.kit.errors import InvalidInput
from service.ledger import append


def confirm_enrolment(session: Session, patient: Patient, *, actor: Actor, now: datetime) -> int:
    """A second person vouches that the templates that await it are the patient's; returns how many there were.

    They count from now on in event time, not from when the first person enrolled: until then nothing was proven.
    What they replace is wiped. Raises `ConfirmationRefused` for a program, for the first person, and for nothing.
    """
    actor.require(Permission.ENROLMENTS_WRITE, patient.facility_id)
    facility = facility_by_id(session, patient.facility_id)
    active = active_templates(session, patient.id)
    waiting = [row for row in active if row.reference == "two_persons" and not is_proven(row)]
    if not waiting:
        raise ConfirmationRefused(
            "nothing of this patient awaits a second person",
            field="patient_no",
            remedy="enrol with reference two_persons first",
            message_zh="该患者没有等待确认的建档",
            remedy_zh="请先以 two_persons 方式建档",
        )
    if actor.kind != "user" or any(row.enrolled_by == actor.label for row in waiting):
        raise ConfirmationRefused(
            "another person than the first has to confirm",
            remedy="ask a colleague to log in and confirm",
            message_zh="须由建档人以外的工作人员确认",
            remedy_zh="请同事登录后确认",
        )
    present = event_now(facility, now)
    # A second look was needed because the face may differ: what stood before proves nothing about this one.
    wipe_templates(session, [row for row in active if row not in waiting], cause="replaced", at=now)
    for row in waiting:
        row.confirmed_by, row.confirmed_at = actor.label, now
        row.effective_from = max(row.effective_from, present)
        session.add(row)
    session.flush()
    restamp(session, facility.id)
    _audit(session, patient, "enrolment.confirmed", {"templates": [row.id for row in waiting]}, actor, now)
    judgement_changed(session, facility, patient.id, present, now)
    return len(waiting)


def revoke_enrolment(session: Session, patient: Patient, *, why: str, actor: Actor, now: datetime) -> int:
    """The templates were not the patient's: they are wiped and count no more, also for the past. Returns how many."""
    actor.require(Permission.ENROLMENTS_WRITE, patient.facility_id)
    if not why.strip():
        raise InvalidInput(
            "a reason is needed", field="why", remedy="say what was wrong", message_zh="须填写原因", remedy_zh="请说明"
        )
    facility = facility_by_id(session, patient.facility_id)
    active = active_templates(session, patient.id)
    # What they superseded resembled them, so it was as wrong; what expired proves the past by the same face.
    wrong = [*active, *superseded_templates(session, patient.id)]
    if not wrong:
        return 0
    since = min(row.effective_from for row in wrong)
    wipe_templates(session, wrong, cause="revoked", at=now)
    details: dict[str, object] = {"templates": [row.id for row in active or wrong], "why": why[:200]}
    _audit(session, patient, "enrolment.revoked", details, actor, now)
    judgement_changed(session, facility, patient.id, since, now)
    return len(active or wrong)


def _audit(
    session: Session, patient: Patient, action: str, details: dict[str, object], actor: Actor, now: datetime
) -> None:
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=action,
        object_kind="patient",
        object_id=patient.id,
        facility_id=patient.facility_id,
        details=details,
    )
