"""Orders and charges from CSV files: every row reported, a bad one stops no other, a dry run keeps nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions.bills import BillBook
from service.admissions.census.importing import LIVE_AHEAD, ImportReport, RowReport, RowStatus
from service.admissions.census.rows import issue
from service.admissions.code_words import BILL_KIND_WORDS, payment_word
from service.admissions.delimited import Line, read_table
from service.admissions.event_log import Origin, received
from service.admissions.issue import Issue
from service.admissions.local_time import REPLAY_AHEAD, parse_local_instant
from service.admissions.statements import ChargeSaid, OrderSaid, is_amount, is_number
from service.facilities import Facility, event_now
from service.kit.errors import InvalidInput
from service.ledger import append

T = TypeVar("T")

_SHARED: Mapping[str, str] = {
    **{name: name for name in ("admission_no", "kind", "code", "cancelled", "as_of")},
    **dict.fromkeys(("住院号", "住院编号", "住院流水号", "就诊号"), "admission_no"),
    **dict.fromkeys(("类别", "项目类别", "费用类别", "医嘱类别"), "kind"),
    **dict.fromkeys(("编码", "项目编码", "收费编码", "医嘱编码"), "code"),
    **dict.fromkeys(("作废", "已取消", "取消"), "cancelled"),
    **dict.fromkeys(("截至时间", "生效时间", "数据时间"), "as_of"),
}
ORDER_COLUMNS: Mapping[str, str] = {
    **_SHARED,
    **{name: name for name in ("order_no", "ordered_at", "performed_at", "attending_doctor")},
    **dict.fromkeys(("医嘱号", "医嘱编号"), "order_no"),
    **dict.fromkeys(("开立时间", "医嘱时间", "下达时间"), "ordered_at"),
    **dict.fromkeys(("执行时间", "完成时间"), "performed_at"),
    **dict.fromkeys(("主管医师", "经治医师", "开立医师"), "attending_doctor"),
}
ORDER_REQUIRED = frozenset({"order_no", "admission_no", "kind", "ordered_at"})
CHARGE_COLUMNS: Mapping[str, str] = {
    **_SHARED,
    **{name: name for name in ("charge_no", "service_at", "quantity", "amount", "payment_method", "doctor", "clerk")},
    **dict.fromkeys(("费用流水号", "收费流水号", "明细号"), "charge_no"),
    **dict.fromkeys(("发生时间", "服务时间", "计费时间"), "service_at"),
    "数量": "quantity",
    **dict.fromkeys(("金额", "费用"), "amount"),
    **dict.fromkeys(("支付方式", "结算方式"), "payment_method"),
    **dict.fromkeys(("医师", "开单医师"), "doctor"),
    **dict.fromkeys(("收费员", "经办人"), "clerk"),
}
CHARGE_REQUIRED = frozenset({"charge_no", "admission_no", "kind", "code", "service_at", "amount"})
_YES = frozenset({"1", "y", "yes", "true", "是"})
_NO = frozenset({"", "0", "n", "no", "false", "否"})


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    said: OrderSaid | ChargeSaid
    as_of: datetime | None


@dataclass(slots=True)
class _Cells:
    """One row's cells, read one by one; what is wrong is collected, so that one report names all of it."""

    line: Line
    zone: ZoneInfo
    latest: datetime
    issues: list[Issue] = field(default_factory=list)

    def get(self, column: str, parse: Callable[[str], T]) -> T | None:
        text = self.line.cells.get(column, "")
        if not text:
            return None
        try:
            return parse(text)
        except InvalidInput as error:
            self.issues.append(
                issue(
                    "invalid",
                    column,
                    error.message,
                    error.remedy,
                    str(error.extra.get("message_zh") or "取值无效"),
                    str(error.extra.get("remedy_zh") or "请更正"),
                )
            )
            return None

    def need(self, column: str, parse: Callable[[str], T]) -> T | None:
        if not self.line.cells.get(column):
            self.issues.append(issue("missing", column, "is empty", "fill it in", "为空", "请填写"))
        return self.get(column, parse)

    def instant(self, column: str) -> Callable[[str], datetime]:
        def parse(text: str) -> datetime:
            moment = parse_local_instant(text, self.zone, field=column)
            if moment > self.latest:
                raise _wrong(column, "lies too far in the future", "correct the year", "时间超出当前过多", "请更正年份")
            return moment

        return parse


def import_bills(
    session: Session,
    facility: Facility,
    what: Literal["orders", "charges"],
    data: bytes,
    *,
    dry_run: bool = False,
    actor: Actor,
    now: datetime,
) -> ImportReport:
    """Imports a file of orders or charges (docs/csv-contract.md). Raises `TableUnreadable`."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    columns, required = (ORDER_COLUMNS, ORDER_REQUIRED) if what == "orders" else (CHARGE_COLUMNS, CHARGE_REQUIRED)
    table = read_table(data, columns, required)
    reports: dict[int, RowReport] = {}
    rows = _read_rows(facility, what, table.lines, reports, now)
    outer = session.begin_nested()
    try:
        _write(session, facility, rows, reports, now)
    except BaseException:
        outer.rollback()
        raise
    ordered = tuple(reports[line] for line in sorted(reports))
    report = ImportReport(facility.code, dry_run, hashlib.sha256(data).hexdigest(), ordered, table.ignored)
    if dry_run:
        outer.rollback()
        session.expire_all()
        return report
    outer.commit()
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=f"{what}.import",
        object_kind="facility",
        object_id=facility.id,
        facility_id=facility.id,
        details={"sha256": report.sha256, "rows": {status.value: report.count(status) for status in RowStatus}},
    )
    return report


def _read_rows(
    facility: Facility, what: str, lines: Iterable[Line], reports: dict[int, RowReport], now: datetime
) -> list[_Row]:
    zone = ZoneInfo(facility.timezone)
    latest = event_now(facility, now) + (REPLAY_AHEAD if facility.clock == "replay" else LIVE_AHEAD)
    rows = []
    for line in lines:
        cells = _Cells(line, zone, latest, [line.issue] if line.issue else [])
        row = None if line.issue else (_order(cells) if what == "orders" else _charge(cells))
        if row is None or cells.issues:
            number = line.cells.get("admission_no", "")[:64]
            reports[line.number] = RowReport(
                line.number, RowStatus.REJECTED, number, errors=tuple(dict.fromkeys(cells.issues))
            )
        else:
            rows.append(row)
    return rows


def _write(
    session: Session, facility: Facility, rows: list[_Row], reports: dict[int, RowReport], now: datetime
) -> None:
    book = BillBook.load(session, facility, (row.said for row in rows), Origin("csv"), now)
    for row in rows:
        stated = row.as_of or received(facility, now, _happened(row.said))
        stored, status = book.put(session, row.said, stated)
        waiting = () if stored.admission_id else (_waits(row.said.admission_no),)
        reports[row.line] = RowReport(row.line, RowStatus(status), row.said.admission_no, warnings=waiting)
    session.flush()
    book.publish(session)


def _happened(said: OrderSaid | ChargeSaid) -> datetime:
    return said.ordered_at if isinstance(said, OrderSaid) else said.service_at


def _order(cells: _Cells) -> _Row | None:
    order_no, admission_no = cells.need("order_no", _number("order_no")), cells.need("admission_no", _number("stay"))
    kind, ordered_at = cells.need("kind", _kind), cells.need("ordered_at", cells.instant("ordered_at"))
    performed_at = cells.get("performed_at", cells.instant("performed_at"))
    code, doctor = cells.get("code", _text), cells.get("attending_doctor", _text)
    cancelled, as_of = cells.get("cancelled", _flag), cells.get("as_of", cells.instant("as_of"))
    if order_no is None or admission_no is None or kind is None or ordered_at is None:
        return None
    said = OrderSaid(order_no, admission_no, kind, code or "", ordered_at, performed_at, doctor, bool(cancelled))
    return _Row(cells.line.number, said, as_of)


def _charge(cells: _Cells) -> _Row | None:
    charge_no, admission_no = cells.need("charge_no", _number("charge_no")), cells.need("admission_no", _number("stay"))
    kind, code = cells.need("kind", _kind), cells.need("code", _text)
    service_at, amount = cells.need("service_at", cells.instant("service_at")), cells.need("amount", _decimal("amount"))
    quantity = cells.get("quantity", _decimal("quantity"))
    payment, doctor, clerk = cells.get("payment_method", _text), cells.get("doctor", _text), cells.get("clerk", _text)
    cancelled, as_of = cells.get("cancelled", _flag), cells.get("as_of", cells.instant("as_of"))
    if charge_no is None or admission_no is None or kind is None or service_at is None or amount is None:
        return None
    said = ChargeSaid(
        charge_no=charge_no,
        admission_no=admission_no,
        kind=kind,
        code=code or "",
        service_at=service_at,
        quantity=Decimal(1) if quantity is None else quantity,
        amount=amount,
        payment_method=payment_word(payment or ""),
        doctor=doctor,
        clerk=clerk,
        cancelled=bool(cancelled),
    )
    return _Row(cells.line.number, said, as_of)


def _number(column: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not is_number(text):
            remedy = "use up to 64 letters, digits, - and _ without blanks"
            raise _wrong(column, f"{text[:40]!r} is not a number", remedy, "编号格式无效", "请使用字母、数字、- 和 _")
        return text

    return parse


def _kind(text: str) -> str:
    found = BILL_KIND_WORDS.get(text.lower())
    if found is None:
        allowed = "medication, examination, treatment, nursing, bed, other"
        raise _wrong(
            "kind", f"{text[:40]!r} is not known", f"use one of: {allowed}", "类别无效", f"可用取值：{allowed}"
        )
    return found


def _text(text: str) -> str:
    if len(text) > 64:
        raise _wrong("text", "longer than 64 characters", "send the code, not the name", "超过 64 个字符", "请填写编码")
    return text


def _flag(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise _wrong("cancelled", f"{text[:40]!r} is neither yes nor no", "use yes or no", "应为是或否", "请填写是或否")


def _decimal(column: str) -> Callable[[str], Decimal]:
    def parse(text: str) -> Decimal:
        try:
            value = Decimal(text.replace(",", ""))
        except InvalidOperation:
            value = Decimal("nan")
        if not is_amount(value) or len(text) > 24:
            raise _wrong(column, f"{text[:40]!r} is no amount", "use a decimal number", "数值无效", "请填写十进制数")
        return value

    return parse


def _wrong(column: str, message: str, remedy: str, message_zh: str, remedy_zh: str) -> InvalidInput:
    return InvalidInput(message, field=column, remedy=remedy, message_zh=message_zh, remedy_zh=remedy_zh)


def _waits(admission_no: str) -> Issue:
    return issue(
        "admission_unknown",
        "admission_no",
        f"the admission {admission_no} is not known yet: kept until it is",
        "import the census, or correct the number",
        f"住院号 {admission_no} 尚未登记，已暂存",
        "请导入在院名单，或更正编号",
    )
