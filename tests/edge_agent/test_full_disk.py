"""A disk that is full and stays so, by whatever fills it: what is older gives way to what is new, and is counted."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.frames import CapturedFrame
from edge_agent.held import HeldFrames
from edge_agent.spool import DropOldest, HoldSource, Spool
from edge_agent.spool_report import list_frames, read_status

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIZE = 100_000


def frame(number: int, priority: int = 0) -> CapturedFrame:
    made = CapturedFrame(number.to_bytes(4) + os.urandom(SIZE), NOON + timedelta(seconds=number))
    return replace(made, priority=priority)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here: a disk that stays full is NOT tested")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _fill(spool: Spool, first: int) -> int:
    """Put pictures in until the disk takes no more; returns the number of the next."""
    number = first
    while number < 1000:
        try:
            spool.put(frame(number))
        except sqlite3.OperationalError:
            return number
        number += 1
    raise AssertionError("the disk is larger than it should be")


def test_on_a_disk_that_stays_full_the_oldest_give_way_and_roll_calls_last(disk: Path) -> None:
    path = disk / "spool.db"
    with Spool(path, "cam1", DropOldest(1 << 30)) as spool:
        for number in range(3):
            spool.put(frame(number, priority=1))
        first = last = _fill(spool, 3)
        held = HeldFrames(1_000_000)
        for last in range(first, first + 100):
            held.hold(frame(last), spool)
        held.release(spool)
        counters = read_status(path)[0].counters
        waiting = [line.sequence for line in list_frames(path, state=None, camera=None, limit=1000)]
        assert "dropped.disk_failing" not in counters
        assert counters["captured"] == last + 1  # every one of them became durable
        assert counters["dropped.oldest_waiting"] == last + 1 - len(waiting) > 0
        assert waiting[:3] == [0, 1, 2]  # of the roll call
        assert waiting[3:] == list(range(waiting[3], last + 1))
        assert waiting[3] > 3
    with Spool(path, "cam1", DropOldest(1 << 30)) as spool:  # and the file is sound
        assert spool.room().waiting_frames == len(waiting)


def test_what_was_sent_leaves_a_full_disk_too(disk: Path) -> None:
    with Spool(disk / "spool.db", "cam1", DropOldest(1 << 30)) as spool:
        _fill(spool, 0)
        spool.give_way(1)
        before = spool.room().waiting_frames
        for _ in range(before):
            waiting = spool.oldest()
            assert waiting is not None
            spool.delivered(waiting.sequence, duplicate=False)
        assert spool.room().waiting_frames == 0


def test_a_source_that_keeps_its_pictures_loses_none(disk: Path) -> None:
    with Spool(disk / "spool.db", "cam1", HoldSource(1 << 30)) as spool:
        number = _fill(spool, 0)
        assert spool.give_way(SIZE) == 0
        assert spool.room().waiting_frames == number
