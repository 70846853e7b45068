"""What somebody before the kiosk should do next, from one preview frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.vision.decode import Frame
from service.vision.liveness.judgement import DEFAULT_POLICY, HeadPose, LivenessPolicy
from service.vision.liveness.look import FaceLook, look_at
from service.vision.liveness.order import turn_of
from service.vision.liveness.turns import Turn
from service.vision.pack import Pack

SLACK = 1.15
"""A turn is taken only when it is that much larger (a face that much smaller) than the judge asks: the judge must not
disagree by a degree."""
_OFF_CENTRE = 0.22
"""Distance of the face's middle from the picture's, over the picture's width."""


class Advice(StrEnum):
    """What is said to the person."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    COME_CLOSER = "come_closer"
    MOVE_BACK = "move_back"
    INTO_THE_OVAL = "into_the_oval"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOOK_AHEAD = "look_ahead"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    LOOK_UP = "look_up"
    LOOK_DOWN = "look_down"
    LESS = "less"
    TAKEN = "taken"


ASK = {
    Turn.CENTRE: Advice.LOOK_AHEAD,
    Turn.LEFT: Advice.TURN_LEFT,
    Turn.RIGHT: Advice.TURN_RIGHT,
    Turn.UP: Advice.LOOK_UP,
    Turn.DOWN: Advice.LOOK_DOWN,
}
"""What asks for a turn."""


@dataclass(frozen=True, slots=True)
class Coaching:
    """`advice`: `taken` when the frame shows the turn. `pose`: of the face, if there is one. `seen`: the turn that the
    frame shows clearly, whichever was asked for."""

    advice: Advice
    pose: HeadPose | None = None
    seen: Turn | None = None


def coach(
    frame: Frame, turn: Turn, ahead: HeadPose | None, pack: Pack, policy: LivenessPolicy = DEFAULT_POLICY
) -> Coaching:
    """Whether `frame` shows `turn`, and if not, what to do. `ahead`: the pose of the first frame, once it is taken."""
    look = look_at(frame, pack, pack.mesh) if pack.mesh is not None else None
    if look is None:
        return Coaching(Advice.NO_FACE)
    fault = _picture_fault(frame, look, turn, policy)
    if fault is not None:
        return Coaching(fault, look.pose)
    seen = _seen(look.pose, ahead, policy)
    if abs(look.face.yaw) > policy.farthest / SLACK:
        return Coaching(Advice.LESS, look.pose, seen)
    return Coaching(Advice.TAKEN if seen is turn else ASK[turn], look.pose, seen)


def _picture_fault(frame: Frame, look: FaceLook, turn: Turn, policy: LivenessPolicy) -> Advice | None:
    share = look.width / frame.width
    if look.others >= policy.second_face:
        return Advice.SEVERAL_FACES
    if look.width < SLACK * policy.face_width:
        return Advice.COME_CLOSER
    if share > policy.widest / SLACK:
        return Advice.MOVE_BACK
    if look.luminance < SLACK * policy.luminance:
        return Advice.TOO_DARK
    if look.luminance > 235:
        return Advice.TOO_BRIGHT
    x, y = look.centre
    off = max(abs(float(x) / frame.width - 0.5), abs(float(y) - frame.height / 2) / frame.width)
    return Advice.INTO_THE_OVAL if turn is Turn.CENTRE and off > _OFF_CENTRE else None


def _seen(pose: HeadPose, ahead: HeadPose | None, policy: LivenessPolicy) -> Turn | None:
    if ahead is None:
        straight = abs(pose.yaw) < policy.centre_yaw / SLACK and abs(pose.pitch) < policy.centre_pitch / SLACK
        return Turn.CENTRE if straight else None
    moved = HeadPose((pose.yaw - ahead.yaw) / SLACK, (pose.pitch - ahead.pitch) / SLACK, 0.0)
    return turn_of(moved, HeadPose(0.0, 0.0, 0.0), policy)
