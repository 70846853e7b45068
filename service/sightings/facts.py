"""What upper rooms learn of pictures: plain values, no pixels and no embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.vision import BedState


@dataclass(frozen=True, slots=True)
class Reading:
    """What one frame says of one bed.

    `expected_patient_id`: whose bed it was when the frame was read; `state` is relative to that patient.
    `recognised_patient_id`: whose enrolled face it resembles, anywhere in the facility (a suggestion).
    `recognised_staff_id`: the member of staff instead, by the key of the gallery.
    `lone`: no second face was found in the bed. `uncertain`: somebody may be there, or not (state unobserved).
    `late`: its picture came late and outside the server's chain; only `with_lateness` finds that out.
    `carried`: nothing had changed since an earlier picture, whose reading this is: no observation of its own.
    """

    reading_id: str
    bed_id: str
    camera_id: str
    captured_at: datetime
    state: BedState
    expected_patient_id: str | None = None
    recognised_patient_id: str | None = None
    lone: bool = True
    cause: str | None = None
    recognised_staff_id: str | None = None
    late: bool = False
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """A patient's face, recognised at a bed of the facility; not necessarily the patient's own bed."""

    reading_id: str
    patient_id: str
    bed_id: str
    camera_id: str
    at: datetime
