"""One frame of a burst as the judgement needs it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from service.vision.decode import Frame, Pixels
from service.vision.faces import FloatArray, find_faces, whole
from service.vision.liveness.judgement import HeadPose
from service.vision.mesh import LandmarkMesh, MeshFace
from service.vision.pack import Pack
from service.vision.quality import PORTRAIT_QUALITY, grade, measure
from service.vision.sight import SURE_FLAG


@dataclass(frozen=True, slots=True)
class FaceLook:
    """The nearest face of a frame. `width`: pixels, twice the distance of the eyes, undone of the turn; `others`:
    widest other face over it; `aligned`: the embedder's input; `quality` 0..1; `luminance`: median grey of the face."""

    face: MeshFace
    aligned: Pixels
    width: float
    others: float
    quality: float
    luminance: float

    @property
    def pose(self) -> HeadPose:
        """Where it points."""
        return HeadPose(self.face.yaw, self.face.pitch, self.face.roll)

    @property
    def centre(self) -> FloatArray:
        """Its middle, pixels of the frame."""
        x1, y1, x2, y2 = self.face.box
        return np.array([(x1 + x2) / 2, (y1 + y2) / 2], np.float32)


def look_at(frame: Frame, pack: Pack, mesh: LandmarkMesh, before: FaceLook | None = None) -> FaceLook | None:
    """The widest face that the mesh believes in. Where the finder sees none, the mesh is asked where the face was
    `before`: a head bent far down loses what the finder looks for."""
    pixels = frame.pixels
    found = find_faces(pixels, whole(pixels), 0.0, pack.finder)
    widths = found.boxes[:, 2] - found.boxes[:, 0]
    order = np.argsort(-widths, kind="stable")[:3]
    for rank, index in enumerate(order.tolist()):
        face = mesh.refine(pixels, found.points[index])
        if face is None or face.flag < pack.thresholds.face_flag:
            continue
        rest = [
            float(widths[i]) for i in order[rank + 1 :].tolist() if float(found.scores[i]) >= pack.thresholds.face_alone
        ]
        others = max(rest, default=0.0) / max(float(widths[index]), 1.0)
        return _measured(pixels, face, float(found.scores[index]), others, pack)
    if before is None:
        return None
    face = mesh.refine(pixels, before.face.points)
    sure = face is not None and face.flag >= SURE_FLAG
    return _measured(pixels, face, 0.0, 0.0, pack) if face is not None and sure else None


def _measured(pixels: Pixels, face: MeshFace, score: float, others: float, pack: Pack) -> FaceLook:
    aligned = pack.embedder.align(pixels, face.points)
    eyes = float(np.linalg.norm(face.points[0] - face.points[1]))
    measures = measure(aligned, eye_distance=eyes, yaw=face.yaw, pitch=face.pitch, flag=face.flag, detection=score)
    width = 2 * eyes / max(float(np.cos(np.radians(face.yaw))), 0.5)
    return FaceLook(face, aligned, width, others, grade(measures, PORTRAIT_QUALITY).score, measures.luminance)


def difference(one: Frame, other: Frame, look: FaceLook) -> float:
    """Mean absolute difference of the grey values within the box of `look` in both frames; 255 for unlike sizes."""
    if one.pixels.shape != other.pixels.shape:
        return 255.0
    x1, y1, x2, y2 = (max(0, int(v)) for v in look.face.box)
    parts = [cv2.cvtColor(f.pixels[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY) for f in (one, other) if y2 > y1 and x2 > x1]
    return float(cv2.absdiff(parts[0], parts[1]).mean()) if len(parts) == 2 and parts[0].size else 255.0
