"""How long messages are kept that became nothing: the unclaimed, the refused, and those that a person settled.

A message that was applied stays: findings rest on it. A dead letter stays until it is applied or a person dismisses
it: what a hospital said and nobody could use must not vanish unseen. Rows stay as well, without their text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, exists, func, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.admissions.tables import InboundMessage, UnclaimedMessage
from service.facilities import Facility
from service.kit.errors import Conflict, InvalidInput
from service.ledger import append, noted_since
from service.platform import metrics
from service.platform.context import Context

DISMISSED = "dismissed"
_DISMISSAL = "message.dismissed"
_LONGEST_REASON = 500
_NEEDED = ("applied", "duplicate", "dead_letter")
"""States of a message whose text may still be asked for. A repeated message is kept once, whichever row holds it."""

purged_total = metrics.counter(
    "messages_purged_total", "Messages whose text was deleted at the end of its term, by state", ["state"]
)
waiting = metrics.gauge(
    "messages_waiting", "Messages that wait for a person, by kind: unclaimed, dead_letter", ["kind"]
)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many messages lost their text."""

    unclaimed: int
    refused: int


def purge_messages_job(context: Context, _payload: dict[str, Any]) -> None:
    """Job `messages.purge`."""
    purge_messages(context, context.clock.now())


def purge_messages(context: Context, now: datetime) -> Purged:
    """Deletes what is older than `message_retention_days`: unclaimed messages since they last came, and the text of
    those that were refused for good or dismissed, a dismissed one since its dismissal."""
    limit = now - timedelta(days=context.settings.message_retention_days)
    with context.database.transaction() as session:
        done = Purged(_purge_unclaimed(session, limit, now), _purge_refused(session, limit))
    return done


def measure_messages(session: Session) -> None:
    """Sets the gauge of messages that wait for a person."""
    unclaimed = select(func.count()).where(col(UnclaimedMessage.claimed_at).is_(None))
    dead = select(func.count()).where(InboundMessage.state == "dead_letter")
    waiting.labels("unclaimed").set(session.exec(unclaimed).one())
    waiting.labels("dead_letter").set(session.exec(dead).one())


def dismiss_message(
    context: Context, session: Session, facility: Facility, message: InboundMessage, reason: str, *, actor: Actor
) -> None:
    """Puts a dead letter aside for good: it counts as answered, and its text goes at the end of its term. Raises
    `Conflict` for a message in another state, `InvalidInput` without a reason."""
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    if message.state != "dead_letter":
        raise Conflict(
            f"the message is no dead letter, but {message.state}",
            field="message",
            remedy="`wardwatch messages ls --state dead_letter` lists those that can be dismissed",
            message_zh=f"该消息状态为 {message.state}，不是死信",
            remedy_zh="请用 `wardwatch messages ls --state dead_letter` 查看",
        )
    said = " ".join(reason.split())
    if not said or len(said) > _LONGEST_REASON or not said.isprintable():
        raise InvalidInput(
            "why is it dismissed?",
            field="reason",
            remedy=f"give a reason of up to {_LONGEST_REASON} characters",
            message_zh="缺少原因",
            remedy_zh=f"请填写不超过 {_LONGEST_REASON} 字的原因",
        )
    message.state, message.note = DISMISSED, said
    session.add(message)
    append(
        session,
        clock_now=context.clock.now(),
        kind="audit",
        actor=actor.label,
        action=_DISMISSAL,
        object_kind="message",
        object_id=message.id,
        facility_id=facility.id,
        details={"sha256": message.sha256, "reason": said},
    )


def settle_dead_letters(session: Session, message: InboundMessage) -> None:
    """The same bytes were applied now: dead letters that say just this are answered."""
    found = select(InboundMessage).where(
        InboundMessage.facility_id == message.facility_id,
        InboundMessage.sha256 == message.sha256,
        InboundMessage.state == "dead_letter",
        InboundMessage.id != message.id,
    )
    for one in session.exec(found):
        one.state, one.error, one.note = "duplicate", "", f"the same message was applied as {message.id}"
        session.add(one)


def _purge_unclaimed(session: Session, limit: datetime, now: datetime) -> int:
    old = and_(col(UnclaimedMessage.claimed_at).is_(None), col(UnclaimedMessage.last_at) < limit)
    senders = session.exec(select(UnclaimedMessage.sending_facility).where(old).distinct().limit(20)).all()
    count = session.exec(select(func.count()).select_from(UnclaimedMessage).where(old)).one()
    # Of those that were claimed nothing is left to keep: the message is the facility's.
    session.execute(delete(UnclaimedMessage).where(or_(old, col(UnclaimedMessage.claimed_at) < limit)))
    if count:
        purged_total.labels("unclaimed").inc(count)
        append(
            session,
            clock_now=now,
            kind="audit",
            actor="system:purge",
            action="message.unclaimed_purged",
            object_kind="unclaimed_message",
            object_id="",
            details={"count": count, "last_before": limit.isoformat(), "sending_facilities": sorted(senders)},
        )
    return count


def _purge_refused(session: Session, limit: datetime) -> int:
    # A term that had run out before anybody dismissed it would leave nobody the time to think again.
    put_aside = [item.object_id for item in noted_since(session, _DISMISSAL, limit)]
    other = aliased(InboundMessage)
    needed = exists().where(
        col(other.facility_id) == InboundMessage.facility_id,
        col(other.sha256) == InboundMessage.sha256,
        or_(col(other.state).in_(_NEEDED), col(other.id).in_(put_aside)),
    )
    query = select(InboundMessage.id, InboundMessage.state).where(
        col(InboundMessage.state).in_(("rejected", DISMISSED)),
        col(InboundMessage.recorded_at) < limit,
        col(InboundMessage.sealed).is_not(None),
        ~needed,
    )
    found = session.exec(query).all()
    for state in {state for _, state in found}:
        ids = [message_id for message_id, its in found if its == state]
        for at in range(0, len(ids), 500):
            chosen = col(InboundMessage.id).in_(ids[at : at + 500])
            session.execute(update(InboundMessage).where(chosen).values(sealed=None))
        purged_total.labels(state).inc(len(ids))
    return len(found)
