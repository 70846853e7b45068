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


def untimely(
    seen: Sequence[Turn | None],
    asked: Sequence[Turn],
    times: Sequence[float],
    pauses: Sequence[float],
    policy: LivenessPolicy,
) -> bool:
    """Whether a turn was made before it was shown, or long after. `times`: seconds, one a frame; `pauses`: seconds, one
    a turn, from a turn that was made to the next that is shown. Turns that are missing are not judged here."""
    made = _beginnings(seen, asked)
    for turn in range(1, len(made)):
        after = times[made[turn]] - times[made[turn - 1]] - pauses[turn]
        if not policy.reaction <= after <= policy.answer:
            return True
    return False


def _beginnings(seen: Sequence[Turn | None], asked: Sequence[Turn]) -> list[int]:
    """The frame in which each of the turns `asked` is first seen, in order, as far as they are found."""
    made: list[int] = []
    for index, turn in enumerate(seen):
        if len(made) < len(asked) and turn is asked[len(made)]:
            made.append(index)
    return made


def _turns(seen: Sequence[Turn | None]) -> list[Turn]:
    """Without looking ahead, without repetitions."""
    turns: list[Turn] = []
    for turn in seen:
        if turn is not None and turn is not Turn.CENTRE and (not turns or turns[-1] is not turn):
            turns.append(turn)
    return turns
