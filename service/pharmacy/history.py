"""What was bought before: uses of a delegation, days of supply left, how often, for how many. All queries about it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from service.pharmacy.tables import Delegation, Purchase, PurchaseLine

COUNTED = ("sold", "reserved")
"""States of a purchase that took something, or may still."""
_MONTH = timedelta(days=30)


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


def supply_left(
    session: Session, register_code: str, patient_no: str, codes: Collection[str], at: datetime, *, now: datetime
) -> float:
    """Of the last supplies of these drugs, the greatest share of days that is still to come at event time `at`, 0..1.

    A supply counts by what was handed out and not brought back: half of the tablets last half of the days.
    """
    query = (
        select(Purchase, PurchaseLine)
        .join(PurchaseLine, col(PurchaseLine.purchase_id) == col(Purchase.id))
        .where(
            Purchase.register_code == register_code,
            Purchase.patient_no == patient_no,
            col(PurchaseLine.code).in_(list(codes)),
            col(Purchase.service_at) > at - timedelta(days=366),
            col(Purchase.service_at) <= at,
            stands(now),
        )
    )
    return max((_left(row.service_at, line, at) for row, line in session.exec(query)), default=0.0)


def _left(service_at: datetime, line: PurchaseLine, at: datetime) -> float:
    share = 1.0 if line.dispensed is None else float(line.dispensed / line.quantity)
    lasts = timedelta(days=line.days_of_supply * share)
    if lasts <= timedelta(0):
        return 0.0
    return max(0.0, min(1.0, (service_at + lasts - at) / lasts))


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
