"""What is learnt late, a death, a stay or a stock count, judges again what the register's pharmacies sold before,
however long ago; and a purchase that is reported, decided or brought back late is judged in its own month."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.admissions import Admission, Patient
from service.facilities import Facility, event_now, facility_by_id
from service.kit.clock import parse_instant
from service.pharmacy.sites import facilities_of_register, register_of
from service.pharmacy.tables import Purchase
from service.platform.context import Context
from service.platform.jobs import enqueue

_IN = 500
"""Values in one list of a query."""


def rescreen_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `purchases.rescreen` {facility_id, patient_ids?, admission_ids?, since?}: the months in which the register's
    pharmacies served these patients, or anybody, since an event time, are screened again.

    A hospital that shares no register with a pharmacy gives nothing to do.
    """
    now = context.clock.now()
    with context.database.transaction() as session:
        facility = facility_by_id(session, str(payload["facility_id"]))
        register = register_of(session, facility)
        pharmacies = [place for place in facilities_of_register(session, register) if place.kind == "pharmacy"]
        if not pharmacies:
            return
        since = parse_instant(str(payload["since"]), field="since") if payload.get("since") else None
        numbers = _numbers(session, payload.get("patient_ids"), payload.get("admission_ids"))
        served = _served(session, register, numbers, since)
        for place in pharmacies:
            months = {month_of(place, at) for at in served.get(place.id, ())}
            if since is not None and place.id == facility.id:
                months |= months_between(place, since, event_now(place, now))
            ask(session, place, months, now)


def screen_purchase(session: Session, row: Purchase, now: datetime) -> None:
    """Asks for the rules about purchases in the month of the service, and in the one after: a buyer's 30 days reach
    into it."""
    place = facility_by_id(session, row.facility_id)
    own = month_of(place, row.service_at)
    present = month_of(place, event_now(place, now))
    ask(session, place, {own, min(_next(own), max(present, own))}, now)


def ask(session: Session, place: Facility, months: Collection[str], now: datetime) -> None:
    """Asks for the rules about purchases in these local months, written 2026-03."""
    if not months:
        return
    names = sorted(months)
    digest = hashlib.sha256("|".join(names).encode()).hexdigest()[:16]
    key = f"screening.purchases:{place.id}:{digest}"
    enqueue(session, "screening.purchases", {"facility_id": place.id, "months": names}, now=now, dedupe_key=key)


def month_of(place: Facility, at: datetime) -> str:
    """The local month of an event time."""
    return f"{at.astimezone(ZoneInfo(place.timezone)):%Y-%m}"


def months_between(place: Facility, since: datetime, until: datetime) -> set[str]:
    """The local months from `since` to `until`, both included."""
    found, last = {month_of(place, since)}, month_of(place, until)
    while max(found) < last:
        found.add(_next(max(found)))
    return found


def _next(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def _numbers(session: Session, patient_ids: Any, admission_ids: Any) -> set[str] | None:
    """The patients' numbers; None when nobody is named."""
    if patient_ids is None and admission_ids is None:
        return None
    ids = {str(item) for item in patient_ids or ()}
    for part in _parts(str(item) for item in admission_ids or ()):
        ids.update(session.exec(select(Admission.patient_id).where(col(Admission.id).in_(part))))
    found: set[str] = set()
    for part in _parts(ids):
        found.update(session.exec(select(Patient.patient_no).where(col(Patient.id).in_(part))))
    return found


def _served(
    session: Session, register: str, numbers: set[str] | None, since: datetime | None
) -> dict[str, list[datetime]]:
    """Event times of services by pharmacy."""
    query = select(Purchase.facility_id, Purchase.service_at).where(Purchase.register_code == register)
    if since is not None:
        query = query.where(col(Purchase.service_at) >= since)
    found: dict[str, list[datetime]] = defaultdict(list)
    for part in [None] if numbers is None else _parts(numbers):
        chosen = query if part is None else query.where(col(Purchase.patient_no).in_(part))
        for facility_id, at in session.exec(chosen):
            found[facility_id].append(at)
    return found


def _parts(items: Iterable[str]) -> list[list[str]]:
    ordered = sorted(items)
    return [ordered[at : at + _IN] for at in range(0, len(ordered), _IN)]
