"""The real agent as a process of its own, against a real server: killed, stopped, starved, and asked how it is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.spool_report import read_status
from tests.edge_agent.conftest import TOKEN, Answer, Post, PostServer, fill_folder, jpeg, problem, wait_for

Agents = list[subprocess.Popen[str]]


@pytest.fixture
def running() -> Iterator[Agents]:
    """Agents started by a test; none outlives it."""
    agents: Agents = []
    yield agents
    for agent in agents:
        if agent.poll() is None:
            agent.kill()
        agent.communicate()


def command(server: PostServer, tmp_path: Path, source: str, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", server.url, "--camera", "cam1"),
        *("--token-file", str(tmp_path / "token"), "--spool", str(tmp_path / "s.db"), "--source", source),
        *("--retry-max", "0.1", *more),
    ]


def start(running: Agents, arguments: list[str]) -> subprocess.Popen[str]:
    agent = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running.append(agent)
    return agent


def finish(agent: subprocess.Popen[str], seconds: float = 30.0) -> tuple[int, str]:
    """Its status and what it said."""
    _, said = agent.communicate(timeout=seconds)
    return agent.returncode, said


def edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", *arguments], capture_output=True, text=True, check=False, timeout=30
    )


pytestmark = pytest.mark.usefixtures("token_file")


def test_a_folder_is_sent_in_order_and_the_agent_ends_with_status_0(
    server: PostServer, tmp_path: Path, running: Agents
) -> None:
    sums = fill_folder(tmp_path / "in", 12)
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty", "--log", "json")
    status, said = finish(start(running, arguments))
    assert status == 0, said
    assert [post.sha256 for post in server.kept] == sums
    assert [datetime.fromisoformat(post.captured_at) for post in server.kept] == [
        datetime(2026, 3, 2, 8, minute, tzinfo=UTC) for minute in range(12)
    ]
    for line in said.splitlines():
        assert {"time", "level", "event"} <= set(json.loads(line))
    # Started again on the same folder, it has nothing to do.
    status, said = finish(start(running, arguments))
    assert status == 0, said
    assert len(server.posts) == 12


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(
    server: PostServer, tmp_path: Path, running: Agents
) -> None:
    """Killed again and again, at moments that fall between any two steps, with files deleted as they are spooled."""
    sums = fill_folder(tmp_path / "in", 150)
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty", "--after", "delete")
    server.behaviour = lambda _post, number: Answer(0, keeps=True) if number % 7 == 0 else None
    kills = 0
    for after in (3, 11, 20, 34, 60, 61, 90):
        agent = start(running, arguments)
        wait_for(lambda after=after: len(server.kept) >= after, 20)  # type: ignore[misc]
        agent.send_signal(signal.SIGKILL)
        kills += finish(agent)[0] == -9
    assert kills >= 5  # at least so many hit a living agent
    status, said = finish(start(running, arguments))
    assert status == 0, said
    assert [post.sha256 for post in server.kept] == sums  # each once, and in the order in which they were taken
    assert server.sequences() == list(range(150))
    assert list((tmp_path / "in").iterdir()) == []


DIES = """
import os, signal, sys
from edge_agent.cli import main
from edge_agent.sources.folder import FolderSource
from edge_agent.spool import Spool
calls = 0
def die(*_arguments, **_more):
    global calls
    calls += 1
    return os.kill(os.getpid(), signal.SIGKILL) if calls == 3 else real(*_arguments, **_more)
owner, name = {"FolderSource": FolderSource, "Spool": Spool}[sys.argv.pop(1)], sys.argv.pop(1)
real = getattr(owner, name)
setattr(owner, name, die)
main()
"""


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        ("FolderSource", "done_with"),
        ("Spool", "forget"),
        ("Spool", "delivered"),
        ("Spool", "_put"),
        ("Spool", "oldest"),
    ],
)
@pytest.mark.parametrize("after", ["delete", "keep"])
def test_dying_right_before_any_step_doubles_nothing(
    server: PostServer, tmp_path: Path, running: Agents, owner: str, step: str, after: str
) -> None:
    sums = fill_folder(tmp_path / "in", 6)
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty", "--after", after)
    dying = [sys.executable, "-c", DIES, owner, step, *arguments[3:]]
    if (step, after) != ("forget", "keep"):  # a kept file is not forgotten
        assert finish(start(running, dying))[0] == -9
    status, said = finish(start(running, arguments))
    assert status == 0, said
    assert [post.sha256 for post in server.kept] == sums
    assert server.sequences() == list(range(6))


def test_a_dead_server_never_stops_capturing(server: PostServer, tmp_path: Path, running: Agents) -> None:
    server.stop()
    fill_folder(tmp_path / "in", 30)
    agent = start(running, command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty"))
    spool = tmp_path / "s.db"
    wait_for(lambda: spool.exists() and any(s.waiting == 30 for s in read_status(spool)), 15)
    assert agent.poll() is None
    server.start()
    status, said = finish(agent)
    assert status == 0, said
    assert server.sequences() == list(range(30))


def test_sigterm_finishes_the_post_under_way_and_keeps_the_rest(
    server: PostServer, tmp_path: Path, running: Agents
) -> None:
    fill_folder(tmp_path / "in", 5)
    begun = threading.Event()

    def behaviour(_post: Post, _number: int) -> Answer | None:
        begun.set()
        threading.Event().wait(0.7)
        return None

    server.behaviour = behaviour
    agent = start(running, command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--follow"))
    assert begun.wait(15)
    wait_for(lambda: sum(s.counters.get("captured", 0) for s in read_status(tmp_path / "s.db")) == 5)
    agent.send_signal(signal.SIGTERM)
    status, said = finish(agent)
    assert status == 0, said
    assert server.sequences() == [0]
    (after,) = read_status(tmp_path / "s.db")
    assert (after.waiting, after.counters["delivered"], after.agent) == (4, 1, "stopped")


def test_following_takes_what_arrives_later(server: PostServer, tmp_path: Path, running: Agents) -> None:
    folder = tmp_path / "in"
    fill_folder(folder, 2)
    agent = start(running, command(server, tmp_path, f"folder:{folder}", "--follow", "--after", "move"))
    wait_for(lambda: len(server.kept) == 2, 15)
    (folder / "cam1_20260302T120000Z.jpg").write_bytes(jpeg(77))
    wait_for(lambda: len(server.kept) == 3)
    agent.send_signal(signal.SIGTERM)
    assert finish(agent)[0] == 0
    assert len(list((folder / "spooled").iterdir())) == 3


def test_refused_pictures_end_with_status_1_and_can_be_retried(
    server: PostServer, tmp_path: Path, running: Agents
) -> None:
    fill_folder(tmp_path / "in", 3)
    server.behaviour = lambda post, _number: problem(413, "Too large", x="y") if post.sequence == 1 else None
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty")
    status, said = finish(start(running, arguments))
    assert status == 1
    assert re.search(r"wardwatch-edge: 1 pictures were refused .* spool ls", said)
    listed = json.loads(edge("spool", "ls", "--spool", str(tmp_path / "s.db"), "--json").stdout)
    assert [(line["sequence"], line["state"], line["refused_status"]) for line in listed] == [(1, "refused", 413)]
    assert "Too large" in edge("spool", "ls", "--spool", str(tmp_path / "s.db")).stdout
    server.behaviour = lambda _post, _number: None
    retried = edge("spool", "retry", "--spool", str(tmp_path / "s.db"), "--json")
    assert json.loads(retried.stdout) == {"retried": 1}
    status, said = finish(start(running, arguments))
    assert status == 0, said
    assert server.sequences() == [0, 2, 1]


def test_status_tells_what_the_agent_does(server: PostServer, tmp_path: Path, running: Agents) -> None:
    fill_folder(tmp_path / "in", 4)
    server.token = "another"
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty", "--give-up-after", "1")
    status, said = finish(start(running, arguments))
    assert status == 1
    assert "SENDING IS PAUSED" in said
    assert "4 pictures wait" in said.splitlines()[-1]
    told = edge("status", "--spool", str(tmp_path / "s.db"), "--json")
    (camera,) = json.loads(told.stdout)["cameras"]
    assert (camera["camera"], camera["waiting"], camera["refused"], camera["dropped"]) == ("cam1", 4, 0, 0)
    assert camera["oldest_waiting_at"] == "2026-03-02T08:00:00+00:00"
    assert camera["sender"].startswith("paused: 401")
    assert camera["counters"]["captured"] == 4
    plain = edge("status", "--spool", str(tmp_path / "s.db"))
    assert plain.returncode == 0
    assert "paused: 401" in plain.stdout


def test_a_full_spool_makes_a_folder_wait_and_nothing_is_dropped(
    server: PostServer, tmp_path: Path, running: Agents
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.jpg").write_bytes(jpeg(i) + os.urandom(400_000))
    server.stop()
    agent = start(running, command(server, tmp_path, f"folder:{folder}", "--until-empty", "--max-spool-mb", "1"))
    spool = tmp_path / "s.db"
    wait_for(lambda: spool.exists() and any(s.waiting == 2 for s in read_status(spool)), 15)
    threading.Event().wait(0.5)
    assert read_status(spool)[0].waiting == 2
    server.start()
    status, said = finish(agent)
    assert status == 0, said
    assert server.sequences() == list(range(6))
    assert read_status(spool)[0].dropped == 0


def test_drop_oldest_is_counted_by_name(server: PostServer, tmp_path: Path, running: Agents) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.jpg").write_bytes(jpeg(i) + os.urandom(400_000))
    server.stop()
    more = ("--until-empty", "--max-spool-mb", "1", "--overflow", "drop-oldest")
    agent = start(running, command(server, tmp_path, f"folder:{folder}", *more))
    spool = tmp_path / "s.db"
    wait_for(lambda: spool.exists() and any(s.counters.get("captured") == 6 for s in read_status(spool)), 15)
    server.start()
    status, said = finish(agent)
    assert status == 0, said
    (after,) = read_status(spool)
    assert after.counters["dropped.oldest_waiting"] == 6 - len(server.kept)
    assert after.dropped == 6 - len(server.kept) >= 3
    assert 5 in server.sequences()
    assert sum(sequence < 4 for sequence in server.sequences()) <= 1  # the one that was being sent cannot be dropped


def test_two_agents_do_not_share_one_cameras_spool(server: PostServer, tmp_path: Path, running: Agents) -> None:
    fill_folder(tmp_path / "in", 1)
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--follow")
    start(running, arguments)
    wait_for(lambda: len(server.kept) == 1, 15)
    status, said = finish(start(running, arguments))
    assert status == 1
    assert "another agent works for camera cam1" in said


def test_a_configuration_file_says_the_same_as_flags(server: PostServer, tmp_path: Path, running: Agents) -> None:
    fill_folder(tmp_path / "in", 2)
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"server: {server.url}\ncamera: elsewhere\ntoken_file: {tmp_path / 'token'}\nspool: {tmp_path / 's.db'}\n"
        f"source: folder:{tmp_path / 'in'}\nuntil_empty: true\nretry_max: 0.1\n"
    )
    arguments = [sys.executable, "-m", "edge_agent", "camera", "--config", str(config), "--camera", "cam1"]
    status, said = finish(start(running, arguments))
    assert status == 0, said
    assert [post.camera for post in server.kept] == ["cam1", "cam1"]


def test_a_camera_agent_on_a_folder_stays_small(server: PostServer, tmp_path: Path, running: Agents) -> None:
    """Below 150 MiB is the figure to hold; OpenCV and insightface must not be loaded to pass bytes on."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:03d}.jpg").write_bytes(jpeg(i) + os.urandom(1_000_000) + b"\xff\xd9")
    agent = start(running, command(server, tmp_path, f"folder:{folder}", "--follow"))
    wait_for(lambda: len(server.kept) == 60, 60)
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{agent.pid}/status").read_text())[1])  # type: ignore[index]
    maps = Path(f"/proc/{agent.pid}/maps").read_text()
    assert peak < 100 * 1024
    assert "cv2" not in maps
    assert "onnx" not in maps


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--server", "ward.example.org"], "server: write scheme and host"),
        (["--server", "http://me:hunter22@ward.example.org"], "server: leave credentials out"),
        (["--source", "ftp:somewhere"], "source: 'ftp:somewhere' is no source"),
        (["--source", "folder:/nowhere/at/all"], "source: /nowhere/at/all is no folder"),
        (["--token-file", "/nowhere/token"], "token_file:"),
        (["--spool", "/proc/none/s.db"], "spool:"),
        (["--cadence", "-1"], "cadence:"),
        (["--after", "burn"], "after:"),
        (["--until-empty", "--follow"], "choose one"),
        (["--config", "/nowhere.yaml"], "config:"),
        (["--source", "usb:0", "--until-empty"], "a camera is never exhausted"),
        (["--source", "rtsp://me:hunter22@", "--cadence", "5"], "source:"),
        (["--timezone", "Mars/Olympus"], "timezone: no such time zone"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_setting(
    server: PostServer, tmp_path: Path, change: list[str], says: str
) -> None:
    (tmp_path / "in").mkdir()
    done = edge(*command(server, tmp_path, f"folder:{tmp_path / 'in'}")[3:], *change)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("wardwatch-edge: ")
    assert says in line
    assert " — " in line
    assert "hunter22" not in line


def test_no_log_line_ever_holds_the_token(server: PostServer, tmp_path: Path, running: Agents) -> None:
    fill_folder(tmp_path / "in", 2)
    server.behaviour = lambda post, _number: problem(422, f"echo of {post.token}") if post.sequence else None
    arguments = command(server, tmp_path, f"folder:{tmp_path / 'in'}", "--until-empty", "--log", "json")
    status, said = finish(start(running, arguments))
    assert status == 1
    assert "echo of ***" in said
    assert TOKEN not in said
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("s.db*"))
