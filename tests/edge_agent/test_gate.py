"""The gate for motion and quality, with its guaranteed cadence; and cameras that give one JPEG at an address."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import SettingsInvalid
from edge_agent.gate import Gate, Passed
from edge_agent.pace import Pace
from edge_agent.sources import SourceKind, parse_address
from edge_agent.sources.snapshot_url import SnapshotUrlSource
from tests.edge_agent.conftest import jpeg

NOISE = np.random.default_rng(5)


def ward(brightness: int = 120) -> np.ndarray:
    """A still picture with the noise of a camera."""
    return np.clip(brightness + NOISE.normal(0, 6, (480, 640, 3)), 0, 255).astype(np.uint8)


def test_noise_is_still_and_a_head_is_not() -> None:
    gate = Gate()
    assert gate.judge(ward(), due=False) is Passed.SEND  # the first
    assert gate.judge(ward(), due=False) is Passed.STILL
    moved = ward()
    moved[200:260, 300:350] = 200  # the size of a head in a bed: 0.8 % of the picture
    assert gate.judge(moved, due=False) is Passed.SEND
    assert gate.judge(moved, due=False) is Passed.STILL


def test_the_cadence_is_guaranteed_whatever_the_gate_thinks() -> None:
    gate = Gate()
    assert gate.judge(ward(2), due=False) is Passed.DARK
    assert gate.judge(ward(2), due=True) is Passed.SEND
    assert gate.judge(ward(), due=True) is Passed.SEND
    assert gate.judge(ward(), due=True) is Passed.SEND


class Camera(ThreadingHTTPServer):
    """Gives a JPEG to whoever knows the password."""

    wanted = "Basic " + base64.b64encode(b"me:pass word").decode()
    good = True


class Handler(BaseHTTPRequestHandler):
    server: Camera

    def do_GET(self) -> None:
        known = self.headers.get("authorization", "") == Camera.wanted
        body = jpeg(5) if known and Camera.good else b"<html>no</html>"
        self.send_response(200 if known else 401)
        if not known:
            self.send_header("www-authenticate", 'Basic realm="camera"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def camera() -> Iterator[int]:
    server = Camera(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_a_jpeg_at_an_address_is_taken_as_it_is(camera: int, tmp_path: Path) -> None:
    secret = tmp_path / "stream"
    secret.write_text("me:pass word\n")
    address = parse_address(f"snapshot:http://127.0.0.1:{camera}/picture.jpg", secret)
    assert address.kind is SourceKind.SNAPSHOT
    assert "pass" not in address.shown
    causes: Counter[str] = Counter()
    source = SnapshotUrlSource(address.value, address.shown, lambda cause: causes.update([cause]), Pace(0.01))
    stop = threading.Event()
    for number, frame in enumerate(source.frames(stop)):
        assert frame.data == jpeg(5)
        if number == 2:
            stop.set()
    source.close()
    assert causes == Counter()


def test_a_page_of_words_is_no_picture(camera: int) -> None:
    stop, causes = threading.Event(), []

    def away(cause: str) -> None:
        causes.append(cause)
        stop.set()

    source = SnapshotUrlSource(f"http://me:wrong@127.0.0.1:{camera}/", "camera", away, Pace(0.01))
    assert list(source.frames(stop)) == []
    source.close()
    assert causes == ["camera_away"]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsInvalid):
        parse_address("snapshot:ftp://camera/a.jpg")
