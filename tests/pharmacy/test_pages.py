"""The pages: the register, the manual queue, purchases; in both languages, and what they must not show."""

from __future__ import annotations

import pytest

from tests.pharmacy.conftest import DOCUMENTS, Street


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
