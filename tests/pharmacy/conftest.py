"""Two pharmacies and a hospital that share a register; kiosks, tills, pharmacists; an eye that sees what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from service.access import Permission, Role
from service.access.tables import UserAccount
from service.facilities.tables import Facility
from service.pharmacy import verify
from service.pharmacy.decision import Identity, Liveness
from service.pharmacy.identity import Seen
from service.pharmacy.registers import Entry, NewDelegate, NewDelegation, add_delegate, add_delegation
from service.pharmacy.tables import PharmacySite
from service.platform.context import Context
from service.vision import Gallery
from tests.builders import EPOCH, bearer, browser, create_facility, create_patient, create_token, create_user

SERVICE_AT = EPOCH + timedelta(days=9, hours=2)
_numbers = count(1)


@dataclass
class Eye:
    """What the next burst shows."""

    seen: Seen = field(default_factory=lambda: Seen(Identity.VERIFIED, Liveness.LIVE, similarity=0.7, pack_hash="p"))
    calls: int = 0

    def shows(self, identity: Identity, liveness: Liveness = Liveness.LIVE, similarity: float | None = None) -> None:
        self.seen = Seen(identity, liveness, similarity=similarity, pack_hash="p")


@dataclass
class Street:
    """The places and people of the tests."""

    app: FastAPI
    context: Context
    client: TestClient
    north: Facility
    south: Facility
    hospital: Facility
    kiosk: str
    kiosk_south: str
    till: str
    pharmacist: UserAccount
    colleague: UserAccount
    viewer: UserAccount
    stranger: UserAccount

    def browser(self, who: UserAccount) -> TestClient:
        return browser(self.app, self.context, who)

    def site(self, facility: Facility, **values: Any) -> None:
        with self.context.database.transaction() as session:
            row = session.get_one(PharmacySite, facility.id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def move_to(self, at: datetime | None) -> None:
        """Drives the event clock of all places."""
        with self.context.database.transaction() as session:
            for place in (self.north, self.south, self.hospital):
                row = session.get_one(Facility, place.id)
                row.watermark = at
                session.add(row)

    def delegate(self, patient_no: str = "P1", delegate_no: str = "D1", **values: Any) -> str:
        """A delegation, and its id; `kind` and `registration_no` are the delegate's."""
        office = {name: values.pop(name) for name in ("kind", "registration_no") if name in values}
        entry_kind = values.pop("source", "staff")
        with self.context.database.transaction() as session:
            entry = Entry(self.north, "user:builder", EPOCH, source=entry_kind)
            add_delegate(session, entry, NewDelegate(delegate_no, **office))
            row, _ = add_delegation(
                session,
                entry,
                NewDelegation(
                    **{"delegate_no": delegate_no, "patient_no": patient_no, "valid_from": EPOCH, "documents": ("id",)}
                    | values
                ),
            )
        return row.id

    def challenge(self, kiosk: str | None = None) -> dict[str, Any]:
        answer = self.client.post("/api/v1/purchase-challenges", json={}, headers=bearer(kiosk or self.kiosk))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def meta(self, kiosk: str | None = None, **values: Any) -> dict[str, Any]:
        """A purchase by P1 in person, with a fresh challenge unless documents are shown."""
        own: dict[str, Any] = {
            "request_id": f"r{next(_numbers)}",
            "patient_no": "P1",
            "buyer": "patient",
            "items": [{"code": "A10BA02", "quantity": "2", "days_of_supply": 28, "drug_class": "diabetes"}],
        }
        if values.get("delegate_no"):
            own["buyer"] = "delegate"
        if values.get("documents"):
            own["method"] = "documents"
        elif "challenge_id" not in values:
            drawn = self.challenge(kiosk)
            own |= {"challenge_id": drawn["challenge_id"], "nonce": drawn["nonce"]}
        return own | values

    def send(self, meta: dict[str, Any], kiosk: str | None = None, images: int = 5) -> Response:
        files = [("images", (f"{i}.jpg", b"\xff\xd8\xff frame", "image/jpeg")) for i in range(images)]
        return self.client.post(
            "/api/v1/purchase-verifications",
            data={"meta": json.dumps(meta)},
            files=files or None,
            headers=bearer(kiosk or self.kiosk),
        )

    def verify(self, kiosk: str | None = None, **values: Any) -> dict[str, Any]:
        answer = self.send(self.meta(kiosk, **values), kiosk, images=0 if values.get("documents") else 5)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def redeem(self, token: str, sale_no: str = "S1", **values: Any) -> Response:
        return self.client.post(
            "/api/v1/purchase-redemptions",
            json={"token": token, "sale_no": sale_no, **values},
            headers=bearer(self.till),
        )


DOCUMENTS = {"checked_by": "ph-17", "kinds": ["id_card"], "reason": "cannot turn the head"}


def codes(answer: dict[str, Any]) -> set[str]:
    """The codes of an answer's reasons."""
    return {reason["code"] for reason in answer["reasons"]}


@pytest.fixture
def eye(monkeypatch: pytest.MonkeyPatch) -> Eye:
    """Stands for the judgement of frames, which tests/vision and the kiosk's tests with a real server try."""
    found = Eye()

    def look(*_: object) -> Seen:
        found.calls += 1
        return found.seen

    monkeypatch.setattr(verify, "look", look)
    monkeypatch.setattr(verify, "opened_pack", lambda context: None)
    monkeypatch.setattr(verify, "buyers_templates", lambda *_: Gallery.empty(4))
    return found


@pytest.fixture
def street(app: FastAPI, context: Context, eye: Eye) -> Iterator[Street]:
    """The register `district`: pharmacies north and south, one hospital, patient P1."""
    with context.database.transaction() as session:
        places = [
            create_facility(session, code=code, kind=kind, clock="replay", watermark=SERVICE_AT)
            for code, kind in (("north", "pharmacy"), ("south", "pharmacy"), ("hospital", "hospital"))
        ]
        north, south, hospital = places
        for place in places:
            session.add(PharmacySite(facility_id=place.id, register_code="district", updated_at=EPOCH))
        create_patient(session, north, "P1", display_name="李秀英", birth_date=datetime(1941, 5, 2).date())  # noqa: DTZ001
        values = {
            "kiosk": create_token(session, north, [Permission.PURCHASES_VERIFY], name="kiosk-north"),
            "kiosk_south": create_token(session, south, [Permission.PURCHASES_VERIFY], name="kiosk-south"),
            "till": create_token(session, north, [Permission.PURCHASES_SELL], name="till-north"),
            "pharmacist": create_user(session, role=Role.WARD_STAFF, facility=north),
            "colleague": create_user(session, role=Role.WARD_STAFF, facility=north),
            "viewer": create_user(session, role=Role.VIEWER, facility=north),
            "stranger": create_user(session, role=Role.ADMIN, facility=create_facility(session, code="elsewhere")),
        }
    with TestClient(app, base_url="http://testserver") as client:
        yield Street(app, context, client, north, south, hospital, **values)  # type: ignore[arg-type]
