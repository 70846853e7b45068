"""The challenge: unpredictable without its nonce, the same with it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from service.vision.liveness import HeadPose, LivenessPolicy, LivenessReason, Turn, pauses_for, turns_for
from service.vision.liveness.order import order_fault, turn_of, untimely

C, L, R, U, D = Turn.CENTRE, Turn.LEFT, Turn.RIGHT, Turn.UP, Turn.DOWN


def test_the_same_nonce_gives_the_same_turns_and_another_others() -> None:
    assert turns_for("abc", 5) == turns_for("abc", 5)
    assert len({turns_for(f"n{i}", 5) for i in range(60)}) > 30


def test_a_challenge_begins_ahead_and_never_asks_the_same_turn_twice_running() -> None:
    for i in range(200):
        turns = turns_for(f"n{i}", 7)
        assert turns[0] is C
        assert C not in turns[1:]
        assert all(one is not other for one, other in pairwise(turns))


def test_every_order_of_five_turns_is_drawn_about_equally_often() -> None:
    # 4 x 3 x 3 x 3 = 108 orders; 10,800 draws: 100 each, standard deviation 10, so six of them are 60.
    counts = Counter(turns_for(f"draw-{i}") for i in range(10_800))
    assert len(counts) == 108
    assert 40 < min(counts.values())
    assert max(counts.values()) < 160


def test_the_rhythm_belongs_to_the_nonce_and_is_no_beat() -> None:
    assert pauses_for("abc") == pauses_for("abc")
    rhythms = [pauses_for(f"n{i}") for i in range(300)]
    assert len(set(rhythms)) > 290
    for rhythm in rhythms:
        assert rhythm[0] == 0.0
        assert all(0.3 <= pause <= 1.4 for pause in rhythm[1:])
    # Twelve steps from .3 to 1.4, each as likely: .85 in the middle; 1,200 draws of spread .345 give +- .01.
    assert sum(sum(rhythm) for rhythm in rhythms) / 1200 == pytest.approx(0.85, abs=0.04)


@pytest.mark.parametrize(
    ("times", "pauses", "late_or_early"),
    [
        # The arrow comes 1.0 s after each turn; a second later the turn is made.
        ([0.0, 2.0, 4.0], [0.0, 1.0, 1.0], False),
        # The first turn .1 s after its arrow: nobody is that fast.
        ([0.0, 1.1, 4.0], [0.0, 1.0, 1.0], True),
        # The second one before its arrow: it stood in a film.
        ([0.0, 2.0, 2.9], [0.0, 1.0, 1.0], True),
        # Slow people have a quarter of a minute.
        ([0.0, 15.9, 31.8], [0.0, 1.0, 1.0], False),
        ([0.0, 16.1, 18.0], [0.0, 1.0, 1.0], True),
        # The same times in another rhythm.
        ([0.0, 2.0, 4.0], [0.0, 1.9, 1.0], True),
    ],
)
def test_a_turn_comes_after_its_arrow(times: list[float], pauses: list[float], late_or_early: bool) -> None:
    assert untimely([C, L, U], [C, L, U], times, pauses, LivenessPolicy()) is late_or_early


def test_frames_in_between_do_not_count_as_turns() -> None:
    seen = [C, None, L, L, None, U]
    times = [0.0, 1.1, 2.0, 2.2, 3.1, 4.0]
    assert not untimely(seen, [C, L, U], times, [0.0, 1.0, 1.0], LivenessPolicy())
    assert untimely(seen, [C, L, U], times, [0.0, 1.0, 1.9], LivenessPolicy())


def test_a_challenge_of_two_turns_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        turns_for("abc", 2)


@pytest.mark.parametrize(
    ("yaw", "pitch", "turn"),
    [
        (0, 0, C),
        (7, 5, C),
        (13, 0, L),
        (-13, 0, R),
        (0, 10, D),
        (0, -10, U),
        (10, 0, None),
        (13, 11, D),
        (25, 11, L),
    ],
)
def test_a_pose_is_named_by_what_it_turned_most(yaw: float, pitch: float, turn: Turn | None) -> None:
    # Against a frontal frame of yaw 2, pitch 6; a turn aside counts from 12 degrees, up and down from 9.
    assert turn_of(HeadPose(2 + yaw, 6 + pitch, 0), HeadPose(2, 6, 0), LivenessPolicy()) is turn


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ([C, L, U], None),
        ([C, None, L, C, L, None, U], None),
        ([C, L], LivenessReason.TURN_MISSING),
        ([C, C, C], LivenessReason.TURN_MISSING),
        ([L, L, U], LivenessReason.TURN_MISSING),
        ([C, U, L], LivenessReason.TURN_WRONG),
        ([C, L, R, U], LivenessReason.TURN_WRONG),
        ([C, R, U], LivenessReason.TURN_WRONG),
    ],
)
def test_the_order_of_turns(seen: list[Turn | None], fault: LivenessReason | None) -> None:
    assert order_fault(seen, [C, L, U]) is fault
