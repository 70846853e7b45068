"""A purchase verified: the burst judged outside of any transaction, the verdict given inside of one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session, select

from service.access import Actor
from service.contracts import (
    BuyerRole,
    IdentityMethod,
    PurchaseItem,
    PurchaseMeta,
    PurchaseVerdict,
    TurnCode,
    Verdict,
)
from service.enrolment import opened_pack, templates_of
from service.facilities import Facility, event_now
from service.kit.errors import InvalidInput
from service.ledger import append
from service.pharmacy.answers import answer_of, stored_answer
from service.pharmacy.challenges import open_challenge, spend
from service.pharmacy.decision import Decision, Liveness, decide
from service.pharmacy.errors import RequestReused
from service.pharmacy.gather import Asked, Gathered, Known, by_documents, fallback_of, gather, whom
from service.pharmacy.history import failed_bursts
from service.pharmacy.identity import UNPACED, Seen, look, passive_of
from service.pharmacy.policies import purchase_policy
from service.pharmacy.policy import PurchasePolicy
from service.pharmacy.rescreen import screen_purchase
from service.pharmacy.reserve import reserve
from service.pharmacy.sites import kiosk_facility, register_of
from service.pharmacy.tables import Purchase, PurchaseAccount, PurchaseLine, PurchaseReview
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.platform.metrics import counter
from service.vision import Gallery, ImageLimits
from service.vision.liveness import pauses_for

verdicts_total = counter("purchase_verdicts_total", "Purchases answered, by verdict and method", ("verdict", "method"))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What was read before the burst is judged."""

    asked: Asked
    known: Known
    policy: PurchasePolicy
    turns: tuple[TurnCode, ...]
    gallery: Gallery | None


def verify_purchase(context: Context, actor: Actor, meta: PurchaseMeta, images: Sequence[bytes]) -> PurchaseVerdict:
    """The verdict on a purchase. The same request again has the same answer, whatever became of it since.

    Raises `RequestReused`, `ChallengeUnknown`, `ChallengeSpent`, `ChallengeExpired`, `InvalidInput`, `ImageError`.
    """
    digest = request_digest(meta, images)
    with context.database.reading() as session:
        facility = kiosk_facility(session, actor)
        again = _answered(session, facility, meta.request_id, digest)
        if again is not None:
            return again
        prepared = _prepare(context, session, actor, facility, meta, images)
    seen = _look(context, prepared, meta, images)
    with context.database.transaction() as session:
        hold_account(session, prepared.asked.register, meta.patient_no)
        again = _answered(session, facility, meta.request_id, digest)
        if again is not None:
            return again
        if meta.method is IdentityMethod.FACE and meta.challenge_id is not None:
            spend(session, meta.challenge_id, prepared.asked.now)
        answer = _settle(context, session, actor, prepared, seen, meta, digest)
    verdicts_total.labels(answer.verdict.value, meta.method.value).inc()
    return answer


def request_digest(meta: PurchaseMeta, images: Sequence[bytes]) -> str:
    """SHA-256 over what was sent: the same request id with anything else is another request."""
    running = hashlib.sha256(meta.model_dump_json().encode())
    for image in images:
        running.update(hashlib.sha256(image).digest())
    return running.hexdigest()


def hold_account(session: Session, register: str, patient_no: str) -> None:
    """Has every other purchase for the patient wait until this transaction ends.

    SQLite has one writer anyway; PostgreSQL locks the row.
    """
    values = {"register_code": register, "patient_no": patient_no}
    if session.get_bind().dialect.name == "sqlite":
        session.execute(insert_sqlite(PurchaseAccount).values(values).on_conflict_do_nothing())
    else:
        session.execute(insert_postgresql(PurchaseAccount).values(values).on_conflict_do_nothing())
    query = select(PurchaseAccount).where(
        PurchaseAccount.register_code == register, PurchaseAccount.patient_no == patient_no
    )
    session.exec(query.with_for_update()).one()


def write_purchase(
    session: Session,
    asked: Asked,
    seen: Seen,
    gathered: Gathered,
    decision: Decision,
    policy: PurchasePolicy,
    **values: Any,
) -> Purchase:
    """The purchase's row and lines, before it is settled what may happen to it."""
    row = Purchase(
        facility_id=asked.facility.id,
        register_code=asked.register,
        patient_no=asked.patient_no,
        buyer=asked.buyer.value,
        delegate_no=asked.delegate_no if asked.buyer is BuyerRole.DELEGATE else None,
        delegation_id=gathered.delegation_id,
        service_at=asked.at,
        recorded_at=asked.now,
        verdict=decision.verdict.value,
        state="refused",
        reasons=[[reason.code.value, reason.effect.value] for reason in decision.reasons],
        causes=list(gathered.causes),
        liveness=seen.liveness.value,
        liveness_reasons=list(seen.liveness_reasons),
        similarity=round(seen.similarity, 4) if seen.similarity is not None else None,
        facts={
            "delegation": gathered.case.delegation.value,
            "vital": gathered.case.vital.value,
            "stay": gathered.case.stay.value,
            "principals": gathered.case.principals,
            "supply_left": round(gathered.case.supply_left, 3),
            "days_on_hand": round(gathered.case.days_on_hand, 1),
            "purchases_in_30_days": gathered.case.purchases_in_30_days,
            "failed_bursts": gathered.case.failed_bursts,
        },
        policy_version=policy.version,
        pack_hash=seen.pack_hash,
        presentation_attack="suspected" if seen.liveness is Liveness.SUSPECT else "",
        **values,
    )
    session.add(row)
    session.flush()
    for item in asked.items:
        session.add(_line(row.id, item))
    session.flush()
    return row


def _prepare(
    context: Context,
    session: Session,
    actor: Actor,
    facility: Facility,
    meta: PurchaseMeta,
    images: Sequence[bytes],
) -> _Prepared:
    now = context.clock.now()
    at = event_now(facility, now)
    policy = purchase_policy(session, facility, at)
    asked = Asked(
        facility=facility,
        register=register_of(session, facility),
        patient_no=meta.patient_no,
        buyer=meta.buyer,
        delegate_no=meta.delegate_no,
        items=meta.items,
        at=at,
        now=now,
    )
    known = whom(session, asked)
    if meta.method is IdentityMethod.DOCUMENTS:
        return _Prepared(asked, known, policy, (), None)
    challenge = open_challenge(session, facility.id, actor, meta.challenge_id or "", meta.nonce or "", now)
    if len(images) < len(challenge.turns):
        raise InvalidInput(
            f"{len(images)} images for {len(challenge.turns)} turns",
            field="images",
            remedy="send one frame for each turn, or more, in order",
            message_zh=f"动作有 {len(challenge.turns)} 个，仅收到 {len(images)} 帧",
            remedy_zh="请按顺序为每个动作至少提供一帧",
        )
    if meta.frame_times is not None and len(meta.frame_times) != len(images):
        raise InvalidInput(
            f"{len(meta.frame_times)} times for {len(images)} images",
            field="meta.frame_times",
            remedy="send one time for each image, or none",
        )
    gallery = buyers_templates(context, session, known, meta.buyer, facility.id)
    return _Prepared(asked, known, policy, tuple(challenge.turns), gallery)


def buyers_templates(context: Context, session: Session, known: Known, buyer: BuyerRole, facility_id: str) -> Gallery:
    """The templates to compare the buyer's face with: the first of the person's records that has any."""
    for key in known.key(buyer, facility_id):
        found = templates_of(context, session, key)
        if found.keys:
            return found
    return Gallery.empty(opened_pack(context).embedding_dimension)


def _look(context: Context, prepared: _Prepared, meta: PurchaseMeta, images: Sequence[bytes]) -> Seen:
    if prepared.gallery is None:
        with context.database.reading() as session:
            return by_documents(session, prepared.asked, prepared.policy)
    settings = context.settings
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.max_image_side)
    seen = look(
        images,
        prepared.turns,
        meta.frame_times,
        prepared.gallery,
        opened_pack(context),
        prepared.policy,
        limits,
        passive_of(settings),
        pauses_for(meta.nonce or "", len(prepared.turns)) if meta.paced else None,
    )
    return seen if meta.paced else replace(seen, liveness_reasons=(*seen.liveness_reasons, UNPACED))


def _settle(
    context: Context,
    session: Session,
    actor: Actor,
    prepared: _Prepared,
    seen: Seen,
    meta: PurchaseMeta,
    digest: str,
) -> PurchaseVerdict:
    asked, policy = prepared.asked, prepared.policy
    since = asked.now - timedelta(minutes=policy.retry_window_minutes)
    failed = failed_bursts(session, asked.facility.id, asked.patient_no, since)
    gathered = gather(session, asked, prepared.known, seen, policy, failed=failed)
    decision = decide(gathered.case, policy)
    row = write_purchase(
        session,
        asked,
        seen,
        gathered,
        decision,
        policy,
        request_id=meta.request_id,
        request_digest=digest,
        kiosk=meta.kiosk or actor.name or actor.id,
        method=meta.method.value,
    )
    if meta.documents is not None:
        row.facts = row.facts | {"documents": meta.documents.model_dump(mode="json")}
    review, token = None, None
    if decision.verdict in (Verdict.APPROVED, Verdict.PROVISIONAL):
        token = reserve(context, session, row, asked.facility, policy, asked.now)
    elif decision.verdict is Verdict.MANUAL_REVIEW and not decision.retry:
        review = open_review(session, row, fallback_of(decision.codes, asked.items, policy), policy, asked.now)
    answer = answer_of(row, decision.retry, review, token)
    row.answer = answer.model_dump(mode="json")
    session.add(row)
    session.flush()
    note_verdict(session, actor, row, asked.now, documents=meta.documents.model_dump() if meta.documents else None)
    screen_purchase(session, row, asked.now)
    return answer


def open_review(
    session: Session, row: Purchase, fallback: Verdict, policy: PurchasePolicy, now: datetime
) -> PurchaseReview:
    """Puts the purchase into the manual queue, with a deadline and what holds if nobody answers."""
    review = PurchaseReview(
        facility_id=row.facility_id,
        purchase_id=row.id,
        opened_at=now,
        deadline_at=now + timedelta(minutes=policy.review_minutes),
        fallback=fallback.value,
    )
    row.state = "waiting"
    session.add(review)
    session.flush()
    enqueue(session, "purchases.lapse", {}, now=now, run_after=review.deadline_at)
    return review


def note_verdict(
    session: Session, actor: Actor, row: Purchase, now: datetime, *, documents: dict[str, object] | None = None
) -> None:
    """The verdict, in the chain of evidence: what it rests on, no face and no name."""
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action=f"purchase.{row.verdict}",
        object_kind="purchase",
        object_id=row.id,
        facility_id=row.facility_id,
        details={
            "service_at": row.service_at.isoformat(),
            "reasons": row.reasons,
            "policy_version": row.policy_version,
            "method": row.method,
            "origin": row.origin,
            **({"documents": [str(kind) for kind in documents["kinds"]]} if documents else {}),  # type: ignore[attr-defined]
        },
    )


def _answered(session: Session, facility: Facility, request_id: str, digest: str) -> PurchaseVerdict | None:
    row = find_request(session, facility.id, request_id, digest)
    return replace_duplicate(stored_answer(row)) if row else None


def find_request(session: Session, facility_id: str, request_id: str, digest: str) -> Purchase | None:
    """The purchase that this request was answered with. Raises `RequestReused` when it was another purchase."""
    query = select(Purchase).where(Purchase.facility_id == facility_id, Purchase.request_id == request_id)
    row = session.exec(query).first()
    if row is not None and row.request_digest != digest:
        raise RequestReused(
            "the request id was used for a purchase with other contents",
            field="meta.request_id",
            remedy="draw a new request id for each purchase",
            message_zh="该请求编号对应另一笔内容不同的购药",
            remedy_zh="每笔购药请使用新的请求编号",
        )
    return row


def replace_duplicate(answer: PurchaseVerdict) -> PurchaseVerdict:
    """The answer, marked as given before."""
    return answer.model_copy(update={"duplicate": True})


def _line(purchase_id: str, item: PurchaseItem) -> PurchaseLine:
    return PurchaseLine(
        purchase_id=purchase_id,
        code=item.code,
        name=item.name,
        drug_class=item.drug_class,
        quantity=item.quantity,
        unit=item.unit,
        days_of_supply=item.days_of_supply,
        channel=item.channel.value,
    )
