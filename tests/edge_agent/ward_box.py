"""A ward with two beds seen by one box that reads its pictures itself: real models, a real face, the whole server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from edge_agent.device_clock import DeviceClock
from edge_agent.device_key import DeviceKey
from edge_agent.frames import CapturedFrame
from edge_agent.identity import Identity, KeyFileAuth
from edge_agent.matching.local import LocalMatching
from edge_agent.posting import Outcome
from edge_agent.spool import DropOldest, Spool, SpooledFrame
from edge_agent.spool_seal import SpoolSeal
from service.admissions.tables import Admission, Patient
from service.contracts import CaptureStatement, signed_bytes
from service.enrolment import opened_pack
from service.facilities.tables import Bed, Camera, Facility
from service.platform.context import Context
from service.vision import Frame, assess_portrait, encode_jpeg
from tests.builders import (
    create_admission,
    create_bed,
    create_camera,
    create_consent,
    create_facility,
    create_patient,
    create_template,
    create_ward,
    create_zone,
)
from tests.devices import pair_device
from tests.rendered import installed

ROOT = Path(__file__).resolve().parents[2]
SERVER = "http://testserver"
LEFT = [[0.05, 0.1], [0.4, 0.1], [0.4, 0.95], [0.05, 0.95]]
RIGHT = [[0.55, 0.1], [0.9, 0.1], [0.9, 0.95], [0.55, 0.95]]
WIDTH, HEIGHT = 1600, 900


@cache
def portrait() -> np.ndarray:
    """(512, 512, 3) uint8 BGR: scikit-image's astronaut."""
    return np.asarray(cv2.imread(str(installed("skimage", "data/astronaut.png"))), np.uint8)


@cache
def friends() -> np.ndarray:
    """Insightface's picture of friends: other faces."""
    return np.asarray(cv2.imread(str(installed("insightface", "data/images/t1.jpg"))), np.uint8)


def ward_picture(*, left: bool = True, right: bool = False, visitor: bool = False, seed: int = 1) -> bytes:
    """A JPEG of the room: the patient in the left or the right bed, a visitor's face at the patient's feet."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(90, 170, (45, 80, 3), np.uint8)
    room = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    room = np.clip(room.astype(np.int16) + rng.integers(-6, 7, room.shape), 0, 255).astype(np.uint8)
    for wanted, x in ((left, 110), (right, 910)):
        if wanted:
            room[110:622, x : x + 512] = portrait()
    if visitor:
        face = friends()[60:240, 320:480] if friends().shape[1] > 480 else friends()[:180, :160]
        room[660 : 660 + face.shape[0], 200 : 200 + face.shape[1]] = face
    return encode_jpeg(Frame(room), 92)


@dataclass
class Ward:
    """The place, and the box's parts."""

    context: Context
    client: TestClient
    facility: Facility
    camera: Camera
    beds: tuple[Bed, Bed]
    patient: Patient
    stay: Admission
    key: DeviceKey
    key_file: Path
    spool: Spool
    box: LocalMatching
    start: datetime

    def take(self, data: bytes, after: float = 0.0) -> SpooledFrame:
        """A picture into the spool, taken so many seconds after the start."""
        taken = self.spool.put(CapturedFrame(data, self.start + timedelta(seconds=after)))
        frame = self.spool.newest(taken.sequence - 1)
        assert frame is not None
        return frame

    def post(self, frame: SpooledFrame) -> Outcome:
        return self.box.post(self.client, frame, 30.0, None)

    def look(self) -> None:
        self.box.look(self.client)


def open_ward(context: Context, client: TestClient, tmp_path: Path, *, basis: str = "readings") -> Ward:
    """One patient, enrolled, in the left of two beds."""
    models = ROOT / "models" / "wardwatch-default"
    if not (models / "sface.onnx").is_file():
        pytest.skip("NO MODEL PACK: run `wardwatch models fetch`; nothing of edge matching is tested")
    pack = opened_pack(context)
    found = assess_portrait(Frame(portrait()), pack)
    assert found.embedding is not None
    start = datetime.now(UTC) - timedelta(minutes=2)
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1", transmission_basis=basis)
        ward = create_ward(session, facility)
        camera = create_camera(session, ward, "cam1")
        beds = create_bed(session, ward, "01"), create_bed(session, ward, "02")
        for bed, polygon in zip(beds, (LEFT, RIGHT), strict=True):
            create_zone(session, camera, bed, polygon=polygon)
        patient = create_patient(session, facility)
        create_consent(session, patient)
        create_template(context, session, patient, found.embedding.tolist(), pack_hash=pack.pack_hash)
        stay = create_admission(session, bed=beds[0], patient=patient, admitted_at=start - timedelta(days=1))
    key = pair_device(context, facility, camera=camera)
    key_file = tmp_path / "device.key"
    key.save(key_file)
    clock = DeviceClock()
    identity = Identity(KeyFileAuth(key_file, clock))
    seal = SpoolSeal.open(tmp_path / "spool.key")
    spool = Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 26), seal=seal, signer=identity.signer("cam1"))
    box = LocalMatching(
        models=models,
        identity=identity,
        clock=clock,
        spool=spool,
        seal=seal,
        key_file=key_file,
        server=SERVER,
        keep=timedelta(hours=72),
        keep_bytes=1 << 26,
        look_seconds=0.1,
    )
    return Ward(context, client, facility, camera, beds, patient, stay, key, key_file, spool, box, start)


def stated(key: DeviceKey, data: bytes, at: datetime, sequence: int) -> CaptureStatement:
    """A capture statement by hand, of a box that says what it likes."""
    sha256, zeros = hashlib.sha256(data).hexdigest(), "0" * 64
    text = signed_bytes("cam1", sha256, at, sequence, zeros, "", key.key_id)
    return CaptureStatement(
        camera="cam1",
        sha256=sha256,
        captured_at=at,
        sequence=sequence,
        previous=zeros,
        nonce="",
        key_id=key.key_id,
        signature=base64.b64encode(key.sign(text)).decode(),
    )


Send = Callable[..., httpx.Response]
