"""The sale: a token redeemed once, partly dispensed, reversed, brought back. What was not used is given back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from sqlmodel import Session

from service.access import Actor, Permission
from service.kit.errors import InvalidInput, NotFound
from service.ledger import append
from service.pharmacy.errors import PurchaseStateRefused, TokenInvalid, TokenSpent
from service.pharmacy.reserve import lines_of
from service.pharmacy.signing import public_keys, verify_token
from service.pharmacy.tables import Purchase
from service.pharmacy.verify import hold_account
from service.platform.context import Context
from service.platform.jobs import enqueue

_AHEAD = timedelta(minutes=2)
"""How far a till's clock may be ahead."""


def redeem(
    context: Context,
    session: Session,
    actor: Actor,
    token: str,
    *,
    sale_no: str,
    sold_at: datetime | None = None,
    dispensed: Mapping[str, Decimal] | None = None,
) -> Purchase:
    """A sale upon a token, once. `sold_at`: the till's time, when it reports later. `dispensed`: by drug code, what was
    handed out; without it everything. The same sale reported twice is one.

    Raises `TokenInvalid`, `TokenSpent`, `InvalidInput`, `NotFound`, `Forbidden`.
    """
    now = context.clock.now()
    at = sold_at or now
    if at > now + _AHEAD:
        raise InvalidInput("lies in the future", field="sold_at", remedy="set the till's clock")
    found = verify_token(token, public_keys(context.keys), at=at)
    purchase = purchase_for(session, actor, Permission.PURCHASES_SELL, found.purchase_id)
    hold_account(session, purchase.register_code, purchase.patient_no)
    session.refresh(purchase)
    if purchase.token_id != found.token_id:
        raise TokenInvalid("it belongs to no purchase", field="token", remedy="verify the purchase again")
    if purchase.state == "sold" and purchase.sale_no == sale_no:
        return purchase
    if purchase.redeemed_at is not None or purchase.state == "reversed":
        raise TokenSpent(
            "a sale was made upon it already",
            field="token",
            remedy="verify a new purchase at the kiosk",
            message_zh="该凭证已用于一次销售",
            remedy_zh="请在终端重新核验",
        )
    if purchase.state != "reserved" or (purchase.reserved_until is not None and now >= purchase.reserved_until):
        raise TokenInvalid(
            "the sale was reported too late", field="token", remedy="verify the purchase again at the kiosk"
        )
    _dispense(session, purchase, dispensed)
    purchase.redeemed_at, purchase.sale_no = at, sale_no
    handed = any(line.dispensed for line in lines_of(session, purchase.id))
    purchase.state = "sold" if handed else "reversed"
    purchase.uses = purchase.uses if handed else 0
    _save(session, actor, purchase, "purchase.sold" if handed else "purchase.not_dispensed", now)
    return purchase


def give_back(
    session: Session,
    actor: Actor,
    purchase: Purchase,
    *,
    returned: Mapping[str, Decimal] | None,
    reason: str,
    now: datetime,
) -> Purchase:
    """Takes a sale back: all of it, or what `returned` says by drug code. With nothing left the use is given back, and
    the days of supply count by what is left. Raises `PurchaseStateRefused`, `InvalidInput`.
    """
    hold_account(session, purchase.register_code, purchase.patient_no)
    session.refresh(purchase)
    if purchase.state not in ("sold", "reserved"):
        raise PurchaseStateRefused(
            f"it is {purchase.state}",
            remedy="only a sale, or a purchase not yet sold, can be taken back",
            message_zh="该笔购药当前状态不可退回",
            remedy_zh="仅已售或待售的购药可以退回",
        )
    lines = lines_of(session, purchase.id)
    if purchase.state == "reserved" and returned is not None:
        raise PurchaseStateRefused("nothing was handed out yet", remedy="take all of it back, or report the sale first")
    _known_codes(returned or {}, {line.code for line in lines}, "returned")
    for line in lines:
        had = line.dispensed if line.dispensed is not None else Decimal(0)
        back = had if returned is None else returned.get(line.code, Decimal(0))
        if back > had:
            raise InvalidInput(
                f"{back} of {line.code} is more than was handed out",
                field=f"returned.{line.code}",
                remedy=f"at most {had}",
            )
        line.dispensed = had - back
        session.add(line)
    if all(not line.dispensed for line in lines):
        purchase.state, purchase.uses = "reversed", 0
    _save(session, actor, purchase, "purchase.given_back", now, reason=reason)
    return purchase


def purchase_for(session: Session, actor: Actor, permission: Permission, purchase_id: str) -> Purchase:
    """The purchase, for whoever has the permission at its pharmacy. Raises `NotFound`, `Forbidden`."""
    row = session.get(Purchase, purchase_id) if purchase_id.isprintable() else None
    if row is not None and actor.knows(row.facility_id):
        actor.require(permission, row.facility_id)
        return row
    raise NotFound("no such purchase", field="purchase_id", remedy="GET /api/v1/purchases lists those you may see")


def _dispense(session: Session, purchase: Purchase, dispensed: Mapping[str, Decimal] | None) -> None:
    lines = lines_of(session, purchase.id)
    _known_codes(dispensed or {}, {line.code for line in lines}, "dispensed")
    for line in lines:
        given = line.quantity if dispensed is None else dispensed.get(line.code, Decimal(0))
        if given > line.quantity:
            raise InvalidInput(
                f"{given} of {line.code} is more than was verified",
                field=f"dispensed.{line.code}",
                remedy=f"at most {line.quantity}; verify a new purchase for more",
            )
        line.dispensed = given
        session.add(line)
    session.flush()


def _known_codes(given: Mapping[str, Decimal], known: set[str], field: str) -> None:
    for code in given:
        if code not in known:
            raise InvalidInput(
                f"{code[:64]!r} is not in this purchase", field=f"{field}.{code[:64]}", remedy="verify it first"
            )


def _save(session: Session, actor: Actor, purchase: Purchase, action: str, now: datetime, *, reason: str = "") -> None:
    session.add(purchase)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action=action,
        object_kind="purchase",
        object_id=purchase.id,
        facility_id=purchase.facility_id,
        details={"state": purchase.state, "sale_no": purchase.sale_no, "reason_given": bool(reason)},
    )
    key = f"screening.places:{purchase.facility_id}"
    enqueue(session, "screening.places", {"facility_id": purchase.facility_id}, now=now, dedupe_key=key)
