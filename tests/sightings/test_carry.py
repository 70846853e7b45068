"""Readings carried over from a picture in which everything was the same: in whatever order pictures come the readings
are the same, nobody who was exchanged is missed, and a carried reading is no second observation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.sightings import Snapshot, readings
from service.simulator.scene import BedScene, Lamp, Posture, Scene
from service.vision import BedState, Gallery
from tests.sightings.rendered_ward import START, RenderedWard, Shot, build, catalogue, key_of, sleepers


@pytest.fixture
def ward(context: Context) -> RenderedWard:
    return build(context)


def shots(*scenes: tuple[float, Scene], share: float = 1.0) -> list[Shot]:
    return [Shot(minutes, scene, number, share) for number, (minutes, scene) in enumerate(scenes)]


def quiet(*minutes: float, lamp: Lamp = Lamp.DAY) -> list[Shot]:
    return shots(*((minute, Scene(sleepers(), lamp)) for minute in minutes))


def evening(share: float = 1.0) -> list[Shot]:
    """Three quarters of an hour: quiet, two exchange beds, one leaves, quiet again, and the lamp goes out."""
    first, second = catalogue()[:2]
    asleep, exchanged = Scene(sleepers()), Scene(sleepers(second, first))
    left = Scene((BedScene(Posture.LEFT), *sleepers()[1:]))
    dark = replace(left, lamp=Lamp.NIGHT)
    story = [(0, asleep), (4, asleep), (8, exchanged), (12, exchanged), (16, exchanged), (20, left), (24, exchanged)]
    return shots(*story, (31, left), (35, left), (38, dark), (41, left), share=share)


def test_in_a_quiet_quarter_of_an_hour_one_picture_is_read(ward: RenderedWard) -> None:
    ward.send(quiet(0, 4, 8, 14.9, 15, 20))
    assert ward.carried() == {0: None, 4: 0, 8: 0, 14.9: 0, 15: None, 20: 15}
    assert ward.analyser.read == [0, 15]
    states = [row.seen_state for row in ward.readings()]
    assert states == ["patient", "patient", "unidentified", "empty"] * 6


def test_every_change_is_read_and_what_is_the_same_as_at_first_is_not(ward: RenderedWard) -> None:
    ward.send(evening())
    assert ward.carried() == {
        0: None, 4: 0, 8: None, 12: None,
        16: None, 20: None, 24: 16,
        31: None, 35: 31, 38: None, 41: 31,
    }  # fmt: skip
    one, two = (key_of(name) for name in catalogue()[:2])
    assert ward.faces()[4] == (one, two, None, None)
    assert ward.faces()[12] == ward.faces()[24] == (two, one, None, None)
    assert ward.faces()[20] == ward.faces()[38] == (None, two, None, None)


@pytest.fixture
def in_order(context: Context) -> RenderedWard:
    ward = build(context)
    ward.send(evening(0.5))
    return ward


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(11)), work_every=st.integers(1, 4), again=st.integers(0, 10))
def test_no_order_of_arrival_matters(in_order: RenderedWard, order: list[int], work_every: int, again: int) -> None:
    story = evening(0.5)
    shuffled = build(in_order.context)
    shuffled.send([story[k] for k in [*order, again]], work_every=work_every)
    assert shuffled.carried() == in_order.carried()
    assert shuffled.told() == in_order.told()


def test_a_late_first_picture_has_the_others_compared_with_it(ward: RenderedWard) -> None:
    late, *others = quiet(0, 4, 8)
    ward.send(others, work_every=1)
    assert ward.carried() == {4: None, 8: 4}
    ward.send([late])
    assert ward.carried() == {0: None, 4: 0, 8: 0}
    assert len({row.confidence for row in ward.readings() if row.state == "empty"}) == 1


def test_pictures_of_one_instant_are_ordered_by_their_number_not_by_their_arrival(context: Context) -> None:
    twins = quiet(3, 3, 5)
    told = []
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        ward = build(context)
        ward.send([twins[k] for k in order], work_every=1)
        told.append(sorted(ward.told(), key=str))
    assert told[0] == told[1] == told[2]


Change = Callable[[tuple[BedScene, ...]], tuple[BedScene, ...]]


@pytest.mark.parametrize(
    ("lamp", "share"),
    [
        pytest.param(Lamp.DAY, 1.0, id="day"),
        pytest.param(Lamp.NIGHT, 1.0, id="night"),
        pytest.param(Lamp.INFRARED, 0.5, id="infrared, 540p"),
        pytest.param(Lamp.DUSK, 0.34, id="dusk, faces of 15 pixels"),
        pytest.param(Lamp.INFRARED, 0.34, id="infrared, faces of 15 pixels"),
    ],
)
def test_an_exchange_in_the_same_pose_is_never_missed(context: Context, lamp: Lamp, share: float) -> None:
    # Same pillow, same blanket, same pose, another face; at a third of the size a face is about 15 pixels wide.
    names = catalogue()
    ward = build(context)
    scenes = [Scene(sleepers(names[0], names[1]), lamp)]
    scenes += [Scene(sleepers(name, names[1]), lamp) for name in names[2:6]]
    scenes += [Scene(sleepers(names[0], name), lamp) for name in names[2:4]]
    ward.send(shots(*((k, scene) for k, scene in enumerate(scenes)), share=share))
    assert all(source is None for source in ward.carried().values())
    assert [ward.faces()[k][:2] for k in range(len(scenes))] == [
        tuple(key_of(bed.face or "") for bed in scene.beds[:2]) for scene in scenes
    ]


def test_what_people_wait_for_is_read(ward: RenderedWard) -> None:
    asked: list[tuple[str, frozenset[str]]] = []

    def is_watched(_session, ward_id, bed_ids, at):
        asked.append((ward_id, frozenset(bed_ids)))
        return START + timedelta(minutes=3) <= at < START + timedelta(minutes=9)

    ward.is_watched = is_watched
    ward.send(quiet(0, 4, 8, 12))
    assert ward.carried() == {0: None, 4: None, 8: None, 12: 0}
    assert set(asked) == {(ward.camera.ward_id, frozenset(bed.id for bed in ward.beds))}


def test_it_can_be_turned_off(ward: RenderedWard) -> None:
    ward.carries = False
    ward.send(quiet(0, 4, 8))
    assert set(ward.carried().values()) == {None}
    assert ward.analyser.read == [0, 4, 8]


def test_another_gallery_is_another_question_until_all_are_read_again(ward: RenderedWard) -> None:
    first, *rest = quiet(0, 4, 8)
    ward.send([first])
    ward.analyser.people = Gallery(("p" * 32,), np.eye(1, 4, dtype=np.float32))
    ward.send(rest)
    assert ward.carried() == {0: None, 4: None, 8: None}
    with ward.context.database.transaction() as session:
        span = {"from": START.isoformat(), "to": (START + timedelta(hours=1)).isoformat()}
        about = {"facility_id": ward.camera.facility_id, "bed_id": ward.beds[0].id}
        enqueue(session, "sightings.reread", about | span, now=ward.context.clock.now())
    ward.work()
    assert ward.carried() == {0: None, 4: 0, 8: 0}


def test_the_first_picture_alone_read_again_under_another_question_takes_its_readings_back(ward: RenderedWard) -> None:
    ward.send(quiet(0, 4, 8))
    ward.analyser.people = Gallery(("p" * 32,), np.eye(1, 4, dtype=np.float32))
    with ward.context.database.transaction() as session:
        about = {"facility_id": ward.camera.facility_id, "bed_id": ward.beds[0].id}
        span = {"from": START.isoformat(), "to": (START + timedelta(minutes=1)).isoformat()}
        enqueue(session, "sightings.reread", about | span, now=ward.context.clock.now())
    ward.work()
    # The others were read again too, and under the new question they may be carried again.
    assert ward.carried() == {0: None, 4: 0, 8: 0}
    with ward.context.database.reading() as session:
        assert len({row.question for row in session.exec(select(Snapshot))}) == 1


def test_a_first_picture_that_does_not_decode_is_nobodys_source(ward: RenderedWard) -> None:
    broken, *rest = quiet(0, 4, 8)
    ward.post(broken.data, broken.at, 0)  # the analyser was not told what it shows: it does not decode
    ward.send(rest)
    assert ward.carried() == {0: None, 4: None, 8: 4}
    with ward.context.database.reading() as session:
        assert session.exec(select(Snapshot).order_by(Snapshot.captured_at)).first().state == "unreadable"


def test_a_carried_reading_says_so_and_keeps_no_trace_of_a_face(ward: RenderedWard) -> None:
    ward.send(quiet(0, 4))
    first, second = ward.readings()[0], ward.readings()[4]
    assert (first.carried_from, second.carried_from) == (None, first.snapshot_id)
    assert (second.state, second.recognised_patient_id) == (first.state, first.recognised_patient_id)
    assert second.face_trace is None
    with ward.context.database.reading() as session:
        whole = Interval(START, START + timedelta(hours=1))
        told = readings(session, ward.camera.facility_id, [ward.beds[0].id], [whole])
    assert [item.carried for item in told] == [False, True]
    assert {item.state for item in told} == {BedState.PATIENT}


def test_a_frozen_picture_is_still_found_among_carried_ones(ward: RenderedWard) -> None:
    ward.send(quiet(0, 3))
    still = replace(quiet(6)[0], number=20)
    ward.send([still])
    for number in (21, 22, 23):  # the very bytes once more
        ward.post(still.data, START + timedelta(minutes=number - 14), number)
    ward.work()
    with ward.context.database.reading() as session:
        query = select(Snapshot).where(Snapshot.camera_id == ward.camera.id).order_by(Snapshot.captured_at)
        causes = [row.view_cause for row in session.exec(query)]
    assert causes == [None, None, None, "frozen", "frozen", "frozen"]
