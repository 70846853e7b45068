"""The real kiosk against the real server: paired, signed, enrolled by photographs, offline and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlmodel import col, select

from edge_agent.kiosk.courier import Courier
from edge_agent.kiosk.desk import Desk
from edge_agent.kiosk.forms import DocumentsForm, PurchaseForm, VerdictOut
from edge_agent.kiosk.link import ServerLink
from edge_agent.kiosk.settings import KioskSettings
from edge_agent.kiosk.store import KioskStore, QueueCount
from service.access import SYSTEM
from service.contracts import PurchaseMeta
from service.enrolment import enrol_delegate
from service.facilities.tables import Facility
from service.pharmacy.registers import Entry, NewDelegate, NewDelegation, add_delegate, add_delegation
from service.pharmacy.tables import Delegate, Delegation, PharmacySite, Purchase
from service.platform.context import Context
from service.screening.tables import Finding
from service.simulator.attacks import Attempt, Species, attack_burst
from service.simulator.heads import HeadCamera, Light, Motion, pose_of
from service.simulator.surfaces import Pixels, Pose
from service.vision import Pack
from service.vision.liveness import Turn
from tests.builders import create_facility, create_patient
from tests.devices import pair_device
from tests.edge_agent.conftest import wait_for
from tests.rendered import library
from tests.vision.conftest import FOLDER

pytestmark = [pytest.mark.models, pytest.mark.e2e]
FORM = PurchaseForm.model_validate(
    {
        "patient_no": "P1",
        "buyer": "delegate",
        "delegate_no": "D1",
        "items": [{"code": "A10BA02", "quantity": "2", "days_of_supply": 28, "drug_class": "diabetes"}],
    }
)

PAPERS = DocumentsForm.model_validate(
    FORM.model_dump() | {"documents": {"checked_by": "9001", "kinds": ["id_card"], "reason": "camera"}}
)


@dataclass
class Counter:
    """A paired kiosk's parts and its server."""

    desk: Desk
    courier: Courier
    store: KioskStore
    context: Context
    server: uvicorn.Server
    pack: Pack
    place: Facility

    def visit(self, shoot: Callable[[Turn], Pixels], patience: float = 30) -> VerdictOut:
        """A customer whom the camera sees as `shoot` says, turn by turn; the kiosk waits `patience` seconds."""
        session = self.desk.begin()
        challenge = self.desk.challenge(session)
        due = Turn.CENTRE
        for _ in range(200):
            answer = self.desk.frame(session, bytes(cv2.imencode(".jpg", shoot(due))[1]))
            if answer.taken == challenge.total:
                break
            due = Turn(answer.due) if answer.due else due
            time.sleep(0.1)
        assert answer.taken == answer.total
        client = self.desk._link._client
        client.timeout = httpx.Timeout(patience)
        verdict = self.desk.verify(session, FORM)
        client.timeout = httpx.Timeout(30)
        return verdict

    def by_documents_without_the_server(self) -> VerdictOut:
        """A customer with papers while the network is down; the server is told afterwards."""
        assert self.courier.errand()
        link = self.desk._link
        real, link._server = link._server, "http://127.0.0.1:9"
        verdict = self.desk.documents(self.desk.begin(), PAPERS)
        link._server = real
        return verdict

    def bought(self) -> list[Purchase]:
        """What the server has on record, oldest first."""
        with self.context.database.reading() as session:
            return list(session.exec(select(Purchase).order_by(col(Purchase.recorded_at))))


def person(pack: Pack, name: str, seed: int = 3) -> Callable[[Turn], Pixels]:
    """Somebody who does as asked."""
    camera, head = HeadCamera(seed), library(pack).head(name)
    return lambda turn: camera.shot(head, camera.unsteady(pose_of(turn, Motion(yaw=27, pitch=20))))


@pytest.fixture
def counter(app: FastAPI, context: Context, real_pack: Pack, tmp_path: Path) -> Iterator[Counter]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, 30)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    now = context.clock.now()
    with context.database.transaction() as session:
        place = create_facility(session, code="north", kind="pharmacy")
        session.add(PharmacySite(facility_id=place.id, register_code="district", updated_at=now))
        create_patient(session, place, "P1", birth_date=datetime(1941, 5, 2).date())  # noqa: DTZ001
        entry = Entry(place, "user:builder", now - timedelta(days=30), source="staff")
        add_delegate(session, entry, NewDelegate("D1"))
        add_delegation(session, entry, _delegation(now))
    _enrol(context, place, real_pack, now)
    key_file = tmp_path / "key"
    pair_device(context, place, "kiosk").save(key_file)
    settings = KioskSettings(server=url, data=tmp_path / "kiosk", key_file=key_file, models=FOLDER, timeout_seconds=30)
    link, store = ServerLink(settings), KioskStore(settings.data)
    desk = Desk(settings, link, store, real_pack)
    yield Counter(desk, Courier(desk, link, store, 60), store, context, server, real_pack, place)
    server.should_exit = True
    thread.join(10)
    link.close()
    store.close()


def _delegation(now: datetime) -> NewDelegation:
    return NewDelegation(delegate_no="D1", patient_no="P1", valid_from=now - timedelta(days=10), documents=("id_card",))


def _enrol(context: Context, place: Facility, pack: Pack, now: datetime) -> None:
    camera = HeadCamera(90, light=Light(noise=1.5, quality=94))
    head = library(pack).head("f35")
    photos = [bytes(cv2.imencode(".jpg", camera.shot(head, Pose(yaw=yaw, distance=4.5)))[1]) for yaw in (0.0, 3.0)]
    with context.database.reading() as session:
        delegate = session.exec(select(Delegate)).one()
    report = enrol_delegate(
        context, place.id, delegate.id, "D1", photos, actor=SYSTEM, consent_at=now - timedelta(days=1)
    )
    assert report.accepted, report


def test_the_delegate_is_approved_and_a_stranger_is_not(counter: Counter) -> None:
    verdict = counter.visit(person(counter.pack, "f35"))
    assert verdict.verdict == "approved", verdict
    assert verdict.token_qr is not None
    (approved,) = counter.bought()
    assert approved.liveness_reasons == []
    stranger = counter.visit(person(counter.pack, "f02", seed=8))
    assert stranger.verdict in ("refused", "manual_review")
    assert stranger.token is None
    assert {"identity_mismatch", "identity_uncertain"} & {reason.code.value for reason in stranger.reasons}


def test_a_folded_print_of_the_delegate_gets_no_token(counter: Counter) -> None:
    head = library(counter.pack).head("f35")
    camera = HeadCamera(3)

    drawn = counter.desk._link.challenge()
    turns = tuple(Turn(turn) for turn in drawn.turns)
    burst = attack_burst(Species.PRINT_FOLDED, Attempt(head, head, turns, turns, Motion(yaw=30, pitch=22), 3), camera)
    meta = PurchaseMeta(
        request_id="r1",
        challenge_id=drawn.challenge_id,
        nonce=drawn.nonce,
        **FORM.model_dump(include={"patient_no", "buyer", "delegate_no", "items"}),
    )
    # Past the page's own guidance, as a tampered kiosk would send it.
    verdict = counter.desk._link.verify(meta, [bytes(cv2.imencode(".jpg", shot)[1]) for shot in burst])
    assert verdict.verdict != "approved"
    assert verdict.token is None
    with counter.context.database.reading() as session:
        purchase = session.exec(select(Purchase)).one()
    assert purchase.presentation_attack == "suspected"
    # Such a burst says nothing of the challenge's rhythm: taken for one version, and marked.
    assert "unpaced" in purchase.liveness_reasons


def test_without_the_server_provisional_and_confirmed_later(counter: Counter) -> None:
    assert counter.courier.errand()
    assert counter.desk.state().cache_usable
    link = counter.desk._link
    real, link._server = link._server, "http://127.0.0.1:9"
    verdict = counter.visit(person(counter.pack, "f35"))
    assert verdict.verdict == "provisional"
    assert not counter.courier.errand()
    link._server = real
    assert counter.courier.errand()
    state = counter.desk.state()
    assert (state.online, state.waiting, state.wrong) == (True, 0, 0)
    (bought,) = counter.bought()
    assert bought.request_id == verdict.request_id
    assert (bought.state, bought.uses) == ("sold", 1)
    assert bought.facts["provisional_right"] is True


def test_documents_that_nobody_could_look_at_are_no_fault(counter: Counter) -> None:
    assert counter.by_documents_without_the_server().verdict == "provisional"
    assert counter.courier.errand()
    (bought,) = counter.bought()
    assert any("documents_to_review" in reason for reason in bought.reasons)
    assert (bought.state, bought.uses) == ("sold", 1)
    assert counter.store.counts() == QueueCount(waiting=0, wrong=0, refused=0)


def test_a_sale_on_a_delegation_that_had_ended_is_found(counter: Counter, run_jobs: Callable[[], int]) -> None:
    assert counter.by_documents_without_the_server().verdict == "provisional"
    with counter.context.database.transaction() as session:
        delegation = session.exec(select(Delegation)).one()
        delegation.valid_to = counter.context.clock.now() - timedelta(days=1)
        session.add(delegation)
    assert counter.courier.errand()
    (bought,) = counter.bought()
    assert bought.state == "sold"
    assert bought.facts["provisional_right"] is False
    assert counter.store.counts() == QueueCount(waiting=0, wrong=1, refused=0)
    run_jobs()
    with counter.context.database.reading() as session:
        assert "wrong_provisional" in session.exec(select(Finding.rule)).all()


def test_a_verdict_that_came_too_late_loses_no_sale(counter: Counter) -> None:
    assert counter.courier.errand()
    verdict = counter.visit(person(counter.pack, "f35"), patience=0.1)
    assert verdict.verdict == "provisional"
    wait_for(lambda: bool(counter.bought()), 30)
    assert counter.courier.errand()
    late, sold = counter.bought()
    assert (late.state, late.uses, sold.state, sold.uses) == ("lapsed", 0, "sold", 1)
    assert sold.request_id == verdict.request_id != late.request_id
    assert counter.store.counts() == QueueCount(waiting=0, wrong=0, refused=0)
