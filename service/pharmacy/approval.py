"""Approving a delegation that waits: a person sets for how long, how often and for which drugs it holds. What was
wished for at the kiosk is a wish; policy bounds both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from sqlmodel import Session

from service.facilities import event_now
from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.pharmacy.errors import DelegationRefused
from service.pharmacy.policies import purchase_policy
from service.pharmacy.policy import PurchasePolicy
from service.pharmacy.registers import Entry, save_entry
from service.pharmacy.tables import Delegation


class Keep(Enum):
    """`KEEP` in place of a value: as wished for or entered; where nothing was, as policy proposes."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Limits:
    """What whoever approves sets. None is without limit; `drug_classes` empty: all that policy does not exclude."""

    valid_to: datetime | Keep | None = KEEP
    uses_per_period: int | Keep | None = KEEP
    period_days: int | Keep = KEEP
    drug_classes: tuple[str, ...] | Keep = KEEP
    max_quantity: Decimal | Keep | None = KEEP


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a delegation that waits would get if nobody changed it."""

    valid_to: datetime | None
    uses_per_period: int | None
    period_days: int
    drug_classes: tuple[str, ...]
    max_quantity: Decimal | None


def proposal_of(row: Delegation, policy: PurchasePolicy) -> Proposal:
    """The wish within policy; where a kiosk's claim wished for nothing, what policy proposes. What staff entered stays
    as it was entered."""
    valid_to, uses, days = row.valid_to, row.uses_per_period, row.period_days
    if row.source == "kiosk":
        latest = _latest(row, policy)
        valid_to = min(valid_to or row.valid_from + timedelta(days=policy.claim_days), latest)
        if uses is None:
            uses, days = policy.claim_uses, policy.claim_period_days
    return Proposal(valid_to, uses, days, tuple(row.drug_classes), row.max_quantity)


def decide_delegation(
    session: Session, entry: Entry, row: Delegation, *, approve: bool, note: str, limits: Limits | None = None
) -> Delegation:
    """A person approves, within `limits`, or rejects a delegation that waits. Raises `DelegationRefused`,
    `InvalidInput`."""
    _check_open(row, entry)
    if approve:
        policy = purchase_policy(session, entry.facility, event_now(entry.facility, entry.now))
        _limit(row, limits or Limits(), policy)
    row.status = "active" if approve else "rejected"
    row.decided_by, row.decided_at, row.note = entry.actor, entry.now, note
    save_entry(session, entry, row, f"delegation.{row.status}", row.id, wished=row.wishes, granted=granted(row))
    return row


def granted(row: Delegation) -> dict[str, object]:
    """What the delegation allows, for the log."""
    return {
        "valid_to": row.valid_to.isoformat() if row.valid_to else None,
        "uses_per_period": row.uses_per_period,
        "period_days": row.period_days,
        "drug_classes": list(row.drug_classes),
        "max_quantity": str(row.max_quantity) if row.max_quantity is not None else None,
    }


def _limit(row: Delegation, limits: Limits, policy: PurchasePolicy) -> None:
    proposed = proposal_of(row, policy)
    valid_to = proposed.valid_to if isinstance(limits.valid_to, Keep) else limits.valid_to
    if valid_to is not None and utc(valid_to) <= row.valid_from:
        raise InvalidInput("ends before it begins", field="valid_to", remedy="give a later end")
    if row.source == "kiosk" and (valid_to is None or utc(valid_to) > _latest(row, policy)):
        raise InvalidInput(
            f"is later than {policy.max_delegation_days} days after its beginning",
            field="valid_to",
            remedy="give an earlier end; a delegation claimed at a kiosk has one",
            message_zh=f"超过自生效起 {policy.max_delegation_days} 天",
            remedy_zh="请缩短有效期；终端登记的委托须有截止日期",
        )
    row.valid_to = valid_to
    row.uses_per_period = (
        proposed.uses_per_period if isinstance(limits.uses_per_period, Keep) else limits.uses_per_period
    )
    row.period_days = proposed.period_days if isinstance(limits.period_days, Keep) else limits.period_days
    row.drug_classes = list(proposed.drug_classes if isinstance(limits.drug_classes, Keep) else limits.drug_classes)
    row.max_quantity = proposed.max_quantity if isinstance(limits.max_quantity, Keep) else limits.max_quantity


def _latest(row: Delegation, policy: PurchasePolicy) -> datetime:
    return row.valid_from + timedelta(days=policy.max_delegation_days)


def _check_open(row: Delegation, entry: Entry) -> None:
    if row.status != "pending_review":
        raise DelegationRefused(
            f"it is {row.status} already",
            remedy="enter a new delegation",
            message_zh="该委托已处理",
            remedy_zh="请新建委托",
        )
    if entry.actor == row.recorded_by:
        raise DelegationRefused(
            "whoever entered it does not approve it",
            remedy="ask another person",
            message_zh="登记人不能自行审批",
            remedy_zh="请由另一人审批",
        )
