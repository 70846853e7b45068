"""Which turns a burst shows, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from service.vision.liveness.judgement import HeadPose, LivenessPolicy, LivenessReason
from service.vision.liveness.look import FaceLook
from service.vision.liveness.turns import Turn


def turn_of(pose: HeadPose, ahead: HeadPose, policy: LivenessPolicy) -> Turn | None:
    """What `pose` is, seen from the frontal one; `None` on the way from one to another."""
    aside = (pose.yaw - ahead.yaw) / policy.turn_yaw
    down = (pose.pitch - ahead.pitch) / policy.turn_pitch
    if max(abs(aside), abs(down)) <= policy.rest:
        return Turn.CENTRE
    if abs(aside) >= max(1.0, abs(down)):
        return Turn.LEFT if aside > 0 else Turn.RIGHT
    if abs(down) >= 1.0:
        return Turn.DOWN if down > 0 else Turn.UP
    return None


def order_fault(seen: Sequence[Turn | None], asked: Sequence[Turn]) -> LivenessReason | None:
    """Whether the turns `seen`, one a frame, are those `asked`. Looking ahead in between is no turn.

    Turns left out are missing; any other difference is wrong: a film of another challenge shows turns nobody asked for.
    """
    if not seen or seen[0] is not Turn.CENTRE:
        return LivenessReason.TURN_MISSING
    made = _turns(seen)
    wanted = _turns(asked)
    if made == wanted:
        return None
    rest = iter(wanted)
    return LivenessReason.TURN_MISSING if all(turn in rest for turn in made) else LivenessReason.TURN_WRONG


def jumps(looks: Sequence[FaceLook | None], times: Sequence[float] | None, policy: LivenessPolicy) -> bool:
    """Whether a head turned or travelled faster than heads do, or time ran backwards. Without times nobody can tell."""
    if times is None:
        return False
    for (one, other), (before, after) in zip(pairwise(looks), pairwise(times), strict=True):
        seconds = after - before
        if not np.isfinite(seconds) or seconds <= 0:
            return True
        if one is None or other is None:
            continue
        turned = float(np.hypot(other.face.yaw - one.face.yaw, other.face.pitch - one.face.pitch))
        travelled = float(np.linalg.norm(other.centre - one.centre)) / max(one.width, 1.0)
        if turned > policy.speed * seconds + 6.0 or travelled > policy.travel * seconds + 0.5:
            return True
    return False


def _turns(seen: Sequence[Turn | None]) -> list[Turn]:
    """Without looking ahead, without repetitions."""
    turns: list[Turn] = []
    for turn in seen:
        if turn is not None and turn is not Turn.CENTRE and (not turns or turns[-1] is not turn):
            turns.append(turn)
    return turns
