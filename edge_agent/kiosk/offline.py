"""What a kiosk may say while the server is away: `provisional`, or that a person must look."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from service.contracts import (
    BuyerRole,
    CachedDelegation,
    IdentityMethod,
    KioskCache,
    PurchaseItem,
    ReasonCode,
    Verdict,
)
from service.vision.liveness import LivenessVerdict


@dataclass(frozen=True, slots=True)
class OfflinePurchase:
    """What is asked for. `liveness`: `None` when no burst was taken. `spent`: uses the copy does not know of."""

    patient_no: str
    buyer: BuyerRole
    delegate_no: str | None
    items: Sequence[PurchaseItem]
    method: IdentityMethod
    liveness: LivenessVerdict | None
    spent: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """`provisional` or `manual_review`, never approved, never refused. Every reason that applies."""

    verdict: Verdict
    reasons: tuple[ReasonCode, ...]


_FINE = frozenset(
    {
        ReasonCode.OFFLINE,
        ReasonCode.PATIENT_BUYS,
        ReasonCode.DELEGATION_VALID,
        ReasonCode.LIVENESS_PASSED,
        ReasonCode.IDENTITY_UNCHECKED,
        ReasonCode.IDENTITY_BY_DOCUMENTS,
    }
)
_LIVENESS = {
    LivenessVerdict.LIVE: ReasonCode.LIVENESS_PASSED,
    LivenessVerdict.SUSPECT: ReasonCode.LIVENESS_FAILED,
    LivenessVerdict.INCONCLUSIVE: ReasonCode.LIVENESS_RETRY,
    None: ReasonCode.LIVENESS_NOT_TRIED,
}


def decide_offline(copy: KioskCache | None, purchase: OfflinePurchase) -> OfflineVerdict:
    """By the register's copy. The kiosk holds no faces: it can tell a person from a print, not one from another."""
    reasons = [ReasonCode.OFFLINE, *_identity(purchase)]
    if copy is None or purchase.at >= copy.use_until:
        reasons.append(ReasonCode.CACHE_TOO_OLD)
    else:
        reasons += _rights(copy, purchase)
    settled = all(reason in _FINE for reason in reasons)
    return OfflineVerdict(Verdict.PROVISIONAL if settled else Verdict.MANUAL_REVIEW, tuple(reasons))


def is_held(copy: KioskCache, patient_no: str) -> bool:
    """Whether the patient's record must be looked at by a person. The kiosk does not know why."""
    digest = hashlib.sha256(f"{copy.hold_salt}:{patient_no}".encode()).hexdigest()
    return digest in copy.hold


def _identity(purchase: OfflinePurchase) -> list[ReasonCode]:
    if purchase.method is IdentityMethod.DOCUMENTS:
        return [ReasonCode.IDENTITY_BY_DOCUMENTS]
    return [_LIVENESS[purchase.liveness], ReasonCode.IDENTITY_UNCHECKED]


def _rights(copy: KioskCache, purchase: OfflinePurchase) -> list[ReasonCode]:
    reasons = [ReasonCode.RECORD_CHECK] if is_held(copy, purchase.patient_no) else []
    if max(_of_each(purchase, lambda item: item.days_of_supply).values()) > copy.max_days_of_supply:
        reasons.append(ReasonCode.SUPPLY_TOO_LONG)
    if purchase.buyer is BuyerRole.PATIENT:
        return [ReasonCode.PATIENT_BUYS, *reasons]
    classes = {item.drug_class for item in purchase.items}
    if classes & set(copy.excluded_classes):
        reasons.append(ReasonCode.DRUG_EXCLUDED)
    found = [
        delegation
        for delegation in copy.delegations
        if delegation.delegate_no == purchase.delegate_no and delegation.patient_no == purchase.patient_no
    ]
    if not found:
        return [ReasonCode.NO_DELEGATION, *reasons]
    faults = [_faults(delegation, purchase, classes) for delegation in found]
    best = min(faults, key=len)
    return [*(best or [ReasonCode.DELEGATION_VALID]), *reasons]


def _faults(delegation: CachedDelegation, purchase: OfflinePurchase, classes: set[str]) -> list[ReasonCode]:
    faults = []
    if purchase.at < delegation.valid_from:
        faults.append(ReasonCode.DELEGATION_NOT_YET_VALID)
    if delegation.valid_to is not None and purchase.at >= delegation.valid_to:
        faults.append(ReasonCode.DELEGATION_EXPIRED)
    if delegation.uses_left is not None and delegation.uses_left - purchase.spent <= 0:
        faults.append(ReasonCode.DELEGATION_EXHAUSTED)
    if delegation.drug_classes and not classes <= set(delegation.drug_classes):
        faults.append(ReasonCode.DRUG_NOT_COVERED)
    most = max(_of_each(purchase, lambda item: item.quantity).values())
    if delegation.max_quantity is not None and most > delegation.max_quantity:
        faults.append(ReasonCode.DELEGATION_OVER_QUANTITY)
    return faults


def _of_each(purchase: OfflinePurchase, count: Callable[[PurchaseItem], Decimal | int]) -> dict[str, Decimal]:
    """By drug, all of its lines together, as the server counts them: two lines are no way around a limit."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for item in purchase.items:
        found[item.code] += count(item)
    return found
