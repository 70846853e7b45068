"""How much of a drug may be handed out: limits by drug and by class, as a place's policy sets them. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from service.contracts import PurchaseItem
from service.kit.errors import InvalidInput

_NAMES = ("per_purchase", "per_day", "per_30_days")
_LARGEST = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class QuantityLimit:
    """The most of one drug, in its own unit: in one purchase, for each day of supply, in 30 days. None: not limited."""

    per_purchase: Decimal | None = None
    per_day: Decimal | None = None
    per_30_days: Decimal | None = None

    def within(self, other: QuantityLimit) -> QuantityLimit:
        """This limit, and where it says nothing the other one."""
        return QuantityLimit(
            *(mine if mine is not None else getattr(other, name) for name, mine in self._values().items())
        )

    def strictest(self, other: QuantityLimit) -> QuantityLimit:
        """The lesser of each."""
        pairs = ((mine, getattr(other, name)) for name, mine in self._values().items())
        return QuantityLimit(*(min((v for v in pair if v is not None), default=None) for pair in pairs))

    def _values(self) -> dict[str, Decimal | None]:
        return {name: getattr(self, name) for name in _NAMES}


@dataclass(frozen=True, slots=True)
class Excess:
    """What is too much: over a limit of policy, over the limit of a day, over what the delegation allows."""

    quantity: bool = False
    dose: bool = False
    delegation: bool = False


@dataclass(frozen=True, slots=True)
class DrugAsked:
    """All lines of one drug in a purchase, together: two lines of one drug are no way around a limit."""

    quantity: Decimal
    days: int
    limit: QuantityLimit


def by_drug(
    items: Iterable[PurchaseItem],
    by_item: Mapping[str, QuantityLimit],
    by_class: Mapping[str, QuantityLimit],
    otherwise: QuantityLimit,
) -> dict[str, DrugAsked]:
    """The purchase by drug. A limit of the drug goes before one of its class, and that before the general one."""
    found: dict[str, DrugAsked] = {}
    for item in items:
        own = by_item.get(item.code, QuantityLimit())
        limit = own.within(by_class.get(item.drug_class, QuantityLimit())).within(otherwise)
        before = found.get(item.code)
        found[item.code] = (
            DrugAsked(item.quantity, item.days_of_supply, limit)
            if before is None
            else DrugAsked(
                before.quantity + item.quantity, before.days + item.days_of_supply, before.limit.strictest(limit)
            )
        )
    return found


def excess_of(asked: Mapping[str, DrugAsked], lately: Mapping[str, Decimal], delegated: Decimal | None) -> Excess:
    """What is too much. `lately`: by drug, handed out in the 30 days before; `delegated`: the delegation's most."""
    over: dict[str, bool] = defaultdict(bool)
    for code, drug in asked.items():
        limit, month = drug.limit, drug.quantity + lately.get(code, Decimal(0))
        over["quantity"] |= _above(drug.quantity, limit.per_purchase) or _above(month, limit.per_30_days)
        over["dose"] |= _above(drug.quantity / drug.days, limit.per_day)
        over["delegation"] |= _above(drug.quantity, delegated)
    return Excess(**over)


def read_limits(name: str, value: Any) -> dict[str, QuantityLimit]:
    """Limits as policy writes them: `{"A10BA02": {"per_purchase": 10, "per_30_days": 20}}`. Raises `InvalidInput`."""
    if not isinstance(value, dict):
        raise _wrong(name, "is not a table of limits")
    found = {}
    for key, limits in value.items():
        place = f"{name}.{str(key)[:64]}"
        if not isinstance(key, str) or not 0 < len(key) <= 64 or not isinstance(limits, dict) or not limits:
            raise _wrong(place, "is no limit")
        if unknown := sorted(set(limits) - set(_NAMES)):
            raise _wrong(f"{place}.{str(unknown[0])[:40]}", "is not known")
        found[key] = QuantityLimit(**{part: _number(f"{place}.{part}", limits[part]) for part in limits})
    return found


def _number(name: str, value: Any) -> Decimal:
    try:
        found = Decimal(str(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or not 0 < found <= _LARGEST:
        raise _wrong(name, "is not a quantity above 0")
    return found


def _above(quantity: Decimal, limit: Decimal | None) -> bool:
    return limit is not None and quantity > limit


def _wrong(name: str, message: str) -> InvalidInput:
    remedy = 'write {"A10BA02": {"per_purchase": 10, "per_day": 0.5, "per_30_days": 20}}'
    return InvalidInput(f"policy.{name} {message}", field=f"policy.{name}", remedy=remedy)
