"""How often attacks pass and honest people do not: APCER a species and BPCER, as ISO/IEC 30107-3 has them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from service.kit.errors import WardwatchError
from service.kit.statistics import Rate
from service.vision.decode import Frame, decode
from service.vision.liveness.judge import judge_burst
from service.vision.liveness.judgement import DEFAULT_POLICY, BurstJudgement, LivenessPolicy, LivenessVerdict
from service.vision.liveness.passive import PassiveModel
from service.vision.liveness.turns import Turn
from service.vision.pack import Pack

BONA_FIDE = "bona_fide"
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


class BurstFolderInvalid(WardwatchError):
    """A folder of bursts that does not have the form that is evaluated."""

    code = "burst-folder-invalid"
    status = 422
    title_en = "The folder of bursts is not usable"
    title_zh = "活体评测文件夹无效"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One burst with its truth. `species`: `bona_fide` or the kind of attack; `times`: seconds, one a frame; `pauses`:
    the challenge's rhythm, seconds, one a turn."""

    name: str
    species: str
    turns: tuple[Turn, ...]
    frames: tuple[Frame, ...]
    times: tuple[float, ...] | None = None
    pauses: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class SpeciesResult:
    """`passed`: bursts judged live of all; `verdicts`, `reasons`: how often each; `parallax`: least, middle and
    greatest, `None` where never measured."""

    species: str
    passed: Rate
    verdicts: dict[str, int]
    reasons: dict[str, int]
    parallax: tuple[float, float, float] | None

    @property
    def error(self) -> Rate:
        """BPCER of honest people (not live), APCER of an attack (live)."""
        if self.species == BONA_FIDE:
            return Rate(self.passed.trials - self.passed.hits, self.passed.trials)
        return self.passed


@dataclass(frozen=True, slots=True)
class PadReport:
    """Results by species, honest people first; `seconds`: 95th percentile of a judgement."""

    source: str
    model_id: str
    pack_hash: str
    species: tuple[SpeciesResult, ...]
    seconds: float

    def to_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "source": self.source,
            "model_id": self.model_id,
            "pack_hash": self.pack_hash,
            "seconds_p95": round(self.seconds, 4),
            "bpcer": next((_rate(s.error) for s in self.species if s.species == BONA_FIDE), None),
            "apcer": {s.species: _rate(s.error) for s in self.species if s.species != BONA_FIDE},
            "details": {
                s.species: {"verdicts": s.verdicts, "reasons": s.reasons, "parallax": s.parallax} for s in self.species
            },
        }


def evaluate_pad(
    attempts: Iterable[Attempt],
    pack: Pack,
    source: str,
    policy: LivenessPolicy = DEFAULT_POLICY,
    step: Callable[[], None] | None = None,
    passive: PassiveModel | None = None,
) -> PadReport:
    """Judges every attempt. Raises `BurstFolderInvalid` when there is none."""
    judged: dict[str, list[BurstJudgement]] = {}
    for attempt in attempts:
        judgement = judge_burst(attempt.frames, attempt.turns, pack, policy, attempt.times, passive, attempt.pauses)
        judged.setdefault(attempt.species, []).append(judgement)
        if step is not None:
            step()
    if not judged:
        raise BurstFolderInvalid(
            "there is no burst to judge", field="folder", remedy="see docs/kiosk.md for the layout"
        )
    names = sorted(judged, key=lambda name: (name != BONA_FIDE, name))
    seconds = [judgement.seconds for group in judged.values() for judgement in group]
    return PadReport(
        source=source,
        model_id=pack.model_id,
        pack_hash=pack.pack_hash,
        species=tuple(_result(name, judged[name]) for name in names),
        seconds=float(np.percentile(seconds, 95)),
    )


def read_bursts(folder: Path) -> Iterator[Attempt]:
    """The bursts of `folder`/<species>/<attempt>/, whose pictures are frames in the order of their names and whose
    burst.json says `{"turns": ["centre", ...], "times": [0.0, ...], "pauses": [0.0, ...]}`; times may be left out, and
    so may pauses.

    Raises `BurstFolderInvalid`, and the errors of `decode` for a picture that is none.
    """
    if not folder.is_dir():
        raise BurstFolderInvalid(f"{folder} is not a folder", field="folder", remedy="name an existing folder")
    for note in sorted(folder.glob("*/*/burst.json")):
        place = note.parent
        pictures = sorted(p for p in place.iterdir() if p.suffix.lower() in _PICTURES)
        frames = tuple(decode(p.read_bytes(), field=p.name) for p in pictures)
        turns, times, pauses = _note(note, len(frames))
        yield Attempt(f"{place.parent.name}/{place.name}", place.parent.name, turns, frames, times, pauses)


_Seconds = tuple[float, ...] | None


def _note(path: Path, frames: int) -> tuple[tuple[Turn, ...], _Seconds, _Seconds]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        turns = tuple(Turn(turn) for turn in document["turns"])
        times, pauses = (
            None if document.get(key) is None else tuple(float(t) for t in document[key]) for key in ("times", "pauses")
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BurstFolderInvalid(
            f"{path} does not say the turns", field="burst.json", remedy='write {"turns": ["centre", "left"]}'
        ) from None
    if times is not None and (len(times) != frames or any(b <= a for a, b in pairwise(times))):
        raise BurstFolderInvalid(
            f"{path} has {len(times)} times for {frames} frames, or they do not rise",
            field="times",
            remedy="write one rising time a frame, or leave them out",
        )
    if pauses is not None and len(pauses) != len(turns):
        raise BurstFolderInvalid(
            f"{path} has {len(pauses)} pauses for {len(turns)} turns",
            field="pauses",
            remedy="write one pause a turn, the first 0, or leave them out",
        )
    return turns, times, pauses


def _result(species: str, group: list[BurstJudgement]) -> SpeciesResult:
    live = sum(judgement.verdict is LivenessVerdict.LIVE for judgement in group)
    measured = [judgement.parallax for judgement in group if judgement.parallax is not None]
    spread = (min(measured), float(np.median(measured)), max(measured)) if measured else None
    return SpeciesResult(
        species=species,
        passed=Rate(live, len(group)),
        verdicts=dict(Counter(judgement.verdict.value for judgement in group)),
        reasons=dict(Counter(reason.value for judgement in group for reason in judgement.reasons)),
        parallax=spread if spread is None else (round(spread[0], 3), round(spread[1], 3), round(spread[2], 3)),
    )


def _rate(rate: Rate) -> dict[str, object]:
    return {
        "value": rate.value,
        "low": round(rate.low, 4),
        "high": round(rate.high, 4),
        "hits": rate.hits,
        "trials": rate.trials,
    }
