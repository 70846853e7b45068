"""A whole verification as a kiosk's request meets it: HTTP (in process), five frames, SQL, liveness, 1:1, the verdict.

The database is SQLite on this machine's disk; the network is not in it. Wall time grows with whatever else the machine
does; the processor's time for each verdict does not, and is printed beside it.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
from fastapi.testclient import TestClient

from service.access import SYSTEM, Permission
from service.app import create_app
from service.enrolment import enrol_delegate
from service.pharmacy import Entry, NewDelegate, NewDelegation, PharmacySite, add_delegate, add_delegation
from service.pharmacy.identity import burst_seconds
from service.platform.context import Context, open_context
from service.platform.migrate import upgrade
from service.platform.settings import Settings
from service.simulator.heads import HeadCamera, Light, Motion, genuine_burst
from service.simulator.surfaces import Pixels, Pose, Surface
from service.vision import RuntimeOptions, load_pack
from service.vision.liveness import Turn
from tests.bench.bench_vision import Line, pack_folder
from tests.builders import bearer, create_facility, create_patient, create_token
from tests.rendered import library

RUNS = 30


def rows(runs: int = RUNS) -> list[Line]:
    """95th percentile and median over `runs` requests, after one that is not counted."""
    cv2.setNumThreads(1)
    pack = load_pack(pack_folder(), RuntimeOptions())
    head = library(pack).head("f35")
    with tempfile.TemporaryDirectory(prefix="wardwatch-bench-") as folder:
        settings = Settings(data_dir=Path(folder), models_dir=pack_folder().parent)
        upgrade(settings)
        context = open_context(settings)
        token = _pharmacy(context, head)
        with TestClient(create_app(context), base_url="http://testserver") as client:
            taken = [_verification(client, token, head, run) for run in range(runs + 1)][1:]
        context.database.dispose()
    seconds, processor, pictures = zip(*taken, strict=True)
    return [
        Line(
            "pharmacy: whole verification, 5 frames, HTTP + SQL + models, p95",
            float(np.percentile(seconds, 95)),
            "s",
            1.0,
        ),
        Line("pharmacy: whole verification, median", float(np.median(seconds)), "s"),
        Line("pharmacy: processor time of a verification, all threads, median", float(np.median(processor)), "s"),
        Line("pharmacy: of its wall time, decoding and judging the burst, median", float(np.median(pictures)), "s"),
    ]


def _pharmacy(context: Context, head: Surface) -> str:
    """A pharmacy at which D1, who is enrolled, buys for P1; the kiosk's token."""
    now = context.clock.now()
    with context.database.transaction() as session:
        place = create_facility(session, code="north", kind="pharmacy")
        policy = {"purchases_in_30_days": 1000, "effects": {"too_soon": "note"}}
        session.add(PharmacySite(facility_id=place.id, register_code="bench", policy=policy, updated_at=now))
        create_patient(session, place, "P1")
        entry = Entry(place, "user:bench", now - timedelta(days=30))
        delegate, _ = add_delegate(session, entry, NewDelegate("D1"))
        add_delegation(session, entry, NewDelegation("D1", "P1", valid_from=now - timedelta(days=10)))
        token = create_token(session, place, [Permission.PURCHASES_VERIFY], name="kiosk")
    camera = HeadCamera(90, light=Light(noise=1.5, quality=94))
    photos = [_jpeg(camera.shot(head, Pose(yaw=yaw, distance=4.5))) for yaw in (0.0, 3.0)]
    report = enrol_delegate(
        context, place.id, delegate.id, "D1", photos, actor=SYSTEM, consent_at=now - timedelta(days=1)
    )
    if not report.accepted:
        raise RuntimeError(f"the delegate was not enrolled: {report.reasons}")
    return token


def _verification(client: TestClient, token: str, head: Surface, run: int) -> tuple[float, float, float]:
    """Seconds from the request to its verdict, the processor's seconds in them, and those spent on the pictures.
    The challenge and the drawing of frames are not in them."""
    drawn = client.post("/api/v1/purchase-challenges", json={}, headers=bearer(token)).json()
    turns = [Turn(turn) for turn in drawn["turns"]]
    shots = genuine_burst(head, turns, HeadCamera(run), Motion())
    meta = {
        "request_id": f"bench-{run}",
        "challenge_id": drawn["challenge_id"],
        "nonce": drawn["nonce"],
        "patient_no": "P1",
        "buyer": "delegate",
        "delegate_no": "D1",
        "items": [{"code": "A10BA02", "quantity": "1", "days_of_supply": 1}],
    }
    files = [("images", (f"{index}.jpg", _jpeg(shot), "image/jpeg")) for index, shot in enumerate(shots)]
    looked = _looked()
    began, worked = time.perf_counter(), time.process_time()
    answer = client.post(
        "/api/v1/purchase-verifications", data={"meta": json.dumps(meta)}, files=files, headers=bearer(token)
    )
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    answer.raise_for_status()
    if answer.json()["verdict"] == "refused":
        raise RuntimeError(f"an honest purchase was refused: {answer.json()['reasons']}")
    return seconds, processor, _looked() - looked


def _looked() -> float:
    """Seconds that all bursts of this process took so far, by the server's own metric."""
    return float(next(s.value for s in next(iter(burst_seconds.collect())).samples if s.name.endswith("_sum")))


def _jpeg(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels)[1])
