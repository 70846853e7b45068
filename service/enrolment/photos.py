"""Photographs to templates in memory: decode, assess, forget the pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.enrolment.pack import opened_pack
from service.enrolment.reasons import Reason, reason, reason_of_error
from service.platform.context import Context
from service.vision import Frame, ImageError, ImageLimits, PortraitAssessment, assess_portrait, decode

MAX_PHOTOS = 10
"""For one patient. More views than that do not help, and each costs an inference."""


@dataclass(frozen=True, slots=True)
class AssessedPhoto:
    """One photograph after assessment; the picture itself is gone.

    `vector`: (d,) float32 of unit length when it may become a reference, else `None` and `reasons` say why.
    `quality` 0..1. `signature`: tells this very picture when it is shown to a camera.
    """

    sha256: str
    quality: float
    reasons: tuple[Reason, ...]
    vector: NDArray[np.float32] | None = None
    name: str = ""
    signature: bytes | None = None


class Assessor(Protocol):
    """What turns photographs into templates, and the identity of the model pack that does it."""

    @property
    def pack_hash(self) -> str:
        """The pack's hash."""
        ...

    @property
    def same_person(self) -> float:
        """The cosine from which two of its templates are one person's."""
        ...

    def __call__(self, photo: bytes, name: str = "") -> AssessedPhoto:
        """One photograph assessed."""
        ...


@dataclass(frozen=True, slots=True)
class PackAssessor:
    """Assesses with the pack that the settings name."""

    pack_hash: str
    assess: Callable[[Frame], PortraitAssessment]
    limits: ImageLimits
    same_person: float

    def __call__(self, photo: bytes, name: str = "") -> AssessedPhoto:
        """One photograph assessed. A picture that cannot be read has its error as the reason."""
        sha256 = photo_digest(photo)
        try:
            assessment = self.assess(decode(photo, self.limits, field=name or "photo"))
        except ImageError as error:
            return AssessedPhoto(sha256, 0.0, (reason_of_error(error),), None, name)
        reasons = tuple(reason(code.value) for code in assessment.reasons)
        good = assessment.acceptable
        vector, signature = (assessment.embedding, assessment.signature) if good else (None, None)
        return AssessedPhoto(sha256, round(float(assessment.quality.score), 4), reasons, vector, name, signature)


def pack_assessor(context: Context) -> PackAssessor:
    """An assessor with the current pack. Raises `PackUnusable` when there is none."""
    pack, settings = opened_pack(context), context.settings
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.max_image_side)
    return PackAssessor(pack.pack_hash, lambda frame: assess_portrait(frame, pack), limits, pack.thresholds.same_person)


def photo_digest(photo: bytes) -> str:
    """SHA-256 of the file's bytes, in hexadecimal: by it the same photograph is known again."""
    return hashlib.sha256(photo).hexdigest()


def assess_photos(assessor: Assessor, photos: Sequence[bytes], names: Sequence[str] = ()) -> tuple[AssessedPhoto, ...]:
    """Every different photograph assessed, in order; the same bytes twice count once."""
    found: dict[str, AssessedPhoto] = {}
    for index, photo in enumerate(photos):
        name = names[index] if index < len(names) else ""
        if photo_digest(photo) not in found:
            assessed = assessor(photo, name)
            found[assessed.sha256] = assessed
    return tuple(found.values())
