"""Lists of the registers and purchases, scoped to what the caller may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.facilities import Facility, event_now, facilities_readable, facility_by_id
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.pharmacy.history import uses_spent
from service.pharmacy.registers import state_at
from service.pharmacy.schemas_registers import DelegationOut
from service.pharmacy.sites import members, registers_readable
from service.pharmacy.tables import Delegate, Delegation, IdentityExemption, Purchase, PurchaseLine, PurchaseReview

_MOST = 1000
R = TypeVar("R", Delegation, IdentityExemption)


def delegates_readable(session: Session, actor: Actor) -> Sequence[Delegate]:
    """Delegates of the registers that the actor may read, in order of their number."""
    query = select(Delegate)
    registers = registers_readable(session, actor, Permission.PURCHASES_READ)
    if registers is not None:
        query = query.where(col(Delegate.register_code).in_(registers))
    return session.exec(query.order_by(col(Delegate.delegate_no)).limit(_MOST)).all()


def delegations_readable(
    session: Session,
    actor: Actor,
    *,
    patient_no: str | None = None,
    delegate_no: str | None = None,
    status: str | None = None,
) -> list[tuple[Delegation, str]]:
    """Delegations of the registers that the actor may read, with the delegate's number, the latest first."""
    query = select(Delegation, Delegate.delegate_no).join(Delegate, col(Delegate.id) == col(Delegation.delegate_id))
    registers = registers_readable(session, actor, Permission.PURCHASES_READ)
    if registers is not None:
        query = query.where(col(Delegation.register_code).in_(registers))
    if patient_no is not None:
        query = query.where(Delegation.patient_no == patient_no)
    if delegate_no is not None:
        query = query.where(Delegate.delegate_no == delegate_no)
    if status is not None:
        query = query.where(Delegation.status == status)
    rows = session.exec(query.order_by(col(Delegation.recorded_at).desc(), col(Delegation.id)).limit(_MOST))
    return [(row, number) for row, number in rows]


def row_readable(session: Session, actor: Actor, permission: Permission, row: R | None) -> tuple[R, Facility]:
    """A row of a register and a facility of it at which the actor has the permission. Raises `NotFound`."""
    if row is not None:
        for facility_id in members(session, row.register_code) or (row.facility_id,):
            if actor.may(permission, facility_id):
                return row, facility_by_id(session, facility_id)
    raise NotFound("no such entry in your registers", field="id", remedy="list those you may see")


def pharmacies_in(session: Session, facility_ids: Collection[str]) -> dict[str, Facility]:
    """Facilities by id."""
    return {place.id: place for place in facilities_readable(session, facility_ids)}


def standing_now(
    session: Session, place: Facility, row: Delegation, now: datetime, delegate_no: str | None = None
) -> DelegationOut:
    """The delegation on the wire, and how it stands at the facility's event time."""
    at = event_now(place, now)
    state = state_at(row, at)
    left = None
    if row.uses_per_period is not None:
        left = max(0, row.uses_per_period - uses_spent(session, row, at, now=now))
    number = delegate_no or session.get_one(Delegate, row.delegate_id).delegate_no
    return DelegationOut.of(row, number, state.value if state else None, left)


def purchases_readable(
    session: Session,
    actor: Actor,
    *,
    facility_id: str | None = None,
    patient_no: str | None = None,
    delegate_no: str | None = None,
    verdict: str | None = None,
    state: str | None = None,
) -> Sequence[Purchase]:
    """Purchases at the facilities where the actor may read them, the latest first."""
    query = select(Purchase)
    allowed = actor.facilities(Permission.PURCHASES_READ)
    if allowed is not None:
        query = query.where(col(Purchase.facility_id).in_(sorted(allowed)))
    for column, value in (
        (col(Purchase.facility_id), facility_id),
        (col(Purchase.patient_no), patient_no),
        (col(Purchase.delegate_no), delegate_no),
        (col(Purchase.verdict), verdict),
        (col(Purchase.state), state),
    ):
        if value is not None:
            query = query.where(column == value)
    return session.exec(query.order_by(col(Purchase.service_at).desc(), col(Purchase.id)).limit(_MOST)).all()


def review_of(session: Session, purchase_id: str) -> PurchaseReview | None:
    """The purchase's entry in the manual queue."""
    return session.exec(select(PurchaseReview).where(PurchaseReview.purchase_id == purchase_id)).first()


def purchases_between(
    session: Session, facility_ids: Collection[str], period: Interval
) -> tuple[tuple[Purchase, tuple[PurchaseLine, ...]], ...]:
    """Purchases of these facilities whose service lies in the period, with their lines, in order of time."""
    inside = (
        col(Purchase.facility_id).in_(list(facility_ids)),
        col(Purchase.service_at) >= period.start,
        col(Purchase.service_at) < period.end,
    )
    rows = session.exec(select(Purchase).where(*inside).order_by(col(Purchase.service_at), col(Purchase.id))).all()
    query = select(PurchaseLine).join(Purchase, col(Purchase.id) == col(PurchaseLine.purchase_id)).where(*inside)
    lines: dict[str, list[PurchaseLine]] = {row.id: [] for row in rows}
    for line in session.exec(query.order_by(col(PurchaseLine.id))):
        lines[line.purchase_id].append(line)
    return tuple((row, tuple(lines[row.id])) for row in rows)
