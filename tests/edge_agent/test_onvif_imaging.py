"""A commanded change over ONVIF: against a camera that checks its tokens and really changes its picture."""

from __future__ import annotations

import gzip
import io
import logging
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_agent.commands import Commander
from edge_agent.device_clock import DeviceClock
from edge_agent.errors import SettingsInvalid
from edge_agent.exposure import changer_of
from edge_agent.onvif.imaging import ImagingChanger, Kind
from edge_agent.onvif.soap import CameraRefused, OnvifCamera, read_xml
from edge_agent.pace import Pace
from edge_agent.settings import AgentSettings
from edge_agent.signing import SigningAuth
from service.contracts import steps_of
from tests.edge_agent.onvif_camera import (
    AUTO,
    BRIGHTNESS_OPTIONS,
    INFRARED_OPTIONS,
    PASSWORD,
    USER,
    FakeCamera,
    served,
)

CALL = "0195565e3b7e7c3a9d6f1b2a4c5d6e92"


@pytest.fixture
def camera() -> Iterator[FakeCamera]:
    with served(FakeCamera()) as camera:
        yield camera


def changer(camera: FakeCamera, kind: Kind = "auto", password: str = PASSWORD) -> ImagingChanger:
    return ImagingChanger(partial(OnvifCamera, camera.address + "/onvif/device_service", USER, password), kind)


def light(camera: FakeCamera) -> float:
    return float(np.asarray(Image.open(io.BytesIO(camera.jpeg()))).mean())


@pytest.mark.parametrize("kind", ["auto", "exposure", "brightness", "infrared"])
def test_the_picture_gets_dark_and_bright_and_is_put_back(camera: FakeCamera, kind: Kind) -> None:
    made, before = changer(camera, kind), light(camera)
    assert made.ability == "none"
    state = made.prepare()
    assert state is not None
    assert made.ability == "onvif"
    assert made.change("dark")
    dark = light(camera)
    assert made.change("bright")
    assert light(camera) - dark > 60
    assert changer(camera).restore(state)  # another agent does, after the first was killed
    assert light(camera) == pytest.approx(before, abs=3)
    assert camera.refused == 0


def test_exposure_stays_within_the_cameras_range_and_goes_back_to_automatic(camera: FakeCamera) -> None:
    made = changer(camera, "exposure")
    state = made.prepare()
    assert state is not None
    assert made.change("dark")
    assert made.change("bright")
    assert made.restore(state)
    assert "<t:ExposureTime>1000<" in camera.told[0]
    assert "<t:ExposureTime>33000<" in camera.told[1]  # its longest, below ours
    assert "<t:Gain>0<" in camera.told[1]
    assert camera.told[2] == AUTO.replace("tt:", "t:")


@pytest.mark.parametrize(
    ("options", "told"),
    [(BRIGHTNESS_OPTIONS, "Brightness"), (INFRARED_OPTIONS, "IrCutFilter"), ("", None)],
)
def test_a_camera_without_manual_exposure_uses_what_it_has(camera: FakeCamera, options: str, told: str | None) -> None:
    camera.options = options
    made = changer(camera)
    assert (made.prepare() is not None) == (told is not None)
    assert made.change("dark") == (told is not None)
    if told is not None:
        assert told in camera.told[0]
    assert made.ability == ("none" if told is None else "onvif")


def test_a_camera_whose_clock_is_off_by_hours_lets_the_user_in(camera: FakeCamera) -> None:
    camera.clock_off = timedelta(hours=-7, seconds=13)
    assert changer(camera).prepare() is not None
    assert camera.refused == 0


def test_a_wrong_password_changes_nothing_and_no_password_is_sent_or_logged(
    camera: FakeCamera, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert changer(camera, password="wr0ng").prepare() is None
        assert changer(camera).prepare() is not None
    sent = b"".join(camera.requests)
    for secret in ("wr0ng", PASSWORD, "s3cret"):
        assert secret.encode() not in sent
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><e:Envelope/>',
        "<!DOCTYPE x>".encode("utf-16"),
        b"<a>" * 5000 + b"</a>" * 5000,
        b"<a>" + b"x" * 300_000 + b"</a>",
        b"not xml",
        b"<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body/></e:Envelope>",
        b"",
    ],
)
def test_hostile_answers_are_refused(camera: FakeCamera, hostile: bytes) -> None:
    camera.hostile = hostile
    assert changer(camera).prepare() is None


@pytest.mark.parametrize("encoding", ["gzip", ""])
@pytest.mark.parametrize("status", [200, 401])
def test_an_answer_of_very_much_is_not_kept(camera: FakeCamera, status: int, encoding: str) -> None:
    """Neither unpacked, nor of a 401, which is read before the password's digest is sent."""
    much = b" " * 50_000_000
    camera.encoding, camera.hostile, camera.hostile_status = encoding, gzip.compress(much) if encoding else much, status
    tracemalloc.start()
    try:
        assert changer(camera).prepare() is None
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_what_the_camera_names_leads_to_no_other_host(camera: FakeCamera) -> None:
    asked = OnvifCamera(camera.address)
    assert asked.path_of("http://10.9.9.9:81/onvif/media?x=1") == "/onvif/media?x=1"
    for text in (None, "", "//evil/x y", "http://h", "file:etc"):
        with pytest.raises(CameraRefused):
            asked.path_of(text)
    asked.close()
    assert read_xml(b"<a><b/></a>") is not None


@pytest.mark.parametrize("address", ["ftp://h/x", "http://", "http://u:p@h/onvif", "http://h:99999/"])
def test_an_address_that_is_none_is_said_at_the_start(tmp_path: Path, address: str) -> None:
    settings = AgentSettings(
        server="http://h", token_file=tmp_path / "t", camera="c", source="usb:0", spool=tmp_path / "s", onvif=address
    )
    with pytest.raises(SettingsInvalid) as refused:
        changer_of(settings)
    assert "u:p" not in str(refused.value)


def test_hook_and_onvif_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one"):
        AgentSettings(
            server="http://h", token_file=tmp_path / "t", camera="c", source="usb:0", spool=tmp_path / "s",
            onvif="http://h/x", exposure_hook=tmp_path / "hook",
        )  # fmt: skip


def commander(camera: FakeCamera, marker: Path) -> Commander:
    return Commander(
        changer(camera), camera.address, lambda: SigningAuth.__new__(SigningAuth), DeviceClock(), Pace(300.0),
        unfinished=marker, settle_seconds=0.0, hold_seconds=0.01,
    )  # fmt: skip


def test_a_camera_that_refuses_in_the_middle_is_put_back_later(camera: FakeCamera, tmp_path: Path) -> None:
    """As after a kill: the next agent finds what was left undone."""
    marker = tmp_path / "changed"
    first = commander(camera, marker)
    said = first.obey(CALL, steps_of(CALL), threading.Event())
    assert (said.outcome, len(said.steps), marker.exists()) == ("applied", 5, False)
    state = changer(camera).prepare()
    assert state is not None
    marker.write_text(state)
    camera.level = 40.0  # dark, when the agent died
    second, stop = commander(camera, marker), threading.Event()
    second._put_back()
    assert not marker.exists()
    assert light(camera) == pytest.approx(110, abs=4)
    camera.hostile = b"away"
    assert second.obey(CALL, steps_of(CALL), stop).outcome == "unsupported"  # it never could, this agent knows
    assert first.obey(CALL, steps_of(CALL), stop).outcome == "failed"
