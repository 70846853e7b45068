"""The agent behind the page: who may ask, what a visit is, and what happens to a burst."""

from __future__ import annotations

import time

import cv2
import pytest

from service.simulator.heads import HeadCamera, Motion, pose_of
from service.simulator.surfaces import Pixels
from service.vision import Pack
from service.vision.liveness import Turn, turns_for
from tests.edge_agent.kiosk.conftest import Page
from tests.edge_agent.kiosk.pharmacy import Pharmacy
from tests.rendered import library

pytestmark = pytest.mark.models
PURCHASE = {
    "patient_no": "P1",
    "buyer": "delegate",
    "delegate_no": "D1",
    "items": [{"code": "A10BA02", "quantity": "2", "days_of_supply": 28}],
}


def jpeg(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels)[1])


def burst(pack: Pack, page: Page, session: str, turns: tuple[Turn, ...]) -> list[str]:
    """Advice for a frame a turn, at the pace of a head."""
    camera, head = HeadCamera(3), library(pack).head("f35")
    advice = []
    for turn in turns:
        shot = jpeg(camera.shot(head, pose_of(turn, Motion())))
        time.sleep(0.2)
        advice.append(str(page.post("/api/frame", shot, session).json()["advice"]))
    return advice


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"X-Kiosk-Key": "guess"}, 403),
        ({"X-Kiosk-Key": ""}, 403),
    ],
)
def test_only_the_page_may_ask(page: Page, headers: dict[str, str], status: int) -> None:
    response = page.client.post("/api/begin", json={}, headers=headers)
    assert response.status_code == status
    assert page.client.post("/api/begin", json={}).status_code == 200


def test_the_page_comes_with_a_strict_policy_and_its_key(page: Page) -> None:
    response = page.client.get("/")
    assert page.kiosk.server.key in response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    for part in ("kiosk.css", "kiosk.js", "camera.js", "texts.js", "mark.svg"):
        assert page.client.get(f"/page/{part}").status_code == 200
    for hidden in ("/page/../run.py", "/page/%2e%2e/run.py", "/page/index.html", "/api/begin", "/kiosk.db"):
        assert page.client.get(hidden).status_code == 404


def test_it_listens_on_this_machine_only(page: Page) -> None:
    assert page.kiosk.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/card", b"{}", 422),
        ("/api/card", b'{"text": ""}', 422),
        ("/api/card", b"not json", 422),
        ("/api/verify", b'{"patient_no": 1}', 422),
        ("/api/verify", b"[" * 60_000, 422),
        ("/api/frame", b"x", 422),
        ("/api/card", b"x" * 70_000, 413),
        ("/api/none", b"{}", 404),
    ],
)
def test_hostile_requests_are_refused_in_words(page: Page, path: str, body: bytes, status: int) -> None:
    response = page.client.post(path, content=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def test_a_genuine_turn_is_verified_by_the_server(page: Page, pharmacy: Pharmacy, real_pack: Pack) -> None:
    session = page.begin()
    challenge = page.post("/api/challenge", session=session).json()
    turns = turns_for(pharmacy.nonce)
    assert challenge["turns"] == [turn.value for turn in turns]
    assert not challenge["offline"]
    early = page.post("/api/verify", PURCHASE, session)
    assert early.status_code == 422
    assert burst(real_pack, page, session, turns) == ["taken"] * 5
    verdict = page.post("/api/verify", PURCHASE, session).json()
    assert verdict["verdict"] == "approved"
    assert verdict["reasons"][0]["text_zh"] == "谢谢，动作已完成。"
    assert verdict["token_qr"].startswith("data:image/svg+xml")
    (told,) = pharmacy.told("/api/v1/purchase-verifications")
    assert told["nonce"] == pharmacy.nonce
    assert told["challenge_id"] == "c1"
    assert told["frame_times"][0] == 0.0
    assert len(pharmacy.images[0]) == 5


def test_another_turn_ends_the_challenge(page: Page, pharmacy: Pharmacy, real_pack: Pack) -> None:
    """Waiting for the right turn would let any film pass that shows all of them sooner or later."""
    turns = turns_for(pharmacy.nonce)
    wrong = next(turn for turn in (Turn.UP, Turn.LEFT, Turn.RIGHT) if turn not in turns[:2])
    session = page.begin()
    page.post("/api/challenge", session=session)
    camera, head = HeadCamera(3), library(real_pack).head("f35")
    ahead, astray = (jpeg(camera.shot(head, pose_of(turn, Motion()))) for turn in (Turn.CENTRE, wrong))
    assert page.post("/api/frame", ahead, session).json()["taken"] == 1
    assert page.post("/api/frame", astray, session).status_code == 200
    ended = page.post("/api/frame", astray, session)
    assert ended.status_code == 422
    assert ended.json()["type"] == "kiosk-wrong-turn"
    assert page.post("/api/frame", ahead, session).status_code == 422
    page.post("/api/challenge", session=session)
    assert page.post("/api/frame", ahead, session).json()["taken"] == 1


def test_a_wiped_visit_is_gone(page: Page, pharmacy: Pharmacy, real_pack: Pack) -> None:
    session = page.begin()
    page.post("/api/challenge", session=session)
    burst(real_pack, page, session, turns_for(pharmacy.nonce))
    page.post("/api/wipe")
    response = page.post("/api/verify", PURCHASE, session)
    assert response.status_code == 422
    assert response.json()["field"] == "session"
    other = page.begin()
    assert page.post("/api/verify", PURCHASE, other).status_code == 422
    assert not pharmacy.told("/api/v1/purchase-verifications")


def test_documents_are_always_a_way(page: Page, pharmacy: Pharmacy) -> None:
    session = page.begin()
    documents = {"checked_by": "9001", "kinds": ["id_card"], "reason": "cannot_turn"}
    verdict = page.post("/api/documents", {**PURCHASE, "documents": documents}, session).json()
    assert verdict["verdict"] == "approved"
    (told,) = pharmacy.told("/api/v1/purchase-verifications")
    assert told["method"] == "documents"
    assert told["documents"]["reason"] == "cannot_turn"


def test_a_delegation_is_registered_for_review(page: Page, pharmacy: Pharmacy) -> None:
    session = page.begin()
    claim = {"patient_no": "P1", "delegate_no": "D404", "relation": "kin", "documents": ["id_card"]}
    assert page.post("/api/claim", claim, session).json()["status"] == "pending_review"
    (told,) = pharmacy.told("/api/v1/delegation-claims")
    assert told["kiosk"] == "k1"
    pharmacy.away = True
    assert page.post("/api/claim", claim, session).status_code == 503
