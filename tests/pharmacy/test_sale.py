"""Tokens and sales: offline checks, forgery, replay, slow tills, reversals; and two kiosks after the last use."""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx import Response
from sqlmodel import select

from service.access import Actor, Permission
from service.contracts import PurchaseMeta
from service.pharmacy import public_keys, sign_token, verify_purchase, verify_token
from service.pharmacy.errors import TokenInvalid
from service.pharmacy.signing import key_id
from service.pharmacy.tables import Purchase, PurchaseLine
from service.platform.crypto import KeyRing
from tests.builders import bearer
from tests.pharmacy.conftest import SERVICE_AT, Street, codes

_reversals = count(1)
NOW = datetime(2026, 3, 11, 4, 0, tzinfo=UTC)


def _token(ring: KeyRing, **changes: object) -> str:
    values = {
        "token_id": "t1",
        "purchase_id": "p1",
        "facility": "north",
        "verdict": "approved",
        "items": [("A10BA02", "2", 28)],
        "issued_at": NOW,
        "expires_at": NOW + timedelta(minutes=30),
    }
    return sign_token(ring, **(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.load_or_create(tmp_path / "keys")


def test_a_token_is_checked_with_the_public_keys_alone(ring: KeyRing) -> None:
    found = verify_token(_token(ring), public_keys(ring), at=NOW + timedelta(minutes=29))
    assert (found.token_id, found.purchase_id, found.facility, found.verdict) == ("t1", "p1", "north", "approved")
    assert found.items == (("A10BA02", "2", 28),)


def test_a_token_outlives_a_slow_till_and_no_more(ring: KeyRing) -> None:
    token, keys = _token(ring), public_keys(ring)
    verify_token(token, keys, at=NOW + timedelta(minutes=29, seconds=59))
    for at in (NOW + timedelta(minutes=30), NOW - timedelta(minutes=2)):
        with pytest.raises(TokenInvalid):
            verify_token(token, keys, at=at)


def test_a_token_of_another_installation_is_not_good(ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing.load_or_create(tmp_path / "other")
    with pytest.raises(TokenInvalid):
        verify_token(_token(other), public_keys(ring), at=NOW)


def test_a_forged_token_with_the_right_key_id_is_not_good(ring: KeyRing) -> None:
    claims = jwt.decode(_token(ring), options={"verify_signature": False})
    kid = public_keys(ring)["keys"][0]["kid"]
    mallory = Ed25519PrivateKey.generate()
    assert key_id(mallory.public_key()) != kid
    with pytest.raises(TokenInvalid):
        verify_token(jwt.encode(claims, mallory, "EdDSA", headers={"kid": kid}), public_keys(ring), at=NOW)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_no_other_algorithm_is_taken(ring: KeyRing, algorithm: str) -> None:
    """The public key as an HMAC secret, or no signature at all: the classic two."""
    claims = jwt.decode(_token(ring), options={"verify_signature": False})
    key = public_keys(ring)["keys"][0]
    secret = None if algorithm == "none" else base64.urlsafe_b64decode(key["x"] + "=")
    forged = jwt.encode(claims, secret, algorithm, headers={"kid": key["kid"]})  # type: ignore[arg-type]
    with pytest.raises(TokenInvalid):
        verify_token(forged, public_keys(ring), at=NOW)


def test_every_changed_byte_is_noticed(ring: KeyRing) -> None:
    token, keys = _token(ring), public_keys(ring)
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["items"] = [["A10BA02", "200", 28]]
    more = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for forged in (f"{head}.{more}.{signature}", f"{head}.{body}.{signature[:-4]}AAAA", token[:-20], "", "a.b.c", "…"):
        with pytest.raises(TokenInvalid):
            verify_token(forged, keys, at=NOW)


def test_a_replaced_key_still_verifies_its_tokens(tmp_path: Path) -> None:
    old = KeyRing.load_or_create(tmp_path / "keys")
    token = _token(old)
    both = KeyRing((KeyRing.load_or_create(tmp_path / "new").keys[0], *old.keys))
    assert verify_token(token, public_keys(both), at=NOW).token_id == "t1"
    assert verify_token(_token(both), public_keys(both), at=NOW)


def test_the_server_gives_its_keys_to_anybody(street: Street) -> None:
    keys = street.client.get("/api/v1/purchase-keys").json()
    token = street.verify()["token"]
    assert verify_token(token, keys, at=street.context.clock.now()).facility == "north"
    assert "d" not in keys["keys"][0]  # no private part


def test_a_sale_is_made_once(street: Street) -> None:
    token = street.verify()["token"]
    first = street.redeem(token, "S1")
    assert (first.status_code, first.json()["state"]) == (200, "sold")
    assert street.redeem(token, "S1").status_code == 200  # the same sale, reported twice
    again = street.redeem(token, "S2")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/purchase-token-spent")


def test_a_till_that_was_offline_reports_later(street: Street) -> None:
    token = street.verify()["token"]
    now = street.context.clock.now()
    with time_machine.travel(now + timedelta(hours=2)):
        late = street.redeem(token)
        assert (late.status_code, late.json()["type"]) == (422, "/problems/purchase-token-invalid")
        then = street.redeem(token, sold_at=(now + timedelta(minutes=20)).isoformat())
        assert then.status_code == 200, then.text
        again = street.redeem(token, sold_at=(now + timedelta(minutes=20)).isoformat())
        assert again.json() == then.json()  # the same sale told twice is one
        ahead = street.redeem(token, "S2", sold_at=(now + timedelta(days=1)).isoformat())
        assert (ahead.status_code, ahead.json()["field"]) == (422, "sold_at")


def test_another_pharmacys_till_cannot_sell_upon_it(street: Street) -> None:
    token = street.verify(street.kiosk_south)["token"]
    assert street.redeem(token).status_code == 404


def test_a_sale_taken_back_gives_back_the_use(street: Street) -> None:
    street.delegate(uses_per_period=1)
    first = street.verify(delegate_no="D1")
    street.redeem(first["token"])
    spent = street.verify(delegate_no="D1", items=[_item("B")])
    assert "delegation_exhausted" in codes(spent)
    back = _give_back(street, first["purchase_id"], reason="wrong drug")
    assert (back["state"], back["uses"]) == ("reversed", 0)
    assert street.verify(delegate_no="D1", items=[_item("B")])["verdict"] == "approved"


def test_a_purchase_that_was_never_sold_gives_back_the_use(street: Street) -> None:
    street.delegate(uses_per_period=1)
    first = street.verify(delegate_no="D1")
    _give_back(street, first["purchase_id"], reason="the buyer went away")
    assert street.redeem(first["token"]).status_code == 409
    assert street.verify(delegate_no="D1")["verdict"] == "approved"


def test_a_reservation_ends_by_itself(street: Street) -> None:
    street.delegate(uses_per_period=1)
    street.verify(delegate_no="D1")
    assert "delegation_exhausted" in codes(street.verify(delegate_no="D1", items=[_item("B")]))
    with time_machine.travel(street.context.clock.now() + timedelta(hours=5)):
        assert street.verify(delegate_no="D1")["verdict"] == "approved"


def test_partial_dispensing_counts_what_was_given(street: Street) -> None:
    """2 boxes for 28 days; 1 handed out lasts 14. Ten days on 4 of 14 are left (0.29 > 0.25); eleven: 3 (0.21)."""
    answer = street.verify()
    sold = street.redeem(answer["token"], dispensed={"A10BA02": "1"}).json()
    assert (sold["state"], sold["lines"][0]["dispensed"]) == ("sold", "1.000")
    street.move_to(SERVICE_AT + timedelta(days=10))
    assert "too_soon" in codes(street.verify())
    street.move_to(SERVICE_AT + timedelta(days=11))
    assert "too_soon" not in codes(street.verify())


def test_a_drug_on_two_lines_is_counted_once(street: Street) -> None:
    """Tills say how much of a drug, not of which line: the first line is filled first, and the sum is what counts."""
    item = {"code": "A10BA02", "quantity": "2", "days_of_supply": 14}
    answer = street.verify(items=[item, item])
    over = street.redeem(answer["token"], dispensed={"A10BA02": "5"})
    assert (over.status_code, over.json()["field"]) == (422, "dispensed.A10BA02")
    sold = street.redeem(answer["token"], dispensed={"A10BA02": "3"}).json()
    assert [line["dispensed"] for line in sold["lines"]] == ["2.000", "1.000"]
    back = _reversal(street, answer["purchase_id"], reason="one box too many", returned={"A10BA02": "1"}).json()
    assert [line["dispensed"] for line in back["lines"]] == ["1.000", "1.000"]
    assert _reversal(street, answer["purchase_id"], reason="x", returned={"A10BA02": "3"}).status_code == 422


def test_a_part_brought_back_counts_what_is_left_and_nothing_left_gives_back_the_use(street: Street) -> None:
    street.delegate(uses_per_period=1)
    answer = street.verify(delegate_no="D1")
    street.redeem(answer["token"])
    half = _give_back(street, answer["purchase_id"], reason="one box", returned={"A10BA02": "1"})
    assert (half["state"], half["uses"], half["lines"][0]["dispensed"]) == ("sold", 1, "1.000")
    too_much = street.client.post(
        f"/api/v1/purchases/{answer['purchase_id']}/reversals",
        json={"request_id": "more", "reason": "more", "returned": {"A10BA02": "2"}},
        headers=bearer(street.till),
    )
    assert too_much.json()["field"] == "returned.A10BA02"
    rest = _give_back(street, answer["purchase_id"], reason="the other box", returned={"A10BA02": "1"})
    assert (rest["state"], rest["uses"]) == ("reversed", 0)


def test_the_same_reversal_twice_gives_back_once(street: Street) -> None:
    answer = street.verify()
    street.redeem(answer["token"])
    body = {"request_id": "R-1", "reason": "one box", "returned": {"A10BA02": "1"}}
    first = _give_back(street, answer["purchase_id"], **body)
    again = _give_back(street, answer["purchase_id"], **body)
    assert first == again
    assert again["lines"][0]["dispensed"] == "1.000"
    rest = _give_back(street, answer["purchase_id"], request_id="R-2", reason="the other one")
    assert rest["state"] == "reversed"
    assert _give_back(street, answer["purchase_id"], **body) == first  # as it was then
    other = _reversal(street, answer["purchase_id"], **(body | {"returned": {"A10BA02": "2"}}))
    assert (other.status_code, other.json()["type"]) == (409, "/problems/request-reused")
    missing = street.client.post(
        f"/api/v1/purchases/{answer['purchase_id']}/reversals", json={"reason": "x"}, headers=bearer(street.till)
    )
    assert (missing.status_code, missing.json()["field"]) == (422, "request_id")


def test_the_same_sale_has_the_same_answer_whatever_came_since(street: Street) -> None:
    """The till's line was cut: it reports again after the sale was taken back, and after the token's time."""
    answer = street.verify()
    sold = street.redeem(answer["token"], "S1", dispensed={"A10BA02": "1"})
    _give_back(street, answer["purchase_id"], reason="brought back")
    with time_machine.travel(street.context.clock.now() + timedelta(hours=9)):
        again = street.redeem(answer["token"], "S1", dispensed={"A10BA02": "1"})
    assert (again.status_code, again.json()) == (200, sold.json())
    assert street.redeem(answer["token"], "S1", dispensed={"A10BA02": "2"}).status_code == 409
    with street.context.database.reading() as session:
        assert session.get_one(Purchase, answer["purchase_id"]).state == "reversed"


def test_reversals_at_once_never_give_back_more_than_was_handed_out(street: Street) -> None:
    """Eight tills bring one of two boxes back at the same time: two succeed. Real threads on the real database."""
    street.delegate(uses_per_period=1)
    answer = street.verify(delegate_no="D1")
    street.redeem(answer["token"])
    start = threading.Barrier(8)
    found: list[tuple[str, int]] = []

    def till(k: int) -> None:
        start.wait()
        own = f"race-{k // 2}"  # each reported twice
        body = {"request_id": own, "reason": "back", "returned": {"A10BA02": "1"}}
        found.append((own, _reversal(street, answer["purchase_id"], **body).status_code))

    threads = [threading.Thread(target=till, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = {own for own, status in found if status == 200}
    assert len(winners) == 2
    assert sorted(found) == sorted((own, 200 if own in winners else 409) for own, _ in found)
    with street.context.database.reading() as session:
        row = session.get_one(Purchase, answer["purchase_id"])
        assert (row.state, row.uses) == ("reversed", 0)
        assert [line.dispensed for line in session.exec(select(PurchaseLine))] == [0]
    assert street.verify(delegate_no="D1", items=[_item("B")])["verdict"] == "approved"


def test_nothing_handed_out_gives_back_the_use(street: Street) -> None:
    street.delegate(uses_per_period=1)
    answer = street.verify(delegate_no="D1")
    sold = street.redeem(answer["token"], dispensed={}).json()
    assert (sold["state"], sold["uses"]) == ("reversed", 0)


@pytest.mark.parametrize("dispensed", [{"A10BA02": "3"}, {"B": "1"}, {"A10BA02": "-1"}])
def test_no_more_is_sold_than_was_verified(street: Street, dispensed: dict[str, str]) -> None:
    token = street.verify()["token"]
    assert street.redeem(token, dispensed=dispensed).status_code == 422
    assert street.redeem(token).status_code == 200  # the refusal spent nothing


def test_two_kiosks_after_the_last_use_one_wins(street: Street) -> None:
    """Real threads, real transactions, eight kiosks at two pharmacies; valid on SQLite and on PostgreSQL."""
    street.delegate(uses_per_period=1)
    with street.context.database.reading() as session:
        places = [street.north.id, street.south.id]
        session.rollback()
    metas = [
        PurchaseMeta.model_validate(
            {
                "request_id": f"race-{k}",
                "patient_no": "P1",
                "buyer": "delegate",
                "delegate_no": "D1",
                "items": [{"code": f"drug-{k}", "quantity": "1", "days_of_supply": 7}],
                "method": "documents",
                "documents": {"checked_by": "ph", "kinds": ["id_card"], "reason": "race"},
            }
        )
        for k in range(8)
    ]
    street.site(street.north, policy={"effects": {"documents_to_review": "note"}})
    street.site(street.south, policy={"effects": {"documents_to_review": "note"}})
    start = threading.Barrier(len(metas))
    verdicts: list[str] = []
    failures: list[BaseException] = []

    def kiosk(k: int) -> None:
        actor = Actor(
            kind="token",
            id=f"k{k}",
            name=f"k{k}",
            scopes=frozenset({Permission.PURCHASES_VERIFY}),
            facility_id=places[k % 2],
        )
        start.wait()
        try:
            verdicts.append(verify_purchase(street.context, actor, metas[k], []).verdict.value)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=kiosk, args=(k,)) for k in range(len(metas))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(verdicts) == ["approved"] + ["refused"] * 7
    with street.context.database.reading() as session:
        assert sum(row.uses for row in session.exec(select(Purchase))) == 1


def test_one_request_from_two_threads_is_one_purchase(street: Street) -> None:
    meta = street.meta()
    answers: list[tuple[int, str]] = []

    def send() -> None:
        answer = street.send(meta)
        answers.append((answer.status_code, answer.json().get("purchase_id", "")))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    assert len({purchase_id for _, purchase_id in answers}) == 1


def _item(code: str) -> dict[str, object]:
    return {"code": code, "quantity": "1", "days_of_supply": 7}


def _give_back(street: Street, purchase_id: str, **body: object) -> dict[str, object]:
    answer = _reversal(street, purchase_id, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _reversal(street: Street, purchase_id: str, **body: object) -> Response:
    body = {"request_id": f"R{next(_reversals)}"} | body
    return street.client.post(f"/api/v1/purchases/{purchase_id}/reversals", json=body, headers=bearer(street.till))
