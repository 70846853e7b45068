"""Several frames of one check: how sure they are together of a face that one of them alone is unsure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """A face in one bed in one picture. `similarity`: cosine with the bed's own patient; `quality` 0..1."""

    key: str
    at: datetime
    similarity: float
    quality: float


@dataclass(frozen=True, slots=True)
class FaceFusionPolicy:
    """When frames are fused. A new set of numbers is a new `version`."""

    version: str = "1"
    reach: timedelta = timedelta(minutes=15)
    """To both sides: a check's half hour."""
    frames: int = 2
    least_quality: float = 0.2
    """A face that shows nothing has no vote."""


DEFAULT_FACE_FUSION = FaceFusionPolicy()


def fused_similarity(seen: Sequence[tuple[float, float]]) -> float:
    """The mean of similarities weighted by quality, from (similarity, quality); 0 without any weight.

    A mean, not the best: the best of many frames of a stranger is what matches by chance.
    """
    weight = sum(quality for _, quality in seen)
    return sum(similarity * quality for similarity, quality in seen) / weight if weight > 0 else 0.0


def fuse_faces(
    faces: Sequence[FaceSeen], empty_at: Sequence[datetime], policy: FaceFusionPolicy = DEFAULT_FACE_FUSION
) -> dict[str, float]:
    """By key, the fused similarity of each face with those around it, in one bed with one patient; a face without
    company is left out. `empty_at`: when the bed was seen empty, or with another person; whoever lies there
    afterwards may be somebody else.

    A pure function of the set of faces, whatever their order.
    """
    usable = sorted((f for f in faces if f.quality >= policy.least_quality), key=lambda f: (f.at, f.key))
    empties = sorted(empty_at)
    fused: dict[str, float] = {}
    for face in usable:
        company = [
            other
            for other in usable
            if abs(other.at - face.at) <= policy.reach and not _parted(face.at, other.at, empties)
        ]
        if len(company) >= policy.frames:
            fused[face.key] = fused_similarity([(other.similarity, other.quality) for other in company])
    return fused


def _parted(a: datetime, b: datetime, empties: Sequence[datetime]) -> bool:
    first, last = min(a, b), max(a, b)
    return any(first <= at <= last for at in empties)
