"""A kiosk without network: its cache, and what is said of its sales when the network is back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

from httpx import Response
from sqlmodel import select

from service.admissions import record_vital_status
from service.admissions.tables import Patient
from service.pharmacy.tables import Purchase, PurchaseReview
from service.screening.tables import Finding
from tests.builders import bearer
from tests.pharmacy.conftest import DOCUMENTS, SERVICE_AT, Street, codes


def _cache(street: Street, **headers: str) -> Response:
    return street.client.get("/api/v1/kiosks/me/cache", headers=bearer(street.kiosk) | headers)


def _reconcile(street: Street, **values: object) -> dict[str, object]:
    meta = {
        "request_id": "off-1",
        "patient_no": "P1",
        "buyer": "delegate",
        "delegate_no": "D1",
        "items": [{"code": "A", "quantity": "1", "days_of_supply": 7}],
        "served_at": (SERVICE_AT - timedelta(hours=3)).isoformat(),
        "sale_no": "S9",
    } | values
    answer = street.client.post(
        "/api/v1/purchase-reconciliations", data={"meta": json.dumps(meta)}, headers=bearer(street.kiosk)
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_cache_has_what_is_needed_and_no_name_face_or_cause(street: Street) -> None:
    street.delegate(uses_per_period=3)
    street.delegate("P2", "gone", valid_to=SERVICE_AT - timedelta(days=1))
    first = _cache(street)
    body = first.json()
    assert [(item["delegate_no"], item["uses_left"]) for item in body["delegations"]] == [("D1", 3)]
    assert body["hold"] == []
    assert _cache(street, **{"If-None-Match": first.headers["ETag"]}).status_code == 304
    _die(street)
    changed = _cache(street)
    assert changed.headers["ETag"] != first.headers["ETag"]
    held = hashlib.sha256(f"{changed.json()['hold_salt']}:P1".encode()).hexdigest()
    assert changed.json()["hold"] == [held]
    assert "李秀英" not in changed.text
    assert street.client.get("/api/v1/kiosks/me/cache", headers=bearer(street.till)).status_code == 403


def test_a_cache_holds_only_this_pharmacys_customers(street: Street) -> None:
    street.delegate()
    south = street.client.get("/api/v1/kiosks/me/cache", headers=bearer(street.kiosk_south)).json()
    assert south["delegations"] == []
    street.verify(street.kiosk_south, delegate_no="D1")
    south = street.client.get("/api/v1/kiosks/me/cache", headers=bearer(street.kiosk_south)).json()
    assert [item["delegate_no"] for item in south["delegations"]] == ["D1"]


def test_a_right_provisional_sale_spends_its_use_at_its_own_time(street: Street) -> None:
    street.delegate(uses_per_period=1)
    answer = _reconcile(street)
    assert (answer["right"], "identity_unchecked" in codes(answer)) == (True, True)
    assert _reconcile(street)["duplicate"] is True
    assert "delegation_exhausted" in codes(street.verify(delegate_no="D1"))


def test_a_wrong_provisional_sale_becomes_a_finding(street: Street, run_jobs: Callable[[], int]) -> None:
    _die(street)
    street.delegate(valid_to=SERVICE_AT - timedelta(days=1))
    answer = _reconcile(street)
    assert answer["right"] is False
    assert {"delegation_expired", "record_check"} <= codes(answer)
    run_jobs()
    with street.context.database.reading() as session:
        found = {row.rule for row in session.exec(select(Finding)) if row.state == "raised"}
    assert {"wrong_provisional", "dead_patient"} <= found


def test_what_was_not_handed_out_spends_nothing(street: Street) -> None:
    street.delegate(uses_per_period=1)
    _reconcile(street, sale_no=None)
    with street.context.database.reading() as session:
        assert [row.uses for row in session.exec(select(Purchase))] == [0]


def test_a_verdict_that_came_too_late_leaves_nothing_open(street: Street) -> None:
    """The kiosk waited in vain and sold from its copy. What came too late was "a person decides": that review is closed
    with the report of the sale, and what was reserved is given back."""
    street.delegate(uses_per_period=2)
    late = street.verify(delegate_no="D1", documents=DOCUMENTS)
    assert late["verdict"] == "manual_review"
    _reconcile(street, request_id=f"{late['request_id']}-offline")
    where = f"/api/v1/purchase-reviews/{late['review_id']}"
    told = street.client.get(f"{where}/state", headers=bearer(street.kiosk)).json()
    assert (told["state"], told["verdict"], told["token"]) == ("lapsed", "refused", None)
    with street.browser(street.pharmacist) as staff:
        assert staff.post(f"{where}/decision", json={"approve": True}).status_code == 409
    with street.context.database.reading() as session:
        assert {row.state: row.uses for row in session.exec(select(Purchase))} == {"lapsed": 0, "sold": 1}
        assert [row.state for row in session.exec(select(PurchaseReview))] == ["lapsed"]


def test_a_sale_of_last_month_that_is_reported_late_is_judged_in_its_month(
    street: Street, run_jobs: Callable[[], int]
) -> None:
    """Sold on 11 March, the day after the death; the kiosk came back on 9 April, after the month had been closed."""
    _die(street)
    street.delegate()
    sold_at = SERVICE_AT
    street.move_to(SERVICE_AT + timedelta(days=29))
    run_jobs()
    _reconcile(street, served_at=sold_at.isoformat())
    run_jobs()
    with street.context.database.reading() as session:
        found = {(row.rule, row.period) for row in session.exec(select(Finding)) if row.state == "raised"}
    assert {("wrong_provisional", "2026-03"), ("dead_patient", "2026-03")} <= found


def test_what_documents_were_seen_is_kept(street: Street) -> None:
    _reconcile(street, method="documents", documents=DOCUMENTS)
    with street.context.database.reading() as session:
        [row] = session.exec(select(Purchase)).all()
        assert row.facts["documents"] == DOCUMENTS | {"why": "other"}
        assert "provisional_right" in row.facts


def test_a_time_out_of_reach_is_refused(street: Street) -> None:
    for at in (SERVICE_AT + timedelta(hours=1), SERVICE_AT - timedelta(days=40)):
        meta = {
            "request_id": "x",
            "patient_no": "P1",
            "buyer": "patient",
            "items": [{"code": "A", "quantity": "1", "days_of_supply": 7}],
            "served_at": at.isoformat(),
        }
        answer = street.client.post(
            "/api/v1/purchase-reconciliations", data={"meta": json.dumps(meta)}, headers=bearer(street.kiosk)
        )
        assert answer.json()["field"] == "meta.served_at"


def test_a_claim_at_the_kiosk_waits_for_a_person(street: Street) -> None:
    body = {
        "request_id": "c1",
        "patient_no": "P1",
        "delegate_no": "D7",
        "relation": "village_doctor",
        "documents": ["id_card"],
    }
    for _ in range(2):
        made = street.client.post("/api/v1/delegation-claims", json=body, headers=bearer(street.kiosk))
        assert made.status_code == 201
    assert made.json()["duplicate"] is True
    assert "delegation_pending" in codes(street.verify(delegate_no="D7"))
    with street.browser(street.pharmacist) as staff:
        where = f"/api/v1/delegations/{made.json()['delegation_id']}/decision"
        assert staff.post(where, json={"approve": True, "note": "seen"}).json()["status"] == "active"
    assert street.verify(delegate_no="D7")["verdict"] == "approved"


def _die(street: Street) -> None:
    with street.context.database.transaction() as session:
        patient = session.exec(select(Patient).where(Patient.patient_no == "P1")).one()
        record_vital_status(
            session,
            street.north.id,
            patient.id,
            source="civil_affairs",
            status="died",
            died_at=SERVICE_AT - timedelta(days=2),
            noticed_at=SERVICE_AT - timedelta(days=1),
            identifiers={"patient_no": "P1", "birth_date": "1941-05-02"},
            actor="system",
            now=street.context.clock.now(),
        )
