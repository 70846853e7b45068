"""A delegation claimed at the kiosk: wishes, what whoever approves makes of them, and what holds then."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from service.ledger.tables import LedgerEntry
from tests.builders import bearer
from tests.pharmacy.conftest import Street, codes

CLAIM = {
    "request_id": "C-1",
    "patient_no": "P1",
    "delegate_no": "D9",
    "relation": "kin",
    "documents": ["household_register"],
}
WISH = {
    "valid_to": "2026-06-01T00:00:00+08:00",
    "uses_per_period": 6,
    "period_days": 60,
    "drug_classes": ["diabetes", "cardiac"],
}


def test_a_wish_is_kept_and_granted_within_policy(street: Street) -> None:
    _claim(street, **WISH)
    with street.browser(street.pharmacist) as staff:
        (row,) = staff.get("/api/v1/delegations").json()
        assert row["wishes"] == {**WISH, "valid_to": "2026-05-31T16:00:00Z"}
        done = _decide(staff, row)
    assert (done["status"], done["valid_to"]) == ("active", "2026-05-31T16:00:00Z")
    assert (done["uses_per_period"], done["period_days"]) == (6, 60)
    assert done["drug_classes"] == ["diabetes", "cardiac"]


def test_without_a_wish_policy_proposes_an_end_and_a_number_of_uses(street: Street) -> None:
    """From the watermark, 11 March 2026 10:00 in Shanghai, 365 days; 4 uses in 30 days."""
    street.site(street.north, policy={"claim_uses": 2, "claim_period_days": 90})
    _claim(street)
    with street.browser(street.pharmacist) as staff:
        (row,) = staff.get("/api/v1/delegations").json()
        done = _decide(staff, row)
    assert done["valid_to"][:4] == "2027"
    assert (done["uses_per_period"], done["period_days"], done["drug_classes"]) == (2, 90, [])


def test_the_approver_limits_it_and_the_limits_hold(street: Street) -> None:
    _claim(street, **WISH)
    limits = {"uses_per_period": 1, "drug_classes": ["diabetes"], "max_quantity": "2"}
    with street.browser(street.pharmacist) as staff:
        (row,) = staff.get("/api/v1/delegations").json()
        done = _decide(staff, row, limits=limits)
        assert (done["uses_per_period"], done["drug_classes"], done["max_quantity"]) == (1, ["diabetes"], "2")
        assert done["valid_to"] == "2026-05-31T16:00:00Z"  # not said: as wished for
    assert "drug_not_covered" in codes(_buy(street, "H", "cardiac"))
    assert "delegation_over_quantity" in codes(_buy(street, "I", "diabetes", quantity="3"))
    assert _buy(street, "J", "diabetes")["verdict"] == "approved"
    assert "delegation_exhausted" in codes(_buy(street, "K", "diabetes"))
    with street.context.database.reading() as session:
        entries = session.exec(select(LedgerEntry).where(LedgerEntry.action == "delegation.active")).all()
        assert entries[-1].details["granted"]["uses_per_period"] == 1
        assert entries[-1].details["wished"]["uses_per_period"] == 6


@pytest.mark.parametrize(
    "limits",
    [{"valid_to": None}, {"valid_to": "2039-01-01T00:00:00Z"}, {"valid_to": "2026-01-01T00:00:00Z"}],
)
def test_a_claim_has_an_end_within_policy(street: Street, limits: dict[str, Any]) -> None:
    _claim(street)
    with street.browser(street.pharmacist) as staff:
        (row,) = staff.get("/api/v1/delegations").json()
        where = f"/api/v1/delegations/{row['delegation_id']}/decision"
        answer = staff.post(where, json={"approve": True, "limits": limits})
        assert (answer.status_code, answer.json()["field"]) == (422, "valid_to")
        assert staff.get("/api/v1/delegations").json()[0]["status"] == "pending_review"


@pytest.mark.parametrize(("language", "words"), [("en", "wished for"), ("zh", "申请内容")])
def test_the_page_fills_in_the_wish_and_takes_what_was_set(street: Street, language: str, words: str) -> None:
    _claim(street, **WISH)
    with street.browser(street.pharmacist) as staff:
        shown = staff.get("/pharmacy", params={"lang": language}).text
        assert words in shown
        form = shown.split('action="/pharmacy/delegations/')[1]
        for part in ('value="2026-05-31"', 'value="6"', 'value="60"', 'value="diabetes, cardiac"'):
            assert part in form.split("</form>")[0]
        token = form.split('name="csrf_token" value="')[1].split('"')[0]
        where = f"/pharmacy/delegations/{form.split(chr(34))[0]}"
        body = {"decision": "approve", "note": "seen", "csrf_token": token, "limits": "yes"}
        body |= {"valid_to": "2026-04-30", "uses_per_period": "", "period_days": "30", "drug_classes": ""}
        done = staff.post(where, data=body | {"max_quantity": "5"}, follow_redirects=False)
        assert done.status_code == 303, done.text
        (row,) = staff.get("/api/v1/delegations").json()
    assert (row["valid_to"], row["uses_per_period"]) == ("2026-04-30T16:00:00Z", None)
    assert (row["drug_classes"], row["max_quantity"]) == ([], "5.000")


def _claim(street: Street, **wish: Any) -> None:
    answer = street.client.post("/api/v1/delegation-claims", json=CLAIM | wish, headers=bearer(street.kiosk))
    assert answer.status_code == 201, answer.text


def _decide(staff: Any, row: dict[str, Any], **values: Any) -> dict[str, Any]:
    answer = staff.post(f"/api/v1/delegations/{row['delegation_id']}/decision", json={"approve": True, **values})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _buy(street: Street, code: str, drug_class: str, quantity: str = "1") -> dict[str, Any]:
    item = {"code": code, "quantity": quantity, "days_of_supply": 7, "drug_class": drug_class}
    return street.verify(delegate_no="D9", items=[item])
