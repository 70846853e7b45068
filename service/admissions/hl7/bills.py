"""ORM^O01 (orders) and DFT^P03 (charges): the few fields that rules need."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from service.admissions.code_words import BILL_KIND_WORDS, payment_word, word
from service.admissions.errors import MessageRefused
from service.admissions.hl7.text import Message, Segment
from service.admissions.hl7.visit import Reading
from service.admissions.statements import (
    LARGEST,
    MOST_DECIMALS,
    ChargeSaid,
    OrderSaid,
    Statement,
    is_amount,
    is_number,
    rounded,
)

_CANCELS = frozenset({"CA", "OC", "DC", "OD", "CR", "UC"})
"""HL7 table 0119: cancelled or discontinued, asked for or done."""
_CONTROLS = _CANCELS | frozenset(
    """AF CH CN DE DF DR FU HD HR LI MC NA NR NW OE OF OH OK OP OR OS PA PR PY RC RE RF RL RO RP RQ RR RU SC SN SR SS
    TR UA UD UF UH UM UN UR UX UP XO XR XX""".split()
)
"""HL7 table 0119, all of it."""
_DETAIL_KIND = {"RXO": "medication", "RXE": "medication", "OBR": "examination", "ODS": "nursing", "ODT": "nursing"}


def read_orders(message: Message, reading: Reading) -> Statement:
    """The orders of an ORM^O01. Raises `MessageRefused`."""
    stated_at = _sent(message, reading)
    admission_no, doctor = _stay(message)
    orders = []
    for orc, detail in _groups(message):
        order_no = _number(orc.text(2) or orc.text(3), "ORC-2", "the order's number", "医嘱号")
        asked = reading.stamp(orc, 9) or (reading.stamp(detail, 6) if detail and detail.name == "OBR" else None)
        control, status = orc.text(1).upper(), orc.text(5).upper()
        if not control:
            raise _missing(
                "ORC-1", "the order control code", "send NW for a new order, CA for a cancelled one", "医嘱控制码"
            )
        if control not in _CONTROLS:
            raise MessageRefused.at(
                "ORC-1",
                f"{control[:10]!r} is no order control code",
                "send NW for a new order, CA for a cancelled one (HL7 table 0119)",
                f"{control[:10]!r} 不是医嘱控制码",
                "新医嘱请填 NW，作废请填 CA（HL7 表 0119）",
                code=103,
            )
        orders.append(
            OrderSaid(
                order_no=order_no,
                admission_no=admission_no,
                kind=_order_kind(detail),
                code=_order_code(detail),
                ordered_at=asked or stated_at,
                performed_at=_performed(orc, detail, status, stated_at, reading),
                attending_doctor=orc.text(12)[:64] or doctor,
                cancelled=control in _CANCELS or status in ("CA", "DC"),
            )
        )
    if not orders:
        message.need("ORC")
    return replace(_statement(message, stated_at), orders=tuple(orders))


def read_charges(message: Message, reading: Reading) -> Statement:
    """The charges of a DFT^P03; payments and adjustments are left aside. Raises `MessageRefused`."""
    stated_at = _sent(message, reading)
    admission_no, doctor = _stay(message)
    message.need("FT1")
    pv1 = message.first("PV1")
    charges, notes = [], []
    for ft1 in message.all("FT1"):
        kind = ft1.text(6).upper()
        if kind in ("PY", "AJ"):
            notes.append(f"FT1-6 {kind}: no charge, left aside")
            continue
        if kind and kind not in ("CG", "CD", "CO"):
            raise MessageRefused.at(
                "FT1-6",
                f"{kind[:10]!r} is no transaction type",
                "send CG for a charge, CD for a credit, PY or AJ for what is neither (HL7 table 0017)",
                f"{kind[:10]!r} 不是交易类型",
                "收费请填 CG，退费请填 CD，付款 PY，调整 AJ（HL7 表 0017）",
                code=103,
            )
        if not kind:
            raise _missing("FT1-6", "the transaction type", "send CG for a charge, CD for a credit", "交易类型")
        service_at = reading.stamp(ft1, 4)
        if service_at is None:
            raise _missing("FT1-4", "the time of service", "send when the service was given", "服务时间")
        if not ft1.text(7):
            raise _missing("FT1-7", "the charge code", "send the hospital's code of the item", "收费项目编码")
        quantity = _decimal(ft1, 10)
        quantity = Decimal(1) if quantity is None else quantity
        amount = _decimal(ft1, 11)
        if amount is None:
            unit = _decimal(ft1, 12)
            if unit is None:
                raise _missing("FT1-11", "the amount", "send FT1-11 (extended) or FT1-12 (unit)", "金额")
            amount = rounded(unit * quantity)
            if not is_amount(amount):
                raise _no_amount("FT1-12", f"{ft1.text(12)} times {ft1.text(10)}")
        charges.append(
            ChargeSaid(
                charge_no=_number(ft1.text(2), "FT1-2", "the transaction's number", "费用流水号"),
                admission_no=admission_no,
                kind=word(BILL_KIND_WORDS, ft1.text(13)) or word(BILL_KIND_WORDS, ft1.text(7, 3)) or "other",
                code=ft1.text(7)[:64],
                service_at=service_at,
                quantity=quantity,
                amount=-abs(amount) if kind == "CD" else amount,  # senders write a credit with a sign and without
                payment_method=payment_word(pv1.text(20)) if pv1 is not None else None,
                doctor=ft1.text(21)[:64] or ft1.text(20)[:64] or doctor,
                clerk=ft1.text(24)[:64] or None,
                cancelled=False,
            )
        )
    return replace(_statement(message, stated_at), charges=tuple(charges), notes=tuple(notes[:5]))


def _statement(message: Message, stated_at: datetime) -> Statement:
    return Statement(f"{message.kind}^{message.trigger}", message.control_id, stated_at, stated_at)


def _sent(message: Message, reading: Reading) -> datetime:
    sent = reading.statement_stamp(message.header, 7)
    if sent is None:
        raise _missing("MSH-7", "the time of the message", "send when the message was made", "消息时间")
    return sent


def _stay(message: Message) -> tuple[str, str | None]:
    message.need("PID")
    pv1 = message.need("PV1")
    return _number(pv1.text(19), "PV1-19", "the visit number", "就诊号"), pv1.text(7)[:64] or None


def _groups(message: Message) -> list[tuple[Segment, Segment | None]]:
    """Each ORC with the first detail segment after it."""
    groups: list[tuple[Segment, Segment | None]] = []
    for segment in message.segments:
        if segment.name == "ORC":
            groups.append((segment, None))
        elif groups and groups[-1][1] is None and segment.name in (*_DETAIL_KIND, "RQD", "RQ1"):
            groups[-1] = (groups[-1][0], segment)
    return groups


def _order_kind(detail: Segment | None) -> str:
    if detail is None:
        return "other"
    section = word(BILL_KIND_WORDS, detail.text(24)) if detail.name == "OBR" else None
    return section or _DETAIL_KIND.get(detail.name, "other")


def _order_code(detail: Segment | None) -> str:
    if detail is None:
        return ""
    return detail.text({"RXO": 1, "RXE": 2, "ODS": 3}.get(detail.name, 4))[:64]


def _performed(
    orc: Segment, detail: Segment | None, status: str, stated_at: datetime, reading: Reading
) -> datetime | None:
    """When it was done: OBR-7, OBR-22; a status "complete" without either was reached when it was reported."""
    if detail is not None and detail.name == "OBR":
        done = reading.stamp(detail, 7) or reading.stamp(detail, 22)
        if done is not None:
            return done
    return stated_at if status == "CM" else None


def _number(text: str, where: str, what: str, what_zh: str) -> str:
    if not text:
        raise _missing(where, what, "send the hospital's own number", what_zh)
    if not is_number(text):
        raise MessageRefused.at(
            where,
            f"{text[:40]!r} is not a number",
            "use up to 64 letters, digits, - and _ without blanks",
            f"{text[:40]!r} 编号格式无效",
            "请使用不超过 64 位的字母、数字、- 和 _，不含空格",
            code=102,
        )
    return text


def _decimal(segment: Segment, field: int) -> Decimal | None:
    text = segment.text(field)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not is_amount(value) or len(text) > 24:
        raise _no_amount(segment.where(field), text)
    return value


def _no_amount(where: str, text: str) -> MessageRefused:
    return MessageRefused.at(
        where,
        f"{text[:50]!r} is not an amount",
        f"send a plain decimal number of at most {LARGEST:f}, with at most {MOST_DECIMALS} decimals",
        f"{text[:50]!r} 不是有效数值",
        f"请填写不超过 {LARGEST:f}、小数不超过 {MOST_DECIMALS} 位的十进制数",
        code=102,
    )


def _missing(where: str, what: str, remedy: str, what_zh: str) -> MessageRefused:
    return MessageRefused.at(where, f"{what} is missing", remedy, f"缺少{what_zh}", f"请填写 {where}")
