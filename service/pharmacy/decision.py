"""The decision table: circumstances of a purchase in, verdict and every reason that applies out. A pure function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from service.contracts import BuyerRole, Effect, ReasonCode, Verdict
from service.pharmacy.policy import PurchasePolicy


class Identity(StrEnum):
    """What is known of who the buyer is. `by_documents`: a pharmacist looked, and an approved exemption says that this
    is enough; `documents`: a pharmacist looked, and somebody else has to confirm it."""

    VERIFIED = "verified"
    UNCERTAIN = "uncertain"
    MISMATCH = "mismatch"
    NOT_ENROLLED = "not_enrolled"
    BY_DOCUMENTS = "by_documents"
    DOCUMENTS = "documents"
    UNPROVEN = "unproven"


class Liveness(StrEnum):
    """What the burst showed. `unusable`: too dark, too far, no face: nobody's fault."""

    LIVE = "live"
    SUSPECT = "suspect"
    UNUSABLE = "unusable"
    NOT_TRIED = "not_tried"


class DelegationState(StrEnum):
    """How the delegation stands at the time of the service. `wrong_patient`: none for this patient, but one that holds
    for somebody else."""

    VALID = "valid"
    NONE = "none"
    WRONG_PATIENT = "wrong_patient"
    PENDING = "pending"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    EXHAUSTED = "exhausted"


class Vital(StrEnum):
    """What the sources of vital status say about the time of the service."""

    NOT_DEAD = "not_dead"
    DEAD = "dead"
    CONFLICTING = "conflicting"


class Stay(StrEnum):
    """Whether the patient is in hospital at the time of the service. `excused`: on leave, on the day of admission or
    discharge, or every drug is one that inpatients buy outside."""

    NONE = "none"
    INPATIENT = "inpatient"
    EXCUSED = "excused"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything the table may ask about. The defaults are an ordinary purchase by the patient."""

    buyer: BuyerRole = BuyerRole.PATIENT
    identity: Identity = Identity.VERIFIED
    liveness: Liveness = Liveness.LIVE
    passive_warning: bool = False
    """Whether the passive model, where there is one, takes the face for a picture of one."""
    failed_bursts: int = 0
    """Bursts that failed before this one, in the retry window."""
    patient_known: bool = True
    delegate_known: bool = True
    delegation: DelegationState = DelegationState.VALID
    class_not_covered: bool = False
    class_excluded: bool = False
    over_delegated: bool = False
    """More of a drug at once than the delegation allows."""
    principals: int = 0
    """Patients for whom the delegate bought or may buy, this one too; 0 for a registered office."""
    vital: Vital = Vital.NOT_DEAD
    register_stale: bool = False
    stay: Stay = Stay.NONE
    longest_supply_days: int = 1
    """Of one drug, all of its lines together."""
    over_quantity: bool = False
    """More of a drug than policy allows at once, or in 30 days."""
    over_dose: bool = False
    """More of a drug for each of its days than policy allows."""
    days_on_hand: float = 1.0
    """The longest that one drug lasts, with what earlier purchases left over."""
    supply_left: float = 0.0
    """Of the last supply of one of the drugs, the share of its days still to come, 0..1."""
    purchases_in_30_days: int = 0
    """Before this one."""
    offline: bool = False
    cache_too_old: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that applies, and what it does."""

    code: ReasonCode
    effect: Effect


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict with every reason that applies, the gravest first. `retry`: another burst may settle it."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    retry: bool = False

    @property
    def codes(self) -> frozenset[ReasonCode]:
        """The reasons' codes."""
        return frozenset(reason.code for reason in self.reasons)


Condition = Callable[[Circumstances, PurchasePolicy], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: when `when` holds, `code` applies with `effect` (policy may say otherwise)."""

    dimension: str
    code: ReasonCode
    effect: Effect
    when: Condition


def _face(case: Circumstances) -> bool:
    """Whether a living person showed a face: without that, no likeness proves or refutes anything."""
    return case.liveness is Liveness.LIVE


def _by_paper(case: Circumstances) -> bool:
    return case.identity in (Identity.BY_DOCUMENTS, Identity.DOCUMENTS)


def _burst_failed(case: Circumstances) -> bool:
    return case.liveness in (Liveness.SUSPECT, Liveness.UNUSABLE) and not _by_paper(case)


def _last_try(case: Circumstances, policy: PurchasePolicy) -> bool:
    return case.failed_bursts >= policy.liveness_retries


def _delegated(state: DelegationState) -> Condition:
    return lambda case, _: case.buyer is BuyerRole.DELEGATE and case.delegate_known and case.delegation is state


_NOTE, _REVIEW, _REFUSE = Effect.NOTE, Effect.MANUAL_REVIEW, Effect.REFUSE
_R = ReasonCode

TABLE: tuple[Row, ...] = (
    Row("identity", _R.IDENTITY_VERIFIED, _NOTE, lambda c, _: _face(c) and c.identity is Identity.VERIFIED),
    Row("identity", _R.IDENTITY_UNCERTAIN, _REVIEW, lambda c, _: _face(c) and c.identity is Identity.UNCERTAIN),
    Row("identity", _R.IDENTITY_MISMATCH, _REFUSE, lambda c, _: _face(c) and c.identity is Identity.MISMATCH),
    Row(
        "identity", _R.NOT_ENROLLED, _REVIEW, lambda c, _: c.identity is Identity.NOT_ENROLLED and not _burst_failed(c)
    ),
    Row("identity", _R.IDENTITY_BY_DOCUMENTS, _NOTE, lambda c, _: c.identity is Identity.BY_DOCUMENTS),
    Row("identity", _R.DOCUMENTS_TO_REVIEW, _REVIEW, lambda c, _: c.identity is Identity.DOCUMENTS),
    Row(
        "identity",
        _R.IDENTITY_UNCHECKED,
        _REVIEW,
        lambda c, _: c.identity is Identity.UNPROVEN and not _burst_failed(c),
    ),
    Row("identity", _R.PATIENT_UNKNOWN, _REVIEW, lambda c, _: not c.patient_known),
    Row(
        "identity",
        _R.DELEGATE_UNKNOWN,
        _REVIEW,
        lambda c, _: c.buyer is BuyerRole.DELEGATE and not c.delegate_known,
    ),
    Row("liveness", _R.LIVENESS_PASSED, _NOTE, lambda c, _: c.liveness is Liveness.LIVE and not _by_paper(c)),
    Row(
        "liveness",
        _R.FACE_UNUSABLE,
        _REVIEW,
        lambda c, _: c.liveness is Liveness.UNUSABLE and not _by_paper(c),
    ),
    Row(
        "liveness",
        _R.LIVENESS_RETRY,
        _REVIEW,
        lambda c, p: c.liveness is Liveness.SUSPECT and not _by_paper(c) and not _last_try(c, p),
    ),
    Row("liveness", _R.LIVENESS_FAILED, _REVIEW, lambda c, p: _burst_failed(c) and _last_try(c, p)),
    Row("liveness", _R.LIVENESS_NOT_TRIED, _NOTE, lambda c, _: c.liveness is Liveness.NOT_TRIED),
    Row("liveness", _R.PASSIVE_WARNING, _NOTE, lambda c, _: c.passive_warning),
    Row("delegation", _R.PATIENT_BUYS, _NOTE, lambda c, _: c.buyer is BuyerRole.PATIENT),
    Row("delegation", _R.DELEGATION_VALID, _NOTE, _delegated(DelegationState.VALID)),
    Row("delegation", _R.NO_DELEGATION, _REVIEW, _delegated(DelegationState.NONE)),
    Row("delegation", _R.DELEGATION_WRONG_PATIENT, _REVIEW, _delegated(DelegationState.WRONG_PATIENT)),
    Row("delegation", _R.DELEGATION_PENDING, _REVIEW, _delegated(DelegationState.PENDING)),
    Row("delegation", _R.DELEGATION_NOT_YET_VALID, _REFUSE, _delegated(DelegationState.NOT_YET_VALID)),
    Row("delegation", _R.DELEGATION_EXPIRED, _REFUSE, _delegated(DelegationState.EXPIRED)),
    Row("delegation", _R.DELEGATION_REVOKED, _REFUSE, _delegated(DelegationState.REVOKED)),
    Row("delegation", _R.DELEGATION_EXHAUSTED, _REFUSE, _delegated(DelegationState.EXHAUSTED)),
    Row(
        "delegation",
        _R.DELEGATION_OVER_QUANTITY,
        _REFUSE,
        lambda c, _: c.buyer is BuyerRole.DELEGATE and c.over_delegated,
    ),
    Row(
        "delegation",
        _R.DRUG_NOT_COVERED,
        _REFUSE,
        lambda c, _: c.buyer is BuyerRole.DELEGATE and c.class_not_covered,
    ),
    Row("delegation", _R.DRUG_EXCLUDED, _REFUSE, lambda c, _: c.buyer is BuyerRole.DELEGATE and c.class_excluded),
    Row(
        "delegation",
        _R.TOO_MANY_PRINCIPALS,
        _REVIEW,
        lambda c, p: c.buyer is BuyerRole.DELEGATE and c.principals > p.max_principals,
    ),
    Row("vital_status", _R.RECORD_CHECK, _REVIEW, lambda c, _: c.vital is not Vital.NOT_DEAD),
    Row("vital_status", _R.REGISTER_STALE, Effect.PROVISIONAL, lambda c, _: c.register_stale),
    Row("admission", _R.INPATIENT, _REVIEW, lambda c, _: c.stay is Stay.INPATIENT),
    Row("admission", _R.INPATIENT_EXCUSED, _NOTE, lambda c, _: c.stay is Stay.EXCUSED),
    Row("quantity", _R.SUPPLY_TOO_LONG, _REFUSE, lambda c, p: c.longest_supply_days > p.max_days_of_supply),
    Row("quantity", _R.OVER_QUANTITY, _REFUSE, lambda c, _: c.over_quantity),
    Row("quantity", _R.OVER_DOSE, _REVIEW, lambda c, _: c.over_dose),
    Row("quantity", _R.SUPPLY_OVERLAP, _REVIEW, lambda c, p: c.days_on_hand > p.max_days_on_hand),
    Row("frequency", _R.TOO_SOON, _REVIEW, lambda c, p: c.supply_left > p.too_soon_share),
    Row("frequency", _R.TOO_OFTEN, _REVIEW, lambda c, p: c.purchases_in_30_days >= p.purchases_in_30_days),
    Row("network", _R.OFFLINE, Effect.PROVISIONAL, lambda c, _: c.offline),
    Row("network", _R.CACHE_TOO_OLD, _REVIEW, lambda c, _: c.cache_too_old),
)
"""Version 2. Every row is tried; nothing stops at the first."""

_WEIGHT = {Effect.REFUSE: 0, Effect.MANUAL_REVIEW: 1, Effect.PROVISIONAL: 2, Effect.NOTE: 3}
_VERDICT = {
    Effect.REFUSE: Verdict.REFUSED,
    Effect.MANUAL_REVIEW: Verdict.MANUAL_REVIEW,
    Effect.PROVISIONAL: Verdict.PROVISIONAL,
    Effect.NOTE: Verdict.APPROVED,
}
_RETRYABLE = frozenset({ReasonCode.FACE_UNUSABLE, ReasonCode.LIVENESS_RETRY})


def decide(case: Circumstances, policy: PurchasePolicy) -> Decision:
    """The verdict on a purchase. The gravest effect of all reasons decides.

    `retry` is given when nothing but the burst stands in the way of an answer, and it was not the last try.
    """
    found = [Reason(row.code, policy.effects.get(row.code, row.effect)) for row in TABLE if row.when(case, policy)]
    reasons = tuple(sorted(found, key=lambda reason: _WEIGHT[reason.effect]))
    verdict = _VERDICT[reasons[0].effect]
    codes = {reason.code for reason in reasons}
    retry = (
        bool(codes & _RETRYABLE)
        and ReasonCode.LIVENESS_FAILED not in codes
        and not any(reason.effect is Effect.REFUSE for reason in reasons)
    )
    return Decision(verdict, reasons, retry)
