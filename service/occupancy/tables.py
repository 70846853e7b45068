"""Tables of presence: checks with their outcomes, and the directed looks by people that follow an unsure one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.occupancy.hand_tables import ExcuseTap as ExcuseTap
from service.occupancy.hand_tables import HandheldChallenge as HandheldChallenge
from service.occupancy.hand_tables import HandheldPicture as HandheldPicture
from service.occupancy.hand_tables import LoggedPause as LoggedPause
from service.occupancy.hand_tables import Reverification as Reverification
from service.occupancy.roll_call_tables import BedCheck as BedCheck
from service.occupancy.roll_call_tables import BedLook as BedLook
from service.occupancy.roll_call_tables import PresenceCount as PresenceCount
from service.occupancy.roll_call_tables import RollCall as RollCall
from service.occupancy.roll_call_tables import RollCallDraw as RollCallDraw
from service.occupancy.roll_call_tables import RollCallEntry as RollCallEntry
from service.platform.database import UtcDateTime


class PresenceCheck(SQLModel, table=True):
    """What is known of one admission at one check. Derived: recomputed whole from what lies below it.

    `outcome` is a presence state of the domain: present_verified, present_alternative, present_unidentified, on_leave,
    off_ward, exempt, not_seen, bed_empty, unanswered, absent_confirmed, impostor_suspected, no_reference, unobserved,
    or in_grace for an admission too young to be expected.
    """

    __tablename__ = "presence_check"
    __table_args__ = (
        UniqueConstraint("admission_id", "due_at"),
        Index("ix_presence_check_facility_due", "facility_id", "due_at"),
        Index("ix_presence_check_ward_due", "ward_id", "due_at"),
        Index("ix_presence_check_facility_outcome", "facility_id", "outcome"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)
    bed_id: str | None = Field(default=None, foreign_key="bed.id", max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    kind: str = Field(default="routine", max_length=16)  # routine | night | random | surprise | admission
    due_at: datetime = Field(sa_type=UtcDateTime)
    window_start: datetime = Field(sa_type=UtcDateTime)
    window_end: datetime = Field(sa_type=UtcDateTime)
    outcome: str = Field(max_length=32)
    method: str | None = Field(default=None, max_length=32)  # how presence was shown: face, id_card, wristband, …
    reading_ids: list[Any] = Field(default_factory=list, sa_type=JSON)
    directed_check_id: str | None = Field(default=None, max_length=32)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    policy_version: str = Field(max_length=64)
    computed_at: datetime = Field(sa_type=UtcDateTime)


class DirectedCheck(SQLModel, table=True):
    """A request that people look for one patient, with a deadline in event time."""

    __tablename__ = "directed_check"
    __table_args__ = (
        UniqueConstraint("admission_id", "due_at"),
        Index("ix_directed_check_facility_deadline", "facility_id", "deadline_at"),
        Index("ix_directed_check_facility_due", "facility_id", "due_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    bed_id: str | None = Field(default=None, foreign_key="bed.id", max_length=32)
    due_at: datetime = Field(sa_type=UtcDateTime)  # the presence check that asked
    # not_seen | bed_empty | impostor_suspected | blind_bed | admission
    cause: str = Field(max_length=32)
    deadline_at: datetime = Field(sa_type=UtcDateTime)
    respond_by: datetime | None = Field(default=None, sa_type=UtcDateTime)  # sooner than the deadline in a roll call
    escalated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # nobody answered: an inspector is asked
    opened_at: datetime = Field(sa_type=UtcDateTime)  # event time
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class DirectedLook(SQLModel, table=True):
    """One person's look. `result`: found | not_found | identity_mismatch | carer. Never changed once given."""

    __tablename__ = "directed_look"
    __table_args__ = (UniqueConstraint("directed_check_id", "person_id", "looked_at"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    directed_check_id: str = Field(foreign_key="directed_check.id", index=True, max_length=32)
    person_id: str = Field(foreign_key="user_account.id", max_length=32)
    role: str = Field(max_length=32)  # ward_staff | inspector | admin
    looked_at: datetime = Field(sa_type=UtcDateTime)
    result: str = Field(max_length=32)
    method: str = Field(max_length=32)  # bedside | face | wristband | id_card | ward_search | handheld
    ward_searched: bool = Field(default=False)
    patient_called: bool = Field(default=False)
    note: str = Field(default="", max_length=1000)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class PresenceProgress(SQLModel, table=True):
    """Up to where a facility's checks have been judged, in event time. `revision` counts recomputations: a result made
    from what was read before another one was written is thrown away."""

    __tablename__ = "presence_progress"

    facility_id: str = Field(primary_key=True, foreign_key="facility.id", max_length=32)
    computed_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    computed_to: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revision: int = Field(default=0)
