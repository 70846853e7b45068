"""The tables of findings, and of what was last screened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Finding(SQLModel, table=True):
    """A suspicion about one subject under one rule, with the facts that made it. Not a verdict.

    `state`: raised | withdrawn | dismissed. A finding whose facts no longer hold is withdrawn, never deleted; one
    whose records were corrected after people had looked is kept as it was (`corrected_after_notice`) until a person has
    decided.
    `decision`: what a person last said since it was raised, upheld | dismissed, or nothing (`FindingDecision`).
    `kind`: finding | statistic | work_item. `period`: the local month, for subjects that outlive any stay.
    `admission_id`: where a reader finds the subject, if it is or belongs to a stay.
    """

    __tablename__ = "finding"
    __table_args__ = (
        UniqueConstraint("rule", "subject_kind", "subject_id", "period", name="uq_finding_subject"),
        Index("ix_finding_subject", "subject_kind", "subject_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    subject_kind: str = Field(default="admission", max_length=16)
    subject_id: str = Field(default="", max_length=64)
    period: str = Field(default="", max_length=7)
    kind: str = Field(default="finding", max_length=16)
    admission_id: str | None = Field(default=None, foreign_key="admission.id", index=True, max_length=32)
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)
    bed_id: str | None = Field(default=None, foreign_key="bed.id", max_length=32)
    rule: str = Field(max_length=64, index=True)
    rule_version: str = Field(max_length=32)
    severity: str = Field(max_length=16)
    state: str = Field(default="raised", max_length=16)
    corrected_after_notice: bool = Field(default=False)
    decision: str = Field(default="", max_length=16)
    in_shadow: bool = Field(default=True)
    event_at: datetime = Field(sa_type=UtcDateTime)  # event time at which the facts were complete
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    counter_evidence: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    evidence_ids: list[Any] = Field(default_factory=list, sa_type=JSON)  # ids of zone readings and looks
    raised_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FindingDecision(SQLModel, table=True):
    """What a person said of a finding, and why. Never changed and never deleted; the latest one counts.

    `verdict`: upheld | dismissed. `basis`: what the finding rested on then (`basis_of`): only what goes beyond it
    raises a dismissed finding again. `finding_state`: as the finding stood before.
    """

    __tablename__ = "finding_decision"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    finding_id: str = Field(foreign_key="finding.id", index=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    verdict: str = Field(max_length=16)
    reason: str = Field(max_length=2000)
    person_id: str = Field(max_length=32)
    person_name: str = Field(max_length=100)
    decided_at: datetime = Field(sa_type=UtcDateTime)
    finding_state: str = Field(max_length=16)
    corrected_after_notice: bool = Field(default=False)
    basis: list[Any] = Field(default_factory=list, sa_type=JSON)
