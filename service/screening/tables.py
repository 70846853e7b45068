"""The table of findings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Finding(SQLModel, table=True):
    """A suspicion about one admission under one rule, with the facts that made it. Not a verdict.

    `state`: raised | withdrawn. A finding whose facts no longer hold is withdrawn, never deleted.
    """

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("admission_id", "rule"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    rule: str = Field(max_length=64, index=True)
    rule_version: str = Field(max_length=32)
    severity: str = Field(max_length=16)
    state: str = Field(default="raised", max_length=16)
    in_shadow: bool = Field(default=True)
    event_at: datetime = Field(sa_type=UtcDateTime)  # event time at which the facts were complete
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    counter_evidence: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    evidence_ids: list[Any] = Field(default_factory=list, sa_type=JSON)  # ids of zone readings and looks
    raised_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
