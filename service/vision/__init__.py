"""Pixels to facts: decode, view check, faces, quality, embeddings, bodies, readings. Pure functions over numpy; this
room knows no patient, no bed's owner, no HTTP and no SQL.

Every function may be called from several threads with the same `Pack`; results do not depend on the number of threads.
"""

from service.vision.aim import AimAdvice, AimedBed, aim
from service.vision.analyse import analyse_frame
from service.vision.blur import blur_faces, encode_jpeg
from service.vision.decode import Frame, ImageFormat, ImageInfo, ImageLimits, decode, probe
from service.vision.enrolment import PortraitAssessment, assess_portrait
from service.vision.errors import (
    ImageCorrupt,
    ImageEmpty,
    ImageError,
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImageUnsupported,
    PackUnusable,
    ProviderMissing,
    TooManyPixels,
)
from service.vision.labels import read_codes
from service.vision.pack import Pack, load_pack, stated_threshold
from service.vision.quality import FaceQuality, QualityReason
from service.vision.reading import (
    BedReading,
    BedState,
    FrameAnalysis,
    Gallery,
    ReadingPolicy,
    UnobservedCause,
    ViewCheck,
    Zone,
)
from service.vision.runtime import RuntimeOptions
from service.vision.unchanged import (
    Anchor,
    AnchorUnreadable,
    ReusePolicy,
    gallery_version,
    make_anchor,
    question_of,
    reuse,
    slot_of,
)

__all__ = [
    "AimAdvice",
    "AimedBed",
    "Anchor",
    "AnchorUnreadable",
    "BedReading",
    "BedState",
    "FaceQuality",
    "Frame",
    "FrameAnalysis",
    "Gallery",
    "ImageCorrupt",
    "ImageEmpty",
    "ImageError",
    "ImageFormat",
    "ImageInfo",
    "ImageLimits",
    "ImageTooLarge",
    "ImageTooSmall",
    "ImageTruncated",
    "ImageUnsupported",
    "Pack",
    "PackUnusable",
    "PortraitAssessment",
    "ProviderMissing",
    "QualityReason",
    "ReadingPolicy",
    "ReusePolicy",
    "RuntimeOptions",
    "TooManyPixels",
    "UnobservedCause",
    "ViewCheck",
    "Zone",
    "aim",
    "analyse_frame",
    "assess_portrait",
    "blur_faces",
    "decode",
    "encode_jpeg",
    "gallery_version",
    "load_pack",
    "make_anchor",
    "probe",
    "question_of",
    "read_codes",
    "reuse",
    "slot_of",
    "stated_threshold",
]
