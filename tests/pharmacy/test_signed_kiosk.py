"""A kiosk as it is installed: paired, every request signed with its own key, the agent's own client on the wire."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select

from edge_agent.device_key import DeviceKey
from edge_agent.kiosk.link import ServerLink, ServerRefused
from edge_agent.kiosk.settings import KioskSettings
from service.contracts import OfflineChecks, ProvisionalPurchase, PurchaseMeta, Verdict
from service.pharmacy.decision import Identity
from service.pharmacy.tables import Purchase
from tests.devices import pair_device
from tests.pharmacy.conftest import SERVICE_AT, Eye, Street

FRAMES = [b"\xff\xd8\xff frame"] * 5
ITEMS = [{"code": "A10BA02", "quantity": "2", "days_of_supply": 28, "drug_class": "diabetes"}]
BUYER = {"patient_no": "P1", "buyer": "delegate", "delegate_no": "D1", "items": ITEMS}


def linked(street: Street, key: DeviceKey, folder: Path) -> ServerLink:
    """The kiosk's client with this key, its wire ending in the server."""
    folder.mkdir()
    key.save(folder / "key")
    settings = KioskSettings(server="http://testserver", data=folder, key_file=folder / "key")
    return ServerLink(settings, street.client._transport)


@pytest.fixture
def link(street: Street, tmp_path: Path) -> ServerLink:
    return linked(street, pair_device(street.context, street.north, "kiosk"), tmp_path / "north")


def ask(link: ServerLink, request_id: str) -> PurchaseMeta:
    """A purchase by D1 with a challenge of its own."""
    drawn = link.challenge()
    return PurchaseMeta.model_validate(
        BUYER | {"request_id": request_id, "challenge_id": drawn.challenge_id, "nonce": drawn.nonce}
    )


def test_a_signed_kiosk_goes_the_whole_way(street: Street, eye: Eye, link: ServerLink, tmp_path: Path) -> None:
    street.delegate("P1", "D1")
    assert link.verify(ask(link, "r1"), FRAMES).token is not None

    eye.shows(Identity.UNCERTAIN, similarity=0.3)
    waits = link.verify(ask(link, "r2"), FRAMES)
    assert (waits.verdict, waits.token) == (Verdict.MANUAL_REVIEW, None)
    assert waits.review_id is not None
    assert link.review(waits.review_id).state == "waiting"
    south = linked(street, pair_device(street.context, street.south, "kiosk"), tmp_path / "south")
    with pytest.raises(ServerRefused) as refused:
        south.review(waits.review_id)
    assert refused.value.refusal == 404
    with street.browser(street.pharmacist) as staff:
        where = f"/api/v1/purchase-reviews/{waits.review_id}/decision"
        assert staff.post(where, json={"approve": True, "note": "id card seen"}).status_code == 200
    decided = link.review(waits.review_id)
    assert (decided.state, decided.verdict) == ("decided", Verdict.APPROVED)
    assert decided.token is not None

    copy = link.copy(None)
    assert copy is not None
    assert [item.delegate_no for item in copy.copy.delegations] == ["D1"]
    assert link.copy(copy.etag) is None
    sold = ProvisionalPurchase.model_validate(
        BUYER
        | {
            "request_id": "r3",
            "served_at": SERVICE_AT - timedelta(hours=3),
            "checks": OfflineChecks(turns=("centre", "left", "up", "left", "right"), cache_version=copy.copy.version),
            "sale_no": "S3",
        }
    )
    first, again = link.reconcile(sold, ()), link.reconcile(sold, ())
    assert (first.right, first.duplicate, again.duplicate) == (True, False, True)
    assert again.purchase_id == first.purchase_id

    with street.context.database.reading() as session:
        rows = {row.request_id: row for row in session.exec(select(Purchase))}
    assert {name: (row.origin, row.state) for name, row in rows.items()} == {
        "r1": ("online", "reserved"),
        "r2": ("online", "reserved"),
        "r3": ("offline", "sold"),
    }
    assert {row.kiosk for row in rows.values()} == {"counter 1"}


def test_a_kiosk_with_a_key_of_its_own_making_is_nobody(street: Street, link: ServerLink, tmp_path: Path) -> None:
    true = pair_device(street.context, street.north, "kiosk", name="counter 2")
    forged = linked(street, dataclasses.replace(true, private=Ed25519PrivateKey.generate()), tmp_path / "forged")
    with pytest.raises(ServerRefused) as refused:
        forged.challenge()
    assert refused.value.refusal == 401


def test_a_paired_camera_buys_nothing(street: Street, tmp_path: Path) -> None:
    camera = linked(street, pair_device(street.context, street.north, "camera", name="c"), tmp_path / "camera")
    with pytest.raises(ServerRefused) as refused:
        camera.challenge()
    assert refused.value.refusal in (401, 403)
