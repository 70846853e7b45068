"""Videos and live cameras, through the real OpenCV: a file written here, an RTSP camera with a password."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from edge_agent.errors import SettingsInvalid, SourceUnusable
from edge_agent.frames import CapturedFrame, Origin
from edge_agent.logs import redact
from edge_agent.sources.address import SourceKind, parse_address
from edge_agent.sources.live import LiveOptions, LiveSource, stream_opener, usb_opener
from edge_agent.sources.video import VideoOptions, VideoSource
from tests.edge_agent.conftest import PostServer, wait_for
from tests.edge_agent.rtsp import PASSWORD, USER, RtspCamera
from tests.edge_agent.taking import Taking

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
RATE = 5.0


def shade_of(data: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """60 pictures at 5 a second: 12 s. Picture i has the shade 4 i."""
    path = tmp_path / "cam1_20260302T080000Z.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), RATE, (64, 48))
    for i in range(60):
        writer.write(np.full((48, 64, 3), i * 4, np.uint8))
    writer.release()
    return path


def sampled(path: Path, options: VideoOptions, known: set[str] | None = None) -> list[CapturedFrame]:
    source = VideoSource(path, options, lambda origin: origin.name in (known or set()))
    try:
        return list(source.frames(threading.Event()))
    finally:
        source.close()


def test_a_video_is_sampled_at_the_cadence_with_its_own_times(video: Path) -> None:
    frames = sampled(video, VideoOptions(cadence_seconds=3.0))
    # 12 s hold the multiples 0, 3, 6 and 9 s of the cadence: pictures 0, 15, 30 and 45.
    assert [frame.captured_at - EIGHT for frame in frames] == [timedelta(seconds=s) for s in (0, 3, 6, 9)]
    assert [round(shade_of(frame.data) / 4) for frame in frames] == [0, 15, 30, 45]


def test_a_cadence_that_is_no_multiple_of_the_pictures_does_not_drift(video: Path) -> None:
    frames = sampled(video, VideoOptions(cadence_seconds=0.7))
    # The first picture (every 0.2 s) at or after 0, 0.7, 1.4, 2.1, 2.8, 3.5 s.
    offsets = [(frame.captured_at - EIGHT).total_seconds() for frame in frames]
    assert offsets[:6] == pytest.approx([0.0, 0.8, 1.4, 2.2, 2.8, 3.6])


def test_a_cadence_of_0_takes_every_picture(video: Path) -> None:
    assert len(sampled(video, VideoOptions(cadence_seconds=0.0))) == 60


def test_a_restart_goes_on_behind_what_was_spooled(video: Path) -> None:
    whole = sampled(video, VideoOptions(cadence_seconds=3.0))
    known = {frame.origin.name for frame in whole[:2] if frame.origin}
    rest = sampled(video, VideoOptions(cadence_seconds=3.0), known)
    assert [frame.captured_at for frame in rest] == [frame.captured_at for frame in whole[2:]]
    assert [frame.data for frame in rest] == [frame.data for frame in whole[2:]]


def test_the_start_of_a_video_may_be_told_or_follows_from_its_end(video: Path) -> None:
    told = sampled(video, VideoOptions(EIGHT + timedelta(days=1), 100.0))
    assert told[0].captured_at == EIGHT + timedelta(days=1)
    nameless = video.rename(video.with_name("recording.avi"))
    ended = datetime.fromtimestamp(nameless.stat().st_mtime_ns / 1e9, UTC)
    (first,) = sampled(nameless, VideoOptions(cadence_seconds=100.0))
    assert abs((ended - first.captured_at).total_seconds() - 12.0) < 0.01


@pytest.mark.parametrize("content", [b"", b"no video at all", b"RIFF\xff\xff\xff\x7fAVI LIST" + b"\0" * 200])
def test_what_is_no_video_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.avi"
    path.write_bytes(content)
    with pytest.raises(SourceUnusable, match=r"broken\.avi"):
        sampled(path, VideoOptions())


def test_a_video_goes_through_the_agent(server: PostServer, tmp_path: Path, token_file: Path, video: Path) -> None:
    arguments = [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", server.url, "--camera", "cam1", "--until-empty"),
        *("--token-file", str(token_file), "--spool", str(tmp_path / "s.db"), "--source", f"file:{video}"),
        *("--cadence", "3", "--start", "2026-03-02T16:00:00+08:00"),
    ]
    for _ in range(2):  # the second run has nothing to do
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, done.stderr
    assert [datetime.fromisoformat(post.captured_at) for post in server.posts] == [
        EIGHT + timedelta(seconds=s) for s in (0, 3, 6, 9)
    ]
    assert {post.media_type for post in server.posts} == {"image/jpeg"}


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    camera = RtspCamera()
    yield camera
    camera.close()


def live(camera: RtspCamera, cadence: float, password: str = PASSWORD) -> Taking:
    address = f"rtsp://{USER}:{quote(password, safe='')}@127.0.0.1:{camera.port}/ward"
    options = LiveOptions(cadence, timeout_seconds=30.0, retry_first_seconds=0.1, retry_max_seconds=0.2)
    return Taking(lambda count: LiveSource(stream_opener(address, 30.0), redact(address), options, count))


def test_an_rtsp_camera_is_read_at_the_cadence_with_the_present(camera: RtspCamera) -> None:
    begun = datetime.now(UTC)
    with live(camera, 0.4) as taking:
        wait_for(lambda: len(taking.frames) >= 5, 90)
    assert camera.connections == 1
    instants = [frame.captured_at.timestamp() for frame in taking.frames[:5]]
    assert begun.timestamp() < instants[0] < datetime.now(UTC).timestamp()
    elapsed = instants[-1] - instants[0]
    # One that comes late may be followed by one in time: of four pauses of 0.4 s at least half are kept.
    assert elapsed >= 0.8
    # What the pictures show moves on as fast as the clock. A source that queued what the camera sends, 20 a second,
    # would show four pictures further, 0.2 s of the camera's own time, however slow this machine is.
    shown = [sent_when(camera, shade_of(frame.data), at) for frame, at in zip(taking.frames, instants, strict=False)]
    assert shown[-1] - shown[0] >= elapsed / 2


def sent_when(camera: RtspCamera, shade: float, before: float) -> float:
    """When the camera sent the last picture of that shade that was sent before an instant. Shade i is 40 + 5 i."""
    number = round((shade - 40) / 5)
    return max(at for sent, at in camera.sent if sent % 40 == number and at <= before + 0.05)


def test_a_camera_whose_power_goes_is_opened_again(camera: RtspCamera) -> None:
    with live(camera, 0.1) as taking:
        wait_for(lambda: len(taking.frames) >= 2, 90)
        camera.on = False
        camera.drop()
        wait_for(lambda: taking.causes["camera_away"] >= 2, 90)
        had = len(taking.frames)
        camera.on = True
        wait_for(lambda: len(taking.frames) >= had + 2, 90)
    assert camera.connections >= 2
    assert set(taking.causes) - {"missed.slow"} == {"camera_away"}  # a busy machine is slow besides


def test_a_slow_cadence_opens_the_camera_for_each_picture(camera: RtspCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.sources.live.HOLD_OPEN_BELOW_SECONDS", 0.1)
    with live(camera, 0.3) as taking:
        wait_for(lambda: len(taking.frames) >= 3, 90)
    assert camera.connections >= 3


def test_a_usb_camera_that_is_not_there_is_away_not_an_error() -> None:
    options = LiveOptions(retry_first_seconds=0.05)
    with Taking(lambda count: LiveSource(usb_opener(97), "usb:97", options, count)) as taking:
        wait_for(lambda: taking.causes.total() >= 2, 90)
    assert taking.frames == []


@pytest.mark.parametrize("password", [PASSWORD, "wrong:pass/word"])
def test_a_streams_password_is_never_said(
    camera: RtspCamera, server: PostServer, tmp_path: Path, token_file: Path, password: str
) -> None:
    """Not by us, OpenCV or FFmpeg, whether the camera lets us in or not, in log, status or spool."""
    credentials = tmp_path / "credentials"
    credentials.write_text(f"{USER}:{password}\n")
    arguments = [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", server.url, "--camera", "cam1", "--log", "json"),
        *("--token-file", str(token_file), "--spool", str(tmp_path / "s.db"), "--cadence", "0.2"),
        *("--source", f"rtsp://127.0.0.1:{camera.port}/ward", "--source-credentials", str(credentials)),
    ]
    agent = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        good = password == PASSWORD
        wait_for(lambda: len(server.kept) >= 2 if good else camera.refused >= 2, 90)
        threading.Event().wait(0.3)
    finally:
        agent.terminate()
        said, _ = agent.communicate(timeout=120)
    assert agent.returncode == 0, said
    assert f"rtsp://***@127.0.0.1:{camera.port}/ward" in said
    held = b"".join(path.read_bytes() for path in tmp_path.glob("s.db*"))
    for secret in (password, quote(password, safe=""), password.split(":")[1]):
        assert secret not in said
        assert secret.encode() not in held
    if good:
        assert server.kept[0].sequence > 60_000_000  # counts from 2024 on: a new disk does not begin at 0 again


def test_a_password_on_the_command_line_is_not_said_either(tmp_path: Path, token_file: Path) -> None:
    arguments = [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", "http://127.0.0.1:9", "--camera", "cam1"),
        *("--token-file", str(token_file), "--spool", str(tmp_path / "s.db")),
        *("--source", "rtsp://viewer:hunter22@127.0.0.1:9/ward"),
    ]
    log = tmp_path / "log"
    with log.open("w") as file:
        agent = subprocess.Popen(arguments, stdout=file, stderr=subprocess.STDOUT)
    wait_for(lambda: "the camera gives no picture" in log.read_text(), 90)
    agent.terminate()
    agent.wait(120)
    assert "hunter22" not in log.read_text()


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("folder:/a/b:c", SourceKind.FOLDER, "/a/b:c"),
        ("file:video.mp4", SourceKind.FILE, "video.mp4"),
        ("usb:0", SourceKind.USB, "0"),
        ("rtsp://camera:554/ward?channel=1", SourceKind.STREAM, "rtsp://camera:554/ward?channel=1"),
        ("http://camera/mjpeg", SourceKind.STREAM, "http://camera/mjpeg"),
    ],
)
def test_an_address_is_taken_apart(text: str, kind: SourceKind, value: str) -> None:
    address = parse_address(text)
    assert (address.kind, address.value) == (kind, value)


@pytest.mark.parametrize(
    "text", ["", "folder:", "usb:", "usb:-1", "usb:one", "/a/b", "rtsp://", "rtsp://a b/", "usb:٣"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        parse_address(text)
    assert caught.value.field == "source"


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://user:hunter22@host/x",
        "cannot open RTSP://hunter22@host/x!",
        "http://host/x?user=a&password=hunter22&y=1",
        "rtsp://user:p@ss@hunter22@host/",
    ],
)
def test_lines_are_cleared_of_credentials(text: str) -> None:
    assert "hunter22" not in redact(text)


def test_an_address_does_not_show_its_password_when_printed() -> None:
    address = parse_address("rtsp://user:hunter22@host/x")
    assert "hunter22" not in f"{address!r} {address} {address.shown}"


def test_origins_of_one_video_differ_by_picture(video: Path) -> None:
    origins = [frame.origin for frame in sampled(video, VideoOptions(cadence_seconds=3.0))]
    assert len(set(origins)) == 4
    assert all(isinstance(origin, Origin) for origin in origins)
