"""What was bought before: uses of a delegation, days of supply left, how often, for how many. All queries about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from service.pharmacy.tables import Delegation, Purchase, PurchaseLine

COUNTED = ("sold", "reserved")
"""States of a purchase that took something, or may still."""
_MONTH = timedelta(days=30)
_YEAR = timedelta(days=366)


def stands(now: datetime) -> ColumnElement[bool]:
    """Purchases that were sold or whose reservation still holds at real time `now`."""
    held = and_(
        col(Purchase.state) == "reserved",
        or_(col(Purchase.reserved_until).is_(None), col(Purchase.reserved_until) > now),
    )
    return or_(col(Purchase.state) == "sold", held)


def uses_spent(session: Session, row: Delegation, at: datetime, *, now: datetime) -> int:
    """Uses of the delegation in the period that ends at event time `at`."""
    query = select(func.coalesce(func.sum(col(Purchase.uses)), 0)).where(
        Purchase.delegation_id == row.id,
        col(Purchase.service_at) > at - timedelta(days=row.period_days),
        col(Purchase.service_at) <= at,
        stands(now),
    )
    return int(session.exec(query).one())


def purchases_lately(session: Session, register_code: str, patient_no: str, at: datetime, *, now: datetime) -> int:
    """Purchases for the patient in the 30 days before event time `at`."""
    query = select(func.count()).where(
        Purchase.register_code == register_code,
        Purchase.patient_no == patient_no,
        col(Purchase.service_at) > at - _MONTH,
        col(Purchase.service_at) <= at,
        stands(now),
    )
    return int(session.exec(query).one())


@dataclass(frozen=True, slots=True)
class Supply:
    """What was handed out of one drug, and not brought back, at event time `at`. `days`: how long it lasts, half of the
    tablets half of the days; `quantity` in the drug's own unit."""

    code: str
    at: datetime
    days: float
    quantity: Decimal


def supplies_of(
    session: Session, register_code: str, patient_no: str, codes: Collection[str], at: datetime, *, now: datetime
) -> tuple[Supply, ...]:
    """Supplies of these drugs to the patient in the year before event time `at`, in order of time."""
    query = (
        select(Purchase, PurchaseLine)
        .join(PurchaseLine, col(PurchaseLine.purchase_id) == col(Purchase.id))
        .where(
            Purchase.register_code == register_code,
            Purchase.patient_no == patient_no,
            col(PurchaseLine.code).in_(list(codes)),
            col(Purchase.service_at) > at - _YEAR,
            col(Purchase.service_at) <= at,
            stands(now),
        )
        .order_by(col(Purchase.service_at), col(PurchaseLine.id))
    )
    return tuple(found for row, line in session.exec(query) if (found := _supply(row, line)).quantity > 0)


def _supply(row: Purchase, line: PurchaseLine) -> Supply:
    quantity = line.quantity if line.dispensed is None else line.dispensed
    return Supply(line.code, row.service_at, line.days_of_supply * float(quantity / line.quantity), quantity)


def share_left(supplies: Iterable[Supply], at: datetime) -> float:
    """Of these supplies, the greatest share of days that is still to come at event time `at`, 0..1."""
    return max((1.0 - (at - item.at) / timedelta(days=item.days) for item in supplies if item.days > 0), default=0.0)


def days_left(supplies: Iterable[Supply], at: datetime) -> dict[str, float]:
    """By drug, for how many days from event time `at` what was handed out still lasts: a supply begins when the one
    before it is used up."""
    until: dict[str, datetime] = {}
    for item in supplies:
        until[item.code] = max(until.get(item.code, item.at), item.at) + timedelta(days=item.days)
    return {code: max(0.0, (end - at) / timedelta(days=1)) for code, end in until.items()}


def quantities_lately(supplies: Iterable[Supply], at: datetime) -> dict[str, Decimal]:
    """By drug, what was handed out in the 30 days before event time `at`."""
    found: dict[str, Decimal] = {}
    for item in supplies:
        if item.at > at - _MONTH:
            found[item.code] = found.get(item.code, Decimal(0)) + item.quantity
    return found


def principals_of(session: Session, register_code: str, delegate_no: str, at: datetime, *, now: datetime) -> set[str]:
    """Numbers of the patients for whom the delegate bought in the 30 days before event time `at`."""
    query = select(Purchase.patient_no).where(
        Purchase.register_code == register_code,
        Purchase.delegate_no == delegate_no,
        col(Purchase.service_at) > at - _MONTH,
        col(Purchase.service_at) <= at,
        stands(now),
    )
    return set(session.exec(query.distinct()))


def failed_bursts(session: Session, facility_id: str, patient_no: str, since: datetime) -> int:
    """Bursts for this patient at this pharmacy that failed since a real instant."""
    query = select(func.count()).where(
        Purchase.facility_id == facility_id,
        Purchase.patient_no == patient_no,
        col(Purchase.recorded_at) >= since,
        col(Purchase.liveness).in_(("suspect", "unusable")),
    )
    return int(session.exec(query).one())
