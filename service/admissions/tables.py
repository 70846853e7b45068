"""Tables of who is an inpatient, where, when, and what excuses an absence; event time and time of record both."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Patient(SQLModel, table=True):
    """A person known to a facility by a number. `display_name` is optional and never leaves pages that need it."""

    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("facility_id", "patient_no"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    patient_no: str = Field(max_length=64)
    display_name: str = Field(default="", max_length=200)
    sex: str = Field(default="unknown", max_length=16)  # FHIR administrative gender
    birth_date: date | None = Field(default=None)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    demographics_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when a message last stated them


class Admission(SQLModel, table=True):
    """A stay. `category`: general | emergency | day_only | newborn | icu | isolation | maternity | psychiatric | …"""

    __tablename__ = "admission"
    __table_args__ = (UniqueConstraint("facility_id", "admission_no"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", index=True, max_length=32)
    admission_no: str = Field(max_length=64)
    category: str = Field(default="general", max_length=32)
    admitted_at: datetime = Field(sa_type=UtcDateTime, index=True)
    discharged_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    admission_type: str | None = Field(default=None, max_length=16)  # emergency | planned | referral | newborn
    diagnosis_code: str | None = Field(default=None, max_length=32)
    diagnosis_text: str | None = Field(default=None, max_length=200)
    # home | transfer | left_against_advice | died | interim_settlement
    discharge_disposition: str | None = Field(default=None, max_length=32)
    attending_doctor: str | None = Field(default=None, max_length=64)  # a number, not a name
    admitting_clerk: str | None = Field(default=None, max_length=64)
    payment_method: str | None = Field(default=None, max_length=32)  # per_diem | drg | dip | fee_for_service | …
    course: str | None = Field(default=None, max_length=32)  # dialysis | chemotherapy | rehabilitation | planned_course


class BedAssignment(SQLModel, table=True):
    """An admission in a bed from a time on, until the next assignment or discharge."""

    __tablename__ = "bed_assignment"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    bed_id: str = Field(foreign_key="bed.id", index=True, max_length=32)
    from_at: datetime = Field(sa_type=UtcDateTime)
    to_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class LeaveOfAbsence(SQLModel, table=True):
    """A leave a doctor approved: the patient may be away from `from_at` until back (`to_at`) or expected back."""

    __tablename__ = "leave_of_absence"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    from_at: datetime = Field(sa_type=UtcDateTime)
    expected_return_at: datetime = Field(sa_type=UtcDateTime)
    to_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = Field(default="", max_length=500)
    approved_by: str = Field(max_length=100)
    signed_at: datetime = Field(sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class OffWardActivity(SQLModel, table=True):
    """A recorded reason to be in the hospital but not on the ward: theatre, imaging, dialysis, therapy."""

    __tablename__ = "off_ward_activity"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    kind: str = Field(max_length=32)  # theatre | imaging | dialysis | therapy | other
    from_at: datetime = Field(sa_type=UtcDateTime)
    to_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_by: str = Field(max_length=100)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class InboundMessage(SQLModel, table=True):
    """A message as it came in, sealed, and what became of it: applied | duplicate | rejected | dead_letter | dismissed.

    `rejected`: malformed, sending the same again will not help. `dead_letter`: well-formed, but it cannot be applied
    to what is known now (an unknown bed); it can be replayed when that is mended, or dismissed by a person.
    """

    __tablename__ = "inbound_message"
    __table_args__ = (
        Index("ix_inbound_message_listing", "facility_id", "received_at", "id"),
        Index("ix_inbound_message_sha256", "facility_id", "sha256"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    channel: str = Field(max_length=16)  # hl7-http | hl7-mllp | fhir-r4 | fhir-r5
    sha256: str = Field(max_length=64)
    control_id: str = Field(default="", max_length=200)
    trigger: str = Field(default="", max_length=64)
    admission_no: str = Field(default="", max_length=64, index=True)
    event_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)  # the facility's event time at receipt
    recorded_at: datetime = Field(sa_type=UtcDateTime)  # the real clock
    state: str = Field(max_length=16, index=True)
    error: str = Field(default="", max_length=2000)
    note: str = Field(default="", max_length=2000)
    sender: str = Field(default="", max_length=200)
    attempts: int = Field(default=1)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)  # a duplicate is kept once


class UnclaimedMessage(SQLModel, table=True):
    """A message of a sender that no facility is known for, sealed, until somebody claims it for one."""

    __tablename__ = "unclaimed_message"
    __table_args__ = (UniqueConstraint("sha256"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    sha256: str = Field(max_length=64)
    control_id: str = Field(default="", max_length=200)
    trigger: str = Field(default="", max_length=64)
    sending_facility: str = Field(default="", max_length=200)  # MSH-4
    receiving_facility: str = Field(default="", max_length=200)  # MSH-6
    client: str = Field(default="", max_length=200)  # names in the client's certificate
    error: str = Field(default="", max_length=2000)
    received_at: datetime = Field(sa_type=UtcDateTime)  # the real clock, the first time
    last_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = Field(default=1)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    message_id: str | None = Field(default=None, max_length=32)  # what it is kept as since
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)


class StayEvent(SQLModel, table=True):
    """One thing that was said about a stay; never changed. The stay's rows are what `fold` makes of all of them.

    `event_at`: when it happened; `stated_at`: when the sender said so; `received_at`: when we learned it (event time
    of the facility). `effect` is what it changed when it came in; `corrects`: whether that was the stay's past.
    """

    __tablename__ = "stay_event"
    __table_args__ = (
        UniqueConstraint("facility_id", "fingerprint"),
        Index("ix_stay_event_stay", "facility_id", "admission_no"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    admission_no: str = Field(max_length=64)
    admission_id: str | None = Field(default=None, foreign_key="admission.id", index=True, max_length=32)
    message_id: str | None = Field(default=None, foreign_key="inbound_message.id", index=True, max_length=32)
    source: str = Field(max_length=16)  # hl7 | fhir | csv | api | record
    kind: str = Field(max_length=24)
    trigger: str = Field(max_length=32)
    control_id: str = Field(default="", max_length=200)
    event_at: datetime = Field(sa_type=UtcDateTime)
    stated_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    fingerprint: str = Field(max_length=64)
    effect: str = Field(default="", max_length=500)
    corrects: bool = Field(default=False)


class PatientMerge(SQLModel, table=True):
    """Two numbers of one person (HL7 A40): stays of `prior_no` are those of `surviving_no`."""

    __tablename__ = "patient_merge"
    __table_args__ = (UniqueConstraint("facility_id", "fingerprint"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    prior_no: str = Field(max_length=64)
    surviving_no: str = Field(max_length=64)
    stated_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    control_id: str = Field(default="", max_length=200)
    message_id: str | None = Field(default=None, foreign_key="inbound_message.id", index=True, max_length=32)
    fingerprint: str = Field(max_length=64)


class BedStatusNotice(SQLModel, table=True):
    """What a hospital said about a bed (HL7 A20); the latest by event time says whether it is open."""

    __tablename__ = "bed_status_notice"
    __table_args__ = (UniqueConstraint("facility_id", "fingerprint"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    bed_id: str = Field(foreign_key="bed.id", index=True, max_length=32)
    status: str = Field(max_length=8)  # HL7 table 0116: C closed, H, I, K, O, U
    event_at: datetime = Field(sa_type=UtcDateTime)
    stated_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    control_id: str = Field(default="", max_length=200)
    message_id: str | None = Field(default=None, foreign_key="inbound_message.id", index=True, max_length=32)
    fingerprint: str = Field(max_length=64)


class FhirIdentity(SQLModel, table=True):
    """Which of our numbers a FHIR resource id stands for, so that a reference to it can be followed."""

    __tablename__ = "fhir_identity"

    facility_id: str = Field(foreign_key="facility.id", primary_key=True, max_length=32)
    resource_type: str = Field(primary_key=True, max_length=32)
    logical_id: str = Field(primary_key=True, max_length=64)
    local_no: str = Field(max_length=64)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class ClinicalOrder(SQLModel, table=True):
    """A doctor's order for a stay; `admission_id` is None until the stay is known. The latest statement counts."""

    __tablename__ = "clinical_order"
    __table_args__ = (
        UniqueConstraint("facility_id", "order_no"),
        Index("ix_clinical_order_stay", "facility_id", "admission_no"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    order_no: str = Field(max_length=64)
    admission_no: str = Field(max_length=64)
    admission_id: str | None = Field(default=None, foreign_key="admission.id", index=True, max_length=32)
    kind: str = Field(max_length=16)  # medication | examination | treatment | nursing | bed | other
    code: str = Field(default="", max_length=64)
    ordered_at: datetime = Field(sa_type=UtcDateTime)
    performed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attending_doctor: str | None = Field(default=None, max_length=64)
    cancelled: bool = Field(default=False)
    stated_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(max_length=16)
    message_id: str | None = Field(default=None, foreign_key="inbound_message.id", index=True, max_length=32)


class ChargeItem(SQLModel, table=True):
    """A line of a stay's bill; `quantity` and `amount` are decimal numbers as text, exact on both back ends."""

    __tablename__ = "charge_item"
    __table_args__ = (
        UniqueConstraint("facility_id", "charge_no"),
        Index("ix_charge_item_stay", "facility_id", "admission_no"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    charge_no: str = Field(max_length=64)
    admission_no: str = Field(max_length=64)
    admission_id: str | None = Field(default=None, foreign_key="admission.id", index=True, max_length=32)
    kind: str = Field(max_length=16)  # medication | examination | treatment | nursing | bed | other
    code: str = Field(default="", max_length=64)
    service_at: datetime = Field(sa_type=UtcDateTime)
    quantity: str = Field(default="1", max_length=32)
    amount: str = Field(default="0", max_length=32)
    payment_method: str | None = Field(default=None, max_length=32)
    doctor: str | None = Field(default=None, max_length=64)
    clerk: str | None = Field(default=None, max_length=64)
    cancelled: bool = Field(default=False)
    stated_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(max_length=16)
    message_id: str | None = Field(default=None, foreign_key="inbound_message.id", index=True, max_length=32)
