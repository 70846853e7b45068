"""What a stay is, as its events tell it: plain values, compared and written as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class BedSpan:
    """A bed from a time on; `to_at` None while the stay goes on."""

    bed_id: str
    from_at: datetime
    to_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeaveState:
    """A leave. `key` names it within the stay: the id the API gave it, or its start."""

    key: str
    from_at: datetime
    expected_return_at: datetime
    to_at: datetime | None
    approved_by: str
    signed_at: datetime
    reason: str
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class OffWardState:
    """An activity off the ward. `key` names it within the stay."""

    key: str
    kind: str
    from_at: datetime
    to_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class StayState:
    """A stay. With `admitted_at` None nothing is known yet that makes it one: its admission has still to come."""

    patient_no: str | None = None
    sex: str | None = None
    birth_date: date | None = None
    demographics_at: datetime | None = None
    admitted_at: datetime | None = None
    discharged_at: datetime | None = None
    cancelled_at: datetime | None = None
    category: str = "general"
    admission_type: str | None = None
    diagnosis_code: str | None = None
    diagnosis_text: str | None = None
    discharge_disposition: str | None = None
    attending_doctor: str | None = None
    admitting_clerk: str | None = None
    payment_method: str | None = None
    course: str | None = None
    beds: tuple[BedSpan, ...] = ()
    leaves: tuple[LeaveState, ...] = ()
    off_ward: tuple[OffWardState, ...] = ()
    contradictions: tuple[str, ...] = ()
    """What was said and cannot be true together with the rest, in English, for the message's note."""
