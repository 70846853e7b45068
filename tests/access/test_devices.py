"""Devices: pairing, signed requests, every reason for which one is refused, rotation and revocation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from typer.testing import CliRunner

from edge_agent.device_key import DeviceKey
from edge_agent.pairing import pair, rotate
from edge_agent.signing import SigningAuth
from service.access import devices_at, faults_between, new_pairing_code, revoke_device
from service.access.device_repository import keys_of
from service.cli.program import app as command
from service.facilities.tables import Camera, Facility, Ward
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.metrics import REGISTRY
from service.sightings.device_tables import DeviceHeartbeat
from tests.builders import create_bed, create_camera, create_facility, create_ward, create_zone
from tests.devices import pair_device

WHO = "/api/v1/sessions/current"


class ShiftedClock:
    """A device's clock that is off."""

    def __init__(self, offset: timedelta) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@pytest.fixture
def place(context: Context) -> tuple[Facility, Camera]:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1")
        return facility, create_camera(session, create_ward(session, facility), "cam1")


@pytest.fixture
def key(context: Context, place: tuple[Facility, Camera]) -> DeviceKey:
    return pair_device(context, place[0], camera=place[1])


def signed(client: TestClient, key: DeviceKey, method: str = "GET", url: str = WHO, **options: object) -> httpx.Request:
    request = client.build_request(method, url, **options)  # type: ignore[arg-type]
    request.read()
    SigningAuth(key).sign(request)
    return request


def code_of(response: httpx.Response) -> str:
    return str(response.json()["type"]).rpartition("/")[2]


def refusals(reason: str) -> float:
    return REGISTRY.get_sample_value("wardwatch_device_requests_total", {"result": reason}) or 0.0


def test_a_signed_request_is_the_devices(client: TestClient, key: DeviceKey, place: tuple[Facility, Camera]) -> None:
    answer = client.get(WHO, auth=SigningAuth(key))
    assert answer.status_code == 200
    assert answer.json()["kind"] == "device"
    assert answer.json()["camera_id"] == place[1].id
    assert answer.json()["scopes"] == ["config:read", "snapshots:post"]


def test_a_kiosk_may_verify_purchases_and_post_no_pictures(
    client: TestClient, context: Context, place: tuple[Facility, Camera]
) -> None:
    kiosk = pair_device(context, place[0], kind="kiosk")
    answer = client.get(WHO, auth=SigningAuth(kiosk))
    assert answer.json()["scopes"] == ["config:read", "purchases:verify"]
    post = client.post(
        "/api/v1/snapshots",
        files={"image": ("a.jpg", b"x", "image/jpeg")},
        data={"meta": "{}"},
        auth=SigningAuth(kiosk),
    )
    assert (post.status_code, code_of(post)) == (403, "forbidden")


def test_a_post_of_a_picture_is_verified_with_its_body(client: TestClient, key: DeviceKey) -> None:
    files = {"image": ("a.jpg", b"\xff\xd8\xff no picture", "image/jpeg")}
    good = signed(client, key, "POST", "/api/v1/snapshots", files=files, data={"meta": "{}"})
    assert client.send(good).status_code == 422  # past the signature: the meta is empty
    bad = signed(client, key, "POST", "/api/v1/snapshots", files=files, data={"meta": "{}"})
    content = bad.content.replace(b"no picture", b"on picture")
    altered = httpx.Request("POST", bad.url, headers=bad.headers, content=content)
    answer = client.send(altered)
    assert (answer.status_code, code_of(answer)) == (401, "request-altered")


def _unknown(client: TestClient, key: DeviceKey) -> httpx.Request:
    return signed(client, key.with_new("0" * 32, key.private))


def _replayed(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = signed(client, key)
    assert client.send(request).status_code == 200
    return request


def _other_path(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = signed(client, key)
    return httpx.Request(
        "GET", str(request.url).replace("sessions/current", "devices/me/config"), headers=request.headers
    )


def _other_method(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = signed(client, key)
    return httpx.Request("DELETE", request.url, headers=request.headers)


def _other_query(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = signed(client, key)
    return httpx.Request("GET", str(request.url) + "?lang=zh", headers=request.headers)


def _other_key(client: TestClient, key: DeviceKey) -> httpx.Request:
    return signed(client, key.with_new(key.key_id, Ed25519PrivateKey.generate()))


def _stale(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = client.build_request("GET", WHO)
    SigningAuth(key, ShiftedClock(timedelta(hours=-1))).sign(request)
    return request


def _ahead(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = client.build_request("GET", WHO)
    SigningAuth(key, ShiftedClock(timedelta(hours=1))).sign(request)
    return request


def _without(text: str, instead: str = "") -> Callable[[TestClient, DeviceKey], httpx.Request]:
    def build(client: TestClient, key: DeviceKey) -> httpx.Request:
        request = signed(client, key)
        before = request.headers["signature-input"]
        head, found, tail = before.partition(text)
        assert found
        request.headers["signature-input"] = head + instead + (tail[tail.index(";") :] if ";" in tail else "")
        return request

    return build


def _garbled(client: TestClient, key: DeviceKey) -> httpx.Request:
    request = signed(client, key)
    request.headers["signature-input"] = "ww=("
    return request


@pytest.mark.parametrize(
    ("make", "code", "status", "reason"),
    [
        (_unknown, "device-unknown", 401, "unknown"),
        (_replayed, "request-replayed", 401, "replayed"),
        (_other_path, "request-altered", 401, "altered"),
        (_other_method, "request-altered", 401, "altered"),
        (_other_query, "request-altered", 401, "altered"),
        (_other_key, "request-altered", 401, "altered"),
        (_stale, "signature-stale", 401, "stale"),
        (_ahead, "signature-stale", 401, "stale"),
        (_without(";nonce="), "signature-incomplete", 401, "incomplete"),
        (_without(";expires="), "signature-incomplete", 401, "incomplete"),
        (_without(";created="), "signature-incomplete", 401, "incomplete"),
        (_without(";keyid="), "signature-incomplete", 401, "incomplete"),
        (_without(";tag="), "signature-incomplete", 401, "incomplete"),
        (_garbled, "signature-incomplete", 401, "incomplete"),
    ],
)
def test_a_refused_request_has_its_own_problem_and_its_own_count(
    client: TestClient,
    key: DeviceKey,
    make: Callable[[TestClient, DeviceKey], httpx.Request],
    code: str,
    status: int,
    reason: str,
) -> None:
    request = make(client, key)
    before = refusals(reason)
    answer = client.send(request)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert refusals(reason) == before + 1
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_component_that_must_be_signed_is_asked_for(client: TestClient, key: DeviceKey) -> None:
    request = signed(client, key, "POST", "/api/v1/devices/me/keys", json={})
    for name in ('"@query"', '"@authority"', '"content-digest"', '"content-type"'):
        changed = httpx.Request("POST", request.url, headers=request.headers, content=request.content)
        changed.headers["signature-input"] = request.headers["signature-input"].replace(f" {name}", "")
        answer = client.send(changed)
        assert (answer.status_code, code_of(answer)) == (401, "signature-incomplete")
        assert name.strip('"') in answer.json()["detail"]


def test_a_request_for_another_server_is_told_from_an_altered_one(
    settings: object, context: Context, key: DeviceKey, place: tuple[Facility, Camera]
) -> None:
    from dataclasses import replace

    from service.app import create_app

    public = replace(
        context, settings=context.settings.model_copy(update={"public_origin": "https://ward.example.org"})
    )
    with TestClient(create_app(public), base_url="https://ward.example.org") as ours:
        assert ours.get(WHO, auth=SigningAuth(key)).status_code == 200
    with TestClient(create_app(public), base_url="http://10.0.0.7:8765") as inner:
        before = refusals("wrongly_aimed")
        answer = inner.get(WHO, auth=SigningAuth(key))
        assert (answer.status_code, code_of(answer)) == (421, "request-wrongly-aimed")
        assert refusals("wrongly_aimed") == before + 1
        # A proxy that ends TLS and names the inner host: what counts is what the device called.
        request = httpx.Request("GET", "https://ward.example.org" + WHO)
        SigningAuth(key).sign(request)
        behind = httpx.Request("GET", inner.base_url.join(WHO), headers=dict(request.headers) | {"host": "10.0.0.7"})
        assert inner.send(behind).status_code == 200


def test_a_device_with_a_wrong_clock_corrects_itself(client: TestClient, key: DeviceKey) -> None:
    heard: list[datetime] = []
    auth = SigningAuth(key, ShiftedClock(timedelta(hours=1)), heard.append)
    assert client.get(WHO, auth=auth).status_code == 200
    assert abs(heard[0] - datetime.now(UTC)) < timedelta(seconds=10)
    assert client.get(WHO, auth=auth).status_code == 200
    assert len(heard) == 1  # corrected once, good from then on


def test_a_revoked_device_is_refused_at_once(client: TestClient, context: Context, key: DeviceKey) -> None:
    assert client.get(WHO, auth=SigningAuth(key)).status_code == 200
    with context.database.transaction() as session:
        revoke_device(session, key.device_id, actor="cli:tester", now=context.clock.now())
    answer = client.get(WHO, auth=SigningAuth(key))
    assert (answer.status_code, code_of(answer)) == (403, "device-revoked")
    now = context.clock.now()
    with context.database.reading() as session:
        faults = faults_between(
            session, devices_at(session, None)[0].facility_id, Interval(now - timedelta(hours=1), now)
        )
    assert [(fault.reason, fault.count) for fault in faults] == [("revoked", 1)]


def test_pairing_over_http_makes_the_key_on_the_device(
    client: TestClient, context: Context, place: tuple[Facility, Camera], tmp_path: Path
) -> None:
    code = _code(context, place)
    path = tmp_path / "device.key"
    accepted = pair(client, "", code.lower(), path, {"wardwatch": "0"})
    assert (accepted.camera_code, accepted.facility_code) == ("cam1", "h1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert client.get(WHO, auth=SigningAuth(DeviceKey.load(path))).json()["camera_id"] == place[1].id
    second = client.post("/api/v1/devices/pair", json={"code": code, "public_key": "A" * 43 + "="})
    assert (second.status_code, code_of(second)) == (403, "pairing-refused")


def test_guessing_codes_is_stopped(client: TestClient) -> None:
    body = {"code": "AAAA-AAAA", "public_key": "A" * 43 + "="}
    answers = [client.post("/api/v1/devices/pair", json=body) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_key_is_changed_without_a_pause(client: TestClient, context: Context, key: DeviceKey, tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    key.save(path)
    auth = SigningAuth(key)
    accepted = rotate(client, "", auth, path)
    assert accepted.key_id != key.key_id
    assert DeviceKey.load(path).key_id == accepted.key_id
    assert client.get(WHO, auth=SigningAuth(key)).status_code == 200  # the old one, in the overlap
    assert client.get(WHO, auth=auth).status_code == 200
    with context.database.transaction() as session:
        (old, _new) = keys_of(session, key.device_id)
        old.valid_until = context.clock.now() - timedelta(seconds=1)
        session.add(old)
    assert code_of(client.get(WHO, auth=SigningAuth(key))) == "device-revoked"
    assert client.get(WHO, auth=auth).status_code == 200


def test_a_key_needs_proof(client: TestClient, key: DeviceKey) -> None:
    body = {"public_key": key.public_text, "proof": "A" * 86 + "=="}
    answer = client.post("/api/v1/devices/me/keys", json=body, auth=SigningAuth(key))
    assert (answer.status_code, code_of(answer)) == (422, "key-refused")


def test_a_broken_box_is_replaced_and_the_old_one_is_out(
    client: TestClient, context: Context, key: DeviceKey, place: tuple[Facility, Camera]
) -> None:
    with pytest.raises(Exception, match="has a box already"):
        _code(context, place)
    with context.database.transaction() as session:
        zone = create_zone(session, place[1], create_bed(session, session.get_one(Ward, place[1].ward_id)))
    had = client.get("/api/v1/devices/me/config", auth=SigningAuth(key)).json()["zones"]
    new = pair_device(context, place[0], camera=place[1])
    assert client.get(WHO, auth=SigningAuth(new)).json()["camera_id"] == place[1].id
    assert [drawn["zone_id"] for drawn in had] == [zone.id]
    assert client.get("/api/v1/devices/me/config", auth=SigningAuth(new)).json()["zones"] == had
    assert code_of(client.get(WHO, auth=SigningAuth(key))) == "device-revoked"


def _code(context: Context, place: tuple[Facility, Camera]) -> str:
    with context.database.transaction() as session:
        return new_pairing_code(
            session,
            facility_id=place[0].id,
            facility_code=place[0].code,
            kind="camera",
            name="cam1",
            camera_id=place[1].id,
            camera_code=place[1].code,
            replace=False,
            actor="cli:tester",
            now=context.clock.now(),
        )


def test_forty_boxes_from_one_list_and_one_command_to_revoke(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h40")
        ward = create_ward(session, facility)
        for number in range(40):
            create_camera(session, ward, f"c{number:02d}")
    listing = tmp_path / "boxes.csv"
    listing.write_text("kind,name\n" + "".join(f"camera,c{n:02d}\n" for n in range(40)) + "kiosk,counter 1\n")
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(context.settings.data_dir))
    if context.settings.database_url:
        monkeypatch.setenv("WARDWATCH_DATABASE_URL", context.settings.database_url)
    from service.platform.settings import get_settings

    get_settings.cache_clear()
    runner = CliRunner()
    try:
        done = runner.invoke(command, ["devices", "pair", "--facility", "h40", "--list", str(listing), "--json"])
        assert done.exit_code == 0, done.output
        codes = json.loads(done.output)
        assert len({item["code"] for item in codes}) == 41
        one = runner.invoke(command, ["devices", "pair", "--facility", "h40", "--camera", "c00"])
        assert "wardwatch-edge pair" in one.output
        assert "█" in one.output or "▀" in one.output or "▄" in one.output
        for number, item in enumerate(codes):  # each box with its own code, from one address, as behind one router
            accepted = pair(client, "", item["code"], tmp_path / f"{number}.key", {})
            assert (accepted.kind, accepted.name) == (item["kind"], item["name"])
        assert len({DeviceKey.load(path).device_id for path in tmp_path.glob("*.key")}) == 41
        key = pair_device(context, facility, kind="kiosk")
        two = (datetime.now(UTC) - timedelta(minutes=2), "0.1.0"), (datetime(2026, 3, 2, 8, 15, tzinfo=UTC), "0.0.9")
        with context.database.transaction() as session:
            for at, version in two:
                told = {"wardwatch": version, "update": "0.2.0 rolled back: crashed"}
                session.add(
                    DeviceHeartbeat(
                        facility_id=facility.id, device_id=key.device_id, received_at=at, offset_ms=0, spool_depth=0,
                        refused=0, dropped=0, versions=told,
                    )
                )  # fmt: skip
        everything = json.loads(runner.invoke(command, ["devices", "ls", "--facility", "h40", "--json"]).output)
        assert len(everything) == 42
        (listed,) = [device for device in everything if device["id"] == key.device_id]
        assert listed["heard"] == f"{two[0][0]:%Y-%m-%d %H:%M} UTC"
        assert (listed["version"], listed["update"]) == ("0.1.0", "0.2.0 rolled back: crashed")
        assert runner.invoke(command, ["devices", "revoke", key.device_id]).exit_code == 0
        shown = runner.invoke(command, ["devices", "ls", "--facility", "h40"]).output
        assert "revoked" in shown
        assert key.device_id in shown  # whole, as `revoke` wants it
    finally:
        get_settings.cache_clear()


def test_the_counter_is_exposed(app: FastAPI) -> None:
    assert b"wardwatch_device_requests_total" in generate_latest(REGISTRY)
