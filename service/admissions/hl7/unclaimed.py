"""Messages that are nobody's yet: the sender is not known, or may not speak for the facility that it names."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from service.access import Actor
from service.admissions.errors import MessageRefused
from service.admissions.hl7.answers import refused
from service.admissions.hl7.intake import Answered, answer_away, answerer, take_hl7
from service.admissions.hl7.routes import Routes
from service.admissions.hl7.text import Message, read_message
from service.admissions.intake import messages_total
from service.admissions.tables import UnclaimedMessage
from service.facilities import Facility
from service.kit.errors import Conflict, NotFound
from service.ledger import append
from service.platform.context import Context

_log = logging.getLogger(__name__)
MOST_KEPT = 10_000
"""Waiting messages at most: a stranger let in by mistake must not fill the disk. More are refused and counted."""


def routed(
    context: Context, routes: Routes, actor_of: Callable[[Collection[str]], Actor]
) -> Callable[[frozenset[str]], Callable[[bytes], bytes]]:
    """Makes the answerer of a line whose certificate bears the given names; `actor_of` names who writes then."""

    def of_peer(names: frozenset[str]) -> Callable[[bytes], bytes]:
        actor = actor_of(names)

        def answer(data: bytes) -> bytes:
            message: Message | None = None
            try:
                message = read_message(data)
                code = routes.facility_of(message, names)
            except MessageRefused as error:
                return _unclaimed(context, data, message, error, names)
            return answerer(context, code, actor)(data)

        return answer

    return of_peer


def waiting_messages(session: Session, limit: int = 100) -> tuple[UnclaimedMessage, ...]:
    """Those that nobody claimed, the latest first."""
    query = select(UnclaimedMessage).where(col(UnclaimedMessage.claimed_at).is_(None))
    return tuple(session.exec(query.order_by(col(UnclaimedMessage.last_at).desc()).limit(limit)))


def claim_message(
    context: Context, session: Session, facility: Facility, unclaimed_id: str, *, actor: Actor
) -> Answered:
    """Takes the message as one of the facility's, as if it had just come. Raises `NotFound`, `Conflict`."""
    row = session.get(UnclaimedMessage, unclaimed_id) if unclaimed_id.isprintable() else None
    if row is None:
        raise NotFound(
            "there is no such message",
            field="message",
            remedy="`wardwatch messages unclaimed` lists them",
            message_zh="没有该消息",
            remedy_zh="请用 `wardwatch messages unclaimed` 查看",
        )
    if row.claimed_at is not None or row.sealed is None:
        raise Conflict(
            "the message was claimed before",
            field="message",
            remedy=f"it is {row.message_id} now",
            message_zh="该消息已被认领",
            remedy_zh=f"现编号 {row.message_id}",
        )
    data = context.keys.open(row.sealed, _seal_context(row.sha256))
    answered = take_hl7(context, session, facility, data, channel="hl7-mllp", actor=actor)
    now = context.clock.now()
    row.claimed_at, row.message_id, row.sealed = now, answered.outcome.message_id, None
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action="message.claimed",
        object_kind="message",
        object_id=answered.outcome.message_id,
        facility_id=facility.id,
        details={"sha256": row.sha256, "sending_facility": row.sending_facility},
    )
    return answered


def _unclaimed(
    context: Context, data: bytes, message: Message | None, error: MessageRefused, names: Collection[str]
) -> bytes:
    try:
        with context.database.transaction() as session:
            _keep(context, session, data, message, error, names)
    except Exception:
        _log.exception("an unclaimed message could not be kept")
        return answer_away(context, data, "")
    return refused(message, "", error, context.clock.now())


def _keep(
    context: Context,
    session: Session,
    data: bytes,
    message: Message | None,
    error: MessageRefused,
    names: Collection[str],
) -> None:
    now, sha256 = context.clock.now(), hashlib.sha256(data).hexdigest()
    row = session.exec(select(UnclaimedMessage).where(UnclaimedMessage.sha256 == sha256)).first()
    if row is None:
        waiting = select(func.count()).where(col(UnclaimedMessage.claimed_at).is_(None))
        if session.exec(waiting).one() >= MOST_KEPT:
            messages_total.labels("hl7-mllp", "dropped").inc()
            return
        row = UnclaimedMessage(sha256=sha256, attempts=0, received_at=now, last_at=now)
    messages_total.labels("hl7-mllp", "unclaimed").inc()
    row.attempts += 1
    row.last_at, row.error = now, error.line()[:2000]
    row.client = ", ".join(sorted(names))[:200]
    if row.claimed_at is None:
        row.sealed = context.keys.seal(data, _seal_context(sha256))
    if message is not None:
        row.control_id = message.control_id[:200]
        row.trigger = f"{message.kind}^{message.trigger}"[:64]
        row.sending_facility = message.header.text(4)[:200]
        row.receiving_facility = message.header.text(6)[:200]
    session.add(row)
    session.flush()
    if row.attempts == 1:  # the row counts the others: whoever repeats a message must not fill the ledger
        _record(session, row, now)


def _record(session: Session, row: UnclaimedMessage, now: datetime) -> None:
    append(
        session,
        clock_now=now,
        kind="audit",
        actor="system:adt-listen",
        action="message.unclaimed",
        object_kind="unclaimed_message",
        object_id=row.id,
        details={"sha256": row.sha256, "sending_facility": row.sending_facility, "client": row.client},
    )


def _seal_context(sha256: str) -> str:
    return f"unclaimed_message:{sha256}"
