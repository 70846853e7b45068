"""What differs from place to place about purchases: versioned data, not constants in code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from service.contracts import Effect, ReasonCode
from service.kit.errors import InvalidInput
from service.pharmacy.limits import QuantityLimit, read_limits

PROTECTED = frozenset(
    {ReasonCode.DELEGATE_UNKNOWN, ReasonCode.NO_DELEGATION, ReasonCode.LIVENESS_FAILED, ReasonCode.FACE_UNUSABLE}
    | {ReasonCode.NOT_ENROLLED, ReasonCode.DOCUMENTS_TO_REVIEW, ReasonCode.RECORD_CHECK, ReasonCode.LIVENESS_RETRY}
    | {ReasonCode.LIVENESS_NOT_TRIED, ReasonCode.IDENTITY_BY_DOCUMENTS, ReasonCode.PASSIVE_WARNING}
    | {ReasonCode.DELEGATION_WRONG_PATIENT}
    | {ReasonCode.IDENTITY_UNCHECKED, ReasonCode.IDENTITY_UNCERTAIN}
)
"""Reasons that no place may turn into a refusal: lawful proxies are not blocked, nobody is refused for want of a face,
and a death on record is looked at by a person first."""
NEVER_PASSED = frozenset({ReasonCode.RECORD_CHECK, ReasonCode.IDENTITY_MISMATCH, ReasonCode.LIVENESS_FAILED})
"""Reasons that no place may turn into leave: with a death on record, somebody else's face or no living one, a person
looks at it at the least."""


@dataclass(frozen=True, slots=True)
class PurchasePolicy:
    """Proposals, each a parameter. Domain, section 4. Times in the names' units."""

    version: str = "2"
    challenge_seconds: int = 120
    challenge_turns: int = 5
    liveness_retries: int = 1
    """Failed bursts after which the camera is given up and the manual path begins."""
    retry_window_minutes: int = 30
    match: float | None = None
    """Cosine from which a face is the registered one; None: the model pack's own threshold."""
    mismatch_margin: float = 0.12
    """So much below the threshold a face is somebody else's; in between nobody is sure."""
    documents_enough_with_exemption: bool = True
    second_person_approves: bool = False
    """Whether a delegation that staff enter waits for another person, as one from a kiosk does."""
    max_principals: int = 20
    """Patients for whom one delegate may buy before a person takes a look; not for registered ones."""
    excluded_classes: tuple[str, ...] = ("narcotic", "psychotropic_1")
    max_days_of_supply: int = 90
    """Of one drug in one purchase, all of its lines together."""
    max_days_on_hand: int = 120
    """Days that a drug lasts with what earlier purchases left over; beyond, a person looks at the overlap."""
    max_quantity: int = 1000
    """Of one drug in one purchase, where no limit names it or its class."""
    quantity_by_item: Mapping[str, QuantityLimit] = field(default_factory=dict)
    quantity_by_class: Mapping[str, QuantityLimit] = field(default_factory=dict)
    """The most of a drug, by its code or its class: in a purchase, a day of supply, 30 days."""
    claim_days: int = 365
    claim_uses: int = 4
    claim_period_days: int = 30
    """What a delegation claimed at a kiosk gets where neither the wish nor who approves says otherwise."""
    max_delegation_days: int = 1096
    """How long any delegation claimed at a kiosk may be approved for."""
    too_soon_share: float = 0.25
    """Of the last supply's days, how much may be left."""
    purchases_in_30_days: int = 12
    token_minutes: int = 30
    """How long a token is good for a sale: a till may be slow, a queue long."""
    redeem_hours: int = 4
    """How late a till may report a sale that it made while the token was good. So long an unsold use stays reserved."""
    review_minutes: int = 15
    review_fallback: str = "provisional"
    """What holds when nobody answers: provisional (with at most `fallback_days_of_supply`) | refused."""
    fallback_days_of_supply: int = 31
    never_by_fallback: frozenset[ReasonCode] = frozenset(
        {ReasonCode.RECORD_CHECK, ReasonCode.LIVENESS_FAILED, ReasonCode.IDENTITY_UNCERTAIN, ReasonCode.PATIENT_UNKNOWN}
    )
    """With one of these, silence is not leave: the fallback is a refusal, and the counter remains."""
    vital_register_max_age_days: int | None = None
    """Older than that, the register of deaths makes a verdict provisional; None: not asked."""
    cache_hours: int = 24
    effects: Mapping[ReasonCode, Effect] = field(default_factory=dict)
    """What this place has a reason do, other than the table says."""

    @property
    def token_life(self) -> timedelta:
        """How long a token is good."""
        return timedelta(minutes=self.token_minutes)


DEFAULT = PurchasePolicy()
_BOUNDS: dict[str, tuple[float, float]] = {
    "challenge_seconds": (20, 900),
    "challenge_turns": (3, 8),
    "liveness_retries": (1, 5),
    "retry_window_minutes": (1, 1440),
    "match": (0.0, 1.0),
    "mismatch_margin": (0.0, 1.0),
    "max_principals": (1, 100_000),
    "max_days_of_supply": (1, 366),
    "max_days_on_hand": (1, 732),
    "max_quantity": (1, 1_000_000),
    "claim_days": (1, 3660),
    "claim_uses": (1, 1000),
    "claim_period_days": (1, 3660),
    "max_delegation_days": (1, 3660),
    "too_soon_share": (0.0, 1.0),
    "purchases_in_30_days": (1, 1000),
    "token_minutes": (1, 720),
    "redeem_hours": (1, 720),
    "review_minutes": (1, 1440),
    "fallback_days_of_supply": (1, 366),
    "vital_register_max_age_days": (1, 3660),
    "cache_hours": (1, 168),
}


def policy_of(overrides: Mapping[str, Any]) -> PurchasePolicy:
    """The policy with a place's own values. Its version names them, so that a verdict says what it was judged by.

    Raises `InvalidInput` that names the value at fault.
    """
    if not overrides:
        return DEFAULT
    known = {item.name for item in fields(PurchasePolicy)} - {"version"}
    values: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in known:
            raise _wrong(name, "is no value of the purchase policy", f"known are {', '.join(sorted(known))}")
        values[name] = _read(name, value)
    policy = replace(DEFAULT, **values)
    return replace(policy, version=f"{DEFAULT.version}+{_digest(policy)}")


def named(policy: PurchasePolicy, version: str) -> PurchasePolicy:
    """The policy under the name by which it was entered."""
    return replace(policy, version=version)


def _read(name: str, value: Any) -> Any:
    if name == "effects":
        return _effects(value)
    if name == "excluded_classes":
        if not isinstance(value, list) or not all(isinstance(item, str) and 0 < len(item) <= 64 for item in value):
            raise _wrong(name, "is not a list of drug classes", 'write ["narcotic"]')
        return tuple(value)
    if name in ("quantity_by_item", "quantity_by_class"):
        return read_limits(name, value)
    if name == "never_by_fallback":
        return frozenset(_code(name, item) for item in value) if isinstance(value, list) else _refuse_list(name)
    if name == "review_fallback":
        if value not in ("provisional", "refused"):
            raise _wrong(name, "is no fallback", "provisional or refused")
        return value
    if name in ("documents_enough_with_exemption", "second_person_approves"):
        if not isinstance(value, bool):
            raise _wrong(name, "is not true or false", "write true or false")
        return value
    if value is None and name in ("match", "vital_register_max_age_days"):
        return None
    low, high = _BOUNDS[name]
    whole = isinstance(getattr(DEFAULT, name), int) or name == "vital_register_max_age_days"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not low <= value <= high:
        raise _wrong(name, f"is not {'a whole' if whole else 'a'} number from {low:g} to {high:g}", "correct it")
    return value if whole else float(value)


def _effects(value: Any) -> dict[ReasonCode, Effect]:
    if not isinstance(value, dict):
        raise _wrong("effects", "is not a table of reason codes and effects", 'write {"too_soon": "note"}')
    found = {}
    for name, effect in value.items():
        code = _code("effects", name)
        if effect not in set(Effect):
            raise _wrong(f"effects.{name}", "is no effect", f"one of {', '.join(Effect)}")
        if code in PROTECTED and Effect(effect) is Effect.REFUSE:
            raise _wrong(f"effects.{name}", "may not refuse anybody", "manual_review is the gravest it can do")
        if code is ReasonCode.PASSIVE_WARNING and Effect(effect) is not Effect.NOTE:
            raise _wrong(f"effects.{name}", "is a warning and nothing else", "leave it out")
        if code in NEVER_PASSED and Effect(effect) in (Effect.NOTE, Effect.PROVISIONAL):
            raise _wrong(f"effects.{name}", "may not let anybody pass", "manual_review is the least it can do")
        found[code] = Effect(effect)
    return found


def _code(name: str, value: Any) -> ReasonCode:
    if value not in set(ReasonCode):
        raise _wrong(f"{name}.{str(value)[:40]}", "is no reason code", "docs/pharmacy.md lists them")
    return ReasonCode(value)


def _refuse_list(name: str) -> frozenset[ReasonCode]:
    raise _wrong(name, "is not a list", "write a list of reason codes")


def _digest(policy: PurchasePolicy) -> str:
    text = json.dumps(asdict(policy), sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(item: Any) -> Any:
    return str(item.normalize()) if isinstance(item, Decimal) else sorted(str(part) for part in item)


def _wrong(name: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"policy.{name} {message}", field=f"policy.{name}", remedy=remedy)
