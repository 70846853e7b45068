"""The challenge: unpredictable without its nonce, the same with it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from service.vision.liveness import HeadPose, LivenessPolicy, LivenessReason, Turn, turns_for
from service.vision.liveness.order import order_fault, turn_of

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
