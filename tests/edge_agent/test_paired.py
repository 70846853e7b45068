"""A paired agent's parts: the sealed and signed spool, its clock, its pace, and a full disk."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlmodel import select

from edge_agent.agent import Agent
from edge_agent.device_clock import DeviceClock, ServerClock
from edge_agent.device_key import DeviceKey
from edge_agent.frames import ROLL_CALL, CapturedFrame, Stamp
from edge_agent.held import DROPPED
from edge_agent.pace import ROLL_CALL_SECONDS, Pace
from edge_agent.settings import AgentSettings
from edge_agent.spool import DropOldest, Spool
from edge_agent.spool_report import read_status
from edge_agent.spool_seal import SpoolSeal
from service.contracts import (
    FIRST,
    CaptureStatement,
    RollCallOut,
    chain_gaps,
    is_signed_by,
    signed_bytes,
    statement_hash,
)
from service.platform.context import Context
from service.sightings.tables import Snapshot
from tests.builders import create_camera, create_facility, create_ward
from tests.devices import pair_device
from tests.edge_agent.conftest import jpeg, wait_for

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()


def sign(sequence: int, sha256: str, at: datetime, previous: str, nonce: str) -> CaptureStatement:
    signature = KEY.sign(signed_bytes("cam1", sha256, at, sequence, previous, nonce, "0" * 32))
    return CaptureStatement(
        camera="cam1",
        sha256=sha256,
        captured_at=at,
        sequence=sequence,
        previous=previous,
        nonce=nonce,
        key_id="0" * 32,
        signature=base64.b64encode(signature).decode(),
    )


def frame(number: int, priority: int = 0, size: int = 100) -> CapturedFrame:
    data = f"picture {number:04d} ".encode() * (size // 13)
    return CapturedFrame(data, NOON + timedelta(seconds=number), priority=priority)


def test_pictures_on_the_disk_are_sealed_and_chained(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    seal = SpoolSeal.open(tmp_path / "spool.key")
    assert (tmp_path / "spool.key").stat().st_mode & 0o777 == 0o600
    with Spool(path, "cam1", DropOldest(1 << 20), seal=seal, signer=sign) as spool:
        spool.put(frame(0))
        spool.set_nonce("17.abc")
        spool.put(frame(1))
    assert b"picture 0001" not in path.read_bytes() + (tmp_path / "s.db").with_name("s.db").read_bytes()
    with Spool(path, "cam1", DropOldest(1 << 20), seal=SpoolSeal.open(tmp_path / "spool.key"), signer=sign) as spool:
        spool.put(frame(2))
        found = []
        while (waiting := spool.oldest()) is not None:
            assert waiting.data == frame(waiting.sequence).data
            assert waiting.note.statement is not None
            found.append(waiting.note.statement)
            spool.delivered(waiting.sequence, duplicate=False)
    assert [each.nonce for each in found] == ["", "17.abc", "17.abc"]
    assert found[0].previous == FIRST
    assert found[2].previous == statement_hash(found[1])  # the chain goes on after a restart
    assert chain_gaps(found) == ()
    public = KEY.public_key().public_bytes_raw()
    assert all(is_signed_by(each, public) for each in found)
    assert not is_signed_by(found[0].model_copy(update={"sequence": 9}), public)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20), seal=SpoolSeal(os.urandom(32))) as spool:
        spool.put(frame(0))
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20), seal=SpoolSeal(os.urandom(32))) as spool:
        assert spool.oldest() is None
        assert spool.room().refused_frames == 1


def test_a_spool_of_an_older_agent_is_taken_over(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20)) as spool:
        spool.put(frame(0))
        for statement in ("DROP TABLE capture", "DROP TABLE chain", "DROP TRIGGER frame_gone", "PRAGMA user_version=1"):
            spool._connection.execute(statement)
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20), seal=SpoolSeal(os.urandom(32)), signer=sign) as spool:
        spool.put(frame(1))
        first = spool.oldest()
        assert first is not None
        assert (first.data, first.note.statement) == (frame(0).data, None)


def test_roll_call_pictures_give_way_last(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", DropOldest(5 * 91)) as spool:
        for number in range(8):
            spool.put(frame(number, ROLL_CALL if number < 2 else 0))
        kept = []
        while (waiting := spool.oldest()) is not None:
            kept.append(waiting.sequence)
            spool.delivered(waiting.sequence, duplicate=False)
        spool.put(frame(9))
    assert kept == [0, 1, 5, 6, 7]
    assert read_status(tmp_path / "s.db")[0].dropped == 3


def test_what_is_taken_now_goes_first_and_the_rest_oldest_first(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20)) as spool:
        for number in range(4):
            spool.put(frame(number))
        newest = spool.newest(-1)
        assert newest is not None
        assert newest.sequence == 3
        assert spool.newest(3) is None
        oldest = spool.oldest()
        assert oldest is not None
        assert oldest.sequence == 0


class Wall:
    """A wall clock and a steady one."""

    def __init__(self) -> None:
        self.steady = 100.0
        self.wrong = timedelta(0)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.steady) + self.wrong

    def monotonic(self) -> float:
        return self.steady


def test_a_jump_of_the_wall_clock_moves_no_picture() -> None:
    wall = Wall()
    clock = DeviceClock(wall, wall.monotonic)
    before = clock.stamp()
    taken = clock.now()
    assert clock.offset_of(before, taken) is None
    true = NOON + timedelta(days=1, seconds=100)
    clock.heard(true)
    assert clock.offset_of(before, taken) == 86_400_000  # learned later, in the same run
    wall.steady += 50
    wall.wrong = timedelta(hours=1)
    assert clock.server_now() == true + timedelta(seconds=50)
    assert clock.offset_ms() == 86_400_000 - 3_600_000
    assert ServerClock(clock).now() == clock.server_now()
    assert clock.offset_of(Stamp(5, "another run", 0.0), taken) == 5


def test_a_clock_set_between_camera_and_stamp_moves_no_picture() -> None:
    wall = Wall()
    clock = DeviceClock(wall, wall.monotonic)
    true = NOON + timedelta(days=1, seconds=100)
    clock.heard(true)
    taken = CapturedFrame(b"", clock.now())
    calm = clock.stamped(taken)
    assert calm.captured_at == taken.captured_at
    wall.wrong = timedelta(hours=-5)  # set after the camera read the clock, before the agent did
    stamped = clock.stamped(taken)
    for frame in (calm, stamped):
        assert frame.stamp is not None
        offset = clock.offset_of(frame.stamp, frame.captured_at)
        assert offset is not None
        assert frame.captured_at + timedelta(milliseconds=offset) == true


def test_a_slow_quartz_is_measured() -> None:
    wall = Wall()
    clock = DeviceClock(wall, wall.monotonic)
    for hour in range(7):  # the steady clock loses 90 s a day: 3.75 s an hour
        wall.steady = 3600.0 * hour * (1 - 90 / 86_400)
        clock.heard(NOON + timedelta(hours=hour))
    wall.steady = 3600.0 * 12 * (1 - 90 / 86_400)  # six hours without a word
    assert abs(clock.server_now() - (NOON + timedelta(hours=12))) < timedelta(seconds=0.1)


def test_a_worse_measurement_is_passed_over() -> None:
    wall = Wall()
    clock = DeviceClock(wall, wall.monotonic)
    clock.heard(NOON, error_seconds=0.01)
    clock.heard(NOON + timedelta(seconds=9), error_seconds=20.0)
    assert clock.server_now() == NOON


def test_the_pace_obeys_and_a_roll_call_summons_at_once() -> None:
    pace = Pace(300.0, random.Random(1))
    pace.obey(300.0, 30.0, ())
    pauses = [pace.pause(NOON) for _ in range(200)]
    assert 270.0 <= min(pauses) < 280.0
    assert 320.0 < max(pauses) <= 330.0
    assert not pace.summoned()
    call = RollCallOut(roll_call_id="1", opens_at=NOON, closes_at=NOON + timedelta(minutes=30))
    pace.obey(300.0, 30.0, (call,))
    pace.wait(60.0, threading.Event())  # returns at once
    assert pace.summoned()
    assert not pace.summoned()
    assert pace.pause(NOON) == ROLL_CALL_SECONDS
    assert pace.priority(NOON) == ROLL_CALL
    pace.obey(300.0, 30.0, (call,))
    assert not pace.summoned()  # heard before
    assert pace.priority(NOON + timedelta(hours=1)) == 0


FULL = """
import resource, signal, sqlite3, sys
from datetime import UTC, datetime
from pathlib import Path
from edge_agent.frames import CapturedFrame
from edge_agent.held import HeldFrames
from edge_agent.spool import DropOldest, Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool, held = Spool(Path(sys.argv[1]), "cam1", DropOldest(1 << 30)), HeldFrames(250_000)
def take(number):
    frame = CapturedFrame(number.to_bytes(4) * 25_000, datetime.now(UTC))
    try:
        held.release(spool)
        spool.put(frame)
    except sqlite3.OperationalError:
        held.hold(frame, spool)
take(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for number in range(1, 5):
    take(number)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
take(5)
"""


def test_a_full_disk_loses_only_what_memory_cannot_hold_and_counts_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "s.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (status,) = read_status(tmp_path / "s.db")
    assert status.waiting == 4  # 0, the last two of 1 to 4, and 5
    assert status.counters[DROPPED] == 2


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, 20)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def test_a_paired_agent_delivers_signed_pictures_and_rotates_its_key(
    address: str, context: Context, tmp_path: Path
) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session)
        camera = create_camera(session, create_ward(session, facility), "cam1")
    key = pair_device(context, facility, camera=camera)
    path = tmp_path / "device.key"
    key.save(path)
    folder = tmp_path / "in"
    folder.mkdir()
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(3):
        at = now - timedelta(minutes=3 - number)
        (folder / f"cam1_{at:%Y%m%dT%H%M%SZ}.jpg").write_bytes(jpeg(number * 50, (320, 240)))
    rotated = subprocess.run(
        [sys.executable, "-m", "edge_agent", "rotate-key", "--server", address, "--key", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rotated.returncode == 0, rotated.stderr
    assert DeviceKey.load(path).key_id != key.key_id
    settings = AgentSettings.model_validate(
        {
            "server": address,
            "key": path,
            "camera": "cam1",
            "source": f"folder:{folder}",
            "spool": tmp_path / "s.db",
            "until_empty": True,
            "give_up_after": 20,
        }
    )
    ending = Agent(settings).run()
    assert (ending.waiting, ending.refused, ending.problem) == (0, 0, None)
    with context.database.reading() as session:
        rows = session.exec(select(Snapshot)).all()
    expected = {hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    assert {row.sha256 for row in rows} == expected
