"""The form by which a person approves a delegation that waits, and sets how long, how often and for what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field
from sqlmodel import Session

from service.facilities import Facility, event_now
from service.pharmacy import Delegation, Limits, proposal_of, purchase_policy
from service.web.delegation_form import classes_of, midnight


class ApprovalForm(BaseModel):
    """What was decided. Without `limits` the delegation gets what was wished for, within policy; with it, an empty
    field is without limit. The last day is a whole day of the facility."""

    decision: Literal["approve", "refuse"]
    note: Annotated[str, Field(max_length=500)] = ""
    limits: Annotated[str, Field(max_length=8)] = ""
    valid_to: date | None = None
    uses_per_period: Annotated[int, Field(ge=1, le=1000)] | None = None
    period_days: Annotated[int, Field(ge=1, le=3660)] = 30
    drug_classes: Annotated[str, Field(max_length=500)] = ""
    max_quantity: Annotated[Decimal, Field(gt=0, le=100_000, max_digits=9, decimal_places=3)] | None = None


@dataclass(frozen=True, slots=True)
class ProposalSeen:
    """What a delegation that waits would get, as the form's fields show it."""

    valid_to: str
    uses_per_period: str
    period_days: int
    drug_classes: str
    max_quantity: str
    wished: bool


def is_waiting(row: Delegation) -> bool:
    """Whether somebody has to decide it."""
    return row.status == "pending_review"


def limits_of(form: ApprovalForm, place: Facility) -> Limits | None:
    """What the form sets. Raises `InvalidInput`."""
    if not form.limits:
        return None
    zone = ZoneInfo(place.timezone)
    return Limits(
        valid_to=midnight(form.valid_to, zone, "valid_to", after=True) if form.valid_to else None,
        uses_per_period=form.uses_per_period,
        period_days=form.period_days,
        drug_classes=classes_of(form.drug_classes),
        max_quantity=form.max_quantity,
    )


def proposed(session: Session, place: Facility, row: Delegation, now: datetime) -> ProposalSeen:
    """The fields as they are filled in before anybody changes them."""
    found = proposal_of(row, purchase_policy(session, place, event_now(place, now)))
    last = found.valid_to.astimezone(ZoneInfo(place.timezone)) - timedelta(microseconds=1) if found.valid_to else None
    return ProposalSeen(
        valid_to=f"{last:%Y-%m-%d}" if last else "",
        uses_per_period=str(found.uses_per_period or ""),
        period_days=found.period_days,
        drug_classes=", ".join(found.drug_classes),
        max_quantity=f"{found.max_quantity.normalize():f}" if found.max_quantity is not None else "",
        wished=bool(row.wishes),
    )
