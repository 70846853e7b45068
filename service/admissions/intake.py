"""Messages in: each is kept, answered exactly, and never stands in another's way."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.admissions.apply_statement import apply_statement
from service.admissions.census.importing import LIVE_AHEAD
from service.admissions.errors import MessageRefused
from service.admissions.hl7.visit import Reading
from service.admissions.local_time import REPLAY_AHEAD
from service.admissions.places import Places
from service.admissions.retention import settle_dead_letters
from service.admissions.statements import Statement
from service.admissions.tables import InboundMessage
from service.facilities import Facility, event_now
from service.kit.errors import WardwatchError
from service.ledger import append
from service.platform import metrics
from service.platform.context import Context

_log = logging.getLogger(__name__)

messages_total = metrics.counter(
    "messages_total",
    "Messages of hospital systems, by channel and what became of them.",
    ["channel", "state"],
)

Reader = Callable[[Session, Facility, Reading], Statement]
"""Reads a message into a statement. Raises `MessageRefused`."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way in: its bytes, and as much of it as could be told before it was read.

    `is_dated`: it says when it was made, so that the same bytes are the same message. A state without a date may be
    told again when it has come back.
    """

    channel: str
    data: bytes
    control_id: str = ""
    trigger: str = ""
    is_dated: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message. `error` is None unless it was refused."""

    message_id: str
    state: str
    notes: tuple[str, ...] = ()
    error: MessageRefused | None = None
    statement: Statement | None = None


def take(
    context: Context, session: Session, facility: Facility, parcel: Parcel, read: Reader, *, actor: Actor
) -> Outcome:
    """Keeps the message and does what it says, in the caller's transaction; a refusal is an outcome, not an error."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    now = context.clock.now()
    lock(session, facility)
    sha256 = hashlib.sha256(parcel.data).hexdigest()
    earlier = _earlier(session, facility, sha256)
    is_kept = any(one.sealed is not None for one in earlier)
    message = InboundMessage(
        facility_id=facility.id,
        channel=parcel.channel,
        sha256=sha256,
        control_id=_printable(parcel.control_id, 200),
        trigger=_printable(parcel.trigger, 64),
        received_at=event_now(facility, now),
        recorded_at=now,
        state="applied",
        sender=actor.label[:200],
        sealed=None if is_kept else context.keys.seal(parcel.data, _seal_context(facility, sha256)),
    )
    session.add(message)
    session.flush()
    if parcel.is_dated and any(one.state == "applied" for one in earlier):
        message.state = "duplicate"
        message.admission_no = next((one.admission_no for one in earlier if one.admission_no), "")
        message.event_at = next((one.event_at for one in earlier if one.event_at), None)
        outcome = Outcome(message.id, "duplicate", ("received before",))
    else:
        outcome = _do(session, facility, message, read, now)
    session.add(message)
    session.flush()
    _record(session, facility, message, actor, now, "message.received")
    messages_total.labels(parcel.channel, message.state).inc()
    return outcome


def again(
    context: Context, session: Session, facility: Facility, message: InboundMessage, read: Reader, *, actor: Actor
) -> Outcome:
    """Does once more what a kept message says: after the layout or a code was mended. What is known changes nothing."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    now = context.clock.now()
    lock(session, facility)
    message.attempts += 1
    outcome = _do(session, facility, message, read, now)
    session.add(message)
    session.flush()
    _record(session, facility, message, actor, now, "message.replayed")
    messages_total.labels(message.channel, message.state).inc()
    return outcome


def lock(session: Session, facility: Facility) -> None:
    """One message of a facility at a time: two about one stay must not both compute its rows from half the log."""
    session.exec(select(Facility.id).where(Facility.id == facility.id).with_for_update()).first()


def content_of(context: Context, session: Session, facility: Facility, message: InboundMessage) -> bytes:
    """The message as it came in."""
    sealed = message.sealed
    if sealed is None:
        query = select(InboundMessage.sealed).where(
            InboundMessage.facility_id == facility.id,
            InboundMessage.sha256 == message.sha256,
            col(InboundMessage.sealed).is_not(None),
        )
        sealed = session.exec(query).first()
    if sealed is None:
        return b""
    return context.keys.open(sealed, _seal_context(facility, message.sha256))


def reading_of(session: Session, facility: Facility, now: datetime) -> Reading:
    """What is needed to read a message of the facility now."""
    present = event_now(facility, now)
    ahead = REPLAY_AHEAD if facility.clock == "replay" else LIVE_AHEAD
    return Reading(Places.load(session, facility), present, present + ahead)


def _do(session: Session, facility: Facility, message: InboundMessage, read: Reader, now: datetime) -> Outcome:
    """Reads and applies in a savepoint; whatever goes wrong is written on the message and undone elsewhere."""
    statement = None
    try:
        statement = read(session, facility, reading_of(session, facility, now))
        message.trigger = statement.trigger[:64]
        message.control_id = statement.control_id[:200]
        message.admission_no = statement.admission_no
        message.event_at = statement.event_at
        session.add(message)
        session.flush()
        with session.begin_nested():
            more = apply_statement(session, facility, statement, message, now)
    except MessageRefused as error:
        return _refuse(message, error)
    except WardwatchError as error:
        return _refuse(message, _as_refusal(error))
    except (IntegrityError, DataError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        # A message that we cannot digest is our fault until shown otherwise; the next one must go through all the same.
        _log.exception("a message could not be applied", extra={"message": message.id})
        return _refuse(message, _internal(error))
    except OperationalError:
        raise
    message.state, message.error = "applied", ""
    settle_dead_letters(session, message)
    notes = tuple(dict.fromkeys((*statement.notes, *more)))
    message.note = "; ".join(notes)[:2000]
    return Outcome(message.id, "applied", notes, statement=statement)


def _refuse(message: InboundMessage, error: MessageRefused) -> Outcome:
    message.state = "rejected" if error.lasting else "dead_letter"
    message.error = error.line()[:2000]
    message.note = ""
    return Outcome(message.id, message.state, error=error)


def _as_refusal(error: WardwatchError) -> MessageRefused:
    chinese = str(error.extra.get("message_zh") or ""), str(error.extra.get("remedy_zh") or "")
    return MessageRefused.at(error.field or "", error.message, error.remedy, *chinese, code=207, lasting=False)


def _internal(error: Exception) -> MessageRefused:
    return MessageRefused.at(
        "",
        f"the message could not be applied ({type(error).__name__})",
        "it is kept; ask the operator to look at it and replay it",
        "消息无法处理",
        "消息已保存，请联系管理员检查后重放",
        code=207,
        lasting=False,
    )


def _earlier(session: Session, facility: Facility, sha256: str) -> list[InboundMessage]:
    query = select(InboundMessage).where(InboundMessage.facility_id == facility.id, InboundMessage.sha256 == sha256)
    return list(session.exec(query.order_by(col(InboundMessage.id))))


def _record(
    session: Session, facility: Facility, message: InboundMessage, actor: Actor, now: datetime, action: str
) -> None:
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=action,
        object_kind="message",
        object_id=message.id,
        facility_id=facility.id,
        details={"channel": message.channel, "sha256": message.sha256, "state": message.state},
    )


def _seal_context(facility: Facility, sha256: str) -> str:
    return f"inbound_message:{facility.id}:{sha256}"


def _printable(text: str, longest: int) -> str:
    return "".join(character for character in text if character.isprintable())[:longest]
