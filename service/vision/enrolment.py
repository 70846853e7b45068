"""Whether a photograph can serve as somebody's reference, and the template if so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.vision.covering import COVERED_FROM, is_partly_hidden, lower_face_distance
from service.vision.decode import Frame, Pixels
from service.vision.faces import Faces, find_faces, whole
from service.vision.pack import Pack
from service.vision.quality import PORTRAIT_QUALITY, FaceQuality, QualityPolicy, QualityReason
from service.vision.reading import PixelBox
from service.vision.search import ALL_ANGLES, find_at_angles
from service.vision.sequence.repeated_faces import face_signature
from service.vision.sight import FaceSight, distinct, look

_PADDING = 0.5
"""How much is added around a picture without a face, as a share of its long side. Tight crops give a finder no context:
SCRFD missed 45 of 178 without."""
_SECOND_FACE = 0.35
"""A face this large beside the largest (by its side) makes it doubtful whose picture this is."""

_COVERED_SCORE = 0.4
"""The most that a covered face is worth: below .5, where a reason is given."""


@dataclass(frozen=True, slots=True)
class PortraitAssessment:
    """What a portrait gives.

    `face`: x1, y1, x2, y2 of the largest face in pixels of the frame, or `None`. `embedding`: (d,) float32, unit
    length, present whenever there is a face that could be aligned; the caller decides by `acceptable`.
    `reasons`: the face's quality reasons, plus `no_face` or `several_faces`. `signature`: 30 bytes that tell this very
    picture when it is shown to a camera; no template. `points`: (5, 2) float32 as in `Faces`, pixels, with the face.
    """

    face: PixelBox | None
    quality: FaceQuality
    embedding: NDArray[np.float32] | None
    reasons: tuple[QualityReason, ...]
    signature: bytes | None = None
    points: NDArray[np.float32] | None = None

    @property
    def acceptable(self) -> bool:
        """Whether the photograph may become a reference: one face, and nothing wrong with it."""
        return self.embedding is not None and not self.reasons


def assess_portrait(frame: Frame, pack: Pack, policy: QualityPolicy = PORTRAIT_QUALITY) -> PortraitAssessment:
    """The largest face of `frame`, graded as a reference.

    Sought as the picture is, then with padding, then turned: photographs arrive sideways and cut to the chin.
    """
    sights = _sights(frame.pixels, pack, policy)
    if not sights:
        missing = (QualityReason.NO_FACE,)
        return PortraitAssessment(None, FaceQuality(0.0, missing), None, missing)
    sights.sort(key=_side, reverse=True)
    best = sights[0]
    reasons = best.quality.reasons
    if len(sights) > 1 and _side(sights[1]) >= _SECOND_FACE * _side(best):
        reasons = (QualityReason.SEVERAL_FACES, *reasons)
    score = best.quality.score
    embedding = pack.embedder.embed([best.aligned])[0]
    if _is_covered(best, embedding, pack, asked=not reasons):
        score = min(score, _COVERED_SCORE)
        reasons = tuple(dict.fromkeys((*reasons, QualityReason.OCCLUDED)))
    signature = face_signature(best.aligned)
    quality = FaceQuality(score, reasons)
    return PortraitAssessment(best.box, quality, embedding, reasons, signature, best.points)


def _is_covered(face: FaceSight, embedding: NDArray[np.float32], pack: Pack, *, asked: bool) -> bool:
    """Whether part of the face is covered. What each part says is `asked` only of a face with nothing else wrong, and
    only where a mesh says to a pixel where eyes and mouth are: it costs three templates."""
    if lower_face_distance(face.aligned) > COVERED_FROM:
        return True
    return asked and pack.mesh is not None and is_partly_hidden(face.aligned, embedding, pack.embedder)


def _sights(pixels: Pixels, pack: Pack, policy: QualityPolicy) -> list[FaceSight]:
    region, padding = whole(pixels), (_PADDING, _PADDING)
    upright = _looked(pixels, find_faces(pixels, region, 0.0, pack.finder), pack, policy)
    if _sure(upright):
        return upright
    padded = _looked(pixels, find_faces(pixels, region, 0.0, pack.finder, margins=padding), pack, policy)
    if _sure(padded):
        return padded
    turned = find_at_angles(pixels, region, ALL_ANGLES[1:], pack.finder, margins=padding)
    return _best_turn([*upright, *padded, *_looked(pixels, turned, pack, policy)])


def _sure(sights: list[FaceSight]) -> bool:
    """Whether a face is upright as well: a head upside down is found too, with half of the mesh's belief (.56 of 1)."""
    return any(sight.is_sure for sight in sights)


def _best_turn(sights: list[FaceSight]) -> list[FaceSight]:
    """One face found at several angles, once: as the mesh believes in it most."""
    return [sights[i] for i in distinct(sights)]


def _looked(pixels: Pixels, found: Faces, pack: Pack, policy: QualityPolicy) -> list[FaceSight]:
    """The largest faces. Only one that the mesh believes in makes a second: a doubt on the wallpaper is no person."""
    sizes = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1)
    sights: list[FaceSight] = []
    for index in np.argsort(-sizes, kind="stable")[:6]:
        sight = look(pixels, found.boxes[index], found.points[index], float(found.scores[index]), pack, policy)
        if sight is not None and (sight.flag >= pack.thresholds.face_flag or not sights):
            sights.append(sight)
    return sights


def _side(sight: FaceSight) -> float:
    x1, y1, x2, y2 = sight.box
    return max(x2 - x1, y2 - y1)
