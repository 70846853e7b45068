"""A week without a network, then a shared line: old pictures in order and within their share, new ones at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import SpoolFull
from edge_agent.frames import CapturedFrame
from edge_agent.sender import OVERHEAD_BYTES, Sender, SenderOptions
from edge_agent.settings import AgentSettings
from edge_agent.spool import DropOldest, HoldSource, Spool
from edge_agent.spool_report import read_status
from edge_agent.token import TokenFile
from tests.edge_agent.conftest import PostServer, jpeg, wait_for

WEEK = 7 * 24 * 4
"""A picture each quarter of an hour."""
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
KBIT = 2000.0


@contextmanager
def sending(spool: Spool, server: PostServer, token_file: Path, kbit: float | None) -> Iterator[None]:
    stop = threading.Event()
    options = SenderOptions(server.url, "cam1", None, 30.0, 0.02, 0.1, live_first=True, backfill_kbit_s=kbit)
    thread = threading.Thread(target=Sender(spool, TokenFile(token_file), options, stop).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Spool]:
    """A spool after a week in which nothing could be sent."""
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 30)) as spool:
        for first in range(0, WEEK, 32):
            numbers = range(first, min(first + 32, WEEK))
            spool.put_all([CapturedFrame(jpeg(i), MONDAY + timedelta(minutes=15 * i)) for i in numbers])
        yield spool


def test_after_a_week_live_pictures_go_at_once_and_old_ones_in_order_within_their_share(
    week: Spool, server: PostServer, token_file: Path
) -> None:
    delays, sizes = [], {i: len(jpeg(i)) for i in range(WEEK)}
    begun = time.monotonic()
    with sending(week, server, token_file, KBIT):
        number = WEEK
        while week.room().waiting_frames > 0:
            assert time.monotonic() - begun < 180
            if len(delays) < 12:
                taken = week.put(CapturedFrame(jpeg(number), MONDAY + timedelta(days=8, seconds=number))).sequence
                put_at = time.monotonic()
                wait_for(lambda taken=taken: taken in server.sequences(), 30)
                delays.append(time.monotonic() - put_at)
                assert week.room().waiting_frames > 0  # there was something old to wait behind
                number += 1
            time.sleep(0.05)
    took = time.monotonic() - begun
    arrived = server.sequences()
    old = [sequence for sequence in arrived if sequence < WEEK]
    # The newest of the old is what was taken last when the line came back; the others follow oldest first.
    assert old[0] == WEEK - 1
    assert old[1:] == list(range(WEEK - 1))
    assert sorted(arrived) == list(range(number))  # each once
    # Behind 672 old pictures a new one would wait for the whole backfill.
    assert sorted(delays)[len(delays) // 2] < took / 20
    bits = 8 * sum(sizes[sequence] + OVERHEAD_BYTES for sequence in old)
    assert bits / took / 1000 <= KBIT * 1.02


def test_the_bound_is_of_the_line_and_holds_for_pictures_that_must_be_sent_again(
    tmp_path: Path, server: PostServer, token_file: Path
) -> None:
    data = [bytes([i]) * 20_000 for i in range(30)]
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 30)) as spool:
        spool.put_all([CapturedFrame(each, MONDAY) for each in data])
        with sending(spool, server, token_file, KBIT):
            begun = time.monotonic()
            wait_for(lambda: spool.room().waiting_frames == 0, 120)
            took = time.monotonic() - begun
    # 29 of them are backfill (the newest goes at once), and after the last nobody waits: 28 pauses of 90 ms.
    assert took >= 28 * (20_000 + OVERHEAD_BYTES) * 8 / (KBIT * 1000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(server.times[1:])]
    assert sorted(gaps)[len(gaps) // 4] > 0.05  # a busy machine notes some late, and the next soon after


def test_without_a_bound_nothing_waits(week: Spool, server: PostServer, token_file: Path) -> None:
    with sending(week, server, token_file, None):
        wait_for(lambda: week.room().waiting_frames == 0, 180)
    assert sorted(server.sequences()) == list(range(WEEK))


def test_a_group_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    pictures = [CapturedFrame(bytes([i]) * 400, MONDAY) for i in range(4)]
    with Spool(tmp_path / "s.db", "cam1", HoldSource(1000)) as spool:
        with pytest.raises(SpoolFull):
            spool.put_all(pictures)
        assert spool.room().waiting_frames == 0
        assert [taken.sequence for taken in spool.put_all(pictures[:2])] == [0, 1]  # no sequence was lost
        assert read_status(spool.path)[0].counters["captured"] == 2


def test_a_backlog_larger_than_the_spool_goes_through_it(tmp_path: Path, server: PostServer, token_file: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        data = jpeg(number) + bytes(120_000) + b"\xff\xd9"
        (folder / f"cam1_20260302T08{number:02d}00Z.jpg").write_bytes(data)
    settings = AgentSettings.model_validate(
        {
            "server": server.url,
            "token_file": token_file,
            "camera": "cam1",
            "source": f"folder:{folder}",
            "spool": tmp_path / "s.db",
            "max_spool_mb": 1,
            "until_empty": True,
            "give_up_after": 120,
        }
    )
    ending = Agent(settings).run()
    assert (ending.waiting, ending.refused, ending.problem) == (0, 0, None)
    assert server.sequences() == list(range(20))
