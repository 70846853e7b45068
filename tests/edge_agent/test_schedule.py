"""When live cameras take pictures: roll calls between two an hour apart, cameras away meanwhile, boxes too slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from edge_agent.frames import ROLL_CALL
from edge_agent.pace import Pace
from edge_agent.sources.base import LATEST_WINS, next_due
from edge_agent.sources.live import LiveOptions, LiveSource
from edge_agent.sources.snapshot_url import SnapshotUrlSource
from service.contracts import RollCallOut
from tests.edge_agent.conftest import wait_for
from tests.edge_agent.onvif_camera import FakeCamera, served
from tests.edge_agent.taking import Taking

HOUR = 3600.0
CALL = "0195565e3b7e7c3a9d6f1b2a4c5d6e92"


class Sensor:
    """A camera as OpenCV shows it. `away`: so many times it gives nothing. `slow`: seconds that a picture takes."""

    def __init__(self, away: int = 0, slow: float = 0.0) -> None:
        self.away, self.slow = away, slow

    def isOpened(self) -> bool:
        self.away -= 1
        return self.away < 0

    def get(self, _what: int) -> float:
        return 25.0

    def grab(self) -> bool:
        time.sleep(0.03)
        return True

    def read(self) -> tuple[bool, Any]:
        time.sleep(self.slow)
        return True, np.full((48, 64, 3), 90, np.uint8)

    def release(self) -> None:
        pass


@pytest.fixture(params=["stream", "snapshot"])
def build(request: pytest.FixtureRequest) -> Iterator[Callable[..., Taking]]:
    """Makes a source of either kind, whose camera is away or slow at first as told."""
    with served(FakeCamera()) as camera:

        def made(pace: Pace, sensor: Sensor) -> Taking:
            if request.param == "stream":
                options = LiveOptions(retry_first_seconds=20.0, retry_max_seconds=20.0)
                return Taking(lambda count: LiveSource(lambda: sensor, "camera", options, count, pace=pace))  # type: ignore[arg-type,return-value]
            plain = camera.jpeg

            def jpeg() -> bytes:
                time.sleep(sensor.slow)
                sensor.away -= 1
                return b"no picture" if sensor.away >= 0 else plain()

            camera.jpeg = jpeg  # type: ignore[method-assign]
            return Taking(lambda count: SnapshotUrlSource(f"{camera.address}/a.jpg", "camera", count, pace))

        yield made


def call(pace: Pace) -> None:
    """The server says that a roll call is open."""
    now = datetime.now(UTC)
    pace.obey(HOUR, 0.0, (RollCallOut(roll_call_id=CALL, opens_at=now, closes_at=now + timedelta(minutes=30)),))


def test_a_roll_call_gets_pictures_for_as_long_as_it_lasts(
    build: Callable[..., Taking], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only the first: what was due in an hour is no longer waited for."""
    monkeypatch.setattr("edge_agent.pace.ROLL_CALL_SECONDS", 0.05)
    pace = Pace(HOUR)
    with build(pace, Sensor()) as taking:
        wait_for(lambda: len(taking.frames) == 1, 30)
        call(pace)
        wait_for(lambda: len(taking.frames) >= 4, 30)
    assert {frame.priority for frame in taking.frames[1:]} == {ROLL_CALL}


def test_a_camera_that_gives_nothing_when_called_is_asked_again(build: Callable[..., Taking]) -> None:
    pace, sensor = Pace(HOUR), Sensor()
    with build(pace, sensor) as taking:
        wait_for(lambda: len(taking.frames) == 1, 30)
        sensor.away = 1
        call(pace)
        wait_for(lambda: taking.causes["camera_away"] == 1, 30)
        pace.summon_and_wait(0.0, threading.Event())  # the next step of its command does not wait for a pause of 20 s
        wait_for(lambda: len(taking.frames) == 2, 15)


def test_a_box_slower_than_its_schedule_takes_the_latest_and_counts_the_rest(build: Callable[..., Taking]) -> None:
    with build(Pace(0.01), Sensor(slow=0.1)) as taking:
        wait_for(lambda: taking.causes[LATEST_WINS] >= 2, 30)
    assert set(taking.causes) == {LATEST_WINS}


def test_a_beat_is_kept_when_pictures_take_time() -> None:
    """Of 10 s, with 2 s for each picture: the next is due in 8, not in 10."""
    counted: list[str] = []
    now = time.monotonic()
    assert next_due(now - 2.0, 10.0, 10.0, counted.append) == pytest.approx(now + 8.0, abs=0.5)
    assert next_due(now + 3000.0, 3600.0, 20.0, counted.append) == pytest.approx(now + 20.0, abs=0.5)
    assert counted == []
    assert next_due(now - 500.0, 10.0, 10.0, counted.append) == pytest.approx(now + 10.0, abs=0.5)
    assert counted == [LATEST_WINS]
