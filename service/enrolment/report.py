"""What an enrolment says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.enrolment.reasons import Reason


class EnrolmentStatus(StrEnum):
    """What became of an enrolment or of one photograph."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    EXEMPT = "exempt"
    """Consent was refused and recorded: the patient is verified another way."""


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """One photograph. `quality` 0..1."""

    sha256: str
    status: EnrolmentStatus
    quality: float
    reasons: tuple[Reason, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Somebody else enrolled at the facility whom the face resembles: a look-alike, a twin, or one person twice.

    `similarity`: cosine; `margin`: how far it lies above the threshold of `same_person`. `kind`: patient, staff or
    delegate; `patient_no`: what the facility calls the person.
    """

    patient_no: str
    similarity: float
    margin: float
    kind: str = "patient"


@dataclass(frozen=True, slots=True)
class EnrolmentReport:
    """An enrolment. `proven`: whether the patient can be judged by it, from event time `effective_from` on.

    `reasons` say why the whole was refused, `warnings` what a person should look at.
    """

    patient_no: str
    status: EnrolmentStatus
    reference: str
    proven: bool
    photos: tuple[PhotoReport, ...] = ()
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()
    effective_from: datetime | None = None

    @property
    def accepted(self) -> bool:
        """Whether the patient has these photographs as templates now."""
        return self.status in (EnrolmentStatus.ACCEPTED, EnrolmentStatus.UNCHANGED)
