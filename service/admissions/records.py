"""Admissions as upper rooms see them: plain values, no rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from service.kit.intervals import Interval

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of what has no known end."""


class BedStay(NamedTuple):
    """A bed, and when the admission had it. An open end is `FOREVER`."""

    bed_id: str
    interval: Interval


class OffWardRecord(NamedTuple):
    """A recorded reason to be off the ward: theatre, imaging, dialysis, therapy, other."""

    kind: str
    interval: Interval


class Assigned(NamedTuple):
    """Who has a bed."""

    admission_id: str
    patient_id: str


@dataclass(frozen=True, slots=True)
class LeaveRecord:
    """A leave: excused from its start until the patient was back, at the latest until the expected return.

    `signed_at` is when it was signed: a leave signed after it began excuses, and its share is tracked.
    """

    interval: Interval
    signed_at: datetime
    approved_by: str = ""
    returned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AdmissionRecord:
    """A stay with its beds, leaves and absences from the ward, each in order of its start; cancelled ones left out.

    A stay without discharge has `discharged_at` None, and open intervals end at `FOREVER`.
    """

    admission_id: str
    admission_no: str
    patient_id: str
    patient_no: str
    category: str
    admitted_at: datetime
    discharged_at: datetime | None
    assignments: tuple[BedStay, ...]
    leaves: tuple[LeaveRecord, ...]
    off_ward: tuple[OffWardRecord, ...]
    admission_type: str | None = None
    """emergency | planned | referral | newborn"""
    diagnosis_code: str | None = None
    diagnosis_text: str | None = None
    discharge_disposition: str | None = None
    """home | transfer | left_against_advice | died | interim_settlement"""
    attending_doctor: str | None = None
    admitting_clerk: str | None = None
    payment_method: str | None = None
    """per_diem | drg | dip | fee_for_service | self_pay | what else the hospital calls it"""
    course: str | None = None
    """dialysis | chemotherapy | rehabilitation | planned_course"""

    @property
    def stay(self) -> Interval:
        """Admission to discharge, or to `FOREVER`."""
        return Interval(self.admitted_at, self.discharged_at or FOREVER)

    def bed_at(self, instant: datetime) -> str | None:
        """The bed at that instant, if one was assigned; of two, the later assignment."""
        found = [stay.bed_id for stay in self.assignments if stay.interval.contains(instant)]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """A doctor's order. `kind`: medication | examination | treatment | nursing | bed | other."""

    order_id: str
    admission_id: str
    kind: str
    code: str
    ordered_at: datetime
    performed_at: datetime | None = None
    attending_doctor: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A line of a bill; a credit has a negative amount. `kind` as in `OrderRecord`."""

    charge_id: str
    admission_id: str
    kind: str
    code: str
    service_at: datetime
    quantity: Decimal
    amount: Decimal
    payment_method: str | None = None
    doctor: str | None = None
    clerk: str | None = None


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    """Something learned at `received_at` that changed what was known of the stay's past, from `event_at` on.

    `trigger`: the HL7 event (A11, A13, A21, …) or the operation (leave, discharge, …); `effect` says what changed.
    """

    correction_id: str
    admission_id: str
    trigger: str
    event_at: datetime
    received_at: datetime
    effect: str
