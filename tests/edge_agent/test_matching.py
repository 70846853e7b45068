"""The box's side of edge matching: what it is given, how it keeps it, and what it refuses."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from fastapi.testclient import TestClient
from sqlmodel import select

from edge_agent.agent import Agent
from edge_agent.device_key import DeviceKey
from edge_agent.errors import SettingsInvalid
from edge_agent.matching.box_key import box_key_path, open_box_key, public_text
from edge_agent.matching.errors import GalleryMissing
from edge_agent.matching.kept import KeptPicture, KeptPictures
from edge_agent.posting import Retry
from edge_agent.settings import load_settings
from edge_agent.signing import SigningAuth
from edge_agent.spool_seal import SpoolSeal
from service.access import revoke_device
from service.admissions.tables import Admission
from service.contracts import open_for_box, read_message, seal_for_box
from service.contracts.edge_readings import SealedGallery, WardGallery
from service.platform.context import Context
from service.vision import ProviderMissing
from tests.builders import bearer, create_device_token
from tests.devices import pair_device
from tests.edge_agent.ward_box import Ward, open_ward, stated, ward_picture


@pytest.fixture
def ward(context: Context, client: TestClient, tmp_path: Path) -> Iterator[Ward]:
    opened = open_ward(context, client, tmp_path)
    yield opened
    opened.box.kept.close()
    opened.spool.close()


def gallery_of(ward: Ward) -> WardGallery:
    """What the box's own key opens."""
    answer = ward.client.get("/api/v1/devices/me/gallery", auth=SigningAuth(ward.key))
    assert answer.status_code == 200, answer.text
    private = open_box_key(box_key_path(ward.key_file))
    return read_message(WardGallery, open_for_box(answer.json()["sealed"], private, ward.key.device_id))


def test_the_gallery_opens_on_its_own_box_only_and_names_nobody(ward: Ward) -> None:
    ward.look()
    told = gallery_of(ward)
    assert len(told.persons) == 1
    assert [bed.key for bed in told.beds] == [told.persons[0].key]
    answer = ward.client.get("/api/v1/devices/me/gallery", auth=SigningAuth(ward.key))
    text = told.model_dump_json() + answer.text
    for secret in (ward.patient.id, ward.patient.patient_no, ward.stay.admission_no, ward.stay.id):
        assert secret not in text
    with pytest.raises(ValueError, match="not sealed for this box"):
        open_for_box(answer.json()["sealed"], X25519PrivateKey.generate(), ward.key.device_id)
    other = pair_device(ward.context, ward.facility, camera=ward.camera)  # takes the first one's place
    ward.client.post(
        "/api/v1/devices/me/sealing-key",
        json={"public_key": public_text(open_box_key(box_key_path(ward.key_file)))},
        auth=SigningAuth(other),
    )
    second = ward.client.get("/api/v1/devices/me/gallery", auth=SigningAuth(other)).json()
    private = open_box_key(box_key_path(ward.key_file))
    assert (
        read_message(WardGallery, open_for_box(second["sealed"], private, other.device_id)).persons[0].key
        != told.persons[0].key
    )


def test_those_without_consent_or_discharged_long_ago_are_not_in_it(ward: Ward) -> None:
    ward.look()
    with ward.context.database.transaction() as session:
        stay = session.exec(select(Admission)).one()
        stay.discharged_at = datetime.now(UTC) - timedelta(hours=71)
        stay.admitted_at = stay.discharged_at - timedelta(days=3)
        session.add(stay)
    assert len(gallery_of(ward).persons) == 1  # kept pictures may be asked about for 72 h
    with ward.context.database.transaction() as session:
        stay = session.exec(select(Admission)).one()
        stay.discharged_at = datetime.now(UTC) - timedelta(hours=73)
        session.add(stay)
    assert gallery_of(ward).persons == ()


def test_tokens_strangers_and_the_revoked_get_none(ward: Ward) -> None:
    with ward.context.database.transaction() as session:
        token = create_device_token(session, ward.camera)
    for method, path in (("get", "gallery"), ("get", "edge-requests")):
        answer = getattr(ward.client, method)(f"/api/v1/devices/me/{path}", headers=bearer(token))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/paired-device-only")
    answer = ward.client.get("/api/v1/devices/me/gallery", auth=SigningAuth(ward.key))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/sealing-key-missing")
    ward.look()
    assert ward.box._ward.current().told.persons
    with ward.context.database.transaction() as session:
        revoke_device(session, ward.key.device_id, actor="user:admin", now=datetime.now(UTC))
    with pytest.raises(Exception, match="403"):
        ward.look()
    with pytest.raises(GalleryMissing):  # wiped as soon as it hears
        ward.box._ward.current()


def test_an_unchanged_gallery_is_not_sent_twice(ward: Ward) -> None:
    ward.look()
    first = ward.client.get("/api/v1/devices/me/gallery", auth=SigningAuth(ward.key))
    again = ward.client.get(
        "/api/v1/devices/me/gallery", headers={"If-None-Match": first.headers["etag"]}, auth=SigningAuth(ward.key)
    )
    assert again.status_code == 304
    assert SealedGallery.model_validate(first.json()).version in first.headers["etag"]


def test_it_lies_sealed_on_the_disk_and_is_wiped_when_it_expires(ward: Ward, tmp_path: Path) -> None:
    ward.look()
    opened = ward.box._ward.current()
    (path,) = tmp_path.glob("*.gallery")
    template = base64.b64decode(opened.told.persons[0].vectors[0])
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert template not in everything
    assert path.stat().st_mode & 0o777 == 0o600
    ward.box._ward._now = lambda: opened.told.expires_at + timedelta(seconds=1)
    with pytest.raises(GalleryMissing):
        ward.box._ward.current()
    assert not opened.gallery.vectors.any()
    assert not path.exists()
    outcome = ward.post(ward.take(ward_picture()))
    assert isinstance(outcome, Retry)  # the picture waits


def test_kept_pictures_are_sealed_bounded_counted_and_expire(tmp_path: Path, ward: Ward) -> None:
    counted: list[str] = []
    kept = KeptPictures(
        tmp_path / "kept.db", "cam1", SpoolSeal(os.urandom(32)), max_bytes=250, life=timedelta(seconds=0.05),
        count=counted.append,
    )  # fmt: skip
    said = stated(ward.key, b"x", ward.start, 1)
    for number in range(4):
        data = bytes([65 + number]) * 100
        kept.put(KeptPicture(number, f"{number:064x}", ward.start, data, b"{}"), said)
    assert counted == ["dropped.kept", "dropped.kept"]
    assert kept.get(0, f"{0:064x}") is None
    found = kept.get(3, f"{3:064x}")
    assert found is not None
    assert (found.data, found.post, found.captured_at) == (b"D" * 100, b"{}", ward.start)
    assert kept.statement(3) == said
    assert b"DDDD" not in (tmp_path / "kept.db").read_bytes() + (tmp_path / "kept.db-wal").read_bytes()
    time.sleep(0.06)
    assert kept.expire() == 2
    kept.close()


def test_a_token_or_no_models_will_not_do(tmp_path: Path) -> None:
    values = {"server": "http://a", "camera": "c", "source": "usb:0", "spool": tmp_path / "s.db", "matching": "local"}
    with pytest.raises(SettingsInvalid, match="key_file"):
        load_settings(None, values | {"token_file": tmp_path / "t", "models": tmp_path})
    with pytest.raises(SettingsInvalid, match="models"):
        load_settings(None, values | {"key": tmp_path / "k"})


@pytest.mark.models
def test_a_provider_that_the_box_lacks_stops_the_start(tmp_path: Path, models_dir: Path) -> None:
    (tmp_path / "in").mkdir()
    key = DeviceKey("d" * 32, "k" * 32, "camera", "box", "c", Ed25519PrivateKey.generate())
    key.save(tmp_path / "device.key")
    settings = load_settings(
        None,
        {
            "server": "http://127.0.0.1:1",
            "camera": "c",
            "key": tmp_path / "device.key",
            "source": f"folder:{tmp_path / 'in'}",
            "spool": tmp_path / "spool.db",
            "matching": "local",
            "models": models_dir / "wardwatch-default",
            "providers": "rocm, cpu",
        },
    )
    assert settings.providers == ("ROCMExecutionProvider", "CPUExecutionProvider")
    with pytest.raises(ProviderMissing, match="ROCMExecutionProvider"):
        Agent(settings).run()


def test_what_is_sealed_for_one_device_is_bound_to_it() -> None:
    private = X25519PrivateKey.generate()
    sealed = seal_for_box(b"faces", public_text(private), "a")
    assert open_for_box(sealed, private, "a") == b"faces"
    with pytest.raises(ValueError, match="not sealed for this box"):
        open_for_box(sealed, private, "b")
