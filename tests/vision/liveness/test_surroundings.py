"""What a hand moves and what a screen shows, on pictures whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from service.simulator.heads import HeadCamera, Motion, genuine_burst
from service.simulator.surfaces import Pixels
from service.vision import Frame, Pack
from service.vision.liveness import Turn
from service.vision.liveness.backdrop import sway
from service.vision.liveness.judge import _looks
from service.vision.liveness.look import FaceLook
from service.vision.liveness.marks import grid_peak
from tests.rendered import library

pytestmark = pytest.mark.models
TURNS = (Turn.CENTRE, Turn.LEFT, Turn.UP)
Burst = tuple[list[Pixels], list[FaceLook | None]]


@pytest.fixture(scope="module")
def burst(real_pack: Pack) -> Burst:
    shots = genuine_burst(library(real_pack).head("f35"), TURNS, HeadCamera(5), Motion())
    assert real_pack.mesh is not None
    return shots, _looks([Frame(shot) for shot in shots], real_pack, real_pack.mesh)


def test_shelves_stand_still_however_the_head_turns(burst: Burst) -> None:
    moved = sway(*burst)
    assert moved is not None
    assert moved < 0.001


def test_what_is_carried_by_a_hand_is_measured_in_pixels(burst: Burst) -> None:
    shots, looks = burst
    # The first frame stays, the others are carried 8 pixels aside and 6 down: 10 of 640 = .0156.
    shift = np.array([[1.0, 0, 8], [0, 1.0, 6]])
    carried = [shots[0], *(np.asarray(cv2.warpAffine(s, shift, (640, 480), borderMode=2), np.uint8) for s in shots[1:])]
    assert sway(carried, looks) == pytest.approx(10 / 640, abs=0.002)


def test_a_bare_wall_tells_nothing(burst: Burst) -> None:
    shots, looks = burst
    blank = [np.full_like(shot, 190) for shot in shots]
    assert sway(blank, looks) is None
    assert sway([shots[0], shots[1][:240], shots[2]], looks) is None
    assert sway(shots, [None, *looks[1:]]) is None


@pytest.mark.parametrize("period", [2.3, 3.1, 4.7])
def test_a_grid_is_a_peak_and_a_face_is_none(burst: Burst, period: float) -> None:
    shots, looks = burst
    bare = grid_peak(shots, looks)
    stripes = 1 + 0.06 * np.cos(2 * np.pi * np.arange(640) / period)
    lined = [np.clip(shot * stripes[None, :, None], 0, 255).astype(np.uint8) for shot in shots]
    seen = grid_peak(lined, looks)
    assert bare is not None
    assert bare < 1.45
    assert seen is not None
    assert seen > 1.6
    assert grid_peak([], []) is None
