"""Changes in the picture that roll calls command: seen, not seen, and those that cannot be."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from edge_agent.commands import Commander
from edge_agent.device_clock import DeviceClock
from edge_agent.device_key import DeviceKey
from edge_agent.exposure import ProgramChanger
from edge_agent.pace import Pace
from edge_agent.signing import SigningAuth
from service.contracts import CommandStep, PictureCommandReport, RollCallOut, steps_of
from service.facilities.tables import Camera, Facility
from service.kit.intervals import Interval
from service.occupancy.roll_call_tables import RollCall
from service.platform.context import Context
from service.screening.place_facts import CameraEvent, CameraFacts
from service.screening.rules.cameras import TamperingParameters, camera_tampering
from service.screening.subjects import Subject, SubjectKind
from service.sightings import CommandedChange, commanded_changes
from service.sightings.tables import Snapshot, SnapshotPrint
from service.vision import Frame
from service.vision.sequence import make_print
from tests.builders import create_camera, create_facility, create_ward
from tests.devices import pair_device

CALL = "0195565e3b7e7c3a9d6f1b2a4c5d6e92"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def roll_call(facility: Facility, ward_id: str, name: str, opens_at: datetime) -> RollCall:
    """A surprise call of the ward, open for half an hour."""
    return RollCall(
        id=name, group_id=name, facility_id=facility.id, kind="surprise", scope="ward",
        scope_key=f"{ward_id}{name[-8:]}", ward_id=ward_id, recorded_at=opens_at,
        opens_at=opens_at, frozen_until=opens_at + timedelta(minutes=5),
        closes_at=opens_at + timedelta(minutes=30), called_by="user:tester",
    )  # fmt: skip


@pytest.fixture
def place(context: Context) -> tuple[Facility, Camera]:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1")
        ward = create_ward(session, facility)
        session.add(roll_call(facility, ward.id, CALL, NOON))
        return facility, create_camera(session, ward, "cam1")


@pytest.fixture
def key(context: Context, place: tuple[Facility, Camera]) -> DeviceKey:
    return pair_device(context, place[0], camera=place[1])


def report(levels: tuple[str, ...]) -> PictureCommandReport:
    """Five steps of ten seconds."""
    steps = tuple(
        CommandStep(
            level="bright" if level == "bright" else "dark",
            since=NOON + timedelta(seconds=10 * k),
            until=NOON + timedelta(seconds=10 * k + 8),
        )
        for k, level in enumerate(levels)
    )
    return PictureCommandReport(roll_call_id=CALL, outcome="applied", steps=steps)


def post(client: TestClient, key: DeviceKey, said: PictureCommandReport) -> int:
    answer = client.post(
        "/api/v1/picture-commands",
        content=said.model_dump_json(),
        headers={"Content-Type": "application/json"},
        auth=SigningAuth(key),
    )
    return int(answer.status_code)


def picture(context: Context, camera: Camera, number: int, light: int) -> None:
    """A picture in the middle of a step, its room as bright as `light`."""
    noise = np.random.default_rng(number).integers(-20, 21, (180, 320, 3))
    made = make_print(Frame(np.clip(noise + light, 0, 255).astype(np.uint8)), [])
    at = NOON + timedelta(seconds=10 * number + 4)
    with context.database.transaction() as session:
        row = Snapshot(
            facility_id=camera.facility_id, camera_id=camera.id, sequence=number, sha256=f"{number:064x}",
            media_type="image/jpeg", byte_count=1, captured_at=at, received_at=at, state="analysed",
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            SnapshotPrint(
                snapshot_id=row.id, camera_id=camera.id, sequence=number, captured_at=at,
                layout=made.layout.hex(), data=made.to_bytes(),
            )
        )  # fmt: skip


def changes(context: Context, place: tuple[Facility, Camera]) -> tuple[CommandedChange, ...]:
    with context.database.reading() as session:
        return commanded_changes(session, place[0].id, Interval(NOON - timedelta(hours=1), NOON + timedelta(hours=1)))


def test_a_camera_that_obeys_is_seen_to(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    levels = steps_of(CALL)
    assert set(levels) == {"dark", "bright"}
    for number, level in enumerate(levels):
        picture(context, place[1], number, 150 if level == "bright" else 60)
    assert post(client, key, report(levels)) == 202
    assert post(client, key, PictureCommandReport(roll_call_id=CALL, outcome="failed")) == 202  # the first word counts
    (change,) = changes(context, place)
    assert (change.outcome, len(change.snapshot_ids)) == ("seen", 5)
    assert change.change is not None
    assert 80 <= change.change <= 95


def test_a_replay_does_not_get_darker_and_is_a_finding_about_the_camera(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    for number in range(5):
        picture(context, place[1], number, 110 + number % 2)
    assert post(client, key, report(steps_of(CALL))) == 202
    (change,) = changes(context, place)
    assert change.outcome == "not_seen"
    event = CameraEvent("no_response", change.since, change.until, change.snapshot_ids, at_check=True)
    facts = CameraFacts(Subject(SubjectKind.CAMERA, place[1].id, "cam1"), "2026-03", (event,))
    found = camera_tampering(facts, TamperingParameters())
    assert found is not None
    assert found.variant == "impossible"


def test_without_pictures_of_both_levels_nothing_is_said(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    picture(context, place[1], 0, 110)
    assert post(client, key, report(steps_of(CALL))) == 202
    assert [change.outcome for change in changes(context, place)] == ["no_pictures"]


def test_other_steps_than_commanded_are_refused(client: TestClient, key: DeviceKey) -> None:
    wrong = tuple("dark" if level == "bright" else "bright" for level in steps_of(CALL))
    assert post(client, key, report(wrong)) == 422


@pytest.mark.parametrize("moved", [timedelta(hours=1), timedelta(hours=-1), None])
def test_a_roll_call_that_was_not_open_at_the_camera_is_refused(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, moved: timedelta | None
) -> None:
    """At another hour than its own (12:00 to 12:30), or another ward's."""
    with context.database.transaction() as session:
        held = session.get_one(RollCall, CALL)
        if moved is None:
            held.ward_id = create_ward(session, place[0]).id
        else:
            held.opens_at, held.closes_at = held.opens_at + moved, held.closes_at + moved
        session.add(held)
    assert post(client, key, report(steps_of(CALL))) == 422
    assert post(client, key, PictureCommandReport(roll_call_id=CALL, outcome="unsupported")) == 422
    assert changes(context, place) == ()


def commander(hook: Path | None, pace: Pace) -> Commander:
    return Commander(
        ProgramChanger(hook) if hook is not None else None, "http://testserver",
        lambda: SigningAuth.__new__(SigningAuth), DeviceClock(), pace, settle_seconds=0.01, hold_seconds=0.05,
    )  # fmt: skip


def test_the_agent_calls_the_hook_in_order_and_puts_the_camera_back(tmp_path: Path) -> None:
    hook, told = tmp_path / "hook", tmp_path / "told"
    hook.write_text(f'#!/bin/sh\necho "$1" >> {told}\n')
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    pace, levels = Pace(300.0), steps_of(CALL)
    call = RollCallOut(roll_call_id=CALL, opens_at=NOON, closes_at=NOON + timedelta(minutes=30), command=levels)
    pace.obey(300.0, 0.0, (call,))
    pace.obey(300.0, 0.0, (call,))  # heard again: it is one command
    wanted = pace.commanded()
    assert wanted == (CALL, levels)
    assert pace.commanded() is None
    said = commander(hook, pace).obey(*wanted, threading.Event())
    assert said.outcome == "applied"
    assert tuple(step.level for step in said.steps) == levels
    assert told.read_text().split() == [*levels, "normal"]
    assert pace.summoned()


def test_a_box_without_a_hook_says_so_and_one_that_fails_too(tmp_path: Path) -> None:
    pace = Pace(300.0)
    assert commander(None, pace).obey(CALL, steps_of(CALL), threading.Event()).outcome == "unsupported"
    failing = tmp_path / "hook"
    failing.write_text("#!/bin/sh\nexit 3\n")
    failing.chmod(0o755)
    assert commander(failing, pace).obey(CALL, steps_of(CALL), threading.Event()).outcome == "failed"
