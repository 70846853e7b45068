"""Is a person in front of the camera, here and now? An active challenge: head turns in an order that nobody could know,
one identity throughout, and relief that no print has."""

from service.vision.liveness.coach import ASK, Advice, Coaching, coach
from service.vision.liveness.judge import judge_burst
from service.vision.liveness.judgement import (
    DEFAULT_POLICY,
    BurstJudgement,
    HeadPose,
    LivenessPolicy,
    LivenessReason,
    LivenessVerdict,
)
from service.vision.liveness.passive import PassiveModel, open_passive
from service.vision.liveness.turns import DEFAULT_COUNT, Turn, pauses_for, turns_for

__all__ = [
    "ASK",
    "DEFAULT_COUNT",
    "DEFAULT_POLICY",
    "Advice",
    "BurstJudgement",
    "Coaching",
    "HeadPose",
    "LivenessPolicy",
    "LivenessReason",
    "LivenessVerdict",
    "PassiveModel",
    "Turn",
    "coach",
    "judge_burst",
    "open_passive",
    "pauses_for",
    "turns_for",
]
