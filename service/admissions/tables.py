"""Tables of who is an inpatient, where, when, and what excuses an absence; event time and time of record both."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
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
