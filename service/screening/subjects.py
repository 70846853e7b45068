"""What a finding is about: mostly an admission, but also a bed, a ward, a facility, a camera or a person at work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SubjectKind(StrEnum):
    """The kinds of subject. A person is somebody at work, never a patient: patients are named by their admission."""

    ADMISSION = "admission"
    BED = "bed"
    WARD = "ward"
    FACILITY = "facility"
    CAMERA = "camera"
    PERSON = "person"
    PATIENT = "patient"
    DELEGATE = "delegate"
    PHARMACY = "pharmacy"
    DEVICE = "device"


class FindingKind(StrEnum):
    """What may be done with it: a suspicion for a case, a number to look at, or a piece of work to do."""

    FINDING = "finding"
    STATISTIC = "statistic"
    WORK_ITEM = "work_item"


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject. `label`: what people call it (an admission's number, ward/bed, a camera's code, a user's name).

    `admission_id`, `bed_id`, `ward_id`: where a reader finds it, as far as there is such a place.
    """

    kind: SubjectKind
    subject_id: str
    label: str
    admission_id: str | None = None
    bed_id: str | None = None
    ward_id: str | None = None
