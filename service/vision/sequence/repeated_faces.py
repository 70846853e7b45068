"""A photograph in the bed: the same face in the same pose night after night, or the enrolment picture itself.

What is kept of a face, and why it is no template: the five landmarks after position, size and turn are taken out
(proportions that pose changes as much as identity does), two similarities that the reading has anyway, and a signature
of 240 bits: the signs of the slopes of a 16 x 16 picture of the aligned face, blurred until about eight cells of light
remain in a row. It tells a picture from itself and hardly anything else: of 30 photographs of ten people its nearest
neighbour was the same person for 7, by chance it would be 2, and it cannot be turned back into a face. It stays
personal data: it is sealed and deleted with the reading, and nothing searches by it.

The report states facts. It accuses nobody: a sleeper on a ventilator lies the same night after night, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels

SIGNATURE_BITS = 240
_SIDE = 16

Floats = NDArray[np.float32]


class RepeatKind(StrEnum):
    """What repeats."""

    SAME_POSE = "same_pose_over_nights"
    ENROLMENT_PICTURE = "enrolment_picture"


@dataclass(frozen=True, slots=True, eq=False)
class FacePrint:
    """A verified face at one reading. `shape`: (5, 2) float32 landmarks, mean 0, length 1, eyes level. `signature`: 30
    bytes. `similarity`: cosine with the patient's best template. `night`: the local date on which the night began."""

    reading_id: str
    at: datetime
    night: date
    shape: Floats
    signature: bytes
    similarity: float

    def __post_init__(self) -> None:
        if self.shape.shape != (5, 2) or len(self.signature) != SIGNATURE_BITS // 8:
            raise ValueError("a face print has five landmarks and 240 bits")


@dataclass(frozen=True, slots=True)
class RepeatPolicy:
    """When a face repeats too well."""

    version: str = "1"
    nights: int = 3
    """Nights of which each has a reading that repeats one of the others: two alike are chance for who sleeps on the
    back."""
    shape: float = 0.03
    """Distance of normalised landmarks. One photograph under two lamps, sizes and turns: .025 at most; two photographs
    of a person: .079 at least (30 photographs of ten people, as for all numbers here)."""
    bits: float = 0.10
    """Share of signature bits that differ. One photograph: .09 at most; two of a person: .146 at least."""
    similarity_spread: float = 0.03
    """Spread of the similarities with the template over those nights. One photograph: .024."""
    enrolment_similarity: float = 0.93
    """Cosine with the enrolment template. One photograph with itself: .968 at least; two of a person: .84 at most."""
    enrolment_bits: float = 0.10
    """Share of bits that differ from the enrolment picture's signature."""


@dataclass(frozen=True, slots=True)
class RepeatReport:
    """Facts about a face that repeats. `readings`: ids, in event order. Each number is the greatest (differences) or
    least (similarities) among them. A cue for a person to look, never a finding by itself."""

    kind: RepeatKind
    readings: tuple[str, ...]
    nights: tuple[date, ...]
    shape_distance: float
    bits_different: float
    similarity_low: float
    similarity_high: float


DEFAULT_REPEAT_POLICY = RepeatPolicy()


def repeat_faces(
    faces: Sequence[FacePrint], enrolled: Sequence[bytes] = (), policy: RepeatPolicy = DEFAULT_REPEAT_POLICY
) -> tuple[RepeatReport, ...]:
    """The reports on one patient's faces, in whatever order these come. `enrolled`: signatures of the enrolment
    pictures. No report is the usual case, and proves nothing about liveness."""
    ordered = sorted({face.reading_id: face for face in faces}.values(), key=lambda f: (f.at, f.reading_id))
    reports = (_over_nights(ordered, policy), _of_enrolment(ordered, enrolled, policy))
    return tuple(report for report in reports if report is not None)


def face_shape(points: Floats) -> Floats:
    """`points` (5, 2), pixels: eyes, nose, mouth corners, without position, size and turn."""
    centred = points.astype(np.float32) - points.mean(axis=0)
    eyes = centred[1] - centred[0]
    angle = -np.arctan2(eyes[1], eyes[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    upright = centred @ turn.T
    return np.asarray(upright / (np.linalg.norm(upright) + 1e-6), np.float32)


def face_signature(aligned: Pixels) -> bytes:
    """240 bits of the aligned face (h, w, 3) uint8, too coarse to show anybody; equal light on both sides or not
    changes few of them."""
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY).astype(np.float32)
    cells = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(cells, (0, 0), _SIDE / 12)
    level = np.asarray(blurred, np.float32) - cv2.GaussianBlur(blurred, (0, 0), _SIDE / 4)
    return np.packbits((np.diff(level, axis=1) > 0).ravel()).tobytes()


def bits_different(a: bytes, b: bytes) -> float:
    """Share 0..1 of the bits of two signatures that differ; .5 for unrelated ones."""
    apart = np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8)
    return float(np.unpackbits(apart).mean())


def _over_nights(faces: Sequence[FacePrint], policy: RepeatPolicy) -> RepeatReport | None:
    """The largest set of nights that repeat one reading."""
    best: list[FacePrint] = []
    for middle in faces:
        group: dict[date, FacePrint] = {middle.night: middle}
        for face in faces:
            if face.night not in group and _repeats(middle, face, policy):
                group[face.night] = face
        if len(group) > len(best):
            best = sorted(group.values(), key=lambda f: (f.at, f.reading_id))
    if len(best) < policy.nights:
        return None
    report = _report(RepeatKind.SAME_POSE, best)
    return report if report.similarity_high - report.similarity_low <= policy.similarity_spread else None


def _repeats(a: FacePrint, b: FacePrint, policy: RepeatPolicy) -> bool:
    near = float(np.linalg.norm(a.shape - b.shape)) <= policy.shape
    close = abs(a.similarity - b.similarity) <= policy.similarity_spread
    return near and close and bits_different(a.signature, b.signature) <= policy.bits


def _of_enrolment(faces: Sequence[FacePrint], enrolled: Sequence[bytes], policy: RepeatPolicy) -> RepeatReport | None:
    same = [
        face
        for face in faces
        if face.similarity >= policy.enrolment_similarity
        and any(bits_different(face.signature, one) <= policy.enrolment_bits for one in enrolled)
    ]
    return _report(RepeatKind.ENROLMENT_PICTURE, same) if same else None


def _report(kind: RepeatKind, faces: Sequence[FacePrint]) -> RepeatReport:
    pairs = list(combinations(faces, 2))
    return RepeatReport(
        kind=kind,
        readings=tuple(face.reading_id for face in faces),
        nights=tuple(sorted({face.night for face in faces})),
        shape_distance=max((float(np.linalg.norm(a.shape - b.shape)) for a, b in pairs), default=0.0),
        bits_different=max((bits_different(a.signature, b.signature) for a, b in pairs), default=0.0),
        similarity_low=min(face.similarity for face in faces),
        similarity_high=max(face.similarity for face in faces),
    )
