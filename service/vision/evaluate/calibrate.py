"""Choosing the 1:1 threshold for a false match rate, by evidence, and what several frames of a check add."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from service.kit.statistics import Z_95, Rate
from service.vision.calibration import Calibration, GroupResult
from service.vision.decode import Frame, decode
from service.vision.enrolment import PortraitAssessment, assess_portrait
from service.vision.errors import ImageError
from service.vision.evaluate.folders import EvaluationFolderInvalid, read_faces_folder
from service.vision.evaluate.labels import read_labels
from service.vision.evaluate.metrics import Scores, false_matches, false_non_matches
from service.vision.pack import Pack
from service.vision.quality import BED_QUALITY
from service.vision.sequence.face_fusion import fused_similarity

Progress = Callable[[int, int], None]

FUSED_FRAMES = 3
SPOILT_WIDTH = 24.0
"""Pixels across the face of a spoilt probe: below what a reading should have (32), as far beds give."""
_TAIL_SHARE = 0.05
_LEAST_TAIL = 20
MOST = 0.95
"""No estimate asks for more: two photographs of one person hardly reach it."""
RULE = (
    "Rule: the least cosine at which the upper 95% limit (Wilson) of the false match rate is within the target, over "
    "all pairs, within every group and in every labelled condition: the part that needs most decides. Where the pairs "
    "of a part are too few for that, the tail above its highest twentieth is taken as exponential (peaks over "
    "threshold, Pickands 1975), and the set may raise the shipped threshold, never lower it. Held out: chosen on one "
    "half of the people, measured on the other, and the other way round."
)


@dataclass(frozen=True, slots=True)
class Template:
    """One photograph. `vector`: (d,) float32 of unit length; `quality` 0..1; `spoilt`: the vector and quality of the
    same photograph reduced to a face 24 pixels wide, where a face was still found; `condition`: its label, if any."""

    person: str
    vector: np.ndarray
    quality: float
    spoilt: tuple[np.ndarray, float] | None = None
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class FusionGain:
    """One kind of probes at the chosen threshold: one frame, and three fused."""

    probes: str
    single_fnmr: Rate
    fused_fnmr: Rate
    single_fmr: Rate
    fused_fmr: Rate


@dataclass(frozen=True, slots=True)
class Chosen:
    """A threshold for a target, and whether the pairs are enough to show that it holds."""

    threshold: float
    proven: bool


def read_templates(folder: Path, pack: Pack, progress: Progress | None = None) -> tuple[Template, ...]:
    """The usable photographs of `folder`/<person>/<picture>, with the labels of its conditions.csv.

    Raises `EvaluationFolderInvalid`.
    """
    people, conditions = read_faces_folder(folder), read_labels(folder).conditions
    total = sum(len(pictures) for pictures in people.values())
    found: list[Template] = []
    done = 0
    for person, pictures in people.items():
        for picture in pictures:
            done += 1
            made = _template(person, picture, pack)
            label = conditions.get(f"{person}/{picture.name}")
            found += [replace(made, condition=label)] if made is not None else []
            if progress:
                progress(done, total)
    return tuple(found)


def calibrate(
    templates: Sequence[Template],
    pack: Pack,
    *,
    target_fmr: float,
    made_at: datetime,
    groups: Mapping[str, str] | None = None,
) -> Calibration:
    """The threshold for `target_fmr`, the strictest that all pairs, any group or any labelled condition asks for.

    `groups`: person to group; false matches are then also counted within each. A condition's pairs are those with at
    least one of its photographs. Proven only if it is within each of them. Raises `EvaluationFolderInvalid` when there
    are fewer than two people.
    """
    people = sorted({one.person for one in templates})
    if len(people) < 2:
        raise EvaluationFolderInvalid(
            "fewer than two people have a usable face", field="folder", remedy="add people, each with several pictures"
        )
    shipped = pack.thresholds.same_person
    genuine, impostor = _pairs(templates)
    by_group = _by_group(templates, groups or {})
    parts = {name: (_people(of), *_pairs(of)) for name, of in by_group.items()}
    parts |= {f"condition {name}": (_people(templates, name), *_pairs(templates, name)) for name in _labels(templates)}
    every = [choose(impostor, target_fmr), *(choose(strangers, target_fmr) for _, _, strangers in parts.values())]
    proven = all(one.proven for one in every)
    threshold = max(one.threshold for one in every)
    threshold = threshold if proven else max(threshold, shipped)
    threshold = min(round(math.ceil(threshold * 1000) / 1000, 3), 0.999)
    held_out = _held_out(templates, people, target_fmr, shipped)
    return Calibration(
        pack_hash=pack.pack_hash,
        made_at=made_at.isoformat(timespec="seconds"),
        target_fmr=target_fmr,
        same_person=threshold,
        shipped=shipped,
        proven=proven,
        rule=RULE,
        pictures=len(templates),
        people=len(people),
        fmr=false_matches(impostor, threshold),
        fnmr=false_non_matches(genuine, threshold),
        held_out_fmr=held_out[0],
        held_out_fnmr=held_out[1],
        groups=tuple(_group(name, *part, target_fmr, threshold) for name, part in parts.items()),
    )


def choose(impostor: Scores, target: float) -> Chosen:
    """The least threshold that the pairs prove to be within `target`; an estimate from their tail when they cannot.

    `target` between 0 and 1. With fewer than 3.84 / target pairs not even no false match at all proves it.
    """
    count = len(impostor)
    ordered = np.sort(np.asarray(impostor, float))[::-1]
    if count and Rate(0, count).high <= target:
        allowed = 0
        while allowed + 1 < count and Rate(allowed + 1, count).high <= target:
            allowed += 1
        return Chosen(float(np.nextafter(ordered[allowed], np.inf)), proven=True)
    if count <= _LEAST_TAIL:
        return Chosen(float(np.nextafter(ordered[0], np.inf)) if count else 0.0, proven=False)
    tail = max(_LEAST_TAIL, int(_TAIL_SHARE * count))
    tail = min(tail, count - 1)
    start = float(ordered[tail])
    excess = float((ordered[:tail] - start).mean())
    estimate = start + excess * math.log(max(1.0, tail / count / target))
    return Chosen(max(min(estimate, MOST), float(np.nextafter(ordered[0], np.inf))), proven=False)


def fusion_gain(templates: Sequence[Template], threshold: float) -> tuple[FusionGain, ...]:
    """What fusing three frames of a check adds: every photograph as the reference, three others of one person as the
    frames, as they are and spoilt. Frames of one check resemble each other more than photographs: an upper bound."""
    plain = [(one.person, one.vector, one.quality) for one in templates]
    spoilt = [(one.person, *one.spoilt) for one in templates if one.spoilt is not None]
    return (_gain("as they are", templates, plain, threshold), _gain("24 pixels wide", templates, spoilt, threshold))


def _template(person: str, picture: Path, pack: Pack) -> Template | None:
    try:
        frame = decode(picture.read_bytes())
    except ImageError:
        return None
    found = assess_portrait(frame, pack, BED_QUALITY)
    if found.embedding is None or found.face is None:
        return None
    return Template(person, found.embedding, found.quality.score, _spoilt(frame, found, pack))


def _spoilt(frame: Frame, found: PortraitAssessment, pack: Pack) -> tuple[np.ndarray, float] | None:
    if found.face is None:
        return None
    scale = SPOILT_WIDTH / max(found.face[2] - found.face[0], 1.0)
    if scale >= 1 or min(frame.width, frame.height) * scale < 24:
        return None
    small = cv2.resize(frame.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    again = assess_portrait(Frame(np.ascontiguousarray(small, np.uint8)), pack, BED_QUALITY)
    return (again.embedding, again.quality.score) if again.embedding is not None else None


def _pairs(templates: Sequence[Template], condition: str | None = None) -> tuple[Scores, Scores]:
    """Cosines of all unordered pairs, of one person and of two; with a `condition`, of those that it has a part in."""
    if not templates:
        return np.zeros(0), np.zeros(0)
    vectors = np.stack([one.vector for one in templates]).astype(np.float64)
    names = np.array([one.person for one in templates])
    upper = np.triu_indices(len(names), 1)
    same = (names[:, None] == names[None, :])[upper]
    cosines = (vectors @ vectors.T)[upper]
    if condition is not None:
        labelled = np.array([one.condition == condition for one in templates])
        part = (labelled[:, None] | labelled[None, :])[upper]
        same, cosines = same[part], cosines[part]
    return cosines[same], cosines[~same]


def _labels(templates: Sequence[Template]) -> list[str]:
    return sorted({one.condition for one in templates if one.condition is not None})


def _people(templates: Sequence[Template], condition: str | None = None) -> int:
    return len({one.person for one in templates if condition is None or one.condition == condition})


def _by_group(templates: Sequence[Template], groups: Mapping[str, str]) -> dict[str, list[Template]]:
    found: dict[str, list[Template]] = {}
    for one in templates:
        if one.person in groups:
            found.setdefault(groups[one.person], []).append(one)
    return {name: found[name] for name in sorted(found) if len({one.person for one in found[name]}) >= 2}


def _group(name: str, people: int, genuine: Scores, impostor: Scores, target: float, threshold: float) -> GroupResult:
    own = choose(impostor, target)
    return GroupResult(
        name=name,
        people=people,
        needed=round(own.threshold, 4),
        proven=own.proven,
        fmr=false_matches(impostor, threshold),
        fnmr=false_non_matches(genuine, threshold),
    )


def _held_out(templates: Sequence[Template], people: Sequence[str], target: float, shipped: float) -> tuple[Rate, Rate]:
    """FMR and FNMR where nothing was chosen: two halves of the people, each judged by the other's threshold."""
    halves = [frozenset(people[::2]), frozenset(people[1::2])]
    matched, strangers, missed, own = 0, 0, 0, 0
    for chosen_on, judged_on in (halves, halves[::-1]):
        chosen = choose(_pairs([one for one in templates if one.person in chosen_on])[1], target)
        threshold = chosen.threshold if chosen.proven else max(chosen.threshold, shipped)
        genuine, impostor = _pairs([one for one in templates if one.person in judged_on])
        matched, strangers = matched + int((impostor >= threshold).sum()), strangers + len(impostor)
        missed, own = missed + int((genuine < threshold).sum()), own + len(genuine)
    return Rate(matched, strangers), Rate(missed, own)


def _gain(
    name: str, references: Sequence[Template], probes: Sequence[tuple[str, np.ndarray, float]], threshold: float
) -> FusionGain:
    scores: dict[tuple[bool, bool], list[float]] = {(a, b): [] for a in (True, False) for b in (True, False)}
    people = sorted({person for person, _, _ in probes})
    for reference in references:
        for person in people:
            same = person == reference.person
            shown = [
                (float(vector @ reference.vector), quality)
                for owner, vector, quality in probes
                if owner == person and vector is not reference.vector
            ]
            # A spoilt copy of the reference itself is no other picture of the person.
            shown = [one for one in shown if not same or one[0] < 0.93]
            scores[same, False] += [similarity for similarity, _ in shown]
            for at in range(0, len(shown) - FUSED_FRAMES + 1, FUSED_FRAMES):
                scores[same, True].append(fused_similarity(shown[at : at + FUSED_FRAMES]))
    arrays = {key: np.array(values) for key, values in scores.items()}
    return FusionGain(
        name,
        single_fnmr=false_non_matches(arrays[True, False], threshold),
        fused_fnmr=false_non_matches(arrays[True, True], threshold),
        single_fmr=false_matches(arrays[False, False], threshold),
        fused_fmr=false_matches(arrays[False, True], threshold),
    )


def least_pairs(target: float) -> int:
    """How many impostor pairs without a false match it takes to prove `target`: (1 - target) z² / target."""
    return math.ceil(Z_95 * Z_95 * (1 - target) / target)
