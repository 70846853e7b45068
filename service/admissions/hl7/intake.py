"""HL7 v2 messages in and their answers out, over whatever transport."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from service.access import Actor
from service.admissions.errors import MessageRefused
from service.admissions.hl7.adt import read_adt
from service.admissions.hl7.answers import accepted, refused
from service.admissions.hl7.bills import read_charges, read_orders
from service.admissions.hl7.text import Message, read_message
from service.admissions.hl7.visit import Reading
from service.admissions.intake import Outcome, Parcel, Reader, again, content_of, take
from service.admissions.statements import Statement
from service.admissions.tables import InboundMessage
from service.facilities import Facility, facility_by_code
from service.platform.context import Context

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to send, and what became of the message."""

    ack: bytes
    outcome: Outcome


def take_hl7(
    context: Context, session: Session, facility: Facility, data: bytes, *, channel: str, actor: Actor
) -> Answered:
    """Takes one HL7 v2 message in the caller's transaction. Every message gets its answer, also one that is none."""
    message: Message | None = None
    problem: MessageRefused | None = None
    try:
        message = read_message(data)
    except MessageRefused as error:
        problem = error
    parcel = Parcel(
        channel,
        data,
        control_id=message.control_id if message else "",
        trigger=f"{message.kind}^{message.trigger}" if message else "",
    )
    outcome = take(context, session, facility, parcel, _reader(message, problem), actor=actor)
    now = context.clock.now()
    if outcome.error is not None:
        return Answered(refused(message, facility.code, outcome.error, now), outcome)
    if message is None:
        raise ValueError("a message that cannot be read was accepted")
    return Answered(accepted(message, facility.code, outcome.notes, now), outcome)


def replay_hl7(
    context: Context, session: Session, facility: Facility, message: InboundMessage, *, actor: Actor
) -> Outcome:
    """Takes a kept message once more."""
    data = content_of(context, session, facility, message)
    parsed: Message | None = None
    problem: MessageRefused | None = None
    try:
        parsed = read_message(data)
    except MessageRefused as error:
        problem = error
    return again(context, session, facility, message, _reader(parsed, problem), actor=actor)


def _reader(message: Message | None, problem: MessageRefused | None) -> Reader:
    def read(session: Session, facility: Facility, reading: Reading) -> Statement:
        if message is None:
            raise problem or ValueError("neither a message nor a problem")
        return read_hl7(message, reading)

    return read


def read_hl7(message: Message, reading: Reading) -> Statement:
    """What the message says. Raises `MessageRefused`."""
    _check_header(message)
    if message.kind == "ADT":
        return read_adt(message, reading)
    if (message.kind, message.trigger) == ("ORM", "O01"):
        return read_orders(message, reading)
    if (message.kind, message.trigger) == ("DFT", "P03"):
        return read_charges(message, reading)
    raise MessageRefused.at(
        "MSH-9",
        f"messages {message.kind[:10]}^{message.trigger[:10]} are not taken",
        "send ADT, ORM^O01 or DFT^P03",
        "不接收该类消息",
        "请发送 ADT、ORM^O01 或 DFT^P03",
        code=200,
    )


def _check_header(message: Message) -> None:
    header = message.header
    for field, component, what, what_zh in (
        (9, 1, "the message type", "消息类型"),
        (9, 2, "the trigger event", "触发事件"),
        (10, 1, "the control id", "消息控制号"),
        (11, 1, "the processing id", "处理标识"),
        (12, 1, "the version", "版本号"),
    ):
        if not header.text(field, component):
            where = header.where(field, component if field == 9 else 0)
            raise MessageRefused.at(
                where, f"{what} is missing", f"fill in {where}", f"缺少{what_zh}", f"请填写 {where}"
            )
    if header.text(11).upper() != "P":
        raise MessageRefused.at(
            "MSH-11",
            f"{header.text(11)[:10]!r} is no production message",
            "send P; test messages belong to a test facility",
            "不是生产消息",
            "请使用 P；测试消息请发往测试机构",
            code=202,
        )
    if not header.text(12).startswith("2."):
        raise MessageRefused.at(
            "MSH-12",
            f"version {header.text(12)[:10]!r} is not taken",
            "send HL7 version 2.x",
            "不支持的版本",
            "请使用 HL7 2.x",
            code=203,
        )


def answerer(context: Context, facility_code: str, actor: Actor) -> Callable[[bytes], bytes]:
    """Answers messages of one facility that come over a line of its own (MLLP), each in its own transaction."""

    def answer(data: bytes) -> bytes:
        try:
            with context.database.transaction() as session:
                place = facility_by_code(session, facility_code)
                return take_hl7(context, session, place, data, channel="hl7-mllp", actor=actor).ack
        except Exception:
            # The database is away, or we are at fault: the sender keeps the message and sends it again.
            _log.exception("a message could not be kept")
            return answer_away(context, data, facility_code)

    return answer


def answer_away(context: Context, data: bytes, facility_code: str) -> bytes:
    """AE for a message that could not be kept: it is not refused, and to be sent again."""
    error = MessageRefused.at(
        "",
        "the message could not be kept",
        "send it again later",
        "消息未能保存",
        "请稍后重发",
        code=207,
        lasting=False,
    )
    return refused(_header_only(data), facility_code, error, context.clock.now())


def refuser(context: Context, facility_code: str, max_frame: int) -> Callable[[bytes], bytes]:
    """Answers the beginning of a message of more than `max_frame` bytes: AR, because it will be too large again. The
    message is not kept."""

    def refuse(beginning: bytes) -> bytes:
        remedy, remedy_zh = "split it, or let the operator raise --max-frame", "请拆分消息，或由运维调高 --max-frame"
        return too_large(context, facility_code, beginning, max_frame, remedy, remedy_zh)

    return refuse


def too_large(
    context: Context,
    facility_code: str,
    beginning: bytes,
    most: int,
    remedy: str = "split it",
    remedy_zh: str = "请拆分消息",
) -> bytes:
    """AR for a message of more than `most` bytes, by its beginning: the header is in there."""
    error = MessageRefused.at(
        "", f"the message is larger than {most} bytes", remedy, f"消息超过 {most} 字节", remedy_zh, code=207
    )
    header = re.split(rb"[\r\n]", beginning.lstrip(b"\x0b\r\n"), maxsplit=1)[0]
    return refused(_header_only(header), facility_code, error, context.clock.now())


def _header_only(data: bytes) -> Message | None:
    try:
        return read_message(data)
    except MessageRefused:
        return None
