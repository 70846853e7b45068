"""How much is too much: limits by drug, class, day and month; overlap of supplies; what the delegation allows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.pharmacy.conftest import DOCUMENTS, SERVICE_AT, Street, codes

LIMITS = {
    "quantity_by_item": {"A": {"per_purchase": 4, "per_30_days": 6}},
    "quantity_by_class": {"diabetes": {"per_purchase": 10, "per_day": 2}},
}


def _item(code: str, quantity: object, days: int = 7, drug_class: str = "ordinary") -> dict[str, object]:
    return {"code": code, "quantity": str(quantity), "days_of_supply": days, "drug_class": drug_class}


@pytest.mark.parametrize(
    ("items", "verdict", "reason"),
    [
        ([_item("A", 4)], "approved", None),
        ([_item("A", "4.001")], "refused", "over_quantity"),
        ([_item("A", 2), _item("A", "2.001")], "refused", "over_quantity"),  # two lines are one drug
        ([_item("A", 5, drug_class="diabetes")], "refused", "over_quantity"),  # the drug goes before its class
        ([_item("B", 10, drug_class="diabetes")], "approved", None),
        ([_item("B", 11, drug_class="diabetes")], "refused", "over_quantity"),
        ([_item("B", 10, days=4, drug_class="diabetes")], "manual_review", "over_dose"),  # 2.5 a day
        ([_item("C", 1000)], "approved", None),
        ([_item("C", 1001)], "refused", "over_quantity"),  # where no limit is named
        ([_item("C", 1, days=60), _item("C", 1, days=31)], "refused", "supply_too_long"),  # 91 days in two lines
    ],
)
def test_limits(street: Street, items: list[dict[str, object]], verdict: str, reason: str | None) -> None:
    street.site(street.north, policy=LIMITS)
    answer = street.verify(items=items)
    assert answer["verdict"] == verdict
    told = {"over_quantity", "over_dose", "supply_too_long", "supply_overlap"} & codes(answer)
    assert told == ({reason} if reason else set())


def test_thirty_days_count_together_and_by_what_was_handed_out(street: Street) -> None:
    """4 and 3 are more than 6 in 30 days; where 1 of the 4 was handed out, 1 and 3 are not. Day 31 begins anew."""
    street.site(street.north, policy=LIMITS | {"effects": {"too_soon": "note"}})
    first = street.verify(items=[_item("A", 4)])
    assert "over_quantity" in codes(street.verify(items=[_item("A", 3)]))
    street.redeem(first["token"], dispensed={"A": "1"})
    assert "over_quantity" not in codes(street.verify(items=[_item("A", 3)]))
    assert "over_quantity" in codes(street.verify(items=[_item("A", 3)]))
    street.move_to(SERVICE_AT + timedelta(days=31))
    assert "over_quantity" not in codes(street.verify(items=[_item("A", 3)]))


def test_supplies_that_overlap_add_up(street: Street) -> None:
    """90 days, and 28 more on the same day are 118; with another 7 they are 125 > 120. Ten days later they are 115."""
    street.site(street.north, policy={"effects": {"too_soon": "note"}})
    assert street.verify(items=[_item("A", 1, days=90)])["verdict"] == "approved"
    assert street.verify(items=[_item("A", 1, days=28)])["verdict"] == "approved"
    answer = street.verify(items=[_item("A", 1, days=7)])
    assert (answer["verdict"], "supply_overlap" in codes(answer)) == ("manual_review", True)
    assert street.verify(items=[_item("B", 1, days=7)])["verdict"] == "approved"
    street.move_to(SERVICE_AT + timedelta(days=10))
    assert street.verify(items=[_item("A", 1, days=7)])["verdict"] == "approved"


def test_a_delegation_allows_so_much_at_once(street: Street) -> None:
    street.delegate(max_quantity=Decimal(3))
    assert street.verify(delegate_no="D1", items=[_item("A", 3)])["verdict"] == "approved"
    over = street.verify(delegate_no="D1", items=[_item("B", 2), _item("B", 2)])
    assert (over["verdict"], "delegation_over_quantity" in codes(over)) == ("refused", True)
    assert "delegation_over_quantity" not in codes(street.verify(items=[_item("B", 4)]))


def test_another_patients_delegate_is_told_so_and_may_register(street: Street) -> None:
    street.delegate("P2", "D2")
    answer = street.verify(delegate_no="D2", documents=DOCUMENTS)
    assert "delegation_wrong_patient" in codes(answer)
    assert "no_delegation" not in codes(answer)
    assert answer["verdict"] == "manual_review"
    assert "P2" not in str(answer)
