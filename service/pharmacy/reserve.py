"""A purchase that may be sold: its use is taken, its token signed. What is not sold in time gives the use back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.facilities import Facility, facility_by_id
from service.kit.ids import new_id
from service.pharmacy.policy import PurchasePolicy
from service.pharmacy.signing import sign_token
from service.pharmacy.tables import Purchase, PurchaseLine
from service.platform.context import Context
from service.platform.jobs import enqueue


def reserve(
    context: Context,
    session: Session,
    row: Purchase,
    facility: Facility,
    policy: PurchasePolicy,
    now: datetime,
) -> str:
    """Takes a use of the delegation and returns the token. Call it while the patient's account is held."""
    row.token_id = new_id()
    row.token_expires_at = (now + policy.token_life).replace(microsecond=0)
    row.reserved_until = row.token_expires_at + timedelta(hours=policy.redeem_hours)
    row.state, row.uses = "reserved", 1 if row.delegation_id else 0
    session.add(row)
    session.flush()
    enqueue(session, "purchases.lapse", {}, now=now, run_after=row.reserved_until)
    return token_of(context, session, row, facility)


def token_of(context: Context, session: Session, row: Purchase, facility: Facility | None = None) -> str:
    """The purchase's token. It is the same however often it is asked for."""
    place = facility or facility_by_id(session, row.facility_id)
    if row.token_id is None or row.token_expires_at is None:
        raise ValueError("a purchase without leave has no token")
    return sign_token(
        context.keys,
        token_id=row.token_id,
        purchase_id=row.id,
        facility=place.code,
        verdict=row.verdict,
        items=[(line.code, _plain(line), line.days_of_supply) for line in lines_of(session, row.id)],
        issued_at=row.recorded_at,
        expires_at=row.token_expires_at,
    )


def lines_of(session: Session, purchase_id: str) -> Sequence[PurchaseLine]:
    """The purchase's lines, in order."""
    query = select(PurchaseLine).where(PurchaseLine.purchase_id == purchase_id)
    return session.exec(query.order_by(col(PurchaseLine.id))).all()


def _plain(line: PurchaseLine) -> str:
    text = f"{line.quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
