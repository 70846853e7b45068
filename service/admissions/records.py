"""Admissions as upper rooms see them: plain values, no rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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

    @property
    def stay(self) -> Interval:
        """Admission to discharge, or to `FOREVER`."""
        return Interval(self.admitted_at, self.discharged_at or FOREVER)

    def bed_at(self, instant: datetime) -> str | None:
        """The bed at that instant, if one was assigned; of two, the later assignment."""
        found = [stay.bed_id for stay in self.assignments if stay.interval.contains(instant)]
        return found[-1] if found else None
