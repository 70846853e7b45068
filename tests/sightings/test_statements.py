"""Capture statements, trust, clocks, heartbeats and cameras' health, over the real API."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select
from time_machine import TimeMachineFixture

from edge_agent.device_key import DeviceKey
from edge_agent.signing import SigningAuth
from service.access import Role
from service.access.device_nonces import issue_nonce
from service.contracts import FIRST, CaptureStatement, signed_bytes, statement_hash
from service.facilities.tables import Camera, Facility
from service.kit.intervals import Interval
from service.platform.context import Context
from service.sightings import (
    camera_health,
    cameras_now,
    clock_faults,
    late_frames,
    statement_gaps,
    verify_kept_statements,
)
from service.sightings.tables import Snapshot
from tests.builders import (
    bearer,
    browser,
    create_camera,
    create_device_token,
    create_facility,
    create_user,
    create_ward,
)
from tests.devices import pair_device
from tests.edge_agent.conftest import jpeg


@pytest.fixture
def place(context: Context) -> tuple[Facility, Camera]:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1")
        return facility, create_camera(session, create_ward(session, facility), "cam1", cadence_seconds=300)


@pytest.fixture
def standing_clock(time_machine: TimeMachineFixture) -> None:
    """What a busy machine takes to answer is no drift of a camera's clock."""
    time_machine.move_to(datetime.now(UTC), tick=False)


@pytest.fixture
def key(context: Context, place: tuple[Facility, Camera]) -> DeviceKey:
    return pair_device(context, place[0], camera=place[1])


def statement(
    key: DeviceKey, data: bytes, at: datetime, sequence: int, previous: str = FIRST, nonce: str = ""
) -> CaptureStatement:
    sha256 = hashlib.sha256(data).hexdigest()
    text = signed_bytes("cam1", sha256, at, sequence, previous, nonce, key.key_id)
    return CaptureStatement(
        camera="cam1",
        sha256=sha256,
        captured_at=at,
        sequence=sequence,
        previous=previous,
        nonce=nonce,
        key_id=key.key_id,
        signature=base64.b64encode(key.sign(text)).decode(),
    )


def post(
    client: TestClient,
    key: DeviceKey,
    data: bytes,
    said: CaptureStatement | None,
    offset_ms: int = 0,
    **changes: object,
) -> httpx.Response:
    at = said.captured_at if said else datetime.now(UTC)
    meta: dict[str, object] = {
        "camera_id": "cam1",
        "captured_at": (at + timedelta(milliseconds=offset_ms)).isoformat(),
        "sequence": said.sequence if said else 1,
        "clock_offset_ms": offset_ms,
    }
    if said is not None:
        meta["statement"] = said.model_dump(mode="json")
    files = {"image": ("a.jpg", data, "image/jpeg")}
    meta |= changes
    return client.post("/api/v1/snapshots", files=files, data={"meta": json.dumps(meta)}, auth=SigningAuth(key))


def test_a_statement_is_kept_and_proves_its_picture(
    client: TestClient, context: Context, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    now, previous = datetime.now(UTC), FIRST
    for sequence in (1, 2, 4):
        data = jpeg(sequence, (320, 240))
        said = statement(key, data, now - timedelta(seconds=9 - sequence), sequence, previous)
        assert post(client, key, data, said).status_code == 202
        previous = statement_hash(said)
    with context.database.reading() as session:
        proof = verify_kept_statements(context, session, place[1].id)
        gaps = statement_gaps(session, place[1].id, Interval(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert (proof.statements, proof.pictures, proof.false) == (3, 3, ())
    assert proof.gaps == gaps == ()  # 3 was never taken: 4 names 2


def test_a_withheld_picture_leaves_a_gap(
    client: TestClient, context: Context, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    now, said = datetime.now(UTC), None
    for sequence in (1, 2, 3):
        data = jpeg(sequence, (320, 240))
        said = statement(key, data, now, sequence, statement_hash(said) if said else FIRST)
        if sequence != 2:
            assert post(client, key, data, said).status_code == 202
    with context.database.reading() as session:
        (gap,) = statement_gaps(session, place[1].id, Interval(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert (gap.after_sequence, gap.before_sequence, gap.missing) == (1, 3, 1)


@pytest.mark.parametrize("fault", ["missing", "sha256", "sequence", "captured_at", "camera", "signature", "key_id"])
def test_a_statement_that_does_not_hold_is_refused(client: TestClient, key: DeviceKey, fault: str) -> None:
    data, now = jpeg(1, (320, 240)), datetime.now(UTC)
    said = statement(key, data, now, 7)
    changes: dict[str, object] = {
        "sha256": {"sha256": "0" * 64},
        "sequence": {"sequence": 8},
        "captured_at": {"captured_at": now + timedelta(minutes=1)},
        "camera": {"camera": "cam2"},
        "signature": {"signature": base64.b64encode(bytes(64)).decode()},
        "key_id": {"key_id": "0" * 32},
    }.get(fault, {})
    wrong = None if fault == "missing" else said.model_copy(update=changes)
    answer = post(client, key, data, wrong, sequence=7, captured_at=now.isoformat())
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/statement-refused")
    assert fault == "missing" or fault in answer.json()["field"]


def test_late_pictures_are_chained_to_a_nonce_or_of_lower_trust(
    client: TestClient, context: Context, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    now = datetime.now(UTC)
    nonce = issue_nonce(context.keys, key.device_id, now - timedelta(hours=3))
    new = issue_nonce(context.keys, key.device_id, now)
    pictures = {n: jpeg(40 * n, (320, 240)) for n in range(1, 6)}
    one = statement(key, pictures[1], now - timedelta(hours=2), 1, FIRST, nonce)
    two = statement(key, pictures[2], now - timedelta(hours=1), 2, statement_hash(one), nonce)
    three = statement(key, pictures[3], now, 3, statement_hash(two), new)
    invented = statement(key, pictures[4], now - timedelta(minutes=90), 2, statement_hash(one), nonce)
    from_now = statement(key, pictures[5], now - timedelta(hours=1), 0, FIRST, new)
    for said, data in ((three, 3), (two, 2), (one, 1), (invented, 4), (from_now, 5)):
        assert post(client, key, pictures[data], said).status_code == 202
    with context.database.reading() as session:
        trust = {row.sha256: row.trust for row in session.exec(select(Snapshot))}
        late = late_frames(session, place[0].id, Interval(now - timedelta(hours=5), now))
    assert [trust[said.sha256] for said in (three, two, one)] == ["live", "chained", "chained"]
    assert [trust[said.sha256] for said in (invented, from_now)] == ["late", "late"]
    assert {row.sha256 for row in late} == {invented.sha256, from_now.sha256}


def test_a_late_picture_of_a_token_is_late(
    client: TestClient, context: Context, place: tuple[Facility, Camera]
) -> None:
    with context.database.transaction() as session:
        token = create_device_token(session, place[1])
    for age, sequence in ((timedelta(seconds=5), 1), (timedelta(hours=2), 0)):
        meta = {"camera_id": "cam1", "captured_at": (datetime.now(UTC) - age).isoformat(), "sequence": sequence}
        files = {"image": ("a.jpg", jpeg(sequence, (320, 240)), "image/jpeg")}
        answer = client.post("/api/v1/snapshots", files=files, data={"meta": json.dumps(meta)}, headers=bearer(token))
        assert answer.status_code == 202
    with context.database.reading() as session:
        rows = session.exec(select(Snapshot).order_by(Snapshot.sequence)).all()  # type: ignore[arg-type]
    assert [row.trust for row in rows] == ["late", "live"]


def beat(client: TestClient, key: DeviceKey, clock: datetime, **values: object) -> httpx.Response:
    return client.post(
        "/api/v1/heartbeats",
        json={"clock": clock.isoformat(), "spool_depth": 0, **values},
        auth=SigningAuth(key),
    )


@pytest.mark.usefixtures("standing_clock")
def test_a_clock_that_is_off_is_corrected_and_flagged(
    client: TestClient, context: Context, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    now = datetime.now(UTC)
    ahead = now + timedelta(hours=1)  # the device's clock
    answer = beat(client, key, ahead)
    assert answer.status_code == 200
    assert abs(datetime.fromisoformat(answer.json()["server_time"]) - now) < timedelta(seconds=20)
    assert answer.json()["nonce"]
    cases = (
        (1, None, "server"),  # it never measured: the server corrects
        (2, -3_600_000, "device"),  # it measured and corrected
        (3, -3_000_000, "disputed"),  # it claims another offset
    )
    for sequence, offset, _flag in cases:
        data = jpeg(sequence, (320, 240))
        said = statement(key, data, ahead, sequence)
        sent = post(client, key, data, said, offset or 0, clock_offset_ms=offset)
        assert sent.status_code == 202, sent.text
    with context.database.reading() as session:
        rows = {row.sequence: row for row in session.exec(select(Snapshot))}
        disputed = clock_faults(session, place[0].id, Interval(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert {row.sequence: row.clock_flag for row in rows.values()} == {n: flag for n, _, flag in cases}
    for sequence in (1, 2):
        assert abs(rows[sequence].captured_at - now) < timedelta(seconds=20)
    assert [row.sequence for row in disputed] == [3]


@pytest.mark.usefixtures("standing_clock")
def test_blind_time_is_data_with_its_cause(
    client: TestClient, app: object, context: Context, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    """Six hours: a picture each 300 s in the first, none in the second, then covered ones; hand-computed below."""
    facility, camera = place
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    with context.database.transaction() as session:
        for slot in [*range(12), *range(24, 36)]:
            session.add(
                Snapshot(
                    facility_id=facility.id,
                    camera_id=camera.id,
                    sequence=slot,
                    sha256=f"{slot:064x}",
                    media_type="image/jpeg",
                    byte_count=1,
                    captured_at=start + timedelta(minutes=5 * slot),
                    received_at=start + timedelta(minutes=5 * slot),
                    state="analysed",
                    view_cause="covered" if slot >= 30 else None,
                )
            )
        user = create_user(session, role=Role.VIEWER, facility=facility)
        stranger = create_user(session, role=Role.VIEWER, facility=create_facility(session))
    with context.database.reading() as session:
        (health,) = camera_health(session, facility.id, Interval(start, start + timedelta(hours=3)))
    spans = [(span.since - start, span.until - start, span.cause) for span in health.blind]
    assert spans == [
        (timedelta(minutes=60), timedelta(minutes=120), "silent"),  # pictures 12 to 23
        (timedelta(minutes=150), timedelta(minutes=180), "covered"),  # pictures 30 to 35
    ]
    assert (health.pictures, health.blind_seconds) == (24, 5400.0)
    beat(client, key, datetime.now(UTC) - timedelta(seconds=30), dropped={"oldest_waiting": 3}, temperature_c=85)
    with browser(app, context, user) as mine:  # type: ignore[arg-type]
        (now,) = mine.get("/api/v1/cameras/health", params={"facility": "h1"}).json()
    assert now["alarms"] == ["blind", "drifting", "hot"]
    assert now["dropped"] == 3
    with browser(app, context, stranger) as other:  # type: ignore[arg-type]
        assert other.get("/api/v1/cameras/health", params={"facility": "h1"}).status_code == 404


@pytest.mark.usefixtures("standing_clock")
def test_a_silent_and_a_frozen_camera_alarm_and_a_replay_does_not_hear_the_real_clock(
    client: TestClient, context: Context, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    facility, camera = place
    now = datetime.now(UTC)

    def alarms(at: datetime) -> list[str]:
        with context.database.reading() as session:
            (one,) = cameras_now(session, facility.id, at)
        return [alarm.value for alarm in one.alarms]

    assert alarms(now) == ["silent"]  # neither a picture nor a heartbeat
    beat(client, key, datetime.now(UTC))
    assert alarms(datetime.now(UTC)) == ["blind"]
    # The day that is played lies a week back: a heartbeat of today is not one of that day.
    assert alarms(now - timedelta(days=7)) == ["silent"]
    with context.database.transaction() as session:
        for minutes in (11, 6, 1):
            session.add(
                Snapshot(
                    facility_id=facility.id,
                    camera_id=camera.id,
                    sequence=12 - minutes,
                    sha256="0" * 64,
                    media_type="image/jpeg",
                    byte_count=1,
                    captured_at=now - timedelta(minutes=minutes),
                    received_at=now - timedelta(minutes=minutes),
                )
            )
    assert alarms(datetime.now(UTC)) == ["frozen"]  # three pictures with the same bytes
    assert alarms(datetime.now(UTC) + timedelta(hours=2)) == ["silent", "frozen"]
