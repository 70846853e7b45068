"""Views that lie are named and dated; honest ones are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.vision import Zone
from service.vision.sequence import TimedPrint, ViewCause, judge_views
from tests.vision.sequence.rooms import ZONES, View, shot, shots

ROOM = View()


def causes(prints: Sequence[TimedPrint]) -> list[str | None]:
    return [verdict.cause.value if verdict.cause is not None else None for verdict in judge_views(prints)]


def test_a_quiet_night_is_never_frozen() -> None:
    assert causes(shots(*[ROOM] * 30)) == [None] * 30


def test_lamps_infrared_and_sleepers_are_honest() -> None:
    evening = [replace(ROOM, beds=(i // 3, 50 + i // 4)) for i in range(6)]
    dim = [replace(view, gain=0.55) for view in evening]
    infrared = [replace(view, infrared=True, noise=5.0, gain=0.8) for view in evening]
    assert causes(shots(*evening, *dim, *infrared, *evening)) == [None] * 24


@pytest.mark.parametrize(
    ("lie", "cause"),
    [
        (View(flat=3, noise=1.5), "black"),
        (View(flat=330, noise=0.5), "over_exposed"),
        (View(flat=60, noise=1.0), "covered"),
        (View(blur=14.0), "out_of_focus"),
        (View(shift=(40, 12)), "moved"),
        (View(shift=(-24, 0)), "moved"),
        (View(room=2, beds=(900, 901)), "swapped_camera"),
    ],
)
def test_each_lie_is_named_and_dated(lie: View, cause: str) -> None:
    prints = shots(*[ROOM] * 8, *[lie] * 4, *[ROOM] * 3)
    verdicts = judge_views(prints)
    assert [v.cause.value if v.cause else None for v in verdicts] == [None] * 8 + [cause] * 4 + [None] * 3
    assert {v.since for v in verdicts[8:12]} == {prints[8].at}
    assert not any(v.observed for v in verdicts[8:12])


def test_a_moved_camera_says_how_far() -> None:
    verdict = judge_views(shots(*[ROOM] * 8, View(shift=(40, 0))))[-1]
    assert verdict.shift is not None
    assert verdict.shift[0] == pytest.approx(40 / 640 * 64, abs=0.4)
    assert verdict.shift[1] == pytest.approx(0, abs=0.4)


def test_a_trembling_camera_is_not_moved() -> None:
    assert causes(shots(*[ROOM] * 8, *[View(shift=(3, -2)), View(shift=(-3, 1))] * 3)) == [None] * 14


def test_a_frozen_view_is_frozen_from_its_first_repeat() -> None:
    still = View(grain=5)
    prints = shots(*[ROOM] * 6, still, still, still, ROOM)
    verdicts = judge_views(prints)
    assert [v.cause for v in verdicts] == [None] * 7 + [ViewCause.FROZEN] * 2 + [None]
    assert verdicts[8].since == prints[7].at
    assert verdicts[8].repeats == prints[6].key


def test_black_again_is_black_and_not_frozen() -> None:
    nothing = View(flat=0, noise=0.0, grain=1)
    assert causes(shots(*[ROOM] * 5, nothing, nothing)) == [None] * 5 + ["black"] * 2


def test_a_drawing_without_noise_cannot_be_called_frozen() -> None:
    assert causes(shots(*[View(noise=0.0)] * 6)) == [None] * 6


def test_a_recording_played_again_is_a_loop() -> None:
    night = [View(grain=20 + i, beds=(i // 2, 3)) for i in range(8)]
    prints = shots(*[ROOM] * 4, *night, *night[2:7])
    verdicts = judge_views(prints)
    assert [v.cause for v in verdicts] == [None] * 12 + [ViewCause.LOOPED] * 5
    assert [v.repeats for v in verdicts[12:]] == [item.key for item in prints[6:11]]


def test_two_pictures_in_turn_are_a_loop() -> None:
    a, b = View(grain=8), View(grain=9)
    assert causes(shots(*[ROOM] * 5, a, b, a, b, a, b)) == [None] * 7 + ["looped"] * 4


def test_one_picture_sent_again_under_another_number_is_no_loop() -> None:
    once = View(grain=8)
    assert causes(shots(*[ROOM] * 5, once, ROOM, ROOM, once, ROOM)) == [None] * 10


def test_a_loop_with_noise_added_is_found_by_what_people_did_in_it() -> None:
    beds = [(200 + i, 300 + i // 2) for i in range(10)]
    first = [View(beds=pair, noise=1.2) for pair in beds]
    prints = shots(*[ROOM] * 4, *first, *first)
    assert causes(prints)[14:] == ["looped"] * 10


def test_a_curtain_before_half_the_view_is_not_another_camera() -> None:
    assert causes(shots(*[ROOM] * 8, *[View(hidden=0.45)] * 5)) == [None] * 13


def test_one_unrelated_picture_is_a_passer_by() -> None:
    assert causes(shots(*[ROOM] * 8, View(room=2, beds=(900, 901)), ROOM)) == [None] * 8 + ["covered"] + [None]


def test_without_a_reference_nothing_is_called_moved_or_swapped() -> None:
    assert causes(shots(ROOM, View(room=2, beds=(900, 901)), ROOM)) == [None] * 3


def test_new_zones_found_a_new_reference() -> None:
    new = (ZONES[0], Zone("right", ZONES[1].polygon, 1))
    prints = shots(*[ROOM] * 8) + [shot(8 + i, View(room=2, beds=(900, 901)), zones=new) for i in range(6)]
    assert causes(prints) == [None] * 14


def test_a_lie_among_the_first_pictures_does_not_become_the_reference() -> None:
    views = [View(room=2, beds=(900, 901)), View(room=2, beds=(900, 901)), *[ROOM] * 12]
    assert causes(shots(*views)) == ["swapped_camera"] * 2 + [None] * 12


NIGHT = shots(
    *[ROOM] * 6,
    View(grain=5),
    View(grain=5),
    View(flat=3, noise=1.0),
    *[View(shift=(40, 12))] * 2,
    *[View(room=2, beds=(900, 901))] * 2,
    ROOM,
)
TRUTH = judge_views(NIGHT)


@given(st.permutations(NIGHT), st.lists(st.sampled_from(NIGHT), max_size=6))
@settings(max_examples=15, deadline=None)
def test_order_and_doubles_do_not_matter(shuffled: list[TimedPrint], doubles: list[TimedPrint]) -> None:
    assert judge_views([*shuffled, *doubles]) == TRUTH


def test_the_night_of_the_property_lies_in_five_ways() -> None:
    assert {v.cause for v in TRUTH if v.cause} == {
        ViewCause.FROZEN,
        ViewCause.BLACK,
        ViewCause.MOVED,
        ViewCause.SWAPPED_CAMERA,
    }


def test_nothing_is_judged_of_no_prints() -> None:
    assert judge_views([]) == ()


def test_noise_is_really_random_in_these_rooms() -> None:
    hashes = {item.print.noise_hash for item in shots(*[ROOM] * 10)}
    assert len(hashes) == 10
    assert np.ptp([item.print.noise_level for item in shots(*[ROOM] * 3)]) < 1.0
