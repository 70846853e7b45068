"""Reads of orders, charges and corrections for the rooms above."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from sqlmodel import Session, col, select

from service.admissions.records import ChargeRecord, CorrectionRecord, OrderRecord
from service.admissions.tables import ChargeItem, ClinicalOrder, StayEvent

_CHUNK = 500


def orders_of(session: Session, admission_ids: Iterable[str]) -> dict[str, tuple[OrderRecord, ...]]:
    """Admission id -> its orders that were not cancelled, in order of their time; every id asked for is a key."""
    found: dict[str, list[OrderRecord]] = defaultdict(list)
    wanted = sorted(set(admission_ids))
    for chunk in _chunks(wanted):
        query = (
            select(ClinicalOrder)
            .where(col(ClinicalOrder.admission_id).in_(chunk), col(ClinicalOrder.cancelled).is_(False))
            .order_by(col(ClinicalOrder.ordered_at), col(ClinicalOrder.order_no))
        )
        for row in session.exec(query):
            admission_id = row.admission_id or ""
            record = OrderRecord(
                row.id, admission_id, row.kind, row.code, row.ordered_at, row.performed_at, row.attending_doctor
            )
            found[admission_id].append(record)
    return {admission_id: tuple(found[admission_id]) for admission_id in wanted}


def charges_of(session: Session, admission_ids: Iterable[str]) -> dict[str, tuple[ChargeRecord, ...]]:
    """Admission id -> its charges that were not cancelled, in order of service; every id asked for is a key."""
    found: dict[str, list[ChargeRecord]] = defaultdict(list)
    wanted = sorted(set(admission_ids))
    for chunk in _chunks(wanted):
        query = (
            select(ChargeItem)
            .where(col(ChargeItem.admission_id).in_(chunk), col(ChargeItem.cancelled).is_(False))
            .order_by(col(ChargeItem.service_at), col(ChargeItem.charge_no))
        )
        for row in session.exec(query):
            admission_id = row.admission_id or ""
            record = ChargeRecord(
                charge_id=row.id,
                admission_id=admission_id,
                kind=row.kind,
                code=row.code,
                service_at=row.service_at,
                quantity=Decimal(row.quantity),
                amount=Decimal(row.amount),
                payment_method=row.payment_method,
                doctor=row.doctor,
                clerk=row.clerk,
            )
            found[admission_id].append(record)
    return {admission_id: tuple(found[admission_id]) for admission_id in wanted}


def corrections_of(session: Session, admission_ids: Iterable[str]) -> dict[str, tuple[CorrectionRecord, ...]]:
    """Admission id -> what changed the stay's past after it was known, as received; every id asked for is a key."""
    found: dict[str, list[CorrectionRecord]] = defaultdict(list)
    wanted = sorted(set(admission_ids))
    for chunk in _chunks(wanted):
        query = (
            select(StayEvent)
            .where(col(StayEvent.admission_id).in_(chunk), col(StayEvent.corrects).is_(True))
            .order_by(col(StayEvent.received_at), col(StayEvent.id))
        )
        for row in session.exec(query):
            admission_id = row.admission_id or ""
            found[admission_id].append(
                CorrectionRecord(row.id, admission_id, row.trigger, row.event_at, row.received_at, row.effect)
            )
    return {admission_id: tuple(found[admission_id]) for admission_id in wanted}


def _chunks(wanted: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(wanted), _CHUNK):
        yield wanted[at : at + _CHUNK]
