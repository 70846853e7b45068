"""Why a purchase was decided, and whether a register calls somebody dead: for those who decide, and on record."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from service.access import Permission, Role
from service.access.tables import UserAccount
from service.facilities.tables import Facility
from service.ledger.tables import LedgerEntry
from tests.builders import bearer, create_facility, create_user
from tests.pharmacy.conftest import Street
from tests.pharmacy.test_vital_voices import AT, DIED, WHERE, clerk_says


def entries(street: Street, action: str) -> list[LedgerEntry]:
    with street.context.database.reading() as session:
        return list(session.exec(select(LedgerEntry).where(LedgerEntry.action == action)))


def listed(street: Street, who: UserAccount, where: str = "/api/v1/purchases") -> list[dict[str, Any]]:
    with street.browser(who) as reader:
        answer = reader.get(where, params=AT)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


@pytest.fixture
def dead(street: Street) -> str:
    """A purchase upon a dead patient's card; its id."""
    clerk_says(street, DIED)
    return str(street.verify()["purchase_id"])


def test_a_viewer_sees_purchases_and_not_why_they_were_decided(street: Street, dead: str) -> None:
    [row] = listed(street, street.viewer)
    assert (row["purchase_id"], row["verdict"], row["reasons"], row["causes"]) == (dead, "manual_review", [], [])
    with street.browser(street.viewer) as viewer:
        one = viewer.get(f"/api/v1/purchases/{dead}").json()
        assert (one["reasons"], one["causes"]) == ([], [])
        assert viewer.get("/api/v1/purchase-reviews", params=AT).status_code == 403
        assert viewer.get(WHERE, params=AT).status_code == 403
        page = viewer.get("/pharmacy/purchases", headers={"Accept-Language": "en"}).text
    assert "register" not in page.partition("<main")[2].lower().replace("registered", "")
    assert entries(street, "purchase.reasons_read") == []


def test_who_decides_sees_them_and_each_reading_is_recorded(street: Street, dead: str) -> None:
    [row] = listed(street, street.pharmacist)
    assert row["causes"] == ["death_on_record"]
    [review] = listed(street, street.colleague, "/api/v1/purchase-reviews")
    assert review["purchase"]["causes"] == ["death_on_record"]
    read = entries(street, "purchase.reasons_read")
    assert [(one.actor, one.details["purchases"]) for one in read] == [
        (f"user:{street.pharmacist.username}", [dead]),
        (f"user:{street.colleague.username}", [dead]),
    ]
    with street.browser(street.pharmacist) as reader:
        assert reader.get("/pharmacy/purchases").status_code == 200
        assert reader.get("/pharmacy/queue").status_code == 200
    assert len(entries(street, "purchase.reasons_read")) == 4


def test_a_purchase_without_such_a_reason_leaves_no_entry(street: Street) -> None:
    street.verify()
    assert listed(street, street.pharmacist)[0]["verdict"] == "approved"
    assert entries(street, "purchase.reasons_read") == []


def test_a_till_is_not_told_why(street: Street) -> None:
    token = street.verify()["token"]
    answer = street.redeem(token)
    assert answer.status_code == 200
    assert (answer.json()["reasons"], answer.json()["causes"]) == ([], [])


def test_reading_a_vital_status_is_recorded(street: Street, dead: str) -> None:
    before = len(entries(street, "vital_status.read"))
    with street.browser(street.pharmacist) as reader:
        assert reader.get(WHERE, params=AT).json()["dead_from"] is not None
        # The same notice again changes nothing, and answers: that is a reading as well.
        assert reader.post(WHERE, params=AT, json=DIED).status_code == 201
    read = entries(street, "vital_status.read")[before:]
    assert [one.actor for one in read] == [f"user:{street.pharmacist.username}"] * 2


def describe(street: Street, who: UserAccount, code: str, register: str) -> int:
    with street.browser(who) as admin:
        body = {"register": register, "level": "", "pharmacy_type": "retail"}
        return admin.put(f"/api/v1/pharmacies/{code}", json=body).status_code


def test_an_abandoned_register_is_taken_over_by_nobody(street: Street) -> None:
    street.delegate()
    with street.context.database.transaction() as session:
        owner = create_user(session, role=Role.ADMIN, facility=None)
    for code in ("north", "south", "hospital"):
        assert describe(street, owner, code, f"own-{code}") == 200
    # Nobody is a member of `district` any more; its delegates are still there.
    assert describe(street, street.stranger, "elsewhere", "district") == 409
    with street.browser(street.stranger) as stranger:
        assert stranger.get("/api/v1/delegates").json() == []
    assert describe(street, owner, "north", "district") == 200


def test_a_register_in_which_nothing_is_kept_is_free(street: Street) -> None:
    with street.context.database.transaction() as session:
        place: Facility = create_facility(session, code="newcomer")
        admin = create_user(session, role=Role.ADMIN, facility=place)
    assert describe(street, admin, "newcomer", "fresh") == 200
    assert describe(street, street.stranger, "elsewhere", "fresh") == 409


def test_tokens_need_the_scope(street: Street) -> None:
    assert street.client.get(WHERE, params=AT, headers=bearer(street.till)).status_code == 403
    assert Permission.REGISTERS_WRITE.value == "registers:write"
