"""The API of tills, of the people who review, and of those who look at purchases, statistics and stock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.contracts.messages import Instant
from service.facilities import event_now, facility_by_id, facility_for
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.ledger import append
from service.pharmacy.disclosure import may_see_reasons, record_reasons_read
from service.pharmacy.repository import purchases_readable
from service.pharmacy.reserve import lines_of
from service.pharmacy.reviews import decide_review, queue, review_for
from service.pharmacy.sale import give_back, purchase_for, purchase_of_token, redeem
from service.pharmacy.schemas_sales import (
    BalanceOut,
    Handed,
    PurchaseOut,
    RedemptionIn,
    ReversalIn,
    ReviewOut,
    StatisticsOut,
)
from service.pharmacy.statistics import statistics_of
from service.pharmacy.steps import once
from service.pharmacy.stock import balances, movements_of, sales_of
from service.pharmacy.tables import Purchase
from service.pharmacy.wire import DecisionIn
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter()

Reader = Annotated[Actor, allow(Permission.PURCHASES_READ)]
Till = Annotated[Actor, allow(Permission.PURCHASES_SELL)]
Reviewer = Annotated[Actor, allow(Permission.PURCHASES_REVIEW)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]
OptionalCode = Annotated[str | None, Query(max_length=64, description="The facility's code. Default: all of yours.")]
RowId = Annotated[str, Path(max_length=32)]
From = Annotated[Instant | None, Query(alias="from", description="Event time. Default: 31 days before `to`.")]
To = Annotated[Instant | None, Query(description="Event time, excluded. Default: now.")]

_MONTH = timedelta(days=31)
_LONGEST = timedelta(days=400)


@router.post("/purchase-redemptions", summary="Report a sale upon a token")
def post_redemption(body: RedemptionIn, actor: Till, context: ContextDep, session: WriteSession) -> PurchaseOut:
    """Once. A till that was slow or offline says when it sold; the same sale reported twice is one."""
    purchase, now = purchase_of_token(context, session, actor, body.token), context.clock.now()

    def sell() -> PurchaseOut:
        row = redeem(
            context,
            session,
            actor,
            body.token,
            sale_no=body.sale_no,
            sold_at=body.sold_at,
            dispensed=body.dispensed,
        )
        return _out(session, row, actor)

    return once(session, actor, purchase, "sale", body.sale_no, Handed(drugs=body.dispensed), sell, now)


@router.post("/purchases/{purchase_id}/reversals", summary="Take a sale back, in whole or in part")
def post_reversal(
    purchase_id: RowId, body: ReversalIn, actor: Till, context: ContextDep, session: WriteSession
) -> PurchaseOut:
    """What was not used is given back: the use when nothing is left, days of supply by what came back. The same request
    twice gives back once."""
    row, now = purchase_for(session, actor, Permission.PURCHASES_SELL, purchase_id), context.clock.now()

    def reverse() -> PurchaseOut:
        taken = give_back(session, actor, row, returned=body.returned, reason=body.reason, now=now)
        return _out(session, taken, actor)

    said = Handed(drugs=body.returned, reason=body.reason)
    return once(session, actor, row, "reversal", body.request_id, said, reverse, now)


@router.get("/purchases", summary="Purchases that you may see")
def list_purchases(
    actor: Reader,
    context: ContextDep,
    session: WriteSession,
    facility: OptionalCode = None,
    patient_no: Annotated[str | None, Query(max_length=64)] = None,
    delegate_no: Annotated[str | None, Query(max_length=64)] = None,
    verdict: Literal["approved", "refused", "manual_review", "provisional"] | None = None,
    state: Literal["waiting", "reserved", "sold", "reversed", "lapsed", "refused"] | None = None,
) -> list[PurchaseOut]:
    """The latest first, at most 1,000. Reasons are shown to those who decide purchases there, and that is recorded."""
    here = facility_for(session, actor, Permission.PURCHASES_READ, facility).id if facility is not None else None
    rows = purchases_readable(
        session,
        actor,
        facility_id=here,
        patient_no=patient_no,
        delegate_no=delegate_no,
        verdict=verdict,
        state=state,
    )
    record_reasons_read(session, actor, rows, context.clock.now())
    return [_out(session, row, actor) for row in rows]


@router.get("/purchases/{purchase_id}", summary="One purchase")
def read_purchase(purchase_id: RowId, actor: Reader, context: ContextDep, session: WriteSession) -> PurchaseOut:
    """With every reason and what stands behind a neutral one, for those who decide. Each reading is recorded."""
    row = purchase_for(session, actor, Permission.PURCHASES_READ, purchase_id)
    append(
        session,
        clock_now=context.clock.now(),
        kind="audit",
        actor=actor.label,
        action="purchase.read",
        object_kind="purchase",
        object_id=row.id,
        facility_id=row.facility_id,
    )
    return _out(session, row, actor)


@router.get("/purchase-reviews", summary="The manual queue")
def list_reviews(
    actor: Reviewer,
    context: ContextDep,
    session: WriteSession,
    facility: OptionalCode = None,
    state: Literal["waiting", "decided", "lapsed"] | None = None,
) -> list[ReviewOut]:
    """Those that wait longest first, with their deadline and what holds if nobody answers."""
    here = facility_for(session, actor, Permission.PURCHASES_REVIEW, facility).id if facility is not None else None
    found = queue(session, actor, facility_id=here, state=state)
    record_reasons_read(session, actor, [row for _, row in found], context.clock.now())
    return [ReviewOut.of(review, _out(session, row, actor)) for review, row in found]


@router.post("/purchase-reviews/{review_id}/decision", summary="Decide a purchase that waits")
def post_decision(
    review_id: RowId, body: DecisionIn, actor: Reviewer, context: ContextDep, session: WriteSession
) -> ReviewOut:
    """A named person decides; the kiosk that waits is told, and gets its token if it was approved."""
    review = review_for(session, actor, Permission.PURCHASES_REVIEW, review_id)
    row = decide_review(
        context, session, actor, review, approve=body.approve, note=body.note, attack_seen=body.attack_seen
    )
    return ReviewOut.of(review, _out(session, row, actor))


@router.get("/purchase-statistics", summary="How purchases were verified")
def read_statistics(
    facility: FacilityCode,
    actor: Reader,
    context: ContextDep,
    session: ReadSession,
    from_: From = None,
    to: To = None,
) -> StatisticsOut:
    """By face, by documents, by people, with intervals; and how often the manual queue answered in time."""
    place = facility_for(session, actor, Permission.PURCHASES_READ, facility)
    end = to or event_now(place, context.clock.now())
    return StatisticsOut.of(statistics_of(session, place.id, _period(from_ or end - _MONTH, end)))


@router.get("/stock", summary="Opening + in - out = closing, and sales against it")
def read_stock(
    facility: FacilityCode,
    actor: Reader,
    context: ContextDep,
    session: ReadSession,
    from_: From = None,
    to: To = None,
) -> list[BalanceOut]:
    """For each drug of the feed: what should be there, what was counted, and the first sale above the stock."""
    place = facility_for(session, actor, Permission.PURCHASES_READ, facility)
    end = to or event_now(place, context.clock.now())
    period = _period(from_ or end - _MONTH, end)
    found = balances(movements_of(session, place.id, period), sales_of(session, place.id, period))
    return [BalanceOut.of(balance) for balance in found]


def _period(start: datetime, end: datetime) -> Interval:
    if not start < end <= start + _LONGEST:
        raise InvalidInput("is not before `to`, or more than 400 days before", field="from", remedy="ask for less")
    return Interval(start, end)


def _out(session: Session, row: Purchase, actor: Actor) -> PurchaseOut:
    code = facility_by_id(session, row.facility_id).code
    shown = PurchaseOut.of(row, code, list(lines_of(session, row.id)))
    if may_see_reasons(actor, row.facility_id):
        return shown
    return shown.model_copy(update={"reasons": (), "causes": [], "liveness_reasons": []})
