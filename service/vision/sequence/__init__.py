"""Video over time: views that lie, beds with and without a face, faces that repeat. Pure functions over prints in event
order; nothing is learned in the order in which pictures arrive."""

from service.vision.sequence.beds import BedPolicy, BedSight, BedVerdict, Occupancy, judge_beds
from service.vision.sequence.face_fusion import FaceFusionPolicy, FaceSeen, fuse_faces, fused_similarity
from service.vision.sequence.fusion import DEFAULT_WEIGHTS, FusionWeights
from service.vision.sequence.make_print import make_print
from service.vision.sequence.policy import SequencePolicy, ViewCause
from service.vision.sequence.prints import PrintUnreadable, TimedPrint, ViewPrint, ZonePrint
from service.vision.sequence.repeated_faces import (
    FacePrint,
    RepeatKind,
    RepeatPolicy,
    RepeatReport,
    face_shape,
    face_signature,
    repeat_faces,
)
from service.vision.sequence.views import ViewVerdict, judge_views

__all__ = [
    "DEFAULT_WEIGHTS",
    "BedPolicy",
    "BedSight",
    "BedVerdict",
    "FaceFusionPolicy",
    "FacePrint",
    "FaceSeen",
    "FusionWeights",
    "Occupancy",
    "PrintUnreadable",
    "RepeatKind",
    "RepeatPolicy",
    "RepeatReport",
    "SequencePolicy",
    "TimedPrint",
    "ViewCause",
    "ViewPrint",
    "ViewVerdict",
    "ZonePrint",
    "face_shape",
    "face_signature",
    "fuse_faces",
    "fused_similarity",
    "judge_beds",
    "judge_views",
    "make_print",
    "repeat_faces",
]
