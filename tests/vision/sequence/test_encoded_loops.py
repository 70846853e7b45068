"""A recording encoded again is found by what is left of its noise, though nobody moves; honest quiet nights are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from service.vision import Frame
from service.vision.sequence import TimedPrint, ViewCause, ViewPrint, judge_views, make_print
from service.vision.sequence.encoded_loops import _threshold, find_encoded_loops
from service.vision.sequence.policy import DEFAULT_SEQUENCE_POLICY as POLICY
from tests.vision.sequence.rooms import ZONES, Pixels, View, pixels, shot

QUIET = View()
"""A ward in which nobody moves."""


def encoded(picture: Pixels, quality: int) -> Pixels:
    """The picture after a JPEG encoder."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@lru_cache(maxsize=256)
def seen(view: View, quality: int = 95) -> Pixels:
    """What the camera sends."""
    return encoded(pixels(view), quality)


def night(views: Sequence[View], quality: int = 95, *, first: int = 0) -> list[TimedPrint]:
    """A live night; every picture has noise of its own."""
    fresh = [replace(view, grain=3000 + first + i) for i, view in enumerate(views)]
    return [_timed(first + i, seen(view, quality)) for i, view in enumerate(fresh)]


def played(source: range, at: int, quality: int, view: View = QUIET, first_quality: int = 95) -> list[TimedPrint]:
    """The night's pictures of `source` again, encoded again, as the pictures from `at` on."""
    shown = [encoded(seen(replace(view, grain=3000 + i), first_quality), quality) for i in source]
    return [_timed(at + place, picture) for place, picture in enumerate(shown)]


def _timed(index: int, picture: Pixels) -> TimedPrint:
    # The time of picture `index`; what it shows is replaced.
    return replace(_at(index), print=make_print(Frame(picture), ZONES))


@lru_cache(maxsize=128)
def _at(index: int) -> TimedPrint:
    return shot(index, QUIET)


@pytest.mark.parametrize(("noise", "quality", "again"), [(2.0, 95, 90), (3.0, 95, 70), (3.0, 84, 75), (6.0, 85, 60)])
def test_a_quiet_loop_is_found_after_another_encoder(noise: float, quality: int, again: int) -> None:
    view = replace(QUIET, noise=noise)
    prints = [*night([view] * 24, quality), *played(range(8, 20), 24, again, view, quality)]
    verdicts = judge_views(prints)
    assert [v.cause for v in verdicts] == [None] * 24 + [ViewCause.LOOPED] * 12
    assert [v.repeats for v in verdicts[24:]] == [item.key for item in prints[8:20]]
    assert {v.since for v in verdicts[24:]} == {prints[24].at}


@pytest.mark.parametrize("noise", [0.2, 0.6, 1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("quality", [95, 75])
def test_a_live_quiet_night_is_never_a_loop(noise: float, quality: int) -> None:
    assert {v.cause for v in judge_views(night([replace(QUIET, noise=noise)] * 24, quality))} == {None}


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.6, 2.0])
def test_a_lamp_that_flickers_in_step_is_no_recording(noise: float) -> None:
    """What repeats there is the lamp: six strengths of light in turn, four times over."""
    gains = [1.0, 1.01, 0.985, 1.02, 0.99, 1.005] * 4
    views = [replace(QUIET, noise=noise, gain=gain) for gain in gains]
    assert find_encoded_loops(night(views, 84), POLICY) == {}


def test_a_camera_without_noise_is_not_judged() -> None:
    """Its pictures are equal by themselves, and equal again after any encoder."""
    view = replace(QUIET, noise=0.0)
    assert find_encoded_loops([*night([view] * 16), *played(range(4, 16), 16, 70, view)], POLICY) == {}


def test_a_clock_in_the_picture_is_no_recording() -> None:
    """Digits come again every hour; the rest of the view has fresh noise."""
    prints = []
    for i in range(36):
        picture = pixels(replace(QUIET, grain=4000 + i)).copy()
        minutes = f"2026-03-02 20:{5 * (i % 12):02d}:00"
        cv2.putText(picture, minutes, (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (250, 250, 250), 2)
        prints.append(_timed(i, encoded(picture, 90)))
    assert find_encoded_loops(prints, POLICY) == {}


def test_noise_that_comes_again_in_half_the_view_is_no_recording() -> None:
    """A screen on the wall that plays its own loop: the rest of the view is live."""
    live = [pixels(replace(QUIET, grain=5000 + i)).copy() for i in range(24)]
    for i in range(12, 24):
        live[i][:, :300] = live[i - 12][:, :300]
    assert find_encoded_loops([_timed(i, picture) for i, picture in enumerate(live)], POLICY) == {}


def test_three_pictures_are_no_row() -> None:
    once = [*night([QUIET] * 20), *played(range(6, 9), 20, 85), *night([QUIET] * 8, first=23)]
    assert find_encoded_loops(once, POLICY) == {}
    four = [*once[:20], *played(range(6, 10), 20, 85), *night([QUIET] * 8, first=24)]
    assert find_encoded_loops(four, POLICY) == {20: 6, 21: 7, 22: 8, 23: 9}


def test_the_order_of_arrival_does_not_matter() -> None:
    prints = [*night([QUIET] * 20), *played(range(6, 16), 20, 75)]
    told = judge_views(prints)
    draw = np.random.default_rng(1)
    for _ in range(3):
        assert judge_views([prints[k] for k in draw.permutation(len(prints)).tolist()]) == told


def test_the_threshold_counts_every_comparison() -> None:
    """40 pictures have 35 x 36 / 2 = 630 pairs five or more apart, each asked at four lengths: 1e-7 over 2,520 is
    3.97e-11, which a normal deviate exceeds beyond 6.50."""
    assert _threshold(40, POLICY) == pytest.approx(6.50, abs=0.01)
    assert _threshold(400, POLICY) > _threshold(40, POLICY)


def test_white_noise_reaches_no_threshold_in_many_days() -> None:
    """Noise alone, in 12 days of 96 prints: correlations spread as stated, and nothing is found."""
    quiet = _at(0).print
    draw = np.random.default_rng(9)
    for _ in range(12):
        noise = np.clip(np.rint(draw.normal(0, 5, (96, 384))), -127, 127).astype(np.int8)
        day = [replace(_at(i % 96), print=_with(quiet, noise[i])) for i in range(96)]
        assert find_encoded_loops(day, POLICY) == {}


def _with(made: ViewPrint, noise: np.ndarray) -> ViewPrint:
    return replace(made, noise=noise)
