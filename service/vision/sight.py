"""A face as the rest of the room uses it: found, refined, measured, aligned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.vision.decode import Pixels
from service.vision.faces import Faces, FloatArray
from service.vision.mesh import LandmarkMesh, MeshFace
from service.vision.pack import Pack
from service.vision.quality import FaceQuality, QualityPolicy, grade, measure
from service.vision.reading import PixelBox
from service.vision.search import SAME_FACE

SURE_FLAG = 0.9
"""The mesh's belief in a face that is upright and unhidden; on its head the same face mostly gets .3 to .6."""
SURE_SCORE = 0.9
"""The finder's score of an upright face seen well; upside down the same faces gave .88 at most."""


@dataclass(frozen=True, slots=True)
class FaceSight:
    """One face. `box`: pixels of the frame; `points`: (5, 2) float32, refined where the pack has a mesh; `aligned`:
    the embedder's input; `flag`: the mesh's belief that this is a face (1 without a mesh); `found`: the finder's own
    box (4) and points (5, 2), in one row of 14."""

    box: PixelBox
    points: FloatArray
    aligned: Pixels
    quality: FaceQuality
    flag: float
    detection: float
    found: FloatArray

    @property
    def is_sure(self) -> bool:
        """Whether nobody need look at the face from another angle."""
        return self.flag >= SURE_FLAG and self.detection >= SURE_SCORE

    @property
    def rank(self) -> tuple[float, float]:
        """Of two looks at one face the greater one is upright. The mesh's belief saturates: among equals the finder's
        score tells."""
        return round(self.flag, 1), self.detection


def look(
    pixels: Pixels,
    box: FloatArray,
    points: FloatArray,
    score: float,
    pack: Pack,
    policy: QualityPolicy,
    *,
    turned: bool = True,
) -> FaceSight | None:
    """The face found at `box` ((4,)) and `points` ((5, 2)), or `None` when it is too doubtful to be one: `look_all`."""
    face = Faces(np.asarray(box, np.float32)[None], np.asarray(points, np.float32)[None], np.full(1, score, np.float32))
    return look_all(pixels, face, pack, policy, turned=turned)[0]


def look_all(
    pixels: Pixels, faces: Faces, pack: Pack, policy: QualityPolicy, *, turned: bool = True
) -> list[FaceSight | None]:
    """Each of the faces found, or `None` where one is too doubtful. `turned`: whether a finder that is not sure makes
    the mesh try the points turned by quarters too.

    The mesh refines what it believes in. It does not believe in profiles and in faces of a dozen pixels; such a face
    keeps the finder's points when the finder is sure of it, and a quality too low for a mismatch to be called one.
    """
    refined: list[MeshFace | None] = [None] * len(faces)
    if pack.mesh is not None and len(faces):
        refined = _refined(pixels, faces, pack.mesh, turned)
    return [_seen(pixels, faces, i, face, pack, policy) for i, face in enumerate(refined)]


def _seen(
    pixels: Pixels, faces: Faces, index: int, face: MeshFace | None, pack: Pack, policy: QualityPolicy
) -> FaceSight | None:
    box, points, score = faces.boxes[index], faces.points[index], float(faces.scores[index])
    found = np.concatenate([box, points.ravel()])
    flag = 1.0 if pack.mesh is None else face.flag if face is not None else 0.0
    where = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    yaw = pitch = 0.0
    if face is not None and flag >= pack.thresholds.face_flag:
        points, where, yaw, pitch = face.points, face.box, face.yaw, face.pitch
    elif score < pack.thresholds.face_alone:
        return None
    aligned = pack.embedder.align(pixels, points)
    eye_distance = math.hypot(*(points[0] - points[1]).tolist())
    measures = measure(aligned, eye_distance=eye_distance, yaw=yaw, pitch=pitch, flag=flag, detection=score)
    return FaceSight(where, points, aligned, grade(measures, policy), flag, score, found)


def look_turned(pixels: Pixels, sight: FaceSight, pack: Pack, policy: QualityPolicy) -> FaceSight | None:
    """The same find looked at again, with the mesh at the turned points too."""
    return look(pixels, sight.found[:4], sight.found[4:].reshape(5, 2), sight.detection, pack, policy)


def _refined(pixels: Pixels, faces: Faces, mesh: LandmarkMesh, turned: bool) -> list[MeshFace | None]:
    """The mesh at each face's points; where the finder is not sure, at the points turned by quarters too, and the best
    stays.

    A face upside down is found with its mouth for eyes, and the mesh may believe even that (.98 of 1 was seen). Aligned
    so it resembles nobody, and the patient would be taken for somebody else.
    """
    best = mesh.refine_all(pixels, list(faces.points))
    unsure = [i for i in range(len(faces)) if turned and float(faces.scores[i]) < SURE_SCORE]
    for i, face in zip(np.repeat(unsure, 3), mesh.refine_all(pixels, _turned(faces.points[unsure])), strict=True):
        known = best[i]
        if face is not None and (known is None or face.flag > known.flag):
            best[i] = face
    return best


def _turned(points: FloatArray) -> list[FloatArray]:
    """Each (5, 2) of `points` ((n, 5, 2)) turned by one, two and three quarters about its middle, 3n in all."""
    turns: list[FloatArray] = []
    for five in points:
        centre = five.mean(axis=0)
        offset = five - centre
        for _ in range(3):
            offset = np.stack([-offset[:, 1], offset[:, 0]], axis=1)
            turns.append(centre + offset)
    return turns


def distinct(sights: Sequence[FaceSight]) -> list[int]:
    """Indices of `sights`, best first, each face once: a find goes when its box overlaps a better one's, or when the
    middle of either lies in the other, as with a face found upright and on its side."""
    order = sorted(range(len(sights)), key=lambda i: sights[i].rank, reverse=True)
    kept: list[int] = []
    for i in order:
        if not any(_same(sights[i].box, sights[k].box) for k in kept):
            kept.append(i)
    return kept


def _same(one: PixelBox, other: PixelBox) -> bool:
    return _holds(one, other) or _holds(other, one) or overlap_of(one, other) > SAME_FACE


def _holds(box: PixelBox, other: PixelBox) -> bool:
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def overlap_of(one: PixelBox, other: PixelBox) -> float:
    """Intersection over union."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - common
    return common / union if union > 0 else 0.0
