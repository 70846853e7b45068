"""Who may speak for a source of vital status, over real HTTP: nobody takes back what a register said itself."""

from __future__ import annotations

from typing import Any

import pytest

from service.access import Permission
from tests.builders import bearer, create_token
from tests.pharmacy.conftest import Street, codes

DIED = {
    "source": "civil_affairs",
    "status": "died",
    "died_on": "2026-03-01",
    "noticed_at": "2026-03-05T08:00:00+08:00",
    "identifiers": {"patient_no": "P1", "birth_date": "1941-05-02"},
}
ALIVE = {
    "source": "civil_affairs",
    "status": "alive",
    "noticed_at": "2026-03-06T08:00:00+08:00",
    "identifiers": {"patient_no": "P1", "birth_date": "1941-05-02"},
}
WHERE = "/api/v1/patients/P1/vital-status"
AT = {"facility": "north"}


@pytest.fixture
def register(street: Street) -> dict[str, str]:
    """The register's own line: a token called after it."""
    with street.context.database.transaction() as session:
        return bearer(create_token(session, street.north, [Permission.REGISTERS_WRITE], name="civil_affairs"))


def says(street: Street, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    answer = street.client.post(WHERE, params=AT, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def clerk_says(street: Street, body: dict[str, Any], *, colleague: bool = False) -> dict[str, Any]:
    with street.browser(street.colleague if colleague else street.pharmacist) as clerk:
        answer = clerk.post(WHERE, params=AT, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_clerk_takes_no_death_back_that_a_register_gave_notice_of(street: Street, register: dict[str, str]) -> None:
    says(street, DIED, register)
    after = clerk_says(street, ALIVE)
    assert (after["dead_from"] is not None, after["conflicting"]) == (True, True)
    verdict = street.verify()
    assert (verdict["verdict"], "record_check" in codes(verdict)) == ("manual_review", True)
    with street.browser(street.pharmacist) as clerk:
        rows = "patient_no,birth_date,status,source,noticed_at\nP1,1941-05-02,alive,civil_affairs,2026-03-07 08:00\n"
        sent = clerk.post("/api/v1/imports/vital-status", params=AT, content=rows.encode())
        assert sent.json()["created"] == 1
    assert street.verify(items=[{"code": "Z", "quantity": "1", "days_of_supply": 1}])["verdict"] == "manual_review"


def test_the_register_itself_takes_it_back_also_with_a_renewed_token(street: Street, register: dict[str, str]) -> None:
    says(street, DIED, register)
    with street.context.database.transaction() as session:
        renewed = bearer(create_token(session, street.north, [Permission.REGISTERS_WRITE], name="civil_affairs.2"))
        other = bearer(create_token(session, street.north, [Permission.REGISTERS_WRITE], name="civil_affairs_copy"))
    assert says(street, ALIVE, other)["conflicting"] is True
    after = says(street, ALIVE | {"noticed_at": "2026-03-07T08:00:00+08:00"}, renewed)
    assert (after["dead_from"], after["conflicting"]) == (None, False)


def test_a_clerk_corrects_what_the_clerk_passed_on_and_no_colleague_does(street: Street) -> None:
    clerk_says(street, DIED)
    assert clerk_says(street, ALIVE, colleague=True)["conflicting"] is True
    after = clerk_says(street, ALIVE)
    assert (after["dead_from"], after["conflicting"]) == (None, False)


def test_what_a_register_says_itself_replaces_what_others_said_in_its_name(
    street: Street, register: dict[str, str]
) -> None:
    clerk_says(street, DIED)
    assert says(street, ALIVE, register)["dead_from"] is None
    # The clerk sends the register's own words once more: no new voice of the register comes of it.
    again = clerk_says(street, DIED | {"noticed_at": "2026-03-08T08:00:00+08:00"})
    assert again["dead_from"] is not None
    assert says(street, ALIVE | {"noticed_at": "2026-03-09T08:00:00+08:00"}, register)["dead_from"] is None


def test_no_message_typed_by_a_person_takes_back_what_the_hospitals_system_said(street: Street) -> None:
    from service.access import Role
    from tests.builders import create_user

    def a08(said: str, end: str, control: str) -> str:
        header = f"MSH|^~\\&|HIS|H|W|X|{said}+0800||ADT^A08^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8"
        pid = "PID|1||P1^^^HIS^PI||||19410502|F" + "|" * 21 + end
        return "\r".join([header, f"EVN|A08|{said}+0800", pid, "PV1|1|I" + "|" * 17 + "V1"]) + "\r"

    with street.context.database.transaction() as session:
        his = bearer(create_token(session, street.north, [Permission.ADMISSIONS_WRITE], name="his"))
        boss = create_user(session, role=Role.ADMIN, facility=street.north)
    dead = street.client.post(
        "/api/v1/adt/hl7v2", content=a08("20260305080000", "20260301100000+0800|Y", "m1"), headers=his
    )
    assert "MSA|AA" in dead.text, dead.text
    with street.browser(boss) as person:
        alive = person.post("/api/v1/adt/hl7v2", params=AT, content=a08("20260306080000", "|N", "m2"))
        assert "MSA|AA" in alive.text, alive.text
        status = person.get(WHERE, params=AT).json()
        assert (status["dead_from"] is not None, status["conflicting"]) == (True, True)
        street.client.post("/api/v1/adt/hl7v2", content=a08("20260307080000", "|N", "m3"), headers=his)
        # The hospital's own system withdrew it; the person's word is no death.
        assert person.get(WHERE, params=AT).json()["dead_from"] is None
