"""A roll call reaches the real agent over real HTTP: a picture in seconds, and a change in it on command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from service.access import Role
from service.facilities.tables import Camera, Facility, Ward
from service.kit.intervals import Interval
from service.occupancy.roll_call_tables import RollCall
from service.platform.context import Context
from service.sightings import ask_for_answers, cameras_now, command_answers
from service.sightings.device_tables import DeviceHeartbeat
from service.sightings.edge_tables import PictureCommand
from service.sightings.heartbeats import latest_heartbeat
from service.sightings.tables import Snapshot
from tests.builders import browser, create_camera, create_facility, create_user, create_ward
from tests.conftest import ROOT
from tests.devices import pair_device
from tests.edge_agent.conftest import jpeg, wait_for
from tests.edge_agent.onvif_camera import PASSWORD, USER, FakeCamera, served

HOUR = 3600
PATIENCE = 60.0
"""Seconds. A quiet machine needs five; nothing here asserts how many it were."""


@pytest.fixture
def ward(context: Context) -> tuple[Facility, Ward]:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1")
        return facility, create_ward(session, facility, "w1")


class Boxes:
    """Agents as processes of their own, each with a camera that has a snapshot address and an ONVIF service."""

    def __init__(self, context: Context, ward: tuple[Facility, Ward], server: str, folder: Path) -> None:
        self._context, self._ward, self._server, self._folder = context, ward, server, folder
        self._stack = ExitStack()

    def start(self, code: str, lens: FakeCamera, *, onvif: bool = True, every: float = 5.0, source: str = "") -> Camera:
        """A camera of the ward whose schedule is a picture an hour. `every`: seconds between looks at it, usually 5."""
        lens = self._stack.enter_context(served(lens))
        with self._context.database.transaction() as session:
            camera = create_camera(session, self._ward[1], code, cadence_seconds=HOUR)
        home = self._folder / code
        home.mkdir()
        pair_device(self._context, self._ward[0], camera=camera).save(home / "device.key")
        (home / "user").write_text(f"{USER}:{PASSWORD}\n")
        flags = {
            "--server": self._server,
            "--key": home / "device.key",
            "--camera": code,
            "--source": source or f"snapshot:{lens.address}/picture.jpg",
            "--spool": home / "spool.db",
            "--retry-max": 1,
            "--config-every": every,
            "--heartbeat": 12 * every,
        } | ({"--onvif": f"{lens.address}/onvif/device_service", "--onvif-credentials": home / "user"} if onvif else {})
        command = [sys.executable, "-m", "edge_agent", "camera"]
        command += [str(part) for pair in flags.items() for part in pair]
        command += ["--follow"] if source else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_EDGE")}
        log = self._stack.enter_context((home / "log").open("ab"))
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        self._stack.callback(process.wait, 60)
        self._stack.callback(process.terminate)
        return camera

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def boxes(context: Context, ward: tuple[Facility, Ward], address: str, tmp_path: Path) -> Iterator[Boxes]:
    made = Boxes(context, ward, address, tmp_path)
    yield made
    made.close()


def pictures(context: Context, camera: Camera) -> Sequence[Snapshot]:
    with context.database.reading() as session:
        query = select(Snapshot).where(Snapshot.camera_id == camera.id)
        return session.exec(query.order_by(col(Snapshot.captured_at))).all()


def has_spoken(context: Context, camera: Camera) -> bool:
    """It has sent its first picture and a heartbeat; from now on only its schedule or a roll call gives another one."""
    with context.database.reading() as session:
        beats = session.exec(select(DeviceHeartbeat).where(DeviceHeartbeat.camera_id == camera.id)).all()
    return bool(beats) and len(pictures(context, camera)) == 1


def answers(context: Context) -> list[str]:
    """What boxes said of the change that was commanded."""
    with context.database.reading() as session:
        return [row.outcome for row in session.exec(select(PictureCommand)).all()]


def ability(context: Context, camera: Camera) -> str:
    """By what the camera's picture can be changed, as the last heartbeat says."""
    with context.database.reading() as session:
        beat = latest_heartbeat(session, camera.id)
        return str(beat.versions.get("exposure")) if beat is not None else ""


def call(context: Context, app: FastAPI, ward: tuple[Facility, Ward]) -> RollCall:
    """A surprise roll call of the ward, over the API."""
    with context.database.transaction() as session:
        user = create_user(session, role=Role.INSPECTOR, facility=ward[0])
    answer = browser(app, context, user).post("/api/v1/roll-calls", json={"facility": "h1", "ward": "w1"})
    assert answer.status_code == 201, answer.text
    with context.database.reading() as session:
        return session.exec(select(RollCall)).one()


def test_a_roll_call_gets_a_picture_within_seconds_where_the_schedule_says_one_an_hour(
    context: Context,
    app: FastAPI,
    ward: tuple[Facility, Ward],
    boxes: Boxes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    camera = boxes.start("cam1", FakeCamera(), onvif=False)
    folder = tmp_path / "lens"
    folder.mkdir()
    (folder / f"files_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jpg").write_bytes(jpeg(1, (320, 240)))
    files = boxes.start("files", FakeCamera(), onvif=False, source=f"folder:{folder}")
    wait_for(lambda: has_spoken(context, camera) and has_spoken(context, files), PATIENCE)
    held = call(context, app, ward)
    wait_for(lambda: len(pictures(context, camera)) > 1, PATIENCE)
    ordinary, asked = pictures(context, camera)[:2]
    assert asked.received_at > held.opens_at > ordinary.received_at
    assert asked.received_at - ordinary.received_at < timedelta(seconds=0.9 * HOUR)  # not by the schedule's jitter
    assert asked.trust == "live"
    wait_for(lambda: answers(context) == ["unsupported"] * 2, PATIENCE)  # a folder cannot obey either, and says so
    with capsys.disabled():
        here = (asked.received_at - held.opens_at).total_seconds()
        print(f"\nroll call: its picture is at the server after {here:.1f} s")


@pytest.mark.models
def test_an_honest_camera_obeys_a_roll_call_and_a_replay_is_found(
    context: Context,
    app: FastAPI,
    ward: tuple[Facility, Ward],
    boxes: Boxes,
    models_dir: Path,
    run_jobs: Callable[[], int],
) -> None:
    """Both boxes switch their camera's exposure over ONVIF; what one of them sends does not change."""
    honest = boxes.start("honest", FakeCamera(), every=1.0)
    replay = boxes.start("replay", FakeCamera(frozen=True), every=1.0)
    wait_for(lambda: has_spoken(context, honest) and has_spoken(context, replay), PATIENCE)
    held = call(context, app, ward)

    def answered() -> bool:
        return answers(context) == ["applied", "applied"] and all(
            len(pictures(context, camera)) >= 6 for camera in (honest, replay)
        )

    wait_for(answered, 2 * PATIENCE)
    wait_for(lambda: all(ability(context, camera) == "onvif" for camera in (honest, replay)), PATIENCE)
    with context.database.transaction() as session:
        ask_for_answers(
            session, facility_id=ward[0].id, ward_id=ward[1].id, roll_call_id=held.id,
            call=Interval(held.opens_at, held.closes_at), now=context.clock.now(),
        )  # fmt: skip
    run_jobs()
    span = Interval(held.opens_at, held.closes_at)
    with context.database.reading() as session:
        told = {one.camera_code: (one.counts, one.doubtful) for one in command_answers(session, ward[0].id, span)}
        alarms = {now.camera_code: set(now.alarms) for now in cameras_now(session, ward[0].id, context.clock.now())}
    assert told == {"honest": ({"seen": 1}, False), "replay": ({"not_seen": 1}, True)}
    assert ["unanswered" in alarms[code] for code in ("honest", "replay")] == [False, True]
    assert {row.trust for row in pictures(context, honest)} == {"live"}
    assert "unproven" in {row.trust for row in pictures(context, replay)}
