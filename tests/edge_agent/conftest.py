"""A real HTTP server that behaves as badly as the test says, and pictures to send it."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

TOKEN = "ww_test_token_0123456789"


@dataclass(frozen=True)
class Post:
    """What arrived: `key` is what a wardwatch server tells duplicates by."""

    camera: str
    sequence: int
    captured_at: str
    sha256: str
    media_type: str
    token: str

    @property
    def key(self) -> tuple[str, int, str]:
        return self.camera, self.sequence, self.sha256


@dataclass(frozen=True)
class Answer:
    """`status` 0: close the connection without an answer. `keeps`: the server stored the picture before it answered."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    keeps: bool = False


def problem(status: int, title: str = "no", **headers: str) -> Answer:
    body = json.dumps({"type": f"/problems/{status}", "title": title, "status": status}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"content-type": "application/problem+json", **named})


Behaviour = Callable[[Post, int], "Answer | None"]
"""Given a post and its number: how to answer, or none to take it."""


class PostServer:
    """Takes snapshots as the API says. `kept` holds each picture once, in order of arrival; `posts` every attempt."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.times: list[float] = []
        self.kept: list[Post] = []
        self.behaviour: Behaviour = lambda _post, _number: None
        self.token = TOKEN
        self.connections = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._open: set[socket.socket] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one go, or the answer waits for the other side's delayed acknowledgement

            def setup(self) -> None:
                super().setup()
                outer.connections += 1
                outer._open.add(self.connection)

            def finish(self) -> None:
                outer._open.discard(self.connection)
                try:
                    super().finish()
                except OSError:
                    pass

            def do_POST(self) -> None:
                outer._handle(self)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            for connection in list(self._open):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["content-length"])
        body = request.rfile.read(length)
        post = _parse(request, body)
        with self._lock:
            number = len(self.posts)
            self.posts.append(post)
            self.times.append(time.monotonic())
        if post.token != self.token:
            answer: Answer | None = problem(401, "the token is not known")
        else:
            answer = self.behaviour(post, number)
        if answer is None or answer.keeps:
            duplicate = self._keep(post)
            if answer is None:
                text = json.dumps({"snapshot_id": f"{post.sequence:032x}", "duplicate": duplicate}).encode()
                answer = Answer(202, text, {"content-type": "application/json"})
        time.sleep(answer.delay)
        if answer.status == 0:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        try:
            request.send_response(answer.status)
            for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(answer.body)
            request.wfile.flush()
        except OSError:
            request.close_connection = True

    def _keep(self, post: Post) -> bool:
        with self._lock:
            duplicate = any(known.key == post.key for known in self.kept)
            if not duplicate:
                self.kept.append(post)
        return duplicate

    def sequences(self) -> list[int]:
        return [post.sequence for post in self.kept]


def _parse(request: BaseHTTPRequestHandler, body: bytes) -> Post:
    assert request.path == "/api/v1/snapshots"
    boundary = request.headers.get_param("boundary")
    assert isinstance(boundary, str)
    pieces = body.split(b"--" + boundary.encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    parts: dict[object, tuple[Message, bytes]] = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head)
        parts[headers.get_param("name", header="content-disposition")] = headers, content.removesuffix(b"\r\n")
    assert set(parts) == {"image", "meta"}
    meta = json.loads(parts["meta"][1])
    assert set(meta) == {"camera_id", "captured_at", "sequence"}
    headers, image = parts["image"]
    return Post(
        meta["camera_id"],
        meta["sequence"],
        meta["captured_at"],
        hashlib.sha256(image).hexdigest(),
        headers.get_content_type(),
        request.headers.get("authorization", "").removeprefix("Bearer "),
    )


@pytest.fixture
def server() -> Iterator[PostServer]:
    server = PostServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def jpeg(shade: int, size: tuple[int, int] = (32, 24)) -> bytes:
    """A small picture, another one for each shade."""
    buffer = BytesIO()
    Image.new("RGB", size, (shade % 256, shade // 256 % 256, 7)).save(buffer, "JPEG")
    return buffer.getvalue()


def fill_folder(folder: Path, count: int, camera: str = "cam1") -> list[str]:
    """`count` pictures a minute apart from 08:00 on; returns the sha256 of each, in order of time."""
    folder.mkdir(exist_ok=True)
    sums = []
    for i in range(count):
        data = jpeg(i)
        (folder / f"{camera}_20260302T{8 + i // 60:02d}{i % 60:02d}00Z.jpg").write_bytes(data)
        sums.append(hashlib.sha256(data).hexdigest())
    return sums


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Until `condition` holds; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
