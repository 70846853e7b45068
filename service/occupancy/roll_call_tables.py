"""Tables of roll calls: committed draws, the calls themselves, and who was counted in each."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class RollCallDraw(SQLModel, table=True):
    """The random roll calls of a facility over some days, drawn from a seed that nobody knows before they are over.

    `commitment` is the SHA-256 of the seed, published before the first day; `sealed_seed` opens only with the
    installation's keys; `seed` (hexadecimal) is there for everybody once the days are over. `wards` are the ward codes
    that were drawn for at the time of committing; `late_wards` joined since, each {ward, since}: of these the calls
    after `since` are held, from the same seed.
    """

    __tablename__ = "roll_call_draw"
    __table_args__ = (UniqueConstraint("facility_id", "first_day"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    first_day: date
    last_day: date
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    timezone: str = Field(max_length=64)
    wards: list[Any] = Field(sa_type=JSON)
    late_wards: list[Any] | None = Field(default_factory=list, sa_type=JSON, nullable=True)
    terms: dict[str, Any] = Field(sa_type=JSON)
    commitment: str = Field(max_length=64)
    sealed_seed: bytes = Field(sa_type=LargeBinary)
    seed: str | None = Field(default=None, max_length=64)
    committed_by: str = Field(max_length=100)
    committed_at: datetime = Field(sa_type=UtcDateTime)
    revealed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RollCall(SQLModel, table=True):
    """One count of who is there, at the frozen instant `opens_at`.

    `kind`: routine | random | surprise. `scope`: bed | ward | facility | region; a region's call is one row for each
    of its facilities with the same `group_id`. Cameras answer until `frozen_until`, people until `closes_at`.
    The counts are those at closing; None while the call is open.
    """

    __tablename__ = "roll_call"
    __table_args__ = (
        UniqueConstraint("facility_id", "opens_at", "scope_key"),
        Index("ix_roll_call_facility_closes", "facility_id", "closes_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    group_id: str = Field(index=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    kind: str = Field(max_length=16)
    scope: str = Field(max_length=16)
    scope_key: str = Field(max_length=48)
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)
    bed_id: str | None = Field(default=None, foreign_key="bed.id", max_length=32)
    draw_id: str | None = Field(default=None, foreign_key="roll_call_draw.id", max_length=32)
    opens_at: datetime = Field(sa_type=UtcDateTime)
    frozen_until: datetime = Field(sa_type=UtcDateTime)
    closes_at: datetime = Field(sa_type=UtcDateTime)
    called_by: str = Field(max_length=100)
    reason: str = Field(default="", max_length=500)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expected: int | None = Field(default=None)
    covered: int | None = Field(default=None)
    unanswered: int | None = Field(default=None)
    excused: int | None = Field(default=None)


class RollCallEntry(SQLModel, table=True):
    """One person in one roll call, with the bed that was theirs at the frozen instant. A person counts once:
    `duplicates` are the other places where the same face was seen during the call, in order of time."""

    __tablename__ = "roll_call_entry"
    __table_args__ = (UniqueConstraint("roll_call_id", "admission_id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    roll_call_id: str = Field(foreign_key="roll_call.id", index=True, max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", max_length=32)
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)
    bed_id: str | None = Field(default=None, foreign_key="bed.id", max_length=32)
    second_of: str | None = Field(default=None, max_length=32)  # the admission under which the person counts already
    counted_reading_id: str | None = Field(default=None, max_length=32)
    duplicates: list[Any] = Field(default_factory=list, sa_type=JSON)


class BedCheck(SQLModel, table=True):
    """What was seen in a bed at a check, where no admission's check says it: a bed without an admission, or staff or
    a second person in any bed. Derived, as a presence check is.

    `outcome`: unregistered_person | empty | unobserved | staff_in_bed | two_in_bed.
    """

    __tablename__ = "bed_check"
    __table_args__ = (
        UniqueConstraint("bed_id", "due_at", "outcome"),
        Index("ix_bed_check_facility_due", "facility_id", "due_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    ward_id: str = Field(foreign_key="ward.id", max_length=32)
    bed_id: str = Field(foreign_key="bed.id", index=True, max_length=32)
    due_at: datetime = Field(sa_type=UtcDateTime)
    window_start: datetime = Field(sa_type=UtcDateTime)
    window_end: datetime = Field(sa_type=UtcDateTime)
    outcome: str = Field(max_length=32)
    recognised_key: str | None = Field(default=None, max_length=32)
    occupied_seconds: int = Field(default=0)
    reading_ids: list[Any] = Field(default_factory=list, sa_type=JSON)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    computed_at: datetime = Field(sa_type=UtcDateTime)


class BedLook(SQLModel, table=True):
    """What a person found who looked at a bed because of a bed check. `result`: person | empty | carer | staff.
    Never changed once given."""

    __tablename__ = "bed_look"
    __table_args__ = (UniqueConstraint("bed_id", "due_at", "person_id", "looked_at"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    bed_id: str = Field(foreign_key="bed.id", max_length=32)
    due_at: datetime = Field(sa_type=UtcDateTime)
    person_id: str = Field(foreign_key="user_account.id", max_length=32)
    role: str = Field(max_length=32)
    result: str = Field(max_length=16)
    note: str = Field(default="", max_length=1000)
    looked_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class PresenceCount(SQLModel, table=True):
    """How many checks of a ward had an outcome in an hour of a local day: kept in step with the checks, so that a
    rate over months is read and not counted. `ward_id` is empty for checks without a bed."""

    __tablename__ = "presence_count"

    facility_id: str = Field(primary_key=True, foreign_key="facility.id", max_length=32)
    day: str = Field(primary_key=True, max_length=10)  # local date, ISO
    ward_id: str = Field(primary_key=True, max_length=32)
    hour: int = Field(primary_key=True)  # local, 0..23
    outcome: str = Field(primary_key=True, max_length=32)
    number: int = Field(default=0)
