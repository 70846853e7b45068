"""What is asked about a bed, what is answered, and the rule between the two. Plain values, no pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.vision.quality import QualityReason

if TYPE_CHECKING:
    from service.vision.sequence.prints import ViewPrint
    from service.vision.trace import FaceTrace

FloatArray = NDArray[np.float32]
PixelBox = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frame."""


class BedState(StrEnum):
    """What one frame says about one bed."""

    PATIENT = "patient"
    OTHER_PERSON = "other_person"
    UNIDENTIFIED = "unidentified"
    EMPTY = "empty"
    UNOBSERVED = "unobserved"


class UnobservedCause(StrEnum):
    """Why a frame says nothing about a bed. Unobserved is never empty."""

    BLACK = "black"
    OVER_EXPOSED = "over_exposed"
    COVERED = "covered"
    OUT_OF_FOCUS = "out_of_focus"
    UNDECODABLE = "undecodable"
    """Set by whoever decodes, when `decode` raised; `analyse_frame` never returns it."""
    ZONE_TOO_SMALL = "zone_too_small"
    UNCERTAIN = "uncertain"
    """Something in the bed that may or may not be a person: between the two body thresholds, and no face."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A bed in a camera's view.

    `polygon`: (n, 2) float32, n >= 3, x and y as fractions 0..1 of the frame's width and height.
    `head_edge` i: the head lies at the edge from vertex i to vertex i + 1.
    Raises `ValueError` for anything else.
    """

    zone_id: str
    polygon: FloatArray
    head_edge: int = 0

    def __post_init__(self) -> None:
        polygon = np.asarray(self.polygon, dtype=np.float32)
        if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
            raise ValueError(f"zone {self.zone_id}: a polygon is (n, 2) with n >= 3, not {polygon.shape}")
        if not np.isfinite(polygon).all() or polygon.min() < 0.0 or polygon.max() > 1.0:
            raise ValueError(f"zone {self.zone_id}: vertices are fractions between 0 and 1")
        if not 0 <= self.head_edge < len(polygon):
            raise ValueError(f"zone {self.zone_id}: head_edge is 0..{len(polygon) - 1}")
        object.__setattr__(self, "polygon", polygon)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Enrolled templates to compare with; the keys are opaque to this room.

    `vectors`: (n, d) float32, unit rows, one a key in `keys`; several rows may share a key (best row counts).
    """

    keys: tuple[str, ...]
    vectors: FloatArray
    _rows: dict[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    _version: list[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        vectors = np.ascontiguousarray(self.vectors, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(self.keys):
            raise ValueError(f"{len(self.keys)} keys need as many rows, not {vectors.shape}")
        if len(vectors) and not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
            raise ValueError("template rows must have unit length")
        rows: dict[str, tuple[int, ...]] = {}
        for row, key in enumerate(self.keys):
            rows[key] = (*rows.get(key, ()), row)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "_rows", rows)
        object.__setattr__(self, "_version", [])

    def rows_of(self, key: str) -> tuple[int, ...]:
        """The rows of `vectors` that belong to `key`; none when nobody of that key is enrolled."""
        return self._rows.get(key, ())

    @property
    def version(self) -> str:
        """Changes with every template and key: 64 hex digits. Made once, when it is first asked for."""
        if not self._version:
            digest = hashlib.sha256("\x00".join(self.keys).encode())
            digest.update(self.vectors.tobytes())
            self._version.append(digest.hexdigest())
        return self._version[0]

    @classmethod
    def empty(cls, dimension: int) -> Gallery:
        """A gallery of nobody, for templates of `dimension` numbers."""
        return cls((), np.zeros((0, dimension), np.float32))


@dataclass(frozen=True, slots=True)
class ReadingPolicy:
    """The thresholds of a reading; every one is a number between 0 and 1. A new set is a new `version`."""

    version: str = "1"
    same_person: float = 0.40
    """Cosine from which a face is the expected patient's. Source: 15,486 impostor pairs of 53 people, SFace with mesh
    alignment: FNMR 0.6%, FMR 1.3e-4; .36 would be FMR 8e-4, and 2.5 times that within one ethnic group."""
    other_person: float = 0.30
    """Below this a good face is somebody else's; from here to `same_person` it is nobody's in particular."""
    body_absent: float = 0.15
    """Below this best body score, and without a face, the bed is empty. Source: of 25 occupied beds the least score is
    .198, of 12 empty ones nine lie below .15; between the two thresholds nothing is claimed."""
    body_present: float = 0.178
    """From this body score somebody is there. Source: 83 labelled beds, NanoDet: precision .95, recall .97."""
    judgeable_quality: float = 0.35
    """Face quality from which a mismatch may be called one. A match needs no more than the similarity."""
    source: str = field(default="docs/accuracy.md")

    def __post_init__(self) -> None:
        if not 0 <= self.other_person <= self.same_person <= 1:
            raise ValueError("other_person <= same_person, both 0..1")
        if not 0 <= self.body_absent <= self.body_present <= 1:
            raise ValueError("body_absent <= body_present, both 0..1")


@dataclass(frozen=True, slots=True)
class BedReading:
    """What one frame says about one zone.

    `confidence` orders readings of one state (0 weakest, 1 strongest); it is not a probability.
    `recognised`: the gallery key the face resembles most from `same_person` on (1:N: a suggestion only).
    `similarity`: the best cosine against the whole gallery; `expected_similarity`: against the expected key.
    `face_box`: pixels of the frame. `body_score`: the best person box with half its area in the zone.
    `trace`: of the patient's verified face, of nobody else's.
    """

    zone_id: str
    state: BedState
    confidence: float
    cause: UnobservedCause | None = None
    recognised: str | None = None
    similarity: float | None = None
    expected_similarity: float | None = None
    face_quality: float | None = None
    quality_reasons: tuple[QualityReason, ...] = ()
    body_score: float | None = None
    face_box: PixelBox | None = None
    trace: FaceTrace | None = None

    def __post_init__(self) -> None:
        if (self.state is BedState.UNOBSERVED) != (self.cause is not None):
            raise ValueError("a cause belongs to an unobserved bed, and to no other")


@dataclass(frozen=True, slots=True)
class ViewCheck:
    """Whether a single frame shows anything at all."""

    observed: bool
    cause: UnobservedCause | None = None


@dataclass(frozen=True, slots=True)
class FrameAnalysis:
    """Everything a frame says: one reading a zone, in the order of the zones.

    `strangers`: faces in beds, good enough to judge, that resemble nobody in the gallery. `seconds_models` is the time
    spent in model calls by this analysis, `seconds_total` the whole of it.
    `view_print`: what time is judged by, when whoever asked wanted it.
    `carried_from`: the key of the frame whose readings these are, when nothing has changed since (`unchanged.reuse`).
    It is no second observation: whoever counts frames or fuses them counts a carried one with its source.
    """

    view: ViewCheck
    readings: tuple[BedReading, ...]
    strangers: int
    pack_hash: str
    seconds_models: float
    seconds_total: float
    view_print: ViewPrint | None = None
    carried_from: str | None = None


Expected = Mapping[str, str]
"""zone id -> the key of the patient who belongs there."""
