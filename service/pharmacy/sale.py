"""The sale: a token redeemed once, partly dispensed, reversed, brought back. What was not used is given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlmodel import Session

from service.access import Actor, Permission
from service.kit.errors import InvalidInput, NotFound
from service.ledger import append
from service.pharmacy.errors import PurchaseStateRefused, TokenInvalid, TokenSpent
from service.pharmacy.rescreen import screen_purchase
from service.pharmacy.reserve import lines_of
from service.pharmacy.signing import public_keys, verify_token
from service.pharmacy.tables import Purchase, PurchaseLine
from service.pharmacy.verify import hold_account
from service.platform.context import Context

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


def purchase_of_token(context: Context, session: Session, actor: Actor, token: str) -> Purchase:
    """The purchase that a token belongs to, however old it is. Raises `TokenInvalid`, `NotFound`, `Forbidden`."""
    found = verify_token(token, public_keys(context.keys), at=None)
    return purchase_for(session, actor, Permission.PURCHASES_SELL, found.purchase_id)


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
    had = [line.dispensed if line.dispensed is not None else Decimal(0) for line in lines]
    back = had if returned is None else _over_lines(lines, had, returned, "returned", "was handed out", "")
    for line, before, less in zip(lines, had, back, strict=True):
        line.dispensed = before - less
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
    asked = [line.quantity for line in lines]
    more = "; verify a new purchase for more"
    given = asked if dispensed is None else _over_lines(lines, asked, dispensed, "dispensed", "was verified", more)
    for line, handed in zip(lines, given, strict=True):
        line.dispensed = handed
        session.add(line)
    session.flush()


def _over_lines(
    lines: Sequence[PurchaseLine],
    most: Sequence[Decimal],
    by_code: Mapping[str, Decimal],
    field: str,
    bar: str,
    more: str,
) -> list[Decimal]:
    """What falls to each line when a drug's quantity is said once for all of its lines, the first ones first."""
    left, shares = dict(by_code), []
    for line, room in zip(lines, most, strict=True):
        share = min(room, left.get(line.code, Decimal(0)))
        left[line.code] = left.get(line.code, Decimal(0)) - share
        shares.append(share)
    for code, rest in left.items():
        if rest > 0:
            whole = by_code[code]
            raise InvalidInput(
                f"{whole} of {code} is more than {bar}", field=f"{field}.{code}", remedy=f"at most {whole - rest}{more}"
            )
    return shares


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
    screen_purchase(session, purchase, now)
