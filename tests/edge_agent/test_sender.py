"""The sender against a real server that fails in every way: everything arrives once, in order, and nothing is lost."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from edge_agent.backoff import Backoff
from edge_agent.frames import CapturedFrame
from edge_agent.posting import Delivered, Paused, Refused, Retry, judge, retry_after
from edge_agent.sender import Sender, SenderOptions
from edge_agent.spool import DropOldest, Spool
from edge_agent.spool_report import list_frames, read_status
from edge_agent.token import TokenFile
from tests.edge_agent.conftest import TOKEN, Answer, Post, PostServer, jpeg, problem, wait_for

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@contextmanager
def sending(
    spool: Spool, server: PostServer, token_file: Path, timeout: float = 5.0, retry_max: float = 0.05
) -> Iterator[Sender]:
    """A running sender with short pauses."""
    stop = threading.Event()
    options = SenderOptions(server.url, "cam1", None, timeout, min(0.02, retry_max), retry_max)
    sender = Sender(spool, TokenFile(token_file), options, stop, random.Random(1))
    thread = threading.Thread(target=sender.run)
    thread.start()
    try:
        yield sender
    finally:
        stop.set()
        thread.join(timeout + 5)
        assert not thread.is_alive()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 30)) as spool:
        yield spool


def put(spool: Spool, count: int) -> None:
    for i in range(count):
        spool.put(CapturedFrame(jpeg(i), NOON + timedelta(minutes=i)))


def empty(spool: Spool) -> bool:
    return spool.room().waiting_frames == 0


def test_pictures_arrive_as_the_api_says_over_one_connection(
    spool: Spool, server: PostServer, token_file: Path
) -> None:
    put(spool, 5)
    with sending(spool, server, token_file):
        wait_for(lambda: empty(spool))
    assert server.sequences() == [0, 1, 2, 3, 4]
    first = server.kept[0]
    assert (first.camera, first.token, first.media_type) == ("cam1", TOKEN, "image/jpeg")
    assert datetime.fromisoformat(first.captured_at) == NOON
    assert server.connections == 1


def test_a_server_that_is_away_and_comes_back_gets_everything_once_in_order(
    spool: Spool, server: PostServer, token_file: Path
) -> None:
    server.stop()
    put(spool, 10)
    with sending(spool, server, token_file):
        wait_for(lambda: (read_status(spool.path)[0].counters.get("retried", 0)) >= 3)
        assert spool.room().waiting_frames == 10
        server.start()
        wait_for(lambda: len(server.kept) >= 5)
        server.stop()
        put_more = CapturedFrame(jpeg(99), NOON)
        spool.put(put_more)
        server.start()
        wait_for(lambda: empty(spool))
    assert server.sequences() == list(range(11))


@pytest.mark.parametrize(
    "bad",
    [
        Answer(0),
        Answer(0, keeps=True),
        Answer(500),
        Answer(500, keeps=True),
        Answer(503),
        Answer(408),
        Answer(429),
        Answer(202, b"<html>log in to the hotel</html>", {"content-type": "text/html"}),
        Answer(302, b"", {"location": "https://elsewhere.example/"}),
        Answer(202, b"", {"content-length": "10"}, keeps=True),
        Answer(202, b"[" * 60_000, keeps=True),
        Answer(404, b"not here", {"content-type": "text/plain"}),
    ],
    ids=lambda answer: f"{answer.status}-{answer.keeps}-{len(answer.body)}",
)
def test_what_is_no_acceptance_is_tried_again(spool: Spool, server: PostServer, token_file: Path, bad: Answer) -> None:
    """Each picture meets the bad answer twice; where the server kept it all the same, it finds a duplicate later."""
    met: dict[int, int] = {}

    def behaviour(post: Post, _number: int) -> Answer | None:
        met[post.sequence] = met.get(post.sequence, 0) + 1
        return bad if met[post.sequence] <= 2 else None

    server.behaviour = behaviour
    put(spool, 3)
    with sending(spool, server, token_file, timeout=1.0):
        wait_for(lambda: empty(spool), 20)
    assert server.sequences() == [0, 1, 2]
    status = read_status(spool.path)[0]
    assert status.counters["retried"] == 6
    assert status.counters["duplicate" if bad.keeps else "delivered"] == 3
    assert status.refused == 0


def test_a_server_that_does_not_answer_in_time_is_tried_again(
    spool: Spool, server: PostServer, token_file: Path
) -> None:
    server.behaviour = lambda _post, number: Answer(202, delay=1.0, keeps=True) if number == 0 else None
    put(spool, 2)
    with sending(spool, server, token_file, timeout=0.3):
        wait_for(lambda: empty(spool))
    assert server.sequences() == [0, 1]
    assert len(server.posts) == 3


def test_retry_after_is_honoured(spool: Spool, server: PostServer, token_file: Path) -> None:
    server.behaviour = lambda _post, number: problem(503, retry_after="1") if number == 0 else None
    put(spool, 1)
    with sending(spool, server, token_file):
        wait_for(lambda: empty(spool))
    assert 1.0 <= server.times[1] - server.times[0] < 3.0


def test_a_refused_picture_is_kept_with_the_servers_words_and_the_others_pass(
    spool: Spool, server: PostServer, token_file: Path
) -> None:
    server.behaviour = lambda post, _number: problem(422, "The picture is broken") if post.sequence == 1 else None
    put(spool, 3)
    with sending(spool, server, token_file):
        wait_for(lambda: empty(spool))
    assert server.sequences() == [0, 2]
    (line,) = list_frames(spool.path, state="refused", camera=None, limit=5)
    assert (line.sequence, line.refused_status) == (1, 422)
    assert "The picture is broken" in str(line.last_error)


def test_a_wrong_token_pauses_and_a_new_one_in_the_file_heals(
    spool: Spool, server: PostServer, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token_file.write_text("an-old-token-of-yesterday")
    put(spool, 3)
    with sending(spool, server, token_file):
        wait_for(lambda: len(server.posts) >= 3)
        (status,) = read_status(spool.path)
        assert status.waiting == 3
        assert status.refused == 0
        assert status.sender.startswith("paused: 401")
        token_file.unlink()
        wait_for(lambda: "token" in read_status(spool.path)[0].sender)
        token_file.write_text(TOKEN)
        wait_for(lambda: empty(spool))
    assert server.sequences() == [0, 1, 2]
    loud = [record for record in caplog.records if "PAUSED" in record.getMessage()]
    assert len(loud) >= 3
    assert all(record.levelname == "ERROR" for record in loud)
    assert "an-old-token" not in caplog.text


def test_a_picture_on_which_the_server_always_fails_does_not_blind_the_ward(
    spool: Spool, server: PostServer, token_file: Path
) -> None:
    server.behaviour = lambda post, _number: Answer(500) if post.sequence == 0 else None
    put(spool, 4)
    with sending(spool, server, token_file, retry_max=0.02):
        wait_for(lambda: len(server.kept) == 3)
    assert server.sequences() == [1, 2, 3]
    assert spool.room().waiting_frames == 1


def test_stopping_finishes_the_post_that_is_under_way(spool: Spool, server: PostServer, token_file: Path) -> None:
    server.behaviour = lambda post, _number: None
    slow = threading.Event()

    def behaviour(_post: Post, _number: int) -> Answer | None:
        slow.set()
        threading.Event().wait(0.5)
        return None

    server.behaviour = behaviour
    put(spool, 3)
    with sending(spool, server, token_file):
        assert slow.wait(5)
    assert server.sequences() == [0]
    assert spool.room().waiting_frames == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Paused) for status in (200, 301, 401, 403, 404)),
        *((status, Refused) for status in (400, 409, 413, 415, 422)),
        *((status, Retry) for status in (408, 429, 500, 503, 507, 599)),
    ],
)
def test_what_each_status_means(status: int, kind: type) -> None:
    assert isinstance(judge(status, httpx.Headers(), b"{}"), kind)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("camera-unknown", Paused), ("camera-inactive", Paused), ("image-unsupported", Refused), (7, Refused)],
)
def test_a_wrong_camera_code_condemns_no_picture(code: str | int, kind: type) -> None:
    """The words of the real server, whose status for a misspelt code is that of a bad picture."""
    headers = httpx.Headers({"content-type": "application/problem+json"})
    kind_of_problem = f"/problems/{code}" if isinstance(code, str) else code
    body = json.dumps({"type": kind_of_problem, "title": "no", "status": 422}).encode()
    outcome = judge(422, headers, body)
    assert isinstance(outcome, kind)
    assert isinstance(judge(422, headers, b"[" * 50_000), Refused)


def test_only_an_error_of_its_own_counts_against_a_picture() -> None:
    assert judge(500, httpx.Headers(), b"") == Retry("500", None, of_this_frame=True)
    assert judge(503, httpx.Headers({"retry-after": "7"}), b"") == Retry("503", 7.0, of_this_frame=False)
    accepted = judge(202, httpx.Headers(), b'{"snapshot_id": "a", "duplicate": true, "new": 1}')
    assert accepted == Delivered("a", duplicate=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 02 Mar 2026 12:00:30 GMT", 30.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("99999999", 600.0),
        ("99999999999999999999", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_number_or_date_and_bounded(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOON) == seconds


def test_pauses_double_up_to_the_bound_and_are_spread() -> None:
    backoff = Backoff(0.5, 60.0, random.Random(3))
    pauses = [backoff.next() for _ in range(40)]
    for number, pause in enumerate(pauses):
        bound = min(60.0, 0.5 * 2**number)
        assert bound / 2 <= pause <= bound
    assert len({round(pause, 6) for pause in pauses[10:]}) > 20
    backoff.reset()
    assert backoff.next() <= 0.5


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe", b"x" * 5000, "令牌".encode()])
def test_a_token_file_with_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    from edge_agent.errors import TokenUnusable

    with pytest.raises(TokenUnusable) as caught:
        TokenFile(path).value()
    assert caught.value.field == "token_file"
    assert caught.value.remedy
