"""Challenges: head turns that nobody could know before, for one burst, for a short time."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col

from service.access import Actor
from service.facilities import Facility
from service.pharmacy.errors import ChallengeExpired, ChallengeSpent, ChallengeUnknown
from service.pharmacy.policy import PurchasePolicy
from service.pharmacy.tables import Challenge
from service.vision.liveness import turns_for

_NONCE_BYTES = 15


def draw(session: Session, facility: Facility, actor: Actor, policy: PurchasePolicy, now: datetime) -> Challenge:
    """A new challenge for whoever asks."""
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    row = Challenge(
        facility_id=facility.id,
        issued_to=actor.label,
        nonce=nonce,
        turns=[turn.value for turn in turns_for(nonce, policy.challenge_turns)],
        issued_at=now,
        expires_at=now + timedelta(seconds=policy.challenge_seconds),
    )
    session.add(row)
    session.flush()
    return row


def open_challenge(
    session: Session, facility_id: str, actor: Actor, challenge_id: str, nonce: str, now: datetime
) -> Challenge:
    """The challenge, if it may still be answered. Raises `ChallengeUnknown`, `ChallengeSpent`, `ChallengeExpired`."""
    row = session.get(Challenge, challenge_id) if challenge_id.isprintable() else None
    known = row is not None and row.facility_id == facility_id and row.issued_to == actor.label
    if row is None or not known or not hmac.compare_digest(row.nonce.encode(), nonce.encode()):
        raise ChallengeUnknown(
            "no such challenge was drawn for this kiosk",
            field="meta.challenge_id",
            remedy="draw one with POST /api/v1/purchase-challenges",
            message_zh="本终端没有该核验任务",
            remedy_zh="请重新获取核验任务",
        )
    if row.spent_at is not None:
        raise _spent()
    if now >= row.expires_at:
        raise ChallengeExpired(
            f"it was good until {row.expires_at.isoformat(timespec='seconds')}",
            field="meta.challenge_id",
            remedy="draw a new challenge",
            message_zh="核验任务已超时",
            remedy_zh="请重新获取核验任务",
        )
    return row


def spend(session: Session, challenge_id: str, now: datetime) -> None:
    """Uses the challenge up, once. Raises `ChallengeSpent`."""
    statement = update(Challenge).where(col(Challenge.id) == challenge_id, col(Challenge.spent_at).is_(None))
    if session.execute(statement.values(spent_at=now)).rowcount != 1:  # type: ignore[attr-defined]
        raise _spent()


def _spent() -> ChallengeSpent:
    return ChallengeSpent(
        "another burst has answered this challenge",
        field="meta.challenge_id",
        remedy="draw a new challenge",
        message_zh="该核验任务已被使用",
        remedy_zh="请重新获取核验任务",
    )
