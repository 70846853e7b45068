"""A kiosk without network: what it may keep, and what the server would have said of what it sold meanwhile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from service.access import Actor
from service.admissions import Patient, deaths_on_record
from service.contracts import (
    CachedDelegation,
    Effect,
    IdentityMethod,
    KioskCache,
    ProvisionalPurchase,
    ReasonCode,
    Reconciliation,
    Verdict,
)
from service.enrolment import opened_pack
from service.facilities import Facility, event_now
from service.kit.errors import InvalidInput
from service.pharmacy.answers import reasons_out
from service.pharmacy.decision import Decision, DelegationState, Identity, Liveness, decide
from service.pharmacy.gather import Asked, Known, by_documents, gather, whom
from service.pharmacy.history import uses_spent
from service.pharmacy.identity import Seen, look, passive_of
from service.pharmacy.policies import purchase_policy
from service.pharmacy.policy import PurchasePolicy
from service.pharmacy.registers import state_at
from service.pharmacy.repository import review_of
from service.pharmacy.rescreen import screen_purchase
from service.pharmacy.reserve import lines_of
from service.pharmacy.signing import public_keys
from service.pharmacy.sites import kiosk_facility, members, register_of
from service.pharmacy.tables import Delegate, Delegation, Purchase
from service.pharmacy.verify import buyers_templates, find_request, hold_account, note_verdict, write_purchase
from service.platform.context import Context
from service.vision import ImageLimits

CUSTOMERS = timedelta(days=180)
"""Only delegations of people who bought here in this time, or were entered here, go into a kiosk's cache."""
_OLDEST = timedelta(days=31)
_UNREACHED = frozenset({ReasonCode.IDENTITY_UNCHECKED, ReasonCode.DOCUMENTS_TO_REVIEW})
"""What only the network kept from being done."""
_AFTER_SILENCE = "-offline"
"""A kiosk that waited in vain for the verdict on `x` sells under `x-offline`."""


def kiosk_cache(context: Context, session: Session, actor: Actor) -> KioskCache:
    """What this kiosk may decide provisionally without the network. No name, no face, no reason for a hold is in it."""
    facility = kiosk_facility(session, actor)
    now, register = context.clock.now(), register_of(session, facility)
    at = event_now(facility, now)
    policy = purchase_policy(session, facility, at)
    delegations = tuple(
        CachedDelegation(
            delegate_no=delegate_no,
            patient_no=row.patient_no,
            drug_classes=tuple(row.drug_classes),
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            uses_left=None
            if row.uses_per_period is None
            else max(0, row.uses_per_period - uses_spent(session, row, at, now=now)),
            max_quantity=row.max_quantity,
        )
        for row, delegate_no in _customers(session, register, facility, now)
        if state_at(row, at) is DelegationState.VALID
    )
    # The salt hides numbers from whoever reads the cache; it stays, because the version rests on the hashes.
    salt = hashlib.sha256(context.keys.derived(f"kiosk-hold/{actor.id}")[0]).hexdigest()[:32]
    hold = tuple(sorted(hashlib.sha256(f"{salt}:{number}".encode()).hexdigest() for number in _held(session, register)))
    body = json.dumps([[item.model_dump(mode="json") for item in delegations], hold, policy.version], sort_keys=True)
    return KioskCache(
        version=hashlib.sha256(body.encode()).hexdigest()[:32],
        made_at=now,
        use_until=now + timedelta(hours=policy.cache_hours),
        delegations=delegations,
        excluded_classes=policy.excluded_classes,
        hold_salt=salt,
        hold=hold,
        max_days_of_supply=policy.max_days_of_supply,
        keys=public_keys(context.keys),
    )


def reconcile(context: Context, actor: Actor, meta: ProvisionalPurchase, images: Sequence[bytes]) -> Reconciliation:
    """Judges a provisional purchase as it would have been judged at its time, and records it. The same twice is one.

    `right` is False when anything but the missing network would have sent it to a person, or refused it.
    Raises `InvalidInput`, `RequestReused`, `ImageError`.
    """
    digest = hashlib.sha256(b"offline" + meta.model_dump_json().encode() + b"".join(images)).hexdigest()
    with context.database.reading() as session:
        facility = kiosk_facility(session, actor)
        known_row = find_request(session, facility.id, meta.request_id, digest)
        if known_row is not None:
            return _again(known_row)
        asked = _asked(context, session, facility, meta)
        policy = purchase_policy(session, facility, asked.at)
        known = whom(session, asked)
        gallery = buyers_templates(context, session, known, meta.buyer, facility.id) if images else None
        paper = by_documents(session, asked, policy) if meta.method is IdentityMethod.DOCUMENTS else None
    if paper is not None:
        seen = paper
    elif gallery is not None and len(images) >= len(meta.checks.turns) >= 1:
        settings = context.settings
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.max_image_side)
        pack = opened_pack(context)
        passive = passive_of(settings)
        seen = look(images, meta.checks.turns, meta.frame_times, gallery, pack, policy, limits, passive)
    else:
        seen = Seen(Identity.UNPROVEN, Liveness.NOT_TRIED)
    with context.database.transaction() as session:
        hold_account(session, asked.register, meta.patient_no)
        known_row = find_request(session, facility.id, meta.request_id, digest)
        if known_row is not None:
            return _again(known_row)
        _forget_unseen(session, facility.id, meta, asked.now)
        return _record(session, actor, asked, known, seen, policy, meta, digest)


def _record(
    session: Session,
    actor: Actor,
    asked: Asked,
    known: Known,
    seen: Seen,
    policy: PurchasePolicy,
    meta: ProvisionalPurchase,
    digest: str,
) -> Reconciliation:
    gathered = gather(session, asked, known, seen, policy, failed=policy.liveness_retries)
    decision = decide(gathered.case, policy)
    right = is_right(decision)
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
        origin="offline",
        sale_no=meta.sale_no,
    )
    if meta.sale_no is not None:
        row.state, row.uses, row.redeemed_at = "sold", 1 if row.delegation_id else 0, meta.served_at
        for line in lines_of(session, row.id):
            line.dispensed = line.quantity
            session.add(line)
    else:
        row.state = "lapsed"
    row.facts = row.facts | {
        "provisional_right": right,
        "cache_version": meta.checks.cache_version,
        "cache_age_seconds": meta.checks.cache_age_seconds,
        "kiosk_liveness": meta.checks.liveness,
    }
    if meta.documents is not None:
        row.facts = row.facts | {"documents": meta.documents.model_dump(mode="json")}
    answer = Reconciliation(
        purchase_id=row.id,
        request_id=row.request_id,
        verdict=decision.verdict,
        reasons=reasons_out(row.reasons),
        right=right,
    )
    row.answer = answer.model_dump(mode="json")
    session.add(row)
    session.flush()
    note_verdict(session, actor, row, asked.now)
    screen_purchase(session, row, asked.now)
    return answer


def is_right(decision: Decision) -> bool:
    """Whether nothing but the missing network stood in the way: identity that could not be checked is no fault, nor
    are documents, which nobody could look at meanwhile."""
    return all(
        reason.effect in (Effect.NOTE, Effect.PROVISIONAL) or reason.code in _UNREACHED for reason in decision.reasons
    )


def _asked(context: Context, session: Session, facility: Facility, meta: ProvisionalPurchase) -> Asked:
    now = context.clock.now()
    latest = event_now(facility, now)
    if not latest - _OLDEST <= meta.served_at <= latest + timedelta(minutes=10):
        raise InvalidInput(
            "is not within the last 31 days",
            field="meta.served_at",
            remedy="set the kiosk's clock; what is older is entered by staff",
            message_zh="不在最近31天内",
            remedy_zh="请校正终端时钟；更早的记录由工作人员录入",
        )
    return Asked(
        facility=facility,
        register=register_of(session, facility),
        patient_no=meta.patient_no,
        buyer=meta.buyer,
        delegate_no=meta.delegate_no,
        items=meta.items,
        at=meta.served_at,
        now=now,
    )


def _forget_unseen(session: Session, facility_id: str, meta: ProvisionalPurchase, now: datetime) -> None:
    """Gives back what a verdict that came too late reserved, and closes the review that it opened: nobody at the kiosk
    knows of either, and the sale is this one."""
    if not meta.request_id.endswith(_AFTER_SILENCE):
        return
    query = select(Purchase).where(
        Purchase.facility_id == facility_id,
        Purchase.request_id == meta.request_id.removesuffix(_AFTER_SILENCE),
        Purchase.patient_no == meta.patient_no,
        col(Purchase.state).in_(("reserved", "waiting")),
    )
    unseen = session.exec(query).first()
    if unseen is not None:
        review = review_of(session, unseen.id)
        if review is not None and review.state == "waiting":
            review.state, review.decision, review.decided_at = "lapsed", Verdict.REFUSED.value, now
            review.note = "sold without the network meanwhile"
            session.add(review)
        unseen.state, unseen.uses = "lapsed", 0
        session.add(unseen)
        session.flush()


def _again(row: Purchase) -> Reconciliation:
    return Reconciliation.model_validate(row.answer).model_copy(update={"duplicate": True})


def _customers(session: Session, register: str, facility: Facility, now: datetime) -> Sequence[tuple[Delegation, str]]:
    bought = select(Purchase.patient_no).where(
        Purchase.facility_id == facility.id, col(Purchase.recorded_at) > now - CUSTOMERS
    )
    query = (
        select(Delegation, Delegate.delegate_no)
        .join(Delegate, col(Delegate.id) == col(Delegation.delegate_id))
        .where(
            Delegation.register_code == register,
            col(Delegation.status).in_(("active", "revoked")),
            or_(col(Delegation.facility_id) == facility.id, col(Delegation.patient_no).in_(bought)),
        )
        .order_by(col(Delegation.id))
        .limit(20_000)
    )
    return [(row, number) for row, number in session.exec(query)]


def _held(session: Session, register: str) -> tuple[str, ...]:
    deaths = deaths_on_record(session, members(session, register))
    ids = [patient_id for patient_id, status in deaths.items() if status.dead_from is not None]
    found: set[str] = set()
    for at in range(0, len(ids), 500):
        found.update(session.exec(select(Patient.patient_no).where(col(Patient.id).in_(ids[at : at + 500]))))
    return tuple(sorted(found))
