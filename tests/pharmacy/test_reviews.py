"""The manual queue: what happened while a purchase waited counts when it is decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from httpx import Response
from sqlmodel import select

from service.pharmacy import lapse_job
from service.pharmacy.decision import Identity, Liveness
from service.pharmacy.tables import Delegation, Purchase, PurchaseReview
from service.worker import HOUSEKEEPING
from tests.builders import bearer
from tests.pharmacy.conftest import DOCUMENTS, SERVICE_AT, Eye, Street, codes

AFTER_DEADLINE = timedelta(minutes=16)


def test_of_two_that_wait_for_the_last_use_one_is_approved(street: Street) -> None:
    street.delegate(uses_per_period=1)
    first, second = _asked(street, "a"), _asked(street, "b")
    assert _decide(street, first).status_code == 200
    late = _decide(street, second)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/purchase-state")
    assert "used up" in late.json()["detail"]
    assert [_told(street, answer)["token"] is not None for answer in (first, second)] == [True, False]
    assert _review(street, second).state == "waiting"  # the person may still refuse it
    assert _decide(street, second, approve=False).status_code == 200
    with street.context.database.reading() as session:
        assert sum(row.uses for row in session.exec(select(Purchase))) == 1


def test_of_two_that_nobody_answers_one_falls_back_to_leave(street: Street, run_jobs: Callable[[], int]) -> None:
    street.delegate(uses_per_period=1)
    answers = [_asked(street, "a"), _asked(street, "b")]
    assert [answer["review_fallback"] for answer in answers] == ["provisional", "provisional"]
    with time_machine.travel(street.context.clock.now() + AFTER_DEADLINE):
        run_jobs()
        told = [_told(street, answer) for answer in answers]
    assert sorted(item["verdict"] for item in told) == ["provisional", "refused"]
    assert sorted(item["token"] is not None for item in told) == [False, True]
    with street.context.database.reading() as session:
        rows = {row.id: row for row in session.exec(select(Purchase))}
        for review in session.exec(select(PurchaseReview)):
            assert rows[review.purchase_id].verdict == review.decision
    assert sum(row.uses for row in rows.values()) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"status": "revoked", "revoked_at": SERVICE_AT + timedelta(minutes=1)}, "revoked"),
        ({"valid_to": SERVICE_AT + timedelta(minutes=1)}, "expired"),
    ],
)
def test_a_delegation_that_ended_meanwhile_gives_no_leave(street: Street, values: dict[str, object], said: str) -> None:
    delegation = street.delegate()
    answer = _asked(street, "a")
    with street.context.database.transaction() as session:
        row = session.get_one(Delegation, delegation)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
    street.move_to(SERVICE_AT + timedelta(minutes=2))
    refused = _decide(street, answer)
    assert refused.status_code == 409
    assert said in refused.json()["detail"]
    assert _told(street, answer)["token"] is None


def test_at_eight_in_the_evening_one_that_fails_keeps_no_other_open(
    street: Street,
) -> None:
    """20:00 in Shanghai, everybody has gone home. The first of two reviews cannot be closed; the second one is."""
    with time_machine.travel(datetime(2026, 3, 11, 12, 0, tzinfo=UTC), tick=False):
        broken, whole = _asked(street, "a", delegate_no=None), _asked(street, "b", delegate_no=None)
    with street.context.database.transaction() as session:
        row = session.get_one(PurchaseReview, broken["review_id"])
        row.fallback = "nonsense"
        session.add(row)
    with time_machine.travel(datetime(2026, 3, 11, 12, 16, tzinfo=UTC), tick=False):
        with pytest.raises(ValueError, match="nonsense"):
            lapse_job(street.context, {})
        assert _told(street, whole)["verdict"] == "provisional"
        assert _told(street, broken)["state"] == "waiting"
        with street.context.database.transaction() as session:
            row = session.get_one(PurchaseReview, broken["review_id"])
            row.fallback = "refused"
            session.add(row)
        lapse_job(street.context, {})  # as every hour
        assert _told(street, broken)["verdict"] == "refused"
    assert "purchases.lapse" in HOUSEKEEPING


def test_a_deadline_that_is_over_is_over_before_the_job_has_run(street: Street) -> None:
    answer = _asked(street, "a", delegate_no=None)
    at = _review(street, answer).deadline_at
    with time_machine.travel(at, tick=False):
        late = _decide(street, answer)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/review-closed")
    assert _review(street, answer).state == "waiting"
    with time_machine.travel(at - timedelta(seconds=1), tick=False):
        assert _decide(street, answer).status_code == 200


def test_what_documents_were_seen_is_kept_with_the_purchase(street: Street) -> None:
    _asked(street, "a", delegate_no=None)
    street.verify()
    with street.context.database.reading() as session:
        rows = {row.method: row.facts for row in session.exec(select(Purchase))}
    assert rows["documents"]["documents"] == DOCUMENTS | {"why": "other"}
    assert "documents" not in rows["face"]


@pytest.mark.parametrize(("seen", "left"), [(False, set()), (True, {"suspected", "confirmed"})])
def test_a_person_who_sees_a_person_ends_the_suspicion(street: Street, eye: Eye, seen: bool, left: set[str]) -> None:
    """Two bursts that looked like a picture; the pharmacist then looked at who stood there."""
    eye.shows(Identity.NOT_ENROLLED, Liveness.SUSPECT)
    assert street.verify()["retry_allowed"]
    answer = street.verify()
    assert "liveness_failed" in codes(answer)
    with street.browser(street.pharmacist) as staff:
        body = {"approve": not seen, "attack_seen": seen}
        where = f"/api/v1/purchase-reviews/{answer['review_id']}/decision"
        assert staff.post(where, json=body).status_code == 200
    with street.context.database.reading() as session:
        rows = session.exec(select(Purchase)).all()
    assert {row.presentation_attack for row in rows} - {""} == left
    assert {row.liveness for row in rows} == {"suspect"}


def test_an_older_kiosk_is_named_to_whoever_decides_and_to_nobody_else(street: Street) -> None:
    """It does not keep the challenge's pauses: the answer is the same, and a person is told to trust it less."""
    assert street.verify()["verdict"] == "approved"
    with street.browser(street.pharmacist) as staff:
        assert staff.get("/api/v1/purchases").json()[0]["liveness_reasons"] == ["unpaced"]
        assert "旧版终端" in staff.get("/pharmacy/purchases", headers={"Accept-Language": "zh"}).text
        assert "an older kiosk" in staff.get("/pharmacy/purchases", headers={"Accept-Language": "en"}).text
    with street.browser(street.viewer) as reader:
        assert reader.get("/api/v1/purchases").json()[0]["liveness_reasons"] == []
        assert "older kiosk" not in reader.get("/pharmacy/purchases", headers={"Accept-Language": "en"}).text


def _asked(street: Street, code: str, *, delegate_no: str | None = "D1") -> dict[str, Any]:
    """A purchase by documents, which waits for a person."""
    item = {"code": code, "quantity": "1", "days_of_supply": 7}
    answer = street.verify(documents=DOCUMENTS, delegate_no=delegate_no, items=[item])
    assert answer["verdict"] == "manual_review", answer
    return answer


def _decide(street: Street, answer: dict[str, Any], *, approve: bool = True) -> Response:
    with street.browser(street.pharmacist) as staff:
        return staff.post(f"/api/v1/purchase-reviews/{answer['review_id']}/decision", json={"approve": approve})


def _told(street: Street, answer: dict[str, Any]) -> dict[str, Any]:
    where = f"/api/v1/purchase-reviews/{answer['review_id']}/state"
    return dict(street.client.get(where, headers=bearer(street.kiosk)).json())


def _review(street: Street, answer: dict[str, Any]) -> PurchaseReview:
    with street.context.database.reading() as session:
        return session.get_one(PurchaseReview, answer["review_id"])
