"""The file imports: delegations (day one is not all by hand), deaths, stock. docs/pharmacy.md lists the columns."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from service.access import Actor
from service.admissions import Patient, RowStatus, notices_of, record_vital_status
from service.facilities import Facility, event_now
from service.kit.clock import utc
from service.ledger import append
from service.pharmacy.feeds import Cells, FeedReport, RowFault, read_feed
from service.pharmacy.registers import Entry, NewDelegate, NewDelegation, add_delegate, add_delegation, patients_called
from service.pharmacy.sites import register_of
from service.pharmacy.stock import KINDS
from service.pharmacy.tables import StockMovement, VitalFeed
from service.platform.jobs import enqueue

DELEGATION_COLUMNS: dict[str, str] = {
    "delegate_no": "delegate_no",
    "受托人编号": "delegate_no",
    "delegate_name": "delegate_name",
    "受托人姓名": "delegate_name",
    "delegate_birth_date": "delegate_birth_date",
    "受托人出生日期": "delegate_birth_date",
    "kind": "kind",
    "受托人类别": "kind",
    "registration_no": "registration_no",
    "备案号": "registration_no",
    "patient_no": "patient_no",
    "患者编号": "patient_no",
    "patient_birth_date": "patient_birth_date",
    "患者出生日期": "patient_birth_date",
    "relation": "relation",
    "关系": "relation",
    "drug_classes": "drug_classes",
    "药品类别": "drug_classes",
    "valid_from": "valid_from",
    "生效日期": "valid_from",
    "valid_to": "valid_to",
    "失效日期": "valid_to",
    "uses_per_period": "uses_per_period",
    "周期次数": "uses_per_period",
    "period_days": "period_days",
    "周期天数": "period_days",
    "documents": "documents",
    "证明材料": "documents",
    "max_quantity": "max_quantity",
    "单次数量": "max_quantity",
}
_RELATIONS = {
    "kin": "kin",
    "亲属": "kin",
    "carer": "carer",
    "护工": "carer",
    "community_worker": "community_worker",
    "社区工作者": "community_worker",
    "village_doctor": "village_doctor",
    "村医": "village_doctor",
    "care_home": "care_home",
    "养老机构": "care_home",
    "other": "other",
    "其他": "other",
}
VITAL_COLUMNS: dict[str, str] = {
    "patient_no": "patient_no",
    "患者编号": "patient_no",
    "birth_date": "birth_date",
    "出生日期": "birth_date",
    "name": "name",
    "姓名": "name",
    "status": "status",
    "状态": "status",
    "died_at": "died_at",
    "死亡时间": "died_at",
    "source": "source",
    "来源": "source",
    "noticed_at": "noticed_at",
    "通报时间": "noticed_at",
    "reference": "reference",
    "文号": "reference",
}
_VITAL = {"died": "died", "死亡": "died", "alive": "alive", "存活": "alive", "更正": "alive"}
STOCK_COLUMNS: dict[str, str] = {
    "document_no": "document_no",
    "单据号": "document_no",
    "code": "code",
    "药品编码": "code",
    "kind": "kind",
    "类型": "kind",
    "quantity": "quantity",
    "数量": "quantity",
    "at": "at",
    "时间": "at",
}
_STOCK = {kind: kind for kind in KINDS} | {
    "期初": "opening",
    "入库": "in",
    "出库": "out",
    "期末": "closing",
    "盘点": "closing",
}


_STOCK_REACH = timedelta(days=800)
"""A correction of an older stock is kept; months before that are judged no more."""


def import_delegations(
    session: Session, facility: Facility, data: bytes, *, dry_run: bool, actor: Actor, now: datetime
) -> FeedReport:
    """Delegates and delegations from a file; the same file again changes nothing."""
    entry = Entry(facility, actor.label, now, source="import")

    def enter(inner: Session, cells: Cells) -> tuple[RowStatus, str]:
        patient_no, delegate_no = cells.text("patient_no"), cells.text("delegate_no")
        relation = cells.choice("relation", _RELATIONS, "other")
        new = NewDelegate(
            delegate_no=delegate_no,
            display_name=cells.text("delegate_name", needed=False, longest=200),
            birth_date=cells.day("delegate_birth_date"),
            kind=cells.choice("kind", _RELATIONS, relation),
            registration_no=cells.text("registration_no", needed=False),
        )
        valid_from = cells.instant("valid_from")
        if valid_from is None:
            raise RowFault("valid_from", "valid_from is empty", "fill it in", "生效日期为空", "请填写")
        wanted = NewDelegation(
            delegate_no=delegate_no,
            patient_no=patient_no,
            valid_from=valid_from,
            valid_to=cells.instant("valid_to", end_of_day=True),
            relation=relation,
            drug_classes=cells.words("drug_classes"),
            uses_per_period=cells.number("uses_per_period", 1, 1000),
            period_days=cells.number("period_days", 1, 3660) or 30,
            documents=cells.words("documents"),
            max_quantity=cells.amount("max_quantity"),
        )
        known = _know_patient(inner, facility, patient_no, cells.day("patient_birth_date"), now)
        _, changed = add_delegate(inner, entry, new)
        _, created = add_delegation(inner, entry, wanted)
        status = RowStatus.CREATED if created else RowStatus.UPDATED if changed or known else RowStatus.UNCHANGED
        return status, f"{delegate_no} → {patient_no}"

    return read_feed(
        session,
        data,
        DELEGATION_COLUMNS,
        frozenset({"delegate_no", "patient_no", "valid_from"}),
        enter,
        zone=ZoneInfo(facility.timezone),
        dry_run=dry_run,
    )


def import_vital_status(
    session: Session, facility: Facility, data: bytes, *, dry_run: bool, actor: Actor, now: datetime
) -> FeedReport:
    """Notices of death and their corrections. A person is found in every facility of the register; a row of which fewer
    than two identifiers agree is kept as unconfirmed and decides nothing."""
    register = register_of(session, facility)

    def enter(inner: Session, cells: Cells) -> tuple[RowStatus, str]:
        number = cells.text("patient_no")
        noticed_at = cells.instant("noticed_at") or event_now(facility, now)
        status = cells.choice("status", _VITAL, "died")
        exact = cells.instant("died_at") if ":" in cells.text("died_at", needed=False) else None
        day = cells.day("died_at") if exact is None else None
        rows = patients_called(inner, register, number)
        if not rows:
            raise RowFault(
                "patient_no", f"nobody is called {number[:40]!r}", "check it", "没有该编号的患者", "请核对编号"
            )
        identifiers = {"patient_no": number, "name": cells.text("name", needed=False, longest=200)}
        born = cells.day("birth_date")
        if born is not None:
            identifiers["birth_date"] = born.isoformat()
        before = len(notices_of(inner, [row.id for row in rows]))
        for row in rows:
            record_vital_status(
                inner,
                row.facility_id,
                row.id,
                source=cells.text("source"),
                status="died" if status == "died" else "alive",
                noticed_at=utc(noticed_at),
                identifiers=identifiers,
                actor=actor.label,
                now=now,
                died_at=exact if status == "died" else None,
                died_on=day if status == "died" else None,
                reference=cells.text("reference", needed=False, longest=200),
            )
        after = len(notices_of(inner, [row.id for row in rows]))
        return (RowStatus.CREATED if after > before else RowStatus.UNCHANGED), number

    report = read_feed(
        session,
        data,
        VITAL_COLUMNS,
        frozenset({"patient_no", "source"}),
        enter,
        zone=ZoneInfo(facility.timezone),
        dry_run=dry_run,
    )
    if not dry_run:
        session.add(
            VitalFeed(
                facility_id=facility.id,
                sha256=report.sha256,
                through=event_now(facility, now),
                recorded_by=actor.label,
                recorded_at=now,
            )
        )
        session.flush()
    return report


def import_stock(
    session: Session, facility: Facility, data: bytes, *, dry_run: bool, actor: Actor, now: datetime
) -> FeedReport:
    """The stock feed: openings, receipts, issues, counts. A document line is known again by its number and drug; one
    that comes again with another quantity is a correction."""

    touched: list[datetime] = []

    def enter(inner: Session, cells: Cells) -> tuple[RowStatus, str]:
        code, document, kind = cells.text("code"), cells.text("document_no"), cells.choice("kind", _STOCK, "")
        at, quantity = cells.instant("at"), cells.quantity("quantity")
        if not kind or at is None:
            column = "at" if kind else "kind"
            raise RowFault(column, f"{column} is empty", "fill it in", f"{column} 为空", "请填写")
        query = select(StockMovement).where(
            StockMovement.facility_id == facility.id,
            StockMovement.document_no == document,
            StockMovement.code == code,
            StockMovement.kind == kind,
        )
        known = inner.exec(query).first()
        if known is not None and (known.quantity, known.at) == (quantity, at):
            return RowStatus.UNCHANGED, f"{document} {code}"
        row = known or StockMovement(
            facility_id=facility.id,
            document_no=document,
            code=code,
            kind=kind,
            quantity=quantity,
            at=at,
            recorded_by=actor.label,
            recorded_at=now,
        )
        if known is not None:
            _note_correction(inner, facility, known, quantity, actor, now)
        touched.append(at if known is None else min(at, known.at))
        row.quantity, row.at, row.recorded_by, row.recorded_at = quantity, at, actor.label, now
        inner.add(row)
        inner.flush()
        return (RowStatus.UPDATED if known else RowStatus.CREATED), f"{document} {code}"

    report = read_feed(
        session,
        data,
        STOCK_COLUMNS,
        frozenset({"document_no", "code", "kind", "quantity", "at"}),
        enter,
        zone=ZoneInfo(facility.timezone),
        dry_run=dry_run,
    )
    if not dry_run and touched:
        since = max(min(touched), event_now(facility, now) - _STOCK_REACH).isoformat()
        payload = {"facility_id": facility.id, "since": since}
        enqueue(session, "purchases.rescreen", payload, now=now, dedupe_key=f"purchases.rescreen:{facility.id}:{since}")
    return report


def _know_patient(session: Session, facility: Facility, patient_no: str, born: date | None, now: datetime) -> bool:
    """Makes the patient known who is not yet; whether one was made or its birth date filled in."""
    rows = patients_called(session, register_of(session, facility), patient_no)
    own = next((row for row in rows if row.facility_id == facility.id), None)
    if not rows:
        session.add(Patient(facility_id=facility.id, patient_no=patient_no, birth_date=born, recorded_at=now))
    elif own is not None and own.birth_date is None and born is not None:
        own.birth_date = born
        session.add(own)
    else:
        return False
    session.flush()
    return True


def _note_correction(
    session: Session, facility: Facility, known: StockMovement, quantity: object, actor: Actor, now: datetime
) -> None:
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action="stock.corrected",
        object_kind="stock_movement",
        object_id=known.id,
        facility_id=facility.id,
        details={"before": str(known.quantity), "after": str(quantity)},
    )
