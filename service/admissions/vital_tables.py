"""The table of notices about life and death: what each source said, and when it said so."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class VitalNotice(SQLModel, table=True):
    """One notice of one source. `status`: died | alive (a correction). Nothing is overwritten: the latest notice of a
    source, by `noticed_at`, is what the source says now. Only an `alive` that contradicts nobody moves on with each
    message that repeats it.

    `voice`: who speaks in the source's name: "source" for the source itself (a feed, or a token that is called after
    it), else whoever recorded the notice. Only the same voice, or the source itself, takes a notice back.
    `counts_from`: the instant from which a service is after the death; of a date-only death the next local midnight.
    `agreeing`, `differing`: which identifiers of the notice meet the patient's own record, by name and never by value.
    """

    __tablename__ = "vital_notice"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", index=True, max_length=32)
    source: str = Field(max_length=64)
    voice: str = Field(max_length=100)
    status: str = Field(max_length=16)
    died_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    died_on: date | None = Field(default=None)
    counts_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    agreeing: list[Any] = Field(default_factory=list, sa_type=JSON)
    differing: list[Any] = Field(default_factory=list, sa_type=JSON)
    reference: str = Field(default="", max_length=200)
    noticed_at: datetime = Field(sa_type=UtcDateTime)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
