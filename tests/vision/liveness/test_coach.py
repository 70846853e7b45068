"""What is said to somebody before the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.simulator.heads import HeadCamera, Light, Motion, pose_of
from service.simulator.surfaces import Pose
from service.vision import Frame, Pack
from service.vision.liveness import Advice, Turn, coach
from tests.rendered import library

pytestmark = pytest.mark.models


def shown(pack: Pack, pose: Pose, light: Light | None = None) -> Frame:
    return Frame(HeadCamera(2, light=light).shot(library(pack).head("f35"), pose))


@pytest.mark.parametrize(
    ("pose", "advice"),
    [
        (Pose(distance=8), Advice.TAKEN),
        (Pose(distance=16), Advice.COME_CLOSER),
        (Pose(distance=3.2), Advice.MOVE_BACK),
        (Pose(distance=8, x=2.6), Advice.INTO_THE_OVAL),
        (Pose(distance=8, yaw=25), Advice.LOOK_AHEAD),
    ],
)
def test_the_first_frame(real_pack: Pack, pose: Pose, advice: Advice) -> None:
    assert coach(shown(real_pack, pose), Turn.CENTRE, None, real_pack).advice is advice


def test_darkness_and_nobody(real_pack: Pack) -> None:
    assert coach(shown(real_pack, Pose(), Light(gain=0.15)), Turn.CENTRE, None, real_pack).advice is Advice.TOO_DARK
    nobody = Frame(np.full((480, 640, 3), 128, np.uint8))
    assert coach(nobody, Turn.CENTRE, None, real_pack).advice is Advice.NO_FACE


def test_turns_are_taken_when_large_enough_and_others_are_noticed(real_pack: Pack) -> None:
    ahead = coach(shown(real_pack, Pose()), Turn.CENTRE, None, real_pack).pose
    left = shown(real_pack, pose_of(Turn.LEFT, Motion()))
    assert coach(left, Turn.LEFT, ahead, real_pack).advice is Advice.TAKEN
    astray = coach(left, Turn.RIGHT, ahead, real_pack)
    assert astray.advice is Advice.TURN_RIGHT
    assert astray.seen is Turn.LEFT
    little = shown(real_pack, replace(Pose(), yaw=7.0))
    assert coach(little, Turn.LEFT, ahead, real_pack).advice is Advice.TURN_LEFT
