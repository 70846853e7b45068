"""Readings become observations; noise is absorbed; an identity holds as long as the bed is occupied, and no longer."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.facilities import DEFAULT_POLICY as POLICY
from service.kit.intervals import Interval, total
from service.occupancy.timeline import (
    covered,
    debounce,
    empty,
    identity_in,
    observe,
    state_for,
    wholly_observed,
)
from service.vision import BedState
from tests.occupancy.scenes import STATES, at, reading, row

LETTER = {state: letter for letter, state in STATES.items() if letter != "?"}
WINDOW = Interval(at("03 09:00"), at("03 09:30"))


def letters(observations):
    return "".join(LETTER[item.state] for item in observations)


@pytest.mark.parametrize(
    ("raw", "steady"),
    [
        ("EEUEE", "EEEEE"),
        ("UUEUU", "UUUUU"),
        ("EEUUE", "EEUUE"),  # two in a row are no noise
        ("UEP", "UEP"),  # neighbours that disagree decide nothing
        ("EPE", "EPE"),  # a recognised face is evidence by itself
        ("EXE", "EXE"),  # unobserved is never empty
        ("XUX", "XUX"),
        ("POP", "PPP"),
        ("EUEUE", "EEEEE"),
        ("EU", "EU"),  # nothing after it: it stands
        ("", ""),
    ],
)
def test_a_single_contradicting_frame_does_not_flip_the_bed(raw, steady):
    assert letters(debounce(observe(row("03 09:00", raw), "P1", POLICY), POLICY)) == steady


def test_noise_is_only_absorbed_by_neighbours_close_in_time():
    assert letters(debounce(observe(row("03 09:00", "EUE", every=41), "P1", POLICY), POLICY)) == "EUE"


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("E", "U", "U"),
        ("E", "P", "P"),
        ("O", "P", "P"),
        ("O", "U", "O"),
        ("X", "E", "E"),
        ("?", "E", "X"),
        ("X", "X", "X"),
    ],
)
def test_two_cameras_at_one_instant_are_combined_in_favour_of_presence(first, second, together):
    pair = [reading(at("03 09:00"), first), reading(at("03 09:00"), second, camera_id="C2")]
    assert letters(observe(pair, "P1", POLICY)) == together
    assert letters(observe(pair[::-1], "P1", POLICY)) == together


def test_a_blind_camera_is_left_out_where_another_one_sees():
    readings = row("03 09:00", "XXXXXXX") + row("03 09:02", "EEEEEE", camera_id="C2")
    assert letters(observe(readings, "P1", POLICY)) == "EEEEEE"
    assert letters(observe(row("03 09:00", "XXX") + row("03 12:00", "E", camera_id="C2"), "P1", POLICY)) == "XXXE"


def test_a_doubtful_frame_is_never_left_out():
    readings = row("03 09:00", "???") + row("03 09:02", "EE", camera_id="C2")
    assert letters(observe(readings, "P1", POLICY)) == "XEXEX"


@pytest.mark.parametrize(
    ("letter", "changes", "expected"),
    [
        ("O", {"expected_patient_id": "P9"}, BedState.UNIDENTIFIED),  # never compared with P1
        ("O", {"expected_patient_id": "P9", "recognised_patient_id": "P1"}, BedState.PATIENT),
        ("P", {"expected_patient_id": "P9", "recognised_patient_id": "P9"}, BedState.OTHER_PERSON),
        ("U", {"expected_patient_id": "P9"}, BedState.UNIDENTIFIED),
        ("E", {"expected_patient_id": None}, BedState.EMPTY),
        ("O", {"recognised_patient_id": "P2"}, BedState.OTHER_PERSON),
    ],
)
def test_a_reading_made_for_another_patient_is_read_anew(letter, changes, expected):
    assert state_for(reading(at("03 09:00"), letter, **changes), "P1") is expected


@pytest.mark.parametrize(
    ("before", "holds"),
    [
        ("PUUUUUUUUUUUU", True),
        ("PUUEUUUUUUUUU", False),  # one empty reading ends it: whoever lies there next must be verified again
        ("PUUOUUUUUUUUU", False),
        ("PUUXUUUUUUUUU", True),  # a short blindness
        ("UUUUUUUUUUUUU", False),
        ("EEEUUUPUUUUUU", True),
    ],
)
def test_identity_holds_while_the_bed_is_occupied(before, holds):
    readings = row("03 08:00", before + "UUUUU")
    found = identity_in(observe(readings, "P1", POLICY), WINDOW, POLICY)
    assert (found is not None) is holds


def test_identity_ends_after_a_gap_and_after_twelve_hours():
    gap = row("03 08:00", "P") + row("03 08:41", "UUUUUUU")
    assert identity_in(observe(gap, "P1", POLICY), WINDOW, POLICY) is None
    # Verified at 21:00; an unbroken night. At 09:00 twelve hours have just passed, at 09:05 they are over.
    long = row("02 21:00", "P" + "U" * 151)
    found = identity_in(observe(long, "P1", POLICY), WINDOW, POLICY)
    assert found is not None
    assert len(found.reading_ids) == 1
    later = Interval(at("03 09:01"), at("03 09:30"))
    assert identity_in(observe(long, "P1", POLICY), later, POLICY) is None


@pytest.mark.parametrize(
    ("letters_in_window", "whole"),
    [
        ("EEEEEEE", True),
        ("E     E", True),
        ("   E   ", False),  # one reading is no half hour
        ("EEXEEEE", True),
        ("EEXXEEE", False),
        ("EE?EEEE", False),  # somebody may lie there
        ("XXXXXXX", False),
        ("", False),
    ],
)
def test_a_window_is_wholly_observed_without_gap_doubt_or_blindness(letters_in_window, whole):
    assert wholly_observed(observe(row("03 09:00", letters_in_window), "P1", POLICY), WINDOW, POLICY) is whole


def test_covered_and_empty_time_is_counted_between_two_readings():
    # 23:00-23:30 empty, 23:30-23:35 somebody comes, until 23:45; then a gap of 60 min; then 10 min empty.
    readings = row("03 23:00", "EEEEEEEUUU") + row("04 00:45", "EEE")
    seen = observe(readings, "P1", POLICY)
    night = Interval(at("03 23:00"), at("04 05:00"))
    assert total(covered(seen, night, POLICY)) == timedelta(minutes=45 + 10)
    assert total(empty(seen, night, POLICY)) == timedelta(minutes=30 + 10)


def test_a_blind_stretch_is_neither_covered_nor_empty():
    seen = observe(row("03 23:00", "EXE") + row("04 00:00", "EXXE"), "P1", POLICY)
    night = Interval(at("03 23:00"), at("04 05:00"))
    assert total(empty(seen, night, POLICY)) == timedelta(minutes=10)


@settings(max_examples=150, deadline=None)
@given(
    data=st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from("PUOEX?"), st.sampled_from(["C1", "C2"])), max_size=40
    ),
    seed=st.integers(0, 10_000),
)
def test_the_order_of_arrival_and_repetition_change_nothing(data, seed):
    readings = [
        reading(at("03 08:00") + timedelta(minutes=minute), letter, camera_id=camera, reading_id=f"r{k}")
        for k, (minute, letter, camera) in enumerate(data)
    ]
    shuffled = list(readings)
    random.Random(seed).shuffle(shuffled)
    assert observe(readings, "P1", POLICY) == observe(shuffled, "P1", POLICY)


@settings(max_examples=150, deadline=None)
@given(raw=st.text(alphabet="PUOEX?", max_size=60), every=st.sampled_from([1, 5, 20, 39, 41]))
def test_time_is_never_counted_twice_nor_made_up(raw, every):
    seen = observe(row("03 20:00", raw, every=every), "P1", POLICY)
    span = Interval(at("03 23:00"), at("04 05:00"))
    steady = debounce(seen, POLICY)
    assert len(steady) == len(seen)
    assert [a.observed for a in steady] == [b.observed for b in seen]
    bare, whole = total(empty(steady, span, POLICY)), total(covered(steady, span, POLICY))
    assert timedelta() <= bare <= whole <= span.length
    if every == 41:
        assert whole == timedelta()
