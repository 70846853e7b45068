"""What can be said about a stay: one shape for HL7, FHIR, CSV and the API, and its way into a row and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened, or is said not to have happened."""

    ADMIT = "admit"
    UPDATE = "update"
    TRANSFER = "transfer"
    LEAVE = "leave"
    RETURN = "return"
    OFF_WARD = "off_ward"
    ON_WARD = "on_ward"
    DISCHARGE = "discharge"
    CANCEL_TRANSFER = "cancel_transfer"
    CANCEL_LEAVE = "cancel_leave"
    CANCEL_RETURN = "cancel_return"
    CANCEL_OFF_WARD = "cancel_off_ward"
    CANCEL_ON_WARD = "cancel_on_ward"
    CANCEL_DISCHARGE = "cancel_discharge"
    CANCEL_ADMIT = "cancel_admit"


PRECEDENCE = {kind: place for place, kind in enumerate(EventKind)}
"""Which of two events of the same instant comes first: an admission before a move, a cancellation last."""

LONGEST_LEAVE = timedelta(days=30)
"""A longer absence is a discharge."""

CANCELS = frozenset(kind for kind in EventKind if kind.value.startswith("cancel_"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a statement says besides its kind and time; None is silence, never "none".

    `refers_at`: the time of what a cancellation cancels. `target`: the id of the leave or activity it is about.
    `document`: a whole-state source (a FHIR resource): only its latest version counts. `implied`: concluded from a
    state, not reported as an event. `inpatient`: the message itself says that this is an inpatient stay.
    """

    patient_no: str | None = None
    sex: str | None = None
    birth_date: date | None = None
    bed_id: str | None = None
    inpatient: bool | None = None
    admitted_at: datetime | None = None
    discharged_at: datetime | None = None
    category: str | None = None
    admission_type: str | None = None
    diagnosis_code: str | None = None
    diagnosis_text: str | None = None
    discharge_disposition: str | None = None
    attending_doctor: str | None = None
    admitting_clerk: str | None = None
    payment_method: str | None = None
    course: str | None = None
    expected_return_at: datetime | None = None
    signed_at: datetime | None = None
    approved_by: str | None = None
    reason: str | None = None
    off_ward_kind: str | None = None
    to_at: datetime | None = None
    refers_at: datetime | None = None
    target: str | None = None
    document: str | None = None
    implied: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """What is said, for the database; silence takes no room."""
        said = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in said.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Facts:
        """The facts of a stored row. What a later version said and this one does not know is left out."""
        values: dict[str, Any] = {}
        for item in fields(cls):
            value = said.get(item.name)
            if value is not None and item.name in _INSTANTS:
                value = datetime.fromisoformat(value)
            elif value is not None and item.name == "birth_date":
                value = date.fromisoformat(value)
            values[item.name] = value
        return cls(**values)


_INSTANTS = frozenset(
    {"admitted_at", "discharged_at", "expected_return_at", "signed_at", "to_at", "refers_at"},
)
ATTRIBUTES = (
    "category",
    "admission_type",
    "diagnosis_code",
    "diagnosis_text",
    "discharge_disposition",
    "attending_doctor",
    "admitting_clerk",
    "payment_method",
    "course",
)
"""Columns of `Admission` that hold the latest thing said about them."""


@dataclass(frozen=True, slots=True)
class Event:
    """A statement about a stay. The keys below order events by what the sender wrote, never by how they arrived."""

    kind: EventKind
    event_at: datetime
    stated_at: datetime
    received_at: datetime
    trigger: str = ""
    control_id: str = ""
    facts: Facts = field(default_factory=Facts)

    @property
    def happened(self) -> tuple[datetime, int, datetime, str, str]:
        """Order of what happened: event time, precedence of the trigger, then who said it last."""
        return (self.event_at, PRECEDENCE[self.kind], self.stated_at, self.control_id, repr(self.facts))

    @property
    def stated(self) -> tuple[datetime, int, datetime, str, str]:
        """Order of what was said: of two contradicting statements the later one holds."""
        return (self.stated_at, PRECEDENCE[self.kind], self.event_at, self.control_id, repr(self.facts))
