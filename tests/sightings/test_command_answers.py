"""Boxes that leave a commanded change unanswered: counted, shown, flagged, believed less; never about a patient."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from edge_agent.device_key import DeviceKey
from edge_agent.signing import SigningAuth
from service.access import Role
from service.contracts import Heartbeat, PictureCommandReport, steps_of
from service.facilities.tables import Camera, Facility
from service.kit.intervals import Interval
from service.occupancy import advance_job
from service.occupancy.roll_call_tables import RollCall
from service.platform.context import Context
from service.screening.facts import Suspicion
from service.screening.place_facts import CameraEvent, CameraFacts
from service.screening.rules.cameras import TamperingParameters, camera_tampering
from service.screening.subjects import Subject, SubjectKind
from service.sightings import ask_for_answers, cameras_now, command_answers
from service.sightings.device_tables import SnapshotStatement
from service.sightings.edge_tables import PictureCommand
from service.sightings.tables import Snapshot
from tests.builders import EPOCH, browser, create_user
from tests.devices import pair_device
from tests.edge_agent.conftest import jpeg
from tests.sightings.test_commanded import CALL, NOON, changes, picture, post, report, roll_call
from tests.sightings.test_commanded import key as key  # a fixture
from tests.sightings.test_commanded import place as place
from tests.sightings.test_statements import post as post_picture
from tests.sightings.test_statements import statement


def unanswered_call(context: Context, place: tuple[Facility, Camera]) -> None:
    """What the roll call's end asks for."""
    with context.database.transaction() as session:
        ask_for_answers(
            session, facility_id=place[0].id, ward_id=place[1].ward_id, roll_call_id=CALL,
            call=Interval(NOON, NOON + timedelta(minutes=30)), now=context.clock.now(),
        )  # fmt: skip


def signed(context: Context, camera: Camera, key: DeviceKey, minute: int, received_after: timedelta) -> str:
    """A picture of the call that the box signed; its id."""
    at = NOON + timedelta(minutes=minute)
    with context.database.transaction() as session:
        row = Snapshot(
            facility_id=camera.facility_id, camera_id=camera.id, sequence=500 + minute, sha256=f"{500 + minute:064x}",
            media_type="image/jpeg", byte_count=1, captured_at=at, received_at=at + received_after, state="analysed",
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            SnapshotStatement(
                snapshot_id=row.id, facility_id=camera.facility_id, camera_id=camera.id, device_id=key.device_id,
                sequence=row.sequence, statement={}, hash="", previous="",
            )
        )  # fmt: skip
        return row.id


def trust(context: Context, snapshot_id: str) -> str:
    with context.database.reading() as session:
        return session.get_one(Snapshot, snapshot_id).trust


def alarms(context: Context, place: tuple[Facility, Camera]) -> set[str]:
    with context.database.reading() as session:
        (now,) = cameras_now(session, place[0].id, NOON + timedelta(hours=1))
    return {alarm.value for alarm in now.alarms} & {"unanswered"}


def test_a_box_that_says_nothing_while_its_pictures_come_is_flagged_and_believed_less(
    context: Context, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    in_time = signed(context, place[1], key, 5, timedelta(seconds=2))
    before = signed(context, place[1], key, -5, timedelta(seconds=2))
    for _ in range(2):  # done again, it changes nothing
        unanswered_call(context, place)
        run_jobs()
    assert [change.outcome for change in changes(context, place)] == ["unanswered"]
    assert (trust(context, in_time), trust(context, before)) == ("unproven", "live")
    assert alarms(context, place) == {"unanswered"}
    with context.database.reading() as session:
        (told,) = command_answers(session, place[0].id, Interval(NOON, NOON + timedelta(hours=1)))
    assert (told.counts, told.commands, told.doubtful) == ({"unanswered": 1}, 1, True)


def test_the_end_of_a_roll_call_asks_for_the_answers(
    context: Context, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    signed(context, place[1], key, 5, timedelta(seconds=2))
    with context.database.transaction() as session:
        facility = session.get_one(Facility, place[0].id)
        facility.clock, facility.watermark = "replay", NOON + timedelta(hours=1)
    advance_job(context, {"facility_id": place[0].id})
    run_jobs()
    assert [change.outcome for change in changes(context, place)] == ["unanswered"]


def test_a_box_that_was_cut_off_or_signs_nothing_is_not_flagged(
    context: Context, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    picture(context, place[1], 0, 110)  # unsigned: whoever has only a token cannot answer
    signed(context, place[1], key, 5, timedelta(hours=2))  # it came after the call
    signed(context, place[1], key, 29, timedelta(seconds=1))  # no time was left to answer
    unanswered_call(context, place)
    run_jobs()
    assert changes(context, place) == ()
    assert alarms(context, place) == set()


def test_a_box_whose_picture_does_not_change_is_believed_less_for_that_call(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    for number in range(5):
        picture(context, place[1], number, 110 + number % 2)
    assert post(client, key, report(steps_of(CALL))) == 202
    unanswered_call(context, place)
    run_jobs()
    with context.database.reading() as session:
        assert {row.trust for row in session.exec(select(Snapshot))} == {"unproven"}
    assert alarms(context, place) == {"unanswered"}


@pytest.mark.parametrize("cause", ["covered", "black", "frozen"])
def test_behind_a_curtain_or_at_night_without_light_nothing_is_held_against_the_box(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, cause: str
) -> None:
    for number in range(5):
        picture(context, place[1], number, 12)
    with context.database.transaction() as session:
        for row in session.exec(select(Snapshot)).all()[:4]:
            row.view_cause = cause
    assert post(client, key, report(steps_of(CALL))) == 202
    assert [change.outcome for change in changes(context, place)] == ["not_seen" if cause == "frozen" else "hidden"]
    assert alarms(context, place) == ({"unanswered"} if cause == "frozen" else set())


def test_applied_after_unsupported_counts_and_the_other_way_does_not(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    """A folder's agent says that it cannot; whoever changed the camera says that it was done."""
    with context.database.transaction() as session:
        moved = session.get_one(RollCall, CALL)
        moved.opens_at, moved.closes_at = EPOCH, context.clock.now() + timedelta(hours=1)
    nothing = PictureCommandReport(roll_call_id=CALL, outcome="unsupported")
    assert [post(client, key, said) for said in (nothing, report(steps_of(CALL)), nothing)] == [202, 202, 202]
    with context.database.reading() as session:
        assert session.exec(select(PictureCommand)).one().outcome == "applied"


@pytest.mark.parametrize("how", ["did it before", "says that it can", "never could", "another box could"])
def test_unsupported_is_believed_of_a_camera_that_never_could(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, how: str
) -> None:
    earlier = CALL[:-1] + "3"
    if how in ("did it before", "another box could"):
        with context.database.transaction() as session:
            session.add(roll_call(place[0], place[1].ward_id, earlier, NOON))
        assert post(client, key, report(steps_of(earlier)).model_copy(update={"roll_call_id": earlier})) == 202
    if how == "another box could":  # the camera was replaced, and a box paired anew
        other = pair_device(context, place[0])
        with context.database.transaction() as session:
            session.exec(select(PictureCommand)).one().device_id = other.device_id
    if how == "says that it can":
        beat = Heartbeat(clock=context.clock.now(), spool_depth=0, versions={"exposure": "onvif"})
        said = client.post(
            "/api/v1/heartbeats",
            content=beat.model_dump_json(exclude_none=True),
            headers={"Content-Type": "application/json"},
            auth=SigningAuth(key),
        )
        assert said.status_code == 200, said.text
    with context.database.transaction() as session:  # it is noon: a box says at once that it cannot
        moved = session.get_one(RollCall, CALL)
        moved.opens_at, moved.closes_at = EPOCH, context.clock.now() + timedelta(hours=1)
    assert post(client, key, PictureCommandReport(roll_call_id=CALL, outcome="unsupported")) == 202
    with context.database.reading() as session:
        row = session.exec(select(PictureCommand).where(PictureCommand.roll_call_id == CALL)).one()
    assert row.outcome == ("denied" if how in ("did it before", "says that it can") else "unsupported")


def test_an_answer_after_the_call_takes_the_place_of_silence(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    signed(context, place[1], key, 5, timedelta(seconds=2))
    unanswered_call(context, place)
    run_jobs()
    for number, level in enumerate(steps_of(CALL)):
        picture(context, place[1], number, 150 if level == "bright" else 60)
    assert post(client, key, report(steps_of(CALL))) == 202
    assert [change.outcome for change in changes(context, place)] == ["seen"]


def test_pictures_are_believed_again_when_an_answer_comes_late_and_is_seen(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    """A line that was down for some minutes is an ordinary thing."""
    in_time = signed(context, place[1], key, 5, timedelta(seconds=2))
    unanswered_call(context, place)
    run_jobs()
    assert trust(context, in_time) == "unproven"
    levels = {"dark": 40, "bright": 160}
    for number, step in enumerate(steps_of(CALL)):
        picture(context, place[1], number, levels[step])
    assert post(client, key, report(steps_of(CALL))) == 202
    run_jobs()
    assert [change.outcome for change in changes(context, place)] == ["seen"]
    assert trust(context, in_time) == "chained"


def test_pictures_are_believed_again_when_a_box_that_denied_it_obeyed_after_all(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey, run_jobs: Callable[[], int]
) -> None:
    in_time = signed(context, place[1], key, 5, timedelta(seconds=2))
    with context.database.transaction() as session:
        session.add(
            PictureCommand(
                facility_id=place[0].id, camera_id=place[1].id, device_id=key.device_id, roll_call_id=CALL,
                outcome="denied", since=NOON, until=NOON, reported_at=NOON,
            )
        )  # fmt: skip
    unanswered_call(context, place)
    run_jobs()
    assert trust(context, in_time) == "unproven"
    for number, step in enumerate(steps_of(CALL)):
        picture(context, place[1], number, {"dark": 40, "bright": 160}[step])
    assert post(client, key, report(steps_of(CALL))) == 202
    run_jobs()
    assert [change.outcome for change in changes(context, place)] == ["seen"]
    assert trust(context, in_time) == "chained"


def test_what_comes_after_the_silence_was_noted_is_believed_no_more_than_what_came_before(
    context: Context, client: TestClient, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    """Else a box that shows an empty bed during the call would only have to hold its pictures back."""
    now = context.clock.now()
    with context.database.transaction() as session:
        session.add(
            PictureCommand(
                facility_id=place[0].id, camera_id=place[1].id, device_id=key.device_id, roll_call_id=CALL,
                outcome="unanswered", since=now - timedelta(minutes=8), until=now - timedelta(minutes=4),
                reported_at=now,
            )
        )  # fmt: skip
    believed = {}
    for number, minutes in enumerate((9, 6, 2)):
        said = statement(key, jpeg(number), now - timedelta(minutes=minutes), number)
        answer = post_picture(client, key, jpeg(number), said)
        assert answer.status_code == 202, answer.text
        believed[minutes] = trust(context, answer.json()["snapshot_id"])
    assert believed == {9: "live", 6: "unproven", 2: "live"}


def test_one_silence_is_an_alarm_and_two_are_a_finding_about_the_camera(place: tuple[Facility, Camera]) -> None:
    def found(*days: int) -> Suspicion | None:
        events = tuple(
            CameraEvent("not_answered", NOON + timedelta(days=day), NOON + timedelta(days=day, minutes=30), (), True)
            for day in days
        )
        facts = CameraFacts(Subject(SubjectKind.CAMERA, place[1].id, "cam1"), "2026-03", events)
        return camera_tampering(facts, TamperingParameters())

    assert found(0) is None
    twice = found(0, 1)
    assert twice is not None
    assert twice.variant == "at_checks"


def test_people_read_how_often_each_camera_obeyed(
    context: Context, client: TestClient, app: FastAPI, place: tuple[Facility, Camera], key: DeviceKey
) -> None:
    for number, level in enumerate(steps_of(CALL)):
        picture(context, place[1], number, 150 if level == "bright" else 60)
    assert post(client, key, report(steps_of(CALL))) == 202
    with context.database.transaction() as session:
        user = create_user(session, role=Role.INSPECTOR, facility=place[0])
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-31T00:00:00Z"}
    answer = browser(app, context, user).get("/api/v1/picture-commands", params={"facility": "h1", **span})
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()
    assert (told["camera_code"], told["commands"], told["seen"], told["doubtful"]) == ("cam1", 1, 1, False)
