"""The spool: order, durability, bounds, and what a broken disk leaves."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import SpoolFull, SpoolUnusable
from edge_agent.frames import CapturedFrame, Origin
from edge_agent.spool import DropOldest, HoldSource, Spool
from edge_agent.spool_report import list_frames, read_status, retry_refused

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLENTY = DropOldest(1 << 30)


def frame(number: int, size: int = 100, origin: Origin | None = None) -> CapturedFrame:
    return CapturedFrame(number.to_bytes(4, "big") * (size // 4), NOON + timedelta(seconds=number), origin)


def drain(spool: Spool) -> list[int]:
    sequences = []
    while (waiting := spool.oldest()) is not None:
        sequences.append(waiting.sequence)
        spool.delivered(waiting.sequence, duplicate=False)
    return sequences


def counters(path: Path, camera: str = "cam1") -> dict[str, int]:
    (status,) = read_status(path, camera)
    return status.counters


def test_frames_leave_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        assert [spool.put(frame(i)).sequence for i in range(5)] == [0, 1, 2, 3, 4]
        first = spool.oldest()
        assert first is not None
        assert (first.sequence, first.captured_at, first.data) == (0, NOON, frame(0).data)
        assert drain(spool) == [0, 1, 2, 3, 4]
        assert spool.oldest() is None


def test_a_sequence_never_comes_twice_even_when_the_spool_was_empty(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        spool.put(frame(0))
        assert drain(spool) == [0]
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        assert spool.put(frame(1)).sequence == 1


def test_cameras_in_one_file_count_and_queue_apart(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Spool(path, "cam1", PLENTY) as one, Spool(path, "cam2", PLENTY, first_sequence=700) as two:
        assert [one.put(frame(0)).sequence, two.put(frame(1)).sequence, one.put(frame(2)).sequence] == [0, 700, 1]
        assert drain(two) == [700]
        assert drain(one) == [0, 1]


def test_the_file_is_read_by_its_owner_only(tmp_path: Path) -> None:
    with Spool(tmp_path / "new" / "s.db", "cam1", PLENTY) as spool:
        spool.put(frame(0))
        for file in (tmp_path / "new").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        assert spool._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert spool._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_spooled_before_keeps_its_sequence(tmp_path: Path) -> None:
    origin = Origin("a.jpg", 100, 5)
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        assert spool.put(frame(1, origin=origin)).fresh
        assert drain(spool) == [0]
        assert spool.knows(origin)
        again = spool.put(frame(1, origin=Origin("a.jpg", 100, 6)))  # touched, or copied to another disk
        assert (again.sequence, again.fresh) == (0, False)
        assert spool.knows(Origin("a.jpg", 100, 6))
        assert spool.oldest() is None
        assert spool.put(frame(2, origin=Origin("a.jpg", 100, 7))).sequence == 1  # written over


def test_the_same_bytes_at_another_instant_are_another_picture(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        spool.put(CapturedFrame(b"frozen", NOON, Origin("now.jpg", 6, 1)))
        later = spool.put(CapturedFrame(b"frozen", NOON + timedelta(minutes=5), Origin("now.jpg", 6, 2)))
        assert later.fresh


def test_drop_oldest_gives_up_the_refused_first_then_the_oldest_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Spool(path, "cam1", DropOldest(500)) as spool:
        for i in range(5):
            spool.put(frame(i))  # 5 x 100 bytes: exactly full
        spool.refuse(3, status=422, reason="no picture")
        spool.put(frame(5))
        assert [line.sequence for line in list_frames(path, state=None, camera=None, limit=9)] == [0, 1, 2, 4, 5]
        spool.put(frame(6))
        spool.put(frame(7))
        assert [line.sequence for line in list_frames(path, state=None, camera=None, limit=9)] == [2, 4, 5, 6, 7]
    (status,) = read_status(path)
    assert status.counters["dropped.oldest_refused"] == 1
    assert status.counters["dropped.oldest_waiting"] == 2
    assert status.dropped == 3
    assert status.counters["captured"] == 8


def test_the_frame_under_way_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Spool(path, "cam1", DropOldest(300)) as spool:
        for i in range(3):
            spool.put(frame(i))
        assert spool.oldest().sequence == 0  # type: ignore[union-attr]
        spool.put(frame(3))
        assert [line.sequence for line in list_frames(path, state=None, camera=None, limit=9)] == [0, 2, 3]
        spool.delivered(0, duplicate=False)
        assert counters(path)["delivered"] == 1


def test_hold_source_refuses_what_has_no_room_and_loses_nothing(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", HoldSource(300)) as spool:
        for i in range(3):
            spool.put(frame(i))
        with pytest.raises(SpoolFull, match="bound is 300"):
            spool.put(frame(3))
        assert drain(spool) == [0, 1, 2]
        assert spool.put(frame(3)).sequence == 3


def test_one_picture_larger_than_the_bound_passes_alone(tmp_path: Path) -> None:
    for policy in (HoldSource(50), DropOldest(50)):
        with Spool(tmp_path / f"{policy.drops}.db", "cam1", policy) as spool:
            spool.put(frame(0))
            assert drain(spool) == [0]


def test_refused_frames_stay_with_the_reason_until_retried(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Spool(path, "cam1", PLENTY) as spool:
        for i in range(3):
            spool.put(frame(i))
        spool.refuse(1, status=415, reason="415 not a picture")
        assert drain(spool) == [0, 2]
        (line,) = list_frames(path, state="refused", camera="cam1", limit=10)
        assert (line.sequence, line.refused_status, line.last_error) == (1, 415, "415 not a picture")
        assert retry_refused(path, camera=None, sequence=7) == 0
        assert retry_refused(path, camera=None, sequence=None) == 1
        assert drain(spool) == [1]


def test_a_postponed_frame_lets_others_pass(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", PLENTY) as spool:
        spool.put(frame(0))
        spool.put(frame(1))
        spool.postpone(0, error="500", counts=True, not_before=2000.0)
        assert spool.oldest(now=1999.0).sequence == 1  # type: ignore[union-attr]
        assert spool.oldest(now=2000.0).sequence == 0  # type: ignore[union-attr]
        assert spool.oldest(now=2000.0).attempts == 1  # type: ignore[union-attr]


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from edge_agent.frames import CapturedFrame
from edge_agent.spool import DropOldest, Spool
spool = Spool(Path(sys.argv[1]), "cam1", DropOldest(1 << 30))
for i in range(50):
    taken = spool.put(CapturedFrame(bytes([i]) * 5000, datetime.now(UTC)))
    os.write(1, f"{taken.sequence}\\n".encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_put_returned_from_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert len(done.stdout.split()) == 50
    with Spool(path, "cam1", PLENTY) as spool:
        assert drain(spool) == [int(line) for line in done.stdout.split()]


def test_a_torn_end_of_the_log_loses_only_what_was_not_acknowledged(tmp_path: Path) -> None:
    """The power goes while the last frame is being written: its pages are cut in the middle."""
    path, copy = tmp_path / "s.db", tmp_path / "copy.db"
    with Spool(path, "cam1", PLENTY) as spool:
        for i in range(4):
            spool.put(frame(i, size=20_000))
        before = (tmp_path / "s.db-wal").stat().st_size
        spool.put(frame(4, size=20_000))
        shutil.copy(path, copy)
        shutil.copy(tmp_path / "s.db-wal", tmp_path / "copy.db-wal")
    after = (tmp_path / "copy.db-wal").stat().st_size
    assert after > before
    os.truncate(tmp_path / "copy.db-wal", before + (after - before) // 2)
    with Spool(copy, "cam1", PLENTY) as torn:
        assert torn.rescued_from is None
        assert drain(torn) == [0, 1, 2, 3]
        assert torn.put(frame(9)).sequence == 4


def page_holding(data: bytes, marker: bytes, page: int) -> list[int]:
    return [i // page for i in range(0, len(data), page) if marker in data[i : i + page]]


def test_a_torn_page_of_the_table_is_rescued_around(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Spool(path, "cam1", PLENTY) as spool:
        for i in range(200):
            spool.put(CapturedFrame(f"picture {i:05d} ".encode() * 80, NOON + timedelta(seconds=i)))
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    (torn,) = page_holding(bytes(data), b"picture 00100 picture", page)[:1]
    data[torn * page : (torn + 1) * page] = os.urandom(page)
    path.write_bytes(bytes(data))
    with Spool(path, "cam1", PLENTY) as spool:
        assert spool.rescued_from is not None
        assert spool.rescued_from.exists()
        kept = drain(spool)
        assert 180 <= len(kept) < 200
        assert kept == sorted(kept)
        assert 100 not in kept
        assert spool.put(frame(0)).sequence == 200  # no sequence twice


def test_a_picture_changed_on_the_disk_is_not_sent_as_evidence(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Spool(path, "cam1", PLENTY) as spool:
        for i in range(3):
            spool.put(CapturedFrame(f"picture {i} ".encode() * 4000, NOON))
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    at = page_holding(bytes(data), b"picture 1 picture", page)[1] * page + 100
    data[at : at + 8] = b"\0" * 8
    path.write_bytes(bytes(data))
    with Spool(path, "cam1", PLENTY) as spool:
        assert drain(spool) == [0, 2]
    (line,) = list_frames(path, state="refused", camera=None, limit=5)
    assert line.sequence == 1
    assert "damaged" in str(line.last_error)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + b"\xff" * 5000, os.urandom(9000)])
def test_a_file_that_is_no_spool_is_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(content)
    with Spool(path, "cam1", PLENTY) as spool:
        assert (spool.rescued_from is not None) == bool(content)
        assert spool.put(frame(0)).sequence == 0


def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(SpoolUnusable, match="newer agent"):
        Spool(path, "cam1", PLENTY)


def test_a_folder_as_spool_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnusable) as caught:
        Spool(tmp_path, "cam1", PLENTY)
    assert "local disk" in caught.value.line()


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.sampled_from(["put", "deliver", "refuse", "postpone", "reopen", "retry"]), max_size=30))
def test_nothing_is_lost_or_doubled_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "s.db"
    spool = Spool(path, "cam1", PLENTY)
    put, delivered = 0, []
    for step in steps:
        waiting = spool.oldest()
        if step == "put":
            assert spool.put(frame(put)).sequence == put
            put += 1
        elif step == "reopen":
            spool.close()
            spool = Spool(path, "cam1", PLENTY)
        elif step == "retry":
            retry_refused(path, camera=None, sequence=None)
        elif waiting is not None and step == "deliver":
            spool.delivered(waiting.sequence, duplicate=False)
            delivered.append(waiting.sequence)
        elif waiting is not None and step == "refuse":
            spool.refuse(waiting.sequence, status=422, reason="no")
        elif waiting is not None:
            spool.postpone(waiting.sequence, error="later", counts=True)
    held = list_frames(path, state=None, camera=None, limit=99)
    room = spool.room()
    for state, frames, size in (
        ("waiting", room.waiting_frames, room.waiting),
        ("refused", room.refused_frames, room.refused),
    ):
        sizes = [line.size for line in held if line.state == state]
        assert (frames, size) == (len(sizes), sum(sizes))
    retry_refused(path, camera=None, sequence=None)
    delivered += drain(spool)
    spool.close()
    assert sorted(delivered) == list(range(put))
