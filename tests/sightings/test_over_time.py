"""Pictures judged in the order of time: views that lie become unobserved, never empty; no order of arrival matters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from service.facilities.tables import Facility
from service.kit.intervals import Interval
from service.platform.context import Context
from service.sightings import readings, sightings_of, view_events
from tests import builders
from tests.sightings.rooms_over_time import Take, Ward, build
from tests.vision.sequence.rooms import START, View, folds


@pytest.fixture
def ward(context: Context) -> Ward:
    return build(context)


def evening(count: int, *, room: int = 1, start: int = 0) -> list[Take]:
    """An honest evening: the patient on the left stirs, the bed on the right stays as it was made."""
    stirs: Iterator[int] = folds()
    made = 6 + 100 * room
    return [Take(start + k, View(room=room, beds=(next(stirs) + 50 * start, made)), "PE") for k in range(count)]


def changed(takes: list[Take], span: range, **view: object) -> list[Take]:
    """The takes with what happens to the view in `span`."""
    return [replace(t, view=replace(t.view, **view)) if t.index in span else t for t in takes]


def test_an_honest_evening_is_believed(ward: Ward) -> None:
    ward.send(evening(14))
    assert ward.views() == [None] * 14
    assert ward.states(0) == ["patient"] * 14
    assert ward.states(1) == ["empty"] * 14


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_arrival_matters(context: Context, seed: int) -> None:
    takes = changed(evening(24), range(14, 18), shift=(60, 0))
    takes = [replace(take, letters="PU") if take.index in (4, 5) else take for take in takes]
    takes[20:23] = [replace(takes[k], view=replace(takes[19].view, grain=1019)) for k in (20, 21, 22)]
    in_order = build(context)
    in_order.send(takes)
    assert "moved" in in_order.views()
    assert "frozen" in in_order.views()

    shuffled = build(context)
    arriving = takes + random.Random(seed).sample(takes, 5)
    random.Random(seed).shuffle(arriving)
    shuffled.send(arriving, work_every=seed + 2)

    assert shuffled.views() == in_order.views()
    assert shuffled.told() == in_order.told()


def test_a_frozen_picture_shows_nobody_and_nothing_empty(ward: Ward) -> None:
    takes = evening(12)
    still = takes[6]
    takes[7:12] = [replace(still, index=k, view=replace(still.view, grain=1006)) for k in range(7, 12)]
    ward.send(takes)
    assert ward.views() == [None] * 7 + ["frozen"] * 5
    assert ward.states(0) == ["patient"] * 7 + ["unobserved frozen"] * 5
    assert ward.states(1)[7:] == ["unobserved frozen"] * 5
    last = ward.readings(0)[-1]
    assert (last.recognised_patient_id, last.confidence) == (None, 0.0)
    # What the picture alone said stands beside it.
    assert (last.seen_state, last.seen_recognised_id, last.seen_confidence) == ("patient", "p" * 32, 0.9)


def test_a_recording_played_again_shows_nobody(ward: Ward) -> None:
    takes = evening(10)
    takes += [Take(k, replace(takes[k - 8].view, grain=1000 + k - 8), takes[k - 8].letters) for k in range(10, 16)]
    ward.send(takes)
    assert ward.views() == [None] * 10 + ["looped"] * 6
    assert set(ward.states(0)[10:]) == {"unobserved looped"}


def test_another_cameras_view_shows_nobody(ward: Ward) -> None:
    ward.send(evening(8) + evening(4, room=2, start=8))
    assert ward.views() == [None] * 8 + ["swapped_camera"] * 4
    assert set(ward.states(1)[8:]) == {"unobserved swapped_camera"}


@pytest.mark.parametrize(
    ("view", "cause"),
    [
        ({"shift": (60, 0)}, "moved"),
        ({"flat": 2, "noise": 0.4}, "black"),
        ({"flat": 330, "noise": 0.5}, "over_exposed"),
        ({"blur": 14.0}, "out_of_focus"),
        ({"flat": 120}, "covered"),
    ],
)
def test_each_lie_has_its_name(ward: Ward, view: dict[str, object], cause: str) -> None:
    ward.send(changed(evening(11), range(6, 9), **view))
    assert ward.views() == [None] * 6 + [cause] * 3 + [None] * 2
    assert ward.states(1)[6:9] == [f"unobserved {cause}"] * 3
    assert ward.states(1)[9:] == ["empty"] * 2


def test_what_time_changes_is_told_to_those_above(ward: Ward) -> None:
    takes = evening(9)
    ward.send(takes[:8])
    ward.presence_asked.clear()
    frozen = replace(takes[7], index=8, view=replace(takes[7].view, grain=1007))
    ward.send([frozen])
    # Once because a picture was read, at most once more because it was found to lie.
    assert ward.presence_asked
    assert {item["from"] for item in ward.presence_asked} == {frozen.at.isoformat()}
    assert ward.states(0)[-1] == "unobserved frozen"


def test_a_camera_that_is_turned_is_an_event_with_a_beginning_and_an_end(ward: Ward) -> None:
    takes = changed(evening(20), range(9, 12), shift=(60, 0))
    ward.send(changed(takes, range(15, 20), flat=2, noise=0.4))
    facility = ward.camera.facility_id
    whole = Interval(START - timedelta(days=1), START + timedelta(days=1))
    with ward.context.database.reading() as session:
        moved, black = view_events(session, facility, whole)
        (inside,) = view_events(session, facility, Interval(takes[17].at, takes[19].at))
        assert view_events(session, "0" * 32, whole) == ()
    assert (moved.cause, moved.since, moved.until, moved.is_over) == ("moved", takes[9].at, takes[12].at, True)
    assert len(moved.snapshot_ids) == 3
    assert (black.cause, black.since, black.until, black.is_over) == ("black", takes[15].at, takes[19].at, False)
    assert (inside.cause, inside.since) == ("black", takes[15].at)


def test_somebody_without_a_face_is_found_by_time_and_one_doubtful_picture_claims_nothing(ward: Ward) -> None:
    stirs = folds()
    takes = []
    for k in range(40):
        asleep = 14 <= k < 30  # on the right, wholly under the blanket, restless
        takes.append(Take(k, View(beds=(3, next(stirs) if asleep else 7)), "EE"))
    ward.send(takes)
    assert ward.states(1)[:12] == ["empty"] * 12
    assert ward.states(1)[16:28] == ["unidentified"] * 12
    assert ward.states(1)[32:] == ["empty"] * 8
    assert {row.seen_state for row in ward.readings(1)} == {"empty"}


def test_a_face_over_which_nothing_stirs_for_hours_is_believed_less_and_still_is_the_patient(ward: Ward) -> None:
    ward.send([Take(k, View(beds=(4, 7)), "PE") for k in range(20)])
    middle = ward.readings(0)[10]
    assert (middle.state, middle.seen_confidence) == ("patient", 0.9)
    assert middle.confidence == pytest.approx(0.45)


def test_a_nurse_at_the_bed_is_reported_as_staff_and_as_no_patient(ward: Ward) -> None:
    with ward.context.database.transaction() as session:
        ward.analyser.nurse = builders.create_staff(session, session.get_one(Facility, ward.camera.facility_id))
    takes = evening(6)
    takes[2] = replace(takes[2], letters="SE")
    ward.send(takes)
    row = ward.readings(0)[2]
    assert (row.state, row.recognised_patient_id, row.recognised_staff_id) == (
        "other_person",
        None,
        ward.analyser.nurse,
    )
    with ward.context.database.reading() as session:
        around = Interval(takes[2].at, takes[2].at)
        told = readings(session, ward.camera.facility_id, None, [around])
        assert sightings_of(session, ward.camera.facility_id, None, [around]) == ()
    assert {item.recognised_staff_id for item in told} == {None, ward.analyser.nurse}


def test_presence_is_asked_for_again_in_the_beds_that_changed_only(ward: Ward) -> None:
    takes = evening(12)
    still = takes[6]
    ward.send(takes[:9])
    assert {tuple(asked["bed_ids"]) for asked in ward.presence_asked} == {tuple(bed.id for bed in ward.beds)}
    ward.presence_asked.clear()
    ward.send([replace(still, index=k, view=replace(still.view, grain=1006)) for k in range(9, 12)])
    assert ward.presence_asked
    assert all(len(asked["bed_ids"]) <= 2 for asked in ward.presence_asked)
