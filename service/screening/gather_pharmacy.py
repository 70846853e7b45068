"""The facts of purchases at one facility in one local month."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.admissions import VitalStatus, vital_status_of
from service.facilities import Facility, facility_by_id
from service.kit.intervals import Interval
from service.occupancy import Place, local_day
from service.pharmacy import (
    Purchase,
    PurchaseLine,
    Stay,
    balances,
    delegates_called,
    is_office,
    members,
    movements_of,
    patients_called,
    purchases_between,
    register_of,
    sales_of,
    site_of,
    stay_at,
    without_face,
)
from service.screening.periods import Period
from service.screening.pharmacy_facts import (
    BuyerPurchases,
    PatientPurchases,
    PharmacyMonth,
    PurchaseRecord,
    StockRecord,
)
from service.screening.rules.pharmacy_places import ClosedParameters, share_closed, share_edges, share_without_face
from service.screening.subject_facts import SubjectFacts
from service.screening.subjects import Subject, SubjectKind

_BEFORE = timedelta(days=30)
EDGE_MINUTES = ClosedParameters().edge_minutes

Bought = tuple[Purchase, tuple[PurchaseLine, ...]]
Hours = dict[int, tuple[tuple[str, str], ...]]


def gather_purchases(session: Session, place: Place, period: Period) -> Iterator[SubjectFacts]:
    """Facts of every patient, buyer and of the pharmacy itself; nothing for a facility without purchases or stock."""
    facility = place.facility
    register = register_of(session, facility)
    # A live clock is judged by whole minutes, a replay up to its watermark: what is sold at that very instant counts.
    reach = Interval(period.span.start - _BEFORE, period.span.end + timedelta(minutes=1))
    around = purchases_between(session, members(session, register) or (facility.id,), reach)
    here = [item for item in around if item[0].facility_id == facility.id and _in_month(item[0], place, period)]
    if here:
        yield from _patients(session, place, period, register, here)
        yield from _buyers(session, place, period, register, around, here)
    month = _pharmacy(session, place, period, around, here)
    if month is not None:
        yield month


def _patients(
    session: Session, place: Place, period: Period, register: str, here: Sequence[Bought]
) -> Iterator[PatientPurchases]:
    by_patient: dict[str, list[Bought]] = defaultdict(list)
    for bought in here:
        by_patient[bought[0].patient_no].append(bought)
    for number, items in sorted(by_patient.items()):
        rows = patients_called(session, register, number)
        status = vital_status_of(session, [row.id for row in rows]) if rows else VitalStatus()
        own = next((row for row in rows if row.facility_id == place.facility.id), rows[0] if rows else None)
        yield PatientPurchases(
            subject=Subject(SubjectKind.PATIENT, own.id if own else _unknown(register, number), number),
            period=period.name,
            purchases=tuple(
                _record(
                    bought,
                    place,
                    in_hospital=bought[0].state == "sold"
                    and stay_at(session, rows, bought[0].service_at, [line.channel for line in bought[1]])
                    is Stay.INPATIENT,
                )
                for bought in items
            ),
            dead_from=status.dead_from,
            noticed_at=status.noticed_at,
            conflicting=status.conflicting,
            policy_version=items[-1][0].policy_version,
            pack_hashes=_packs(items),
        )


def _buyers(
    session: Session, place: Place, period: Period, register: str, around: Sequence[Bought], here: Sequence[Bought]
) -> Iterator[BuyerPurchases]:
    known = delegates_called(session, register, {row.delegate_no for row, _ in here if row.delegate_no})
    own_ids = {row.id for row, _ in here}
    grouped: dict[tuple[str, str], list[Bought]] = defaultdict(list)
    earlier: dict[tuple[str, str], list[Bought]] = defaultdict(list)
    for bought in around:
        (grouped if bought[0].id in own_ids else earlier)[_buyer(bought[0])].append(bought)
    for (kind, number), items in sorted(grouped.items()):
        delegate = known.get(number) if kind == "delegate" else None
        subject_id = delegate.id if delegate else _unknown(register, number)
        before = [item for item in earlier[kind, number] if item[0].service_at <= items[-1][0].service_at]
        yield BuyerPurchases(
            subject=Subject(SubjectKind.DELEGATE if kind == "delegate" else SubjectKind.PATIENT, subject_id, number),
            period=period.name,
            purchases=tuple(_record(item, place) for item in items),
            earlier=tuple(_record(item, place, here=False) for item in before),
            office=delegate is not None and is_office(delegate),
            policy_version=items[-1][0].policy_version,
            pack_hashes=_packs(items),
        )


def _pharmacy(
    session: Session, place: Place, period: Period, around: Sequence[Bought], here: Sequence[Bought]
) -> PharmacyMonth | None:
    facility = place.facility
    stock = _stock(session, facility, period)
    if not here and not stock:
        return None
    site = site_of(session, facility)
    others: dict[str, list[Bought]] = defaultdict(list)
    for bought in around:
        if bought[0].facility_id != facility.id and _in_month(bought[0], place, period):
            others[bought[0].facility_id].append(bought)
    closed, edges, documents = [], [], []
    for facility_id, items in sorted(others.items()):
        peer = facility_by_id(session, facility_id)
        peer_site = site_of(session, peer)
        if peer_site.pharmacy_type != site.pharmacy_type:
            continue
        records = [_record_in(item, ZoneInfo(peer.timezone)) for item in items]
        hours = _hours(peer_site.opening_hours)
        if hours:
            closed.append(share_closed(records, hours))
            edges.append(share_edges(records, hours, EDGE_MINUTES))
        documents.append(share_without_face(records))
    return PharmacyMonth(
        subject=Subject(SubjectKind.PHARMACY, facility.id, facility.code),
        period=period.name,
        purchases=tuple(_record(item, place) for item in here),
        opening_hours=_hours(site.opening_hours),
        closed_peers=tuple(closed),
        edge_peers=tuple(edges),
        document_peers=tuple(documents),
        stock=stock,
        until=period.until,
        policy_version=here[-1][0].policy_version if here else "1",
    )


def _stock(session: Session, facility: Facility, period: Period) -> tuple[StockRecord, ...]:
    found = balances(movements_of(session, facility.id, period.span), sales_of(session, facility.id, period.span))
    return tuple(
        StockRecord(
            item.code,
            item.difference or item.opening * 0,
            item.oversold_by,
            item.oversold_at,
            item.evidence_ids,
            item.unbooked,
        )
        for item in found
        if not item.closes or item.unbooked
    )


def _record(bought: Bought, place: Place, *, in_hospital: bool = False, here: bool = True) -> PurchaseRecord:
    return _record_in(bought, place.zone, in_hospital=in_hospital, here=here)


def _record_in(bought: Bought, zone: ZoneInfo, *, in_hospital: bool = False, here: bool = True) -> PurchaseRecord:
    row = bought[0]
    return PurchaseRecord(
        purchase_id=row.id,
        patient_no=row.patient_no,
        delegate_no=row.delegate_no,
        service_at=row.service_at,
        local_day=local_day(row.service_at, zone),
        local_time=row.service_at.astimezone(zone).time(),
        state=row.state,
        codes=frozenset(code for code, _ in row.reasons),
        by_documents=row.method == "documents",
        attack=row.presentation_attack,
        offline=row.origin == "offline",
        right=bool(row.facts.get("provisional_right", True)),
        in_hospital=in_hospital,
        here=here,
        verdict=row.verdict,
        without_face=without_face(row),
    )


def _in_month(row: Purchase, place: Place, period: Period) -> bool:
    return f"{local_day(row.service_at, place.zone):%Y-%m}" == period.name


def _buyer(row: Purchase) -> tuple[str, str]:
    return ("delegate", row.delegate_no) if row.delegate_no else ("patient", row.patient_no)


def _hours(stored: dict[str, Any]) -> Hours:
    return {int(day): tuple((str(start), str(end)) for start, end in spans) for day, spans in stored.items()}


def _packs(items: Iterable[Bought]) -> tuple[str, ...]:
    return tuple(sorted({row.pack_hash for row, _ in items if row.pack_hash}))


def _unknown(register: str, number: str) -> str:
    """A stable id for a number that no register knows: a finding needs one, and the number may be any text."""
    return hashlib.sha256(f"{register}\0{number}".encode()).hexdigest()[:32]
