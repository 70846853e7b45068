"""From what was seen in a bed to its reading: the rule, without a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.vision.assign import NONE, assign
from service.vision.quality import FaceQuality, QualityReason
from service.vision.reading import (
    BedReading,
    BedState,
    FloatArray,
    Gallery,
    PixelBox,
    ReadingPolicy,
    UnobservedCause,
)
from service.vision.trace import FaceTrace

_PART = 1 << 18
"""Multiplications in one product of matrices. Source: OpenBLAS threads products of more than 4 x 65,536."""
_EXPECTED_BONUS = 0.10
"""How much better a stranger to the bed must match than its own patient before the face is taken for the stranger's."""


@dataclass(frozen=True, slots=True)
class FaceEvidence:
    """A face in a bed, compared. `identity`: the gallery key assigned to this face in this frame, each key once;
    `similarity`: the best cosine against the gallery; `expected_similarity`: against the bed's own patient. `clear`:
    whether the mesh is sure of an upright, unhidden face; of another one no mismatch is called."""

    box: PixelBox
    quality: FaceQuality
    identity: str | None = None
    similarity: float | None = None
    expected_similarity: float | None = None
    trace: FaceTrace | None = None
    clear: bool = True


@dataclass(frozen=True, slots=True)
class Compared:
    """One face against the gallery, before identities are assigned. `candidates`: key and best cosine, from the
    threshold on."""

    best: float | None
    expected: float | None
    candidates: tuple[tuple[str, float], ...]


def compare(embeddings: FloatArray, expected: Sequence[str | None], gallery: Gallery, least: float) -> list[Compared]:
    """Each embedding ((n, d), unit rows) against every template; `expected` holds the key of each face's bed."""
    if not len(gallery.keys) or not len(embeddings):
        return [Compared(None, None, ()) for _ in range(len(embeddings))]
    similarities = _similarities(embeddings, gallery.vectors)
    return [_compared(row, key, gallery, least) for row, key in zip(similarities, expected, strict=True)]


def _similarities(embeddings: FloatArray, templates: FloatArray) -> FloatArray:
    """(faces, templates) cosines, templates first and in parts too small for the linear algebra library to start
    threads for: half the processor time, and nothing taken from the other workers."""
    found = np.empty((len(embeddings), len(templates)), np.float32)
    turned = np.ascontiguousarray(embeddings.T)
    rows = max(16, _PART // embeddings.size)
    for first in range(0, len(templates), rows):
        found[:, first : first + rows] = (templates[first : first + rows] @ turned).T
    return found


def _compared(row: FloatArray, expected: str | None, gallery: Gallery, least: float) -> Compared:
    candidates: dict[str, float] = {}
    for index in np.flatnonzero(row >= least):
        key, value = gallery.keys[index], float(row[index])
        candidates[key] = max(value, candidates.get(key, -1.0))
    own = gallery.rows_of(expected) if expected is not None else ()
    return Compared(
        best=float(row.max()),
        expected=float(row[list(own)].max()) if own else None,
        candidates=tuple(sorted(candidates.items())),
    )


def identities(compared: Sequence[Compared], expected: Sequence[str | None]) -> list[str | None]:
    """Who each face is, nobody twice: the assignment with the greatest total similarity, in which a bed's own patient
    has a small advantage over a stranger to it."""
    keys = sorted({key for face in compared for key, _ in face.candidates})
    column = {key: i for i, key in enumerate(keys)}
    gain = np.zeros((len(compared), len(keys)))
    for row, (face, own) in enumerate(zip(compared, expected, strict=True)):
        for key, value in face.candidates:
            gain[row, column[key]] = value + (_EXPECTED_BONUS if key == own else 0.0)
    return [None if c == NONE else keys[c] for c in assign(gain)]


def judge(
    zone_id: str, faces: Sequence[FaceEvidence], body: float | None, expected: str | None, policy: ReadingPolicy
) -> BedReading:
    """The reading of one bed. `body` is its best body score, `None` when the pack finds no bodies.

    The patient's own face decides wherever it is among the faces; otherwise the best face does. Without a face the two
    body thresholds do, and between them nothing is claimed.
    """
    if not faces:
        return _without_face(zone_id, body, policy)
    own = [f for f in faces if expected is not None and f.identity == expected]
    face = max(own, key=_closeness) if own else max(faces, key=lambda f: f.quality.score)
    state, confidence = _state(face, expected, policy)
    # A carer's better face beside the patient must not make the patient an impostor: whoever reads this is told.
    company = (QualityReason.SEVERAL_FACES,) if len(faces) > 1 else ()
    return BedReading(
        zone_id=zone_id,
        state=state,
        confidence=confidence,
        recognised=face.identity,
        similarity=face.similarity,
        expected_similarity=face.expected_similarity,
        face_quality=face.quality.score,
        quality_reasons=(*face.quality.reasons, *company),
        body_score=body,
        face_box=face.box,
        trace=face.trace if state is BedState.PATIENT else None,
    )


def is_stranger(face: FaceEvidence, policy: ReadingPolicy) -> bool:
    """Whether a face is good enough to say that it resembles nobody in the gallery."""
    known = face.similarity is not None and face.similarity >= policy.other_person
    return not known and _judgeable(face, policy)


def _judgeable(face: FaceEvidence, policy: ReadingPolicy) -> bool:
    """Whether a mismatch of this face means anything. A face found on its side or under a sheet is aligned wrongly and
    resembles nobody: of 810 spoilt photographs three patients were called others, with the mesh's belief at .81 to
    .85; a face seen well has .9 and more."""
    return face.clear and face.quality.score >= policy.judgeable_quality


def _state(face: FaceEvidence, expected: str | None, policy: ReadingPolicy) -> tuple[BedState, float]:
    own = face.expected_similarity
    if expected is not None and face.identity == expected and own is not None:
        return BedState.PATIENT, 0.5 + 0.5 * _ramp(own, policy.same_person, 0.8)
    judgeable = _judgeable(face, policy)
    contested = own is not None and own >= policy.same_person
    if judgeable and not contested and face.identity is not None and face.similarity is not None:
        return BedState.OTHER_PERSON, 0.5 + 0.5 * _ramp(face.similarity, policy.same_person, 0.8)
    if own is not None and own >= policy.other_person:
        # Near the threshold, or the identity was taken by a better face in another bed: nobody's in particular.
        return BedState.UNIDENTIFIED, 0.5
    if judgeable and own is not None:
        return BedState.OTHER_PERSON, 0.5 + 0.5 * _ramp(-own, -policy.other_person, 0.0) * face.quality.score
    # No template to judge against ("no reference, no judgement"), or a face too poor for a mismatch to mean anything.
    return BedState.UNIDENTIFIED, 0.5 + 0.5 * face.quality.score


def _without_face(zone_id: str, body: float | None, policy: ReadingPolicy) -> BedReading:
    if body is None:
        return BedReading(zone_id, BedState.UNOBSERVED, 0.0, cause=UnobservedCause.UNCERTAIN)
    if body >= policy.body_present:
        confidence = 0.5 * _ramp(body, policy.body_present, 0.6)
        return BedReading(zone_id, BedState.UNIDENTIFIED, confidence, body_score=body)
    if body >= policy.body_absent:
        return BedReading(zone_id, BedState.UNOBSERVED, 0.0, cause=UnobservedCause.UNCERTAIN, body_score=body)
    return BedReading(zone_id, BedState.EMPTY, 1.0 - 0.5 * body / max(policy.body_absent, 1e-6), body_score=body)


def _closeness(face: FaceEvidence) -> float:
    return face.expected_similarity if face.expected_similarity is not None else -1.0


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
