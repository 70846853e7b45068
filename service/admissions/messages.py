"""Kept messages: listing, showing, and taking them once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.admissions.fhir.intake import replay_fhir
from service.admissions.hl7.intake import replay_hl7
from service.admissions.intake import Outcome, content_of
from service.admissions.tables import InboundMessage, StayEvent
from service.facilities import Facility
from service.kit.errors import Conflict, NotFound
from service.ledger import append
from service.platform.context import Context

STATES = ("applied", "duplicate", "rejected", "dead_letter", "dismissed")
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages to list; empty texts do not narrow. `before` is the id that the last list ended with."""

    state: str = ""
    trigger: str = ""
    admission_no: str = ""
    since: datetime | None = None
    before: str = ""
    limit: int = 100


def kept_messages(session: Session, facility_id: str, wanted: Wanted) -> tuple[InboundMessage, ...]:
    """The facility's messages, the latest first; what they say stays sealed."""
    if not (wanted.state + wanted.trigger + wanted.admission_no + wanted.before).isprintable():
        return ()  # no message has such a one, and PostgreSQL takes no NUL
    query = select(InboundMessage).where(InboundMessage.facility_id == facility_id)
    if wanted.state:
        query = query.where(InboundMessage.state == wanted.state)
    if wanted.trigger:
        query = query.where(InboundMessage.trigger == wanted.trigger)
    if wanted.admission_no:
        query = query.where(InboundMessage.admission_no == wanted.admission_no)
    if wanted.since is not None:
        query = query.where(col(InboundMessage.received_at) >= wanted.since)
    if wanted.before:
        query = query.where(col(InboundMessage.id) < wanted.before)
    query = query.order_by(col(InboundMessage.id).desc()).limit(min(max(wanted.limit, 1), MAX_LISTED))
    return tuple(session.exec(query))


def message_by_id(session: Session, facility_id: str, message_id: str) -> InboundMessage:
    """The facility's message with this id. Raises `NotFound`."""
    found = session.get(InboundMessage, message_id) if message_id.isprintable() else None
    if found is None or found.facility_id != facility_id:
        raise NotFound(
            "this facility has no such message",
            field="message",
            remedy="list the messages",
            message_zh="本机构没有该消息",
            remedy_zh="请先列出消息",
        )
    return found


def effects_of_message(session: Session, message_id: str) -> tuple[StayEvent, ...]:
    """What the message added to the logs of stays."""
    query = select(StayEvent).where(StayEvent.message_id == message_id)
    return tuple(session.exec(query.order_by(col(StayEvent.id))))


def show_message(
    context: Context, session: Session, facility: Facility, message: InboundMessage, *, actor: Actor
) -> bytes:
    """The message's bytes. Who looked is written to the audit log: it names a patient."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    append(
        session,
        clock_now=context.clock.now(),
        kind="audit",
        actor=actor.label,
        action="message.shown",
        object_kind="message",
        object_id=message.id,
        facility_id=facility.id,
        details={},
    )
    return content_of(context, session, facility, message)


def replay_message(
    context: Context, session: Session, facility: Facility, message: InboundMessage, *, actor: Actor
) -> Outcome:
    """Takes the message once more, after what it stumbled over was mended; what is known changes nothing.

    Raises `Conflict` when its text was deleted at the end of its term.
    """
    if not content_of(context, session, facility, message):
        raise Conflict(
            "the text of this message is kept no longer",
            field="message",
            remedy="let the sender send it again",
            message_zh="该消息的内容已超过保存期限并删除",
            remedy_zh="请由发送方重新发送",
        )
    if message.channel.startswith("fhir"):
        return replay_fhir(context, session, facility, message, actor=actor)
    return replay_hl7(context, session, facility, message, actor=actor)


def replay_messages(
    context: Context, session: Session, facility: Facility, found: Sequence[InboundMessage], *, actor: Actor
) -> tuple[tuple[InboundMessage, Outcome], ...]:
    """Takes several once more, the oldest first."""
    ordered = sorted(found, key=lambda message: message.id)
    return tuple((message, replay_message(context, session, facility, message, actor=actor)) for message in ordered)


def readable(data: bytes) -> str:
    """The bytes as text for a person: UTF-8, else GB18030; line ends as such, other control characters as marks."""
    for encoding in ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        text = data.decode("utf-8", "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one if one == "\n" or one.isprintable() else "\ufffd" for one in lines)
