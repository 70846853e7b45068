"""The manual queue: a person, a time, a deadline, and what holds when nobody answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from service.access import Actor, Forbidden, Permission
from service.contracts import ReviewState, Verdict
from service.facilities import event_now, facility_by_id
from service.kit.errors import NotFound
from service.ledger import append
from service.pharmacy.decision import DelegationState
from service.pharmacy.errors import PurchaseStateRefused, ReviewClosed
from service.pharmacy.policies import purchase_policy
from service.pharmacy.registers import standing_of
from service.pharmacy.rescreen import screen_purchase
from service.pharmacy.reserve import reserve, token_of
from service.pharmacy.tables import Delegation, Purchase, PurchaseReview
from service.pharmacy.verify import hold_account
from service.platform.context import Context

_STATES: dict[str, tuple[str, str]] = {
    "waiting": ("A colleague is asked. Please wait a moment.", "已通知工作人员，请稍候。"),
    "approved": ("A colleague has checked it. You may buy.", "工作人员已核实，可以购买。"),
    "provisional": (
        "Nobody could check it in time. You may buy for now; it will be confirmed later.",
        "暂无人员核实，可先购买，稍后确认。",
    ),
    "refused": (
        "This purchase cannot be made now. Please ask at the counter.",
        "本次暂不能购买，请到柜台咨询。",
    ),
}

_ENDED: dict[DelegationState, tuple[str, str]] = {
    DelegationState.EXHAUSTED: ("was used up by another purchase meanwhile", "次数已被其他购药用完"),
    DelegationState.REVOKED: ("was revoked meanwhile", "已被撤销"),
    DelegationState.EXPIRED: ("has expired meanwhile", "已过期"),
}


def queue(
    session: Session, actor: Actor, *, facility_id: str | None, state: str | None
) -> Sequence[tuple[PurchaseReview, Purchase]]:
    """Reviews that the actor may decide or read, those that wait longest first."""
    query = select(PurchaseReview, Purchase).join(Purchase, col(Purchase.id) == col(PurchaseReview.purchase_id))
    allowed = actor.facilities(Permission.PURCHASES_REVIEW)
    if allowed is not None:
        query = query.where(col(PurchaseReview.facility_id).in_(sorted(allowed)))
    if facility_id is not None:
        query = query.where(PurchaseReview.facility_id == facility_id)
    if state is not None:
        query = query.where(PurchaseReview.state == state)
    rows = session.exec(query.order_by(col(PurchaseReview.deadline_at), col(PurchaseReview.id)).limit(500))
    return [(review, purchase) for review, purchase in rows]


def review_for(session: Session, actor: Actor, permission: Permission, review_id: str) -> PurchaseReview:
    """The review, for whoever has the permission at its pharmacy. Raises `NotFound`, `Forbidden`."""
    row = session.get(PurchaseReview, review_id) if review_id.isprintable() else None
    if row is not None and actor.knows(row.facility_id):
        actor.require(permission, row.facility_id)
        return row
    raise NotFound("no such review", field="review_id", remedy="GET /api/v1/purchase-reviews lists those you may see")


def decide_review(
    context: Context,
    session: Session,
    actor: Actor,
    review: PurchaseReview,
    *,
    approve: bool,
    note: str,
    attack_seen: bool = False,
) -> Purchase:
    """A named person decides. Raises `ReviewClosed` when another was first or the deadline is over, and
    `PurchaseStateRefused` when the delegation has ended or was used up since the purchase was asked for.

    `attack_seen`: the person saw a photograph, a screen or a mask in front of the camera.
    """
    if actor.kind != "user":
        raise Forbidden("a person decides", remedy="log in", message_zh="须由人员决定", remedy_zh="请登录")
    purchase = session.get_one(Purchase, review.purchase_id)
    hold_account(session, purchase.register_code, purchase.patient_no)
    session.refresh(review)
    now = context.clock.now()
    if review.state != "waiting":
        raise ReviewClosed(
            f"it is {review.state}" + (f" by {review.decided_by}" if review.decided_by else ""),
            remedy="start a new purchase at the kiosk",
            message_zh="该复核已结束",
            remedy_zh="请在终端重新发起购药",
        )
    if now >= review.deadline_at:
        raise ReviewClosed(
            f"its deadline was {review.deadline_at.isoformat()}",
            remedy="start a new purchase at the kiosk",
            message_zh="该复核已超过时限",
            remedy_zh="请在终端重新发起购药",
        )
    if approve:
        _require_delegation(session, purchase, now)
    review.state, review.decision = "decided", "approved" if approve else "refused"
    review.decided_by, review.decided_at, review.note = actor.label, now, note
    if attack_seen:
        purchase.presentation_attack = "confirmed"
    elif approve and purchase.presentation_attack:
        _clear_of_suspicion(session, purchase)
    _apply(context, session, purchase, review, Verdict.APPROVED if approve else Verdict.REFUSED, now)
    _note(session, review, actor.label, now)
    return purchase


def lapse_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `purchases.lapse` {}: reviews past their deadline fall back; reservations never sold give back their use.

    Each in a transaction of its own, so that one which fails keeps no other open; the failure is raised at the end. It
    is asked for at each deadline, and every hour besides: nothing stays open for ever.
    """
    now = context.clock.now()
    due = select(PurchaseReview.id).where(PurchaseReview.state == "waiting", col(PurchaseReview.deadline_at) <= now)
    unsold = select(Purchase.id).where(Purchase.state == "reserved", col(Purchase.reserved_until) <= now)
    with context.database.reading() as session:
        reviews = session.exec(due.order_by(col(PurchaseReview.deadline_at))).all()
        purchases = session.exec(unsold.order_by(col(Purchase.id))).all()
    failed: list[Exception] = []
    for act, ids in ((_fall_back, reviews), (_give_up, purchases)):
        for row_id in ids:
            try:
                with context.database.transaction() as session:
                    act(context, session, row_id, now)
            except Exception as error:
                failed.append(error)
    if failed:
        raise failed[0]


def _fall_back(context: Context, session: Session, review_id: str, now: datetime) -> None:
    review = session.get_one(PurchaseReview, review_id)
    purchase = session.get_one(Purchase, review.purchase_id)
    hold_account(session, purchase.register_code, purchase.patient_no)
    session.refresh(review)
    if review.state != "waiting":
        return
    ended = _ended_since(session, purchase, now)
    verdict = Verdict.REFUSED if ended else Verdict(review.fallback)
    review.state, review.decision, review.decided_at = "lapsed", verdict.value, now
    _apply(context, session, purchase, review, verdict, now)
    _note(session, review, "system", now)


def _give_up(context: Context, session: Session, purchase_id: str, now: datetime) -> None:
    purchase = session.get_one(Purchase, purchase_id)
    hold_account(session, purchase.register_code, purchase.patient_no)
    session.refresh(purchase)
    if purchase.state == "reserved" and purchase.reserved_until is not None and purchase.reserved_until <= now:
        purchase.state, purchase.uses = "lapsed", 0
        session.add(purchase)
        session.flush()


def state_of(context: Context, session: Session, review: PurchaseReview) -> ReviewState:
    """What the waiting kiosk is told. The token appears once there is one, and only while it is unsold."""
    purchase = session.get_one(Purchase, review.purchase_id)
    words = _STATES[review.decision or "waiting"]
    token = token_of(context, session, purchase) if purchase.state == "reserved" else None
    return ReviewState(
        review_id=review.id,
        state="waiting" if review.state == "waiting" else "decided" if review.state == "decided" else "lapsed",
        verdict=Verdict(review.decision) if review.decision else None,
        token=token,
        token_expires_at=purchase.token_expires_at if token else None,
        decided_at=review.decided_at,
        text_en=words[0],
        text_zh=words[1],
    )


def _clear_of_suspicion(session: Session, purchase: Purchase) -> None:
    """Somebody looked at the person whose burst looked like a picture, and saw a person: the bursts of that visit are
    no sign of an attack any more. What the camera said stays in the rows."""
    facility = facility_by_id(session, purchase.facility_id)
    window = timedelta(minutes=purchase_policy(session, facility, purchase.service_at).retry_window_minutes)
    visit = select(Purchase).where(
        Purchase.facility_id == purchase.facility_id,
        Purchase.patient_no == purchase.patient_no,
        Purchase.delegate_no == purchase.delegate_no,
        Purchase.presentation_attack == "suspected",
        col(Purchase.recorded_at) > purchase.recorded_at - window,
        col(Purchase.recorded_at) <= purchase.recorded_at,
    )
    for row in session.exec(visit):
        row.presentation_attack = ""
        session.add(row)


def _require_delegation(session: Session, purchase: Purchase, now: datetime) -> None:
    state = _ended_since(session, purchase, now)
    if state is not None:
        words, words_zh = _ENDED.get(state, ("is not valid any more", "已失效"))
        raise PurchaseStateRefused(
            f"the delegation {words}",
            remedy="refuse it; a new purchase may be asked for when there is a valid delegation",
            message_zh=f"委托{words_zh}",
            remedy_zh="请拒绝本次购药；有有效委托后可重新发起",
        )


def _ended_since(session: Session, purchase: Purchase, now: datetime) -> DelegationState | None:
    """How the delegation stands that no longer holds; None while it does, or when the purchase needs none.

    Other purchases may have taken its last use while this one waited. What the verdict named already is what the
    person was asked about. Call it while the patient's account is held.
    """
    row = session.get(Delegation, purchase.delegation_id) if purchase.delegation_id else None
    if row is None:
        return None
    at = max(event_now(facility_by_id(session, purchase.facility_id), now), purchase.service_at)
    state = standing_of(session, row, at, now=now).state
    named = {str(code) for code, _ in purchase.reasons}
    return None if f"delegation_{state.value}" in named else state


def _apply(
    context: Context, session: Session, purchase: Purchase, review: PurchaseReview, verdict: Verdict, now: datetime
) -> None:
    facility = facility_by_id(session, purchase.facility_id)
    purchase.verdict = verdict.value
    if verdict is Verdict.REFUSED:
        purchase.state = "refused"
    else:
        reserve(context, session, purchase, facility, purchase_policy(session, facility, purchase.service_at), now)
    session.add_all((purchase, review))
    session.flush()
    screen_purchase(session, purchase, now)


def _note(session: Session, review: PurchaseReview, actor: str, now: datetime) -> None:
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor,
        action=f"purchase_review.{review.state}",
        object_kind="purchase",
        object_id=review.purchase_id,
        facility_id=review.facility_id,
        details={"decision": review.decision},
    )
