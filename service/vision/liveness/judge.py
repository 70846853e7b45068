"""A burst of frames against its challenge."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from service.vision.decode import Frame
from service.vision.faces import FloatArray
from service.vision.liveness.judgement import (
    DEFAULT_POLICY,
    SUSPICIOUS,
    WARNINGS,
    BurstJudgement,
    LivenessPolicy,
    LivenessReason,
    LivenessVerdict,
)
from service.vision.liveness.look import FaceLook, difference, look_at
from service.vision.liveness.order import jumps, order_fault, turn_of
from service.vision.liveness.parallax import Relief, frontal_patch, ratio, relief
from service.vision.liveness.passive import PassiveModel
from service.vision.liveness.turns import Turn
from service.vision.mesh import LandmarkMesh
from service.vision.pack import Pack

_Seen = Sequence[FaceLook | None]


def judge_burst(
    frames: Sequence[Frame],
    turns: Sequence[Turn],
    pack: Pack,
    policy: LivenessPolicy = DEFAULT_POLICY,
    frame_times: Sequence[float] | None = None,
    passive: PassiveModel | None = None,
) -> BurstJudgement:
    """Whether `frames`, in the order taken, show one live person who made `turns`.

    `frames`: at least one a turn; frames in between make a cut harder to hide. The first looks ahead. `frame_times`:
    seconds, one a frame, from any beginning; without them speed is not judged. `passive`: may warn, nothing else.
    Raises `ValueError` for times of another number than frames.
    """
    if frame_times is not None and len(frame_times) != len(frames):
        raise ValueError(f"{len(frame_times)} times for {len(frames)} frames")
    begin = time.perf_counter()
    if pack.mesh is None:
        return _nothing(frames, LivenessReason.NO_MESH, begin)
    if len(frames) < len(turns):
        return _nothing(frames, LivenessReason.TOO_FEW_FRAMES, begin)
    mesh = pack.mesh
    looks = _looks(frames, pack, mesh)
    first = looks[0]
    reasons = _picture_faults(looks, policy)
    if first is None:
        return _judged(reasons, looks, begin)
    seen = [None if look is None else turn_of(look.pose, first.pose, policy) for look in looks]
    if abs(first.face.yaw) > policy.centre_yaw or abs(first.face.pitch) > policy.centre_pitch:
        seen[0] = None
    fault = order_fault(seen, turns)
    reasons += [] if fault is None else [fault]
    if jumps(looks, frame_times, policy):
        reasons.append(LivenessReason.MOTION_JUMP)
    if _repeats(frames, looks, policy):
        reasons.append(LivenessReason.REPEATED_FRAME)
    vectors = _embeddings(looks, pack)
    frontal = [i for i, turn in enumerate(seen) if turn is Turn.CENTRE and looks[i] is not None] or [0]
    fused = _fused(vectors, frontal)
    similarity = min(float(vector @ fused) for vector in vectors.values())
    if similarity < policy.same_person:
        reasons.append(LivenessReason.IDENTITY_CHANGED)
    parallax = _parallax(frames, looks, seen)
    reasons += _parallax_faults(parallax, policy)
    if passive is not None and passive.warns(frames, looks):
        reasons.append(LivenessReason.PASSIVE_WARNING)
    best = max(frontal, key=lambda i: _quality(looks[i]))
    return _judged(reasons, looks, begin, fused, best, parallax, similarity)


def _looks(frames: Sequence[Frame], pack: Pack, mesh: LandmarkMesh) -> list[FaceLook | None]:
    looks: list[FaceLook | None] = []
    before: FaceLook | None = None
    for frame in frames:
        looks.append(look_at(frame, pack, mesh, before))
        before = looks[-1] or before
    return looks


def _picture_faults(looks: _Seen, policy: LivenessPolicy) -> list[LivenessReason]:
    seen = [look for look in looks if look is not None]
    reasons = []
    if len(seen) < len(looks):
        reasons.append(LivenessReason.NO_FACE)
    if any(look.others >= policy.second_face for look in seen):
        reasons.append(LivenessReason.SEVERAL_FACES)
    if any(look.width < policy.face_width for look in seen):
        reasons.append(LivenessReason.FACE_TOO_SMALL)
    if any(look.luminance < policy.luminance for look in seen):
        reasons.append(LivenessReason.TOO_DARK)
    return reasons


def _repeats(frames: Sequence[Frame], looks: _Seen, policy: LivenessPolicy) -> bool:
    """Whether any two frames are one: a camera's noise alone makes two pictures of a still face differ."""
    for i, look in enumerate(looks):
        for k in range(i):
            if look is not None and difference(frames[k], frames[i], look) < policy.repeated:
                return True
    return False


def _embeddings(looks: _Seen, pack: Pack) -> dict[int, FloatArray]:
    found = [i for i, look in enumerate(looks) if look is not None]
    vectors = pack.embedder.embed([look.aligned for look in looks if look is not None])
    return dict(zip(found, vectors, strict=True))


def _fused(vectors: dict[int, FloatArray], frontal: Sequence[int]) -> FloatArray:
    total = np.sum([vectors[i] for i in frontal], axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-6), np.float32)


def _parallax(frames: Sequence[Frame], looks: _Seen, seen: Sequence[Turn | None]) -> float | None:
    first = looks[0]
    if first is None or len(first.face.depths) == 0:
        return None
    patch, to_patch = frontal_patch(frames[0].pixels, first.face)
    reliefs: list[Relief] = []
    for frame, look, turn in zip(frames[1:], looks[1:], seen[1:], strict=True):
        if look is not None and turn is not None and turn is not Turn.CENTRE:
            found = relief(patch, to_patch, first.face, frame.pixels, look.face)
            reliefs += [] if found is None else [found]
    return ratio(reliefs)


def _parallax_faults(parallax: float | None, policy: LivenessPolicy) -> list[LivenessReason]:
    if parallax is None or policy.parallax_flat <= parallax < policy.parallax_head:
        return [LivenessReason.PARALLAX_UNCLEAR]
    return [LivenessReason.FLAT] if parallax < policy.parallax_flat else []


def _quality(look: FaceLook | None) -> float:
    return -1.0 if look is None else look.quality


def _nothing(frames: Sequence[Frame], reason: LivenessReason, begin: float) -> BurstJudgement:
    return _judged([reason], [None] * len(frames), begin)


def _judged(
    reasons: list[LivenessReason],
    looks: _Seen,
    begin: float,
    embedding: FloatArray | None = None,
    best: int | None = None,
    parallax: float | None = None,
    similarity: float | None = None,
) -> BurstJudgement:
    verdict = LivenessVerdict.LIVE
    if any(reason not in WARNINGS for reason in reasons):
        suspicious = any(reason in SUSPICIOUS for reason in reasons)
        verdict = LivenessVerdict.SUSPECT if suspicious else LivenessVerdict.INCONCLUSIVE
    return BurstJudgement(
        verdict=verdict,
        reasons=tuple(reasons),
        embedding=embedding,
        best_frame=best,
        poses=tuple(None if look is None else look.pose for look in looks),
        parallax=parallax,
        similarity=similarity,
        seconds=time.perf_counter() - begin,
    )
