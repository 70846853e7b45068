"""`wardwatch-edge aim`: zones from a server, faces by the real models, one look for scripts, a table for people."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from rich.console import Console, Group
from typer.testing import CliRunner

from edge_agent import aim as command
from edge_agent.cli import app
from service.contracts import CameraOut, DeviceConfig, ZoneOut
from service.vision import AimAdvice, Frame, UnobservedCause, aim, load_pack
from tests.bench.frames import ward_frame, zones
from tests.edge_agent.rtsp import PASSWORD, USER, RtspCamera

PACK = Path(__file__).resolve().parent.parent.parent / "models" / "wardwatch-default"


def config() -> DeviceConfig:
    """As the server would say it, for the beds of the bench's ward."""
    camera = CameraOut(camera_id="c" * 32, code="cam1", name="cam1", facility_code="h1", ward_code="w1")
    told = tuple(
        ZoneOut(
            zone_id=zone.zone_id,
            bed_id=zone.zone_id,
            bed_code=zone.zone_id,
            polygon=[(float(x), float(y)) for x, y in zone.polygon],
            head_edge=zone.head_edge,
            version=1,
        )
        for zone in zones()
    )
    return DeviceConfig(version="1", cadence_seconds=300, camera=camera, zones=told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A camera's folder with one picture: somebody in the first bed, nobody in the others."""
    pictures = tmp_path / "in"
    pictures.mkdir()
    frame = ward_frame(3, {0: 0}).frame
    cv2.imwrite(str(pictures / "cam1_20260302T080000Z.png"), frame.pixels)
    return pictures


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A server that gives the configuration to whoever has the token; which addresses it was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.headers.get("authorization") != "Bearer ww_test_token_0123456789":
            return httpx.Response(401)
        return httpx.Response(200, content=config().model_dump_json())

    monkeypatch.setattr(command, "open_client", lambda _options: httpx.Client(transport=httpx.MockTransport(answer)))
    return asked


def arguments(folder: Path, token: Path, *more: str) -> list[str]:
    named = ["--server", "http://ward.test", "--token-file", str(token), "--camera", "cam1", "--models", str(PACK)]
    return ["aim", *named, "--source", f"folder:{folder}", *more]


def test_one_look_for_scripts_says_of_each_bed_what_to_do(folder: Path, token_file: Path, told: list[str]) -> None:
    result = CliRunner().invoke(app, arguments(folder, token_file, "--once", "--json"))
    assert result.exit_code == 2, result.output  # not every bed is usable
    said = json.loads(result.stdout)
    assert told == ["/api/v1/devices/me/config"]
    beds = {bed["bed"]: bed for bed in said["beds"]}
    assert list(beds) == [zone.zone_id for zone in zones()]
    first, second = beds["bed-0"], beds["bed-1"]
    assert (first["face"], first["usable"], second["face"], second["usable"]) == (True, True, False, False)
    assert first["face_width_px"] > 16
    assert first["sharpness"] > 0
    assert abs(first["yaw"]) < 65
    assert second["reasons"] == ["no_face"]
    assert second["advice"] == "lie_down"
    assert not said["good"]
    assert list(folder.iterdir()) == [folder / "cam1_20260302T080000Z.png"], "nothing is kept, nothing is moved"


def test_the_table_names_every_bed(folder: Path, token_file: Path, told: list[str]) -> None:
    result = CliRunner().invoke(app, arguments(folder, token_file, "--once"), env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "1 / " in result.stdout
    for zone in zones():
        assert zone.zone_id in result.stdout


def test_an_rtsp_camera_is_aimed_live_until_the_installer_ends_it(
    token_file: Path, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shell that starts the tests in its background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pixels = ward_frame(3, {0: 0}).frame.pixels
    camera = RtspCamera(lambda _number: pixels, distinct=1)
    credentials = tmp_path / "stream"
    credentials.write_text(f"{USER}:{PASSWORD}\n")
    looks: list[command.Aimed] = []
    drawn = command.table_of

    def watched(code: str, look: command.Aimed) -> Group:
        looks.append(look)
        if len(looks) == 2:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C, once two pictures were seen
        return drawn(code, look)

    monkeypatch.setattr(command, "table_of", watched)
    named = ["--server", "http://ward.test", "--token-file", str(token_file), "--camera", "cam1", "--models", str(PACK)]
    source = ["--source", f"rtsp://127.0.0.1:{camera.port}/ward", "--source-credentials", str(credentials)]
    try:
        result = CliRunner().invoke(app, ["aim", *named, *source, "--every", "0.2"], env={"COLUMNS": "200"})
    finally:
        camera.close()
        signal.signal(signal.SIGINT, before)
    assert len(looks) == 2, result.output
    assert looks[0].size == (pixels.shape[1], pixels.shape[0])
    assert [bed.face_found for _, bed in looks[0].beds] == [True, *[False] * (len(zones()) - 1)]
    for zone in zones():
        assert zone.zone_id in result.output, "the first look's table stood there"
    assert PASSWORD.split(":")[-1] not in result.output


def test_a_view_that_shows_nothing_and_a_face_out_of_focus_are_told_apart() -> None:
    pack = load_pack(PACK)
    frame = ward_frame(3, {0: 0}).frame
    cause, beds = aim(Frame(np.zeros_like(frame.pixels)), zones(), pack)
    assert cause is UnobservedCause.BLACK
    assert {bed.advice for bed in beds} == {AimAdvice.MEND_VIEW}
    black = command.Aimed((10, 10), cause, tuple((bed.zone_id, bed) for bed in beds))
    console = Console(width=200, record=True, file=StringIO())
    console.print(command.table_of("cam1", black))
    assert "the whole view: black" in console.export_text()
    assert not black.is_good
    soft = frame.pixels.copy()
    x1, y1, x2, y2 = (round(side) for side in (aim(frame, zones(), pack)[1][0].box or (0, 0, 0, 0)))
    part = soft[y1:y2, x1:x2]
    soft[y1:y2, x1:x2] = cv2.GaussianBlur(part, (0, 0), (x2 - x1) / 14)
    sharp, blurred = aim(frame, zones(), pack)[1][0], aim(Frame(soft), zones(), pack)[1][0]
    assert sharp.usable
    assert blurred.sharpness is None or sharp.sharpness is None or blurred.sharpness < sharp.sharpness
    assert not blurred.usable
    assert blurred.advice in (AimAdvice.FOCUS, AimAdvice.UNCOVER, AimAdvice.TURN_OR_MOVE)


def test_a_server_that_does_not_know_the_device_is_named(folder: Path, tmp_path: Path, told: list[str]) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("ww_another_token_000000\n")
    wrong.chmod(0o600)
    result = CliRunner().invoke(app, arguments(folder, wrong, "--once"))
    assert result.exit_code == 1
    assert "401" in str(result.exception)


def test_only_this_command_loads_the_models() -> None:
    code = (
        "import sys, edge_agent.cli, edge_agent.agent; print(sorted({'insightface', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
