"""The pages: the register, the manual queue, purchases; in both languages, and what they must not show."""

from __future__ import annotations

import pytest

from tests.pharmacy.conftest import DOCUMENTS, Street, codes


@pytest.mark.parametrize(("language", "word"), [("en", "Manual queue"), ("zh", "人工复核")])
def test_a_pharmacist_decides_on_the_page(street: Street, language: str, word: str) -> None:
    street.delegate("P1", "D1")
    street.delegate("P1", "D2", source="kiosk")
    answer = street.verify(delegate_no="D1", documents=DOCUMENTS)
    with street.browser(street.pharmacist) as staff:
        page = staff.get("/pharmacy/queue", params={"lang": language}, headers={"Accept": "text/html"})
        assert page.status_code == 200, page.text
        assert word in page.text
        assert "P1" in page.text
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        where = f"/pharmacy/queue/{answer['review_id']}/decision"
        body = {"decision": "approve", "note": "id card seen", "csrf_token": token}
        forged = staff.post(where, data=body | {"csrf_token": "wrong"}, follow_redirects=False)
        assert forged.status_code == 403
        done = staff.post(where, data=body, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, "/pharmacy/queue")
        closed = staff.get("/pharmacy/queue", params={"lang": language}).text
        assert "id card seen" in closed
        for path in ("/pharmacy", "/pharmacy/purchases", "/pharmacy/purchases?verdict=approved"):
            shown = staff.get(path, headers={"Accept": "text/html"})
            assert shown.status_code == 200, shown.text[:500]
            assert "D1" in shown.text
            assert "{" not in shown.text.split("<main")[1]
        waiting = staff.get("/pharmacy").text
        where = waiting.split('action="/pharmacy/delegations/')[1].split('"')[0]
        token = waiting.split('name="csrf_token" value="')[1].split('"')[0]
        decided = staff.post(
            f"/pharmacy/delegations/{where}", data={"decision": "approve", "csrf_token": token}, follow_redirects=False
        )
        assert decided.status_code == 303


def test_a_viewer_reads_and_decides_nothing(street: Street) -> None:
    street.delegate("P1", "D2", source="kiosk")
    with street.browser(street.viewer) as reader:
        assert 'action="/pharmacy/delegations' not in reader.get("/pharmacy").text
        assert reader.get("/pharmacy/queue", headers={"Accept": "application/json"}).status_code == 403


def test_an_unknown_verdict_is_refused(street: Street) -> None:
    with street.browser(street.viewer) as reader:
        assert reader.get("/pharmacy/purchases", params={"verdict": "maybe"}).status_code == 422


def test_strangers_see_nothing_of_the_register(street: Street) -> None:
    street.delegate("P1", "D1")
    street.verify(delegate_no="D1")
    with street.browser(street.stranger) as reader:
        for path in ("/pharmacy", "/pharmacy/purchases", "/pharmacy/queue"):
            assert "D1" not in reader.get(path).text.split("<main")[1]


def entered(**values: object) -> dict[str, object]:
    """The form as somebody fills it in: a neighbour buys twice a month until the end of March."""
    return {
        "facility": "north",
        "delegate_no": "D5",
        "delegate_name": "王芳",
        "patient_no": "P1",
        "relation": "kin",
        "valid_from": "2026-03-01",
        "valid_to": "2026-03-31",
        "uses_per_period": "2",
        "period_days": "30",
        "drug_classes": "diabetes，hypertension",
        "documents": ["id_card", "household_register"],
    } | values


@pytest.mark.parametrize(("language", "words"), [("en", "Enter a delegation"), ("zh", "登记委托")])
def test_staff_enter_a_delegation_with_the_form(street: Street, language: str, words: str) -> None:
    with street.browser(street.pharmacist) as staff:
        shown = staff.get("/pharmacy", params={"lang": language}).text
        assert words in shown
        token = shown.split('action="/pharmacy/delegations"')[1].split('name="csrf_token" value="')[1].split('"')[0]
        body = entered(csrf_token=token)
        forged = staff.post("/pharmacy/delegations", data=body | {"csrf_token": "wrong"}, follow_redirects=False)
        assert forged.status_code == 403
        done = staff.post("/pharmacy/delegations", data=body, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, "/pharmacy?patient_no=P1")
        (row,) = staff.get("/api/v1/delegations").json()
        assert (row["status"], row["delegate_no"], row["drug_classes"]) == (
            "active",
            "D5",
            ["diabetes", "hypertension"],
        )
        assert (row["uses_per_period"], row["documents"]) == (2, ["id_card", "household_register"])
        # Days of Shanghai; the last one is a whole day.
        assert (row["valid_from"], row["valid_to"]) == ("2026-02-28T16:00:00Z", "2026-03-31T16:00:00Z")
        assert staff.post("/pharmacy/delegations", data=body).status_code == 422
        other = staff.post("/pharmacy/delegations", data=body | {"delegate_name": "李强", "valid_from": "2026-03-02"})
        assert other.status_code == 422
        unlimited = body | {"valid_to": "", "uses_per_period": "", "delegate_name": "", "drug_classes": ""}
        assert staff.post("/pharmacy/delegations", data=unlimited, follow_redirects=False).status_code == 303
        latest = next(row for row in staff.get("/api/v1/delegations").json() if row["valid_to"] is None)
        assert (latest["uses_per_period"], latest["drug_classes"]) == (None, [])
        for wrong in ({"valid_to": "2026-02-01"}, {"valid_from": "soon"}, {"relation": "friend"}, {"patient_no": " "}):
            assert staff.post("/pharmacy/delegations", data=body | wrong).status_code == 422, wrong
        assert staff.post("/pharmacy/delegations", data=body | {"facility": "elsewhere"}).status_code == 404


def test_a_second_person_approves_where_policy_says_so(street: Street) -> None:
    street.site(street.north, policy={"second_person_approves": True})
    with street.browser(street.pharmacist) as staff:
        token = staff.get("/pharmacy").text.split('name="csrf_token" value="')[1].split('"')[0]
        assert staff.post("/pharmacy/delegations", data=entered(csrf_token=token)).status_code == 200
        (row,) = staff.get("/api/v1/delegations").json()
        where = f"/pharmacy/delegations/{row['delegation_id']}/decision"
        assert row["status"] == "pending_review"
        assert where not in staff.get("/pharmacy").text
        own = staff.post(where, data={"decision": "approve", "csrf_token": token})
        assert own.status_code == 409, own.text
    assert "delegation_pending" in codes(street.verify(delegate_no="D5", documents=DOCUMENTS))
    with street.browser(street.colleague) as other:
        shown = other.get("/pharmacy").text
        assert where in shown
        token = shown.split(where)[1].split('name="csrf_token" value="')[1].split('"')[0]
        body = {"decision": "approve", "note": "seen", "csrf_token": token}
        assert other.post(where, data=body, follow_redirects=False).status_code == 303
        assert other.get("/api/v1/delegations").json()[0]["status"] == "active"


def test_a_viewer_has_no_form(street: Street) -> None:
    with street.browser(street.viewer) as reader:
        assert 'action="/pharmacy/delegations"' not in reader.get("/pharmacy").text
        assert reader.post("/pharmacy/delegations", data=entered()).status_code == 403
