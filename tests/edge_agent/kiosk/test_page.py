"""The agent behind the page: who may ask, what a visit is, and what happens to a burst."""

from __future__ import annotations

import time
from itertools import pairwise

import cv2
import pytest

from service.simulator.heads import HeadCamera, Motion, pose_of
from service.simulator.surfaces import Pixels
from service.vision import Pack
from service.vision.liveness import Turn, pauses_for, turns_for
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


def drawn(page: Page) -> tuple[Turn, ...]:
    """What the agent knows and the page does not."""
    visit = page.kiosk.desk._visit
    assert visit is not None
    return visit.turns


def burst(pack: Pack, page: Page, session: str, turns: tuple[Turn, ...]) -> list[str]:
    """Somebody who turns when the arrow comes, until each turn is taken: the last advice of each."""
    camera, head = HeadCamera(3), library(pack).head("f35")
    shot, advice, before = b"", [], 0
    for turn in turns:
        made = jpeg(camera.shot(head, pose_of(turn, Motion())))
        for _ in range(40):
            answer = page.post("/api/frame", shot or made, session).json()
            if answer.get("due") == turn.value:
                shot = made
            if answer["taken"] > before:
                break
            time.sleep(0.1)
        before += 1
        advice.append(str(answer["advice"]))
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
    assert drawn(page) == turns
    assert challenge == {"total": 5, "seconds": 120, "offline": False}
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
    assert told["paced"]
    assert told["frame_times"][0] == 0.0
    waits = [after - before for before, after in pairwise(told["frame_times"])]
    assert all(wait >= pause + 0.2 for wait, pause in zip(waits, pauses_for(pharmacy.nonce)[1:], strict=True))
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


def test_a_turn_before_its_arrow_is_no_answer(page: Page, pharmacy: Pharmacy, real_pack: Pack) -> None:
    """The agent shows the next arrow only after the drawn pause; who turns before it has seen it elsewhere."""
    turns = turns_for(pharmacy.nonce)
    session = page.begin()
    page.post("/api/challenge", session=session)
    visit = page.kiosk.desk._visit
    assert visit is not None
    camera, head = HeadCamera(3), library(real_pack).head("f35")
    ahead, early = (jpeg(camera.shot(head, pose_of(turn, Motion()))) for turn in turns[:2])
    first = page.post("/api/frame", ahead, session).json()
    assert (first["taken"], first["due"]) == (1, "centre")
    visit.cue_at += 60  # a pause that outlasts this machine's other work
    waits = page.post("/api/frame", ahead, session).json()
    assert waits == {"advice": "hold", "taken": 1, "total": 5, "due": None}
    assert page.post("/api/frame", early, session).json()["taken"] == 1
    assert page.post("/api/frame", early, session).json()["type"] == "kiosk-wrong-turn"


def test_the_frame_that_brings_the_arrow_does_not_answer_it(page: Page, pharmacy: Pharmacy, real_pack: Pack) -> None:
    turns = turns_for(pharmacy.nonce)
    session = page.begin()
    page.post("/api/challenge", session=session)
    camera, head = HeadCamera(3), library(real_pack).head("f35")
    ahead, second = (jpeg(camera.shot(head, pose_of(turn, Motion()))) for turn in turns[:2])
    page.post("/api/frame", ahead, session)
    time.sleep(pauses_for(pharmacy.nonce)[1])
    arrow = page.post("/api/frame", second, session).json()
    assert (arrow["taken"], arrow["due"]) == (1, turns[1].value)
    assert (
        arrow["advice"]
        == {"left": "turn_left", "right": "turn_right", "up": "look_up", "down": "look_down"}[turns[1].value]
    )
    time.sleep(0.25)
    assert page.post("/api/frame", second, session).json()["taken"] == 2


def test_one_burst_buys_once(page: Page, pharmacy: Pharmacy, real_pack: Pack) -> None:
    """A page that is loaded twice, or a button pressed twice, has the same answer; other goods need other turns."""
    page.kiosk.courier.errand()
    session = page.begin()
    page.post("/api/challenge", session=session)
    burst(real_pack, page, session, turns_for(pharmacy.nonce))
    pharmacy.away = True
    first = page.post("/api/verify", PURCHASE, session).json()
    assert first["verdict"] == "provisional"
    assert page.post("/api/verify", PURCHASE, session).json() == first
    assert page.post("/api/verify", PURCHASE | {"patient_no": "P9"}, session).status_code == 422
    assert page.client.get("/api/state").json()["waiting"] == 1


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
    wish = {"valid_to": "2027-03-01T16:00:00Z", "uses_per_period": 3, "period_days": 365, "drug_classes": ["diabetes"]}
    assert page.post("/api/claim", claim | wish, session).status_code == 200
    assert {name: pharmacy.told("/api/v1/delegation-claims")[1][name] for name in wish} == wish
    assert page.post("/api/claim", claim | {"uses_per_period": 0}, session).json()["field"] == "uses_per_period"
    pharmacy.away = True
    assert page.post("/api/claim", claim, session).status_code == 503
