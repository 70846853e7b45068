"""A burst of frames against its challenge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from service.vision.decode import Frame
from service.vision.faces import FloatArray
from service.vision.liveness.backdrop import sway
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
from service.vision.liveness.marks import grid_peak
from service.vision.liveness.order import jumps, order_fault, turn_of, untimely
from service.vision.liveness.parallax import frontal_patch, ratio, relief
from service.vision.liveness.passive import PassiveModel
from service.vision.liveness.turns import Turn
from service.vision.mesh import LandmarkMesh
from service.vision.pack import Pack

_WORKERS = 2
"""Threads of one judgement: a pharmacy's server has two cores. The result does not depend on them."""
_Seen = Sequence[FaceLook | None]


def judge_burst(
    frames: Sequence[Frame],
    turns: Sequence[Turn],
    pack: Pack,
    policy: LivenessPolicy = DEFAULT_POLICY,
    frame_times: Sequence[float] | None = None,
    passive: PassiveModel | None = None,
    pauses: Sequence[float] | None = None,
) -> BurstJudgement:
    """Whether `frames`, in the order taken, show one live person who made `turns`.

    `frames`: at least one a turn; frames in between make a cut harder to hide. The first looks ahead. `frame_times`:
    seconds, one a frame, from any beginning; without them speed is not judged. `passive`: may warn, nothing else.
    `pauses`: the challenge's rhythm (`pauses_for`), one a turn; with it the times are needed, and each turn must come
    after it was shown. Raises `ValueError` for times of another number than frames, or pauses than turns.
    """
    if frame_times is not None and len(frame_times) != len(frames):
        raise ValueError(f"{len(frame_times)} times for {len(frames)} frames")
    if pauses is not None and len(pauses) != len(turns):
        raise ValueError(f"{len(pauses)} pauses for {len(turns)} turns")
    begin = time.perf_counter()
    if pack.mesh is None:
        return _nothing(frames, LivenessReason.NO_MESH, begin)
    if len(frames) < len(turns):
        return _nothing(frames, LivenessReason.TOO_FEW_FRAMES, begin)
    mesh = pack.mesh
    looks = _looks(frames, pack, mesh)
    first = looks[0]
    reasons = _picture_faults(frames, looks, policy)
    if first is None:
        return _judged(reasons, looks, begin)
    seen = [None if look is None else turn_of(look.pose, first.pose, policy) for look in looks]
    if abs(first.face.yaw) > policy.centre_yaw or abs(first.face.pitch) > policy.centre_pitch:
        seen[0] = None
    fault = order_fault(seen, turns)
    reasons += [] if fault is None else [fault]
    reasons += _time_faults(seen, turns, frame_times, pauses, policy)
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
    pixels = [frame.pixels for frame in frames]
    moved, grid = sway(pixels, looks), grid_peak(pixels, looks)
    reasons += [LivenessReason.BACKGROUND_MOVES] if moved is not None and moved >= policy.sway else []
    reasons += [LivenessReason.SCREEN_MARKS] if grid is not None and grid >= policy.grid else []
    share = None if passive is None else passive.share(frames, looks)
    if passive is not None and share is not None and share < passive.note.threshold:
        reasons.append(LivenessReason.PASSIVE_WARNING)
    best = max(frontal, key=lambda i: _quality(looks[i]))
    judged = _judged(reasons, looks, begin, fused, best, parallax, similarity)
    return replace(judged, sway=moved, grid=grid, passive=share)


def _looks(frames: Sequence[Frame], pack: Pack, mesh: LandmarkMesh) -> list[FaceLook | None]:
    """The faces of all frames, two at a time. Where the finder sees none, the mesh looks where the face was before."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        looks = list(pool.map(lambda frame: look_at(frame, pack, mesh), frames))
    before: FaceLook | None = None
    for index, frame in enumerate(frames):
        if looks[index] is None and before is not None:
            looks[index] = look_at(frame, pack, mesh, before)
        before = looks[index] or before
    return looks


def _time_faults(
    seen: Sequence[Turn | None],
    turns: Sequence[Turn],
    times: Sequence[float] | None,
    pauses: Sequence[float] | None,
    policy: LivenessPolicy,
) -> list[LivenessReason]:
    if pauses is None:
        return []
    if times is None:
        return [LivenessReason.TIMES_MISSING]
    return [LivenessReason.TURN_UNTIMELY] if untimely(seen, turns, times, pauses, policy) else []


def _picture_faults(frames: Sequence[Frame], looks: _Seen, policy: LivenessPolicy) -> list[LivenessReason]:
    seen = [look for look in looks if look is not None]
    reasons = []
    if len(seen) < len(looks):
        reasons.append(LivenessReason.NO_FACE)
    if any(look.others >= policy.second_face for look in seen):
        reasons.append(LivenessReason.SEVERAL_FACES)
    if any(look.width < policy.face_width for look in seen):
        reasons.append(LivenessReason.FACE_TOO_SMALL)
    wide = [look.width / frame.width for frame, look in zip(frames, looks, strict=True) if look is not None]
    if any(share > policy.widest for share in wide):
        reasons.append(LivenessReason.FACE_TOO_NEAR)
    if any(abs(look.face.yaw) > policy.farthest for look in seen):
        reasons.append(LivenessReason.TURN_TOO_FAR)
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
    aligned = [look.aligned for look in looks if look is not None]
    with ThreadPoolExecutor(_WORKERS) as pool:
        vectors = list(pool.map(lambda face: pack.embedder.embed([face])[0], aligned))
    return dict(zip(found, vectors, strict=True))


def _fused(vectors: dict[int, FloatArray], frontal: Sequence[int]) -> FloatArray:
    total = np.sum([vectors[i] for i in frontal], axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-6), np.float32)


def _parallax(frames: Sequence[Frame], looks: _Seen, seen: Sequence[Turn | None]) -> float | None:
    first = looks[0]
    if first is None or len(first.face.depths) == 0:
        return None
    patch, to_patch = frontal_patch(frames[0].pixels, first.face)
    turned = [
        (frame.pixels, look.face)
        for frame, look, turn in zip(frames[1:], looks[1:], seen[1:], strict=True)
        if look is not None and turn is not None and turn is not Turn.CENTRE
    ]
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = pool.map(lambda other: relief(patch, to_patch, first.face, *other), turned)
        return ratio([one for one in found if one is not None])


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
