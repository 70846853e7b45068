"""One burst of frames against one person's templates: is somebody there, and is it them? Pixels end here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.contracts import TurnCode
from service.pharmacy.decision import Identity, Liveness
from service.pharmacy.policy import PurchasePolicy
from service.platform.metrics import histogram
from service.vision import Frame, Gallery, ImageLimits, Pack, decode
from service.vision.liveness import BurstJudgement, LivenessVerdict, Turn, judge_burst

burst_seconds = histogram("purchase_burst_seconds", "Time to decode and judge one burst of frames")

_LIVENESS = {
    LivenessVerdict.LIVE: Liveness.LIVE,
    LivenessVerdict.SUSPECT: Liveness.SUSPECT,
    LivenessVerdict.INCONCLUSIVE: Liveness.UNUSABLE,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a burst showed. `similarity`: best cosine to the person's templates, None when there was none to compare."""

    identity: Identity
    liveness: Liveness
    liveness_reasons: tuple[str, ...] = ()
    similarity: float | None = None
    pack_hash: str = ""


def look(
    images: Sequence[bytes],
    turns: Sequence[TurnCode],
    frame_times: Sequence[float] | None,
    gallery: Gallery,
    pack: Pack,
    policy: PurchasePolicy,
    limits: ImageLimits,
) -> Seen:
    """Judges a burst and compares it 1:1. The embedding lives in memory only, as long as this call.

    Raises an `ImageError` that names the image which cannot be read.
    """
    began = time.perf_counter()
    frames = [decode(data, limits, field=f"images.{index}") for index, data in enumerate(images)]
    seen = judge(frames, turns, frame_times, gallery, pack, policy)
    burst_seconds.observe(time.perf_counter() - began)
    return seen


def judge(
    frames: Sequence[Frame],
    turns: Sequence[TurnCode],
    frame_times: Sequence[float] | None,
    gallery: Gallery,
    pack: Pack,
    policy: PurchasePolicy,
) -> Seen:
    """As `look`, from decoded frames."""
    judgement = judge_burst(frames, [Turn(turn) for turn in turns], pack, frame_times=frame_times)
    threshold = pack.thresholds.same_person if policy.match is None else policy.match
    identity, similarity = _compare(judgement, gallery, threshold, policy.mismatch_margin)
    return Seen(
        identity=identity,
        liveness=_LIVENESS[judgement.verdict],
        liveness_reasons=tuple(reason.value for reason in judgement.reasons),
        similarity=similarity,
        pack_hash=pack.pack_hash,
    )


def _compare(
    judgement: BurstJudgement, gallery: Gallery, threshold: float, margin: float
) -> tuple[Identity, float | None]:
    if not gallery.keys:
        return Identity.NOT_ENROLLED, None
    if judgement.embedding is None:
        return Identity.UNPROVEN, None
    similarity = float(np.max(gallery.vectors @ judgement.embedding))
    if similarity >= threshold:
        return Identity.VERIFIED, similarity
    return (Identity.MISMATCH if similarity < threshold - margin else Identity.UNCERTAIN), similarity
