"""Exemptions from the face: each with a reason and an approver who is somebody else, and their own statistics."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.facilities import Facility
from service.ledger import append
from service.pharmacy.errors import DelegationRefused
from service.pharmacy.sites import register_of, registers_readable
from service.pharmacy.tables import IdentityExemption


def request_exemption(
    session: Session,
    facility: Facility,
    *,
    person_kind: str,
    person_no: str,
    reason: str,
    valid_to: datetime | None,
    actor: Actor,
    now: datetime,
) -> IdentityExemption:
    """Enters an exemption; it counts after `approve_exemption` by another person. The same one twice is one."""
    register = register_of(session, facility)
    query = select(IdentityExemption).where(
        IdentityExemption.register_code == register,
        IdentityExemption.person_kind == person_kind,
        IdentityExemption.person_no == person_no,
        col(IdentityExemption.ended_at).is_(None),
    )
    known = session.exec(query).first()
    if known is not None and (known.reason, known.valid_to) == (reason, valid_to):
        return known
    row = IdentityExemption(
        register_code=register,
        facility_id=facility.id,
        person_kind=person_kind,
        person_no=person_no,
        reason=reason,
        valid_to=valid_to,
        recorded_by=actor.label,
        recorded_at=now,
    )
    _save(session, row, "exemption.requested", actor, now)
    return row


def approve_exemption(session: Session, row: IdentityExemption, actor: Actor, now: datetime) -> IdentityExemption:
    """A second person approves. Raises `DelegationRefused` for the one who entered it, or for a program."""
    if actor.kind != "user" or actor.label == row.recorded_by:
        raise DelegationRefused(
            "an exemption is approved by another person than who entered it",
            remedy="ask a colleague to log in and approve it",
            message_zh="豁免须由登记人以外的人员审批",
            remedy_zh="请另一位工作人员登录审批",
        )
    if row.approved_at is None:
        row.approved_by, row.approved_at = actor.label, now
        _save(session, row, "exemption.approved", actor, now)
    return row


def end_exemption(session: Session, row: IdentityExemption, actor: Actor, now: datetime) -> IdentityExemption:
    """Ends an exemption."""
    if row.ended_at is None:
        row.ended_at = now
        _save(session, row, "exemption.ended", actor, now)
    return row


def exemptions_readable(session: Session, actor: Actor) -> tuple[IdentityExemption, ...]:
    """Exemptions in the registers that the actor may read, the latest first."""
    query = select(IdentityExemption)
    registers = registers_readable(session, actor, Permission.PURCHASES_READ)
    if registers is not None:
        query = query.where(col(IdentityExemption.register_code).in_(registers))
    return tuple(session.exec(query.order_by(col(IdentityExemption.recorded_at).desc()).limit(2000)))


def _save(session: Session, row: IdentityExemption, action: str, actor: Actor, now: datetime) -> None:
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=action,
        object_kind="exemption",
        object_id=row.id,
        facility_id=row.facility_id,
        details={"person_kind": row.person_kind},
    )
