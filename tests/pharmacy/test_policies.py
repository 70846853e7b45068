"""Policies have a first day and a law; verdicts name them; a later one changes no answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from service.access import Role
from tests.builders import bearer, create_user
from tests.pharmacy.conftest import SERVICE_AT, Street, codes

LAW = {"en": "District notice 7, section 3", "zh": "本区医保〔2026〕7号第三条"}
LONG = [{"code": "A", "quantity": "1", "days_of_supply": 40}]


def test_a_policy_holds_from_its_day_on(street: Street) -> None:
    later = SERVICE_AT + timedelta(days=3)
    meta = street.meta(items=LONG)
    before = street.send(meta).json()
    made = _enter(street, {"max_days_of_supply": 30}, effective_from=later.isoformat())
    assert made["in_force"] is False
    assert street.verify(items=_other("B"))["verdict"] == "approved"
    street.move_to(later)
    after = street.verify(items=_other("C"))
    assert (after["verdict"], after["policy_version"]) == ("refused", made["version"])
    assert "supply_too_long" in codes(after)
    again = street.send(meta).json()
    assert (again["verdict"], again["policy_version"]) == ("approved", before["policy_version"])
    found = _listed(street)
    assert [item["in_force"] for item in found] == [True, False]
    assert found[0]["legal_basis"] == LAW
    assert found[1]["version"] == before["policy_version"]


def test_a_sale_made_before_the_change_is_judged_by_what_held_then(street: Street) -> None:
    """Sold without the network on the first day, reported on the third: the law of the first day."""
    changed = SERVICE_AT + timedelta(days=1)
    made = _enter(street, {"max_days_of_supply": 30}, effective_from=changed.isoformat())
    street.move_to(SERVICE_AT + timedelta(days=2))
    by_then = {
        at: _reconciled(street, f"off-{number}", at)
        for number, at in enumerate((SERVICE_AT + timedelta(hours=1), changed + timedelta(hours=1)))
    }
    first, second = by_then.values()
    assert "supply_too_long" not in codes(first)
    assert "supply_too_long" in codes(second)
    with street.browser(street.pharmacist) as staff:
        rows = staff.get("/api/v1/purchases").json()
    assert {row["service_at"][:10]: row["policy_version"] == made["version"] for row in rows} == {
        f"{SERVICE_AT:%Y-%m-%d}": False,
        f"{changed:%Y-%m-%d}": True,
    }


def test_no_policy_takes_effect_in_the_past_or_without_its_law(street: Street) -> None:
    past = (SERVICE_AT - timedelta(seconds=1)).isoformat()
    street.verify()
    with street.browser(_admin(street)) as admin:
        body: dict[str, Any] = {"policy": {"max_days_of_supply": 30}, "legal_basis": LAW}
        where = "/api/v1/pharmacies/north/policies"
        assert admin.post(where, json=body | {"effective_from": past}).json()["field"] == "effective_from"
        assert admin.post(where, json={"policy": {}}).json()["field"] == "legal_basis"
        wrong = admin.post(where, json=body | {"policy": {"max_days": 3}})
        assert wrong.json()["field"] == "policy.max_days"
        first, again = admin.post(where, json=body).json(), admin.post(where, json=body).json()
        assert (first["version"], first["in_force"]) == (again["version"], True)
        assert len(admin.get(where).json()) == 2


def test_describing_the_site_anew_enters_a_version_too(street: Street) -> None:
    with street.browser(_admin(street)) as admin:
        body = {"register": "district", "policy": {"review_minutes": 20}, "legal_basis": LAW}
        site = admin.put("/api/v1/pharmacies/north", json=body).json()
        assert site["policy"] == {"review_minutes": 20}
        assert street.verify()["policy_version"] == site["policy_version"]
        assert admin.put("/api/v1/pharmacies/north", json=body).json()["policy_version"] == site["policy_version"]
        assert len(admin.get("/api/v1/pharmacies/north/policies").json()) == 2


def test_what_a_site_is_first_described_with_holds_from_ever(street: Street) -> None:
    """A replay is described on the real clock, months after the days that it plays: the policy holds in them."""
    street.move_to(None)
    with street.browser(_admin(street)) as admin:
        body = {"register": "district", "policy": {"max_days_of_supply": 30}}
        assert admin.put("/api/v1/pharmacies/north", json=body).status_code == 200
    street.move_to(SERVICE_AT)
    assert "supply_too_long" in codes(street.verify(items=LONG))


def _other(code: str) -> list[dict[str, object]]:
    return [LONG[0] | {"code": code}]


def _enter(street: Street, policy: dict[str, object], **values: object) -> dict[str, Any]:
    with street.browser(_admin(street)) as admin:
        body = {"policy": policy, "legal_basis": LAW, **values}
        answer = admin.post("/api/v1/pharmacies/north/policies", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def _listed(street: Street) -> list[dict[str, Any]]:
    with street.browser(street.pharmacist) as staff:
        return list(staff.get("/api/v1/pharmacies/north/policies").json())


def _reconciled(street: Street, request_id: str, at: Any) -> dict[str, Any]:
    meta = {
        "request_id": request_id,
        "patient_no": "P1",
        "buyer": "patient",
        "items": _other(request_id),
        "served_at": at.isoformat(),
        "sale_no": request_id,
    }
    answer = street.client.post(
        "/api/v1/purchase-reconciliations", data={"meta": json.dumps(meta)}, headers=bearer(street.kiosk)
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _admin(street: Street) -> Any:
    with street.context.database.transaction() as session:
        return create_user(session, role=Role.ADMIN, facility=street.north)
