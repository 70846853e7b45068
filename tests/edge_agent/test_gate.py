"""The gate for motion and quality, with its guaranteed cadence; and cameras that give one JPEG at an address."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from edge_agent.errors import SettingsInvalid
from edge_agent.gate import BLURRED_BELOW, Gate, Passed, sharpness
from edge_agent.pace import Pace
from edge_agent.sources import SourceKind, parse_address
from edge_agent.sources.base import LATEST_WINS
from edge_agent.sources.snapshot_url import SnapshotUrlSource
from service.vision.reading import UnobservedCause
from service.vision.view import DEFAULT_VIEW_POLICY, check_view
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


def blurred(pixels: np.ndarray) -> np.ndarray:
    """As a lens out of focus, or a knocked camera, shows it."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 640 / 40), np.uint8)


def scene() -> np.ndarray:
    """Sheets, bars and a pillow: edges and areas, with the noise of a camera."""
    picture = ward(90)
    for left in range(40, 600, 80):
        picture[100:380, left : left + 40] = np.clip(picture[100:380, left : left + 40].astype(int) + 90, 0, 255)
    return picture


def test_a_blurred_picture_waits_for_the_cadence() -> None:
    gate = Gate()
    assert sharpness(scene()) > 2 * BLURRED_BELOW
    assert sharpness(blurred(scene())) < BLURRED_BELOW
    assert gate.judge(ward(), due=False) is Passed.SEND
    assert gate.judge(blurred(scene()), due=False) is Passed.BLURRED
    assert gate.judge(scene(), due=False) is Passed.SEND  # the blurred one was not taken for the last that was sent
    assert gate.judge(blurred(scene()), due=True) is Passed.SEND


def test_the_servers_view_check_would_say_the_same() -> None:
    assert BLURRED_BELOW == DEFAULT_VIEW_POLICY.sharpness_below
    assert check_view(blurred(scene())).cause is UnobservedCause.OUT_OF_FOCUS
    assert check_view(scene()).observed


class Camera(ThreadingHTTPServer):
    """Gives a JPEG to whoever knows the password."""

    wanted = "Basic " + base64.b64encode(b"me:pass word").decode()
    good = True
    pictures: ClassVar[list[bytes]] = []
    """Given in turn, the last for ever; none: one and the same."""


class Handler(BaseHTTPRequestHandler):
    server: Camera

    def do_GET(self) -> None:
        known = self.headers.get("authorization", "") == Camera.wanted
        body = jpeg(5) if known and Camera.good else b"<html>no</html>"
        if known and Camera.pictures:
            body = Camera.pictures.pop(0) if len(Camera.pictures) > 1 else Camera.pictures[0]
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
    Camera.pictures.clear()


def test_a_jpeg_at_an_address_is_taken_as_it_is(camera: int, tmp_path: Path) -> None:
    secret = tmp_path / "stream"
    secret.write_text("me:pass word\n")
    address = parse_address(f"snapshot:http://127.0.0.1:{camera}/picture.jpg", secret)
    assert address.kind is SourceKind.SNAPSHOT
    assert "pass" not in address.shown
    causes: Counter[str] = Counter()
    source = SnapshotUrlSource(address.value, address.shown, lambda cause: causes.update([cause]), Pace(0.5))
    stop = threading.Event()
    for number, frame in enumerate(source.frames(stop)):
        assert frame.data == jpeg(5)
        if number == 2:
            stop.set()
    source.close()
    assert causes == Counter()


def encoded(pixels: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels)[1].tobytes())


def watch(port: int, pictures: list[bytes], wanted: int, pace: Pace, look: float) -> tuple[list[bytes], Counter[str]]:
    """What goes out of `pictures`, until all were looked at or `wanted` went out."""
    Camera.pictures[:] = pictures
    causes: Counter[str] = Counter()
    stop, out = threading.Event(), []

    def count(cause: str) -> None:
        if cause == LATEST_WINS:
            return  # a busy machine is slow besides
        causes[cause] += 1
        if sum(causes.values()) + len(out) >= len(pictures):
            stop.set()

    address = f"http://me:pass%20word@127.0.0.1:{port}/"
    source = SnapshotUrlSource(address, "camera", count, pace, look_seconds=look)
    for frame in source.frames(stop):
        out.append(frame.data)
        if len(out) >= wanted:
            break
    source.close()
    return out, causes


def test_the_gate_stands_before_a_snapshot_camera_too(camera: int) -> None:
    still, moved = encoded(ward()), encoded(scene())
    broken = b"\xff\xd8\xff\xe0" + b"no picture" * 20
    looks = [still, still, encoded(ward(2)), encoded(blurred(scene())), broken, moved]
    out, causes = watch(camera, looks, 2, Pace(3600.0), 0.01)
    assert out == [still, moved]
    assert causes == {"gated.still": 1, "gated.dark": 1, "gated.blurred": 1, "gated.unreadable": 1}


def test_the_cadence_is_guaranteed_before_a_snapshot_camera(camera: int) -> None:
    dull = encoded(blurred(scene()))
    out, causes = watch(camera, [dull], 3, Pace(0.0), 0.01)
    assert out == [dull] * 3
    assert not causes


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
