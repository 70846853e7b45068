"""One burst of frames against one person's templates: is somebody there, and is it them? Pixels end here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from service.contracts import TurnCode
from service.pharmacy.decision import Identity, Liveness
from service.pharmacy.policy import PurchasePolicy
from service.platform.metrics import histogram
from service.platform.settings import Settings
from service.vision import Frame, Gallery, ImageLimits, Pack, RuntimeOptions, decode
from service.vision.liveness import BurstJudgement, LivenessVerdict, PassiveModel, Turn, judge_burst, open_passive

burst_seconds = histogram("purchase_burst_seconds", "Time to decode and judge one burst of frames")

UNPACED = "unpaced"
"""Beside the reasons of a burst whose kiosk did not say that it kept the challenge's pauses: of lower trust."""
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
    passive: PassiveModel | None = None,
    pauses: Sequence[float] | None = None,
) -> Seen:
    """Judges a burst and compares it 1:1. The embedding lives in memory only, as long as this call. `passive` may warn,
    and changes no verdict. `pauses`: the challenge's rhythm, where the kiosk kept it.

    Raises an `ImageError` that names the image which cannot be read.
    """
    began = time.perf_counter()
    frames = _decoded(images, limits)
    seen = judge(frames, turns, frame_times, gallery, pack, policy, passive, pauses)
    burst_seconds.observe(time.perf_counter() - began)
    return seen


def judge(
    frames: Sequence[Frame],
    turns: Sequence[TurnCode],
    frame_times: Sequence[float] | None,
    gallery: Gallery,
    pack: Pack,
    policy: PurchasePolicy,
    passive: PassiveModel | None = None,
    pauses: Sequence[float] | None = None,
) -> Seen:
    """As `look`, from decoded frames."""
    judgement = judge_burst(
        frames, [Turn(turn) for turn in turns], pack, frame_times=frame_times, passive=passive, pauses=pauses
    )
    threshold = pack.thresholds.same_person if policy.match is None else policy.match
    identity, similarity = _compare(judgement, gallery, threshold, policy.mismatch_margin)
    return Seen(
        identity=identity,
        liveness=_LIVENESS[judgement.verdict],
        liveness_reasons=tuple(reason.value for reason in judgement.reasons),
        similarity=similarity,
        pack_hash=pack.pack_hash,
    )


@lru_cache(maxsize=4)
def opened_passive(folder: Path, providers: tuple[str, ...], threads: int) -> PassiveModel:
    """The passive model in `folder`, opened once. Raises `PackUnusable`, `ProviderMissing`."""
    return open_passive(folder, RuntimeOptions(providers=providers, intra_threads=threads))


def passive_of(settings: Settings) -> PassiveModel | None:
    """The passive model that the settings name, or None. Raises `PackUnusable`, `ProviderMissing`."""
    if settings.passive_pad_pack is None:
        return None
    return opened_passive(settings.passive_pad_pack, tuple(settings.providers), settings.intra_threads)


def _decoded(images: Sequence[bytes], limits: ImageLimits) -> list[Frame]:
    """The frames in order, decoded by two threads: the library lets go of the interpreter meanwhile."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda item: decode(item[1], limits, field=f"images.{item[0]}"), enumerate(images)))


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
