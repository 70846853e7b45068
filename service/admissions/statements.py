"""What a message of any standard says, once read: the one shape between reading and applying."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from service.admissions.stay_events import Event

BILL_KINDS = ("medication", "examination", "treatment", "nursing", "bed", "other")
"""Kinds of orders and charges that rules tell apart."""
LARGEST = Decimal("1e9")
MOST_DECIMALS = 6
_NUMBER = re.compile(r"^(?![=+@-])[^\s/?#%&\\<>\"'|^~]{1,64}$")
"""Not what a spreadsheet takes for a formula: numbers are exported as CSV."""


@dataclass(frozen=True, slots=True)
class StaySaid:
    """Something about one stay."""

    admission_no: str
    event: Event


@dataclass(frozen=True, slots=True)
class MergeSaid:
    """Two numbers are one person's."""

    prior_no: str
    surviving_no: str


@dataclass(frozen=True, slots=True)
class BedSaid:
    """A bed's status, HL7 table 0116."""

    bed_id: str
    status: str


@dataclass(frozen=True, slots=True)
class OrderSaid:
    """An order, as it is now."""

    order_no: str
    admission_no: str
    kind: str
    code: str
    ordered_at: datetime
    performed_at: datetime | None
    attending_doctor: str | None
    cancelled: bool


@dataclass(frozen=True, slots=True)
class ChargeSaid:
    """A charge, as it is now; a credit is negative."""

    charge_no: str
    admission_no: str
    kind: str
    code: str
    service_at: datetime
    quantity: Decimal
    amount: Decimal
    payment_method: str | None
    doctor: str | None
    clerk: str | None
    cancelled: bool


@dataclass(frozen=True, slots=True)
class VitalSaid:
    """Whether the patient is dead, and since when: an instant, or a day alone; with what else identifies the person."""

    patient_no: str
    deceased: bool
    died_at: datetime | None = None
    died_on: date | None = None
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class PatientSaid:
    """A person known to the facility, apart from any stay."""

    patient_no: str
    sex: str | None
    birth_date: date | None
    stated_at: datetime


@dataclass(frozen=True, slots=True)
class IdentitySaid:
    """A resource id of a FHIR server and the number of ours that it stands for."""

    resource_type: str
    logical_id: str
    local_no: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that one message says. `notes` are for its sender: what was understood and has no effect."""

    trigger: str
    control_id: str
    event_at: datetime
    stated_at: datetime
    stays: tuple[StaySaid, ...] = ()
    merges: tuple[MergeSaid, ...] = ()
    beds: tuple[BedSaid, ...] = ()
    orders: tuple[OrderSaid, ...] = ()
    charges: tuple[ChargeSaid, ...] = ()
    patients: tuple[PatientSaid, ...] = ()
    vitals: tuple[VitalSaid, ...] = ()
    identities: tuple[IdentitySaid, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def admission_no(self) -> str:
        """The stay that the message is about, for lists; "" when there is none."""
        numbers = [said.admission_no for said in self.stays]
        numbers += [said.admission_no for said in self.orders]
        numbers += [said.admission_no for said in self.charges]
        return numbers[0] if numbers else ""


def is_number(text: str) -> bool:
    """Whether `text` can be the number of a patient, stay, order or charge."""
    return bool(_NUMBER.match(text)) and text.isprintable()


def is_bounded(value: Decimal) -> bool:
    """Whether `value` is a number that a bill can hold."""
    return value.is_finite() and abs(value) <= LARGEST


def is_amount(value: Decimal) -> bool:
    """Whether `value` can be an amount or a quantity: bounded, and no finer than anybody counts."""
    exponent = value.as_tuple().exponent
    return is_bounded(value) and isinstance(exponent, int) and exponent >= -MOST_DECIMALS


def rounded(value: Decimal) -> Decimal:
    """The value, no finer than anybody counts: what multiplication and JSON's numbers have beyond that is noise."""
    return value if is_amount(value) or not is_bounded(value) else round(value, MOST_DECIMALS)
