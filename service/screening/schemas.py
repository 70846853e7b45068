"""Findings on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic import Field as PydanticField

from service.screening.decisions import LEAST_WORDS, MOST_WORDS, Verdict
from service.screening.explain import Explanation, subject_label
from service.screening.tables import Finding, FindingDecision


class FactLineOut(BaseModel):
    """One measured thing with the threshold it met."""

    code: str
    label: str
    value: str
    threshold: str


class ExplanationOut(BaseModel):
    """The finding in words, in the reader's language."""

    rule_name: str
    headline: str
    paragraphs: list[str]
    facts: list[FactLineOut]
    counter_evidence: list[str]
    exclusions: list[str]
    legal_basis: str

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        """The explanation as the wire has it."""
        return cls(
            rule_name=explanation.rule_name,
            headline=explanation.headline,
            paragraphs=list(explanation.paragraphs),
            facts=[
                FactLineOut(code=line.code, label=line.label, value=line.value, threshold=line.threshold)
                for line in explanation.facts
            ],
            counter_evidence=list(explanation.counter_evidence),
            exclusions=list(explanation.exclusions),
            legal_basis=explanation.legal_basis,
        )


_FINDING: dict[str, Any] = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6e7f",
    "facility": "demo",
    "subject_kind": "admission",
    "subject": "A1004",
    "admission_no": "A1004",
    "kind": "finding",
    "period": "",
    "corrected_after_notice": False,
    "decision": "",
    "rule": "phantom_admission",
    "rule_version": "1",
    "severity": "high",
    "state": "raised",
    "in_shadow": True,
    "event_at": "2026-03-05T04:10:00Z",
    "raised_at": "2026-03-05T04:10:03Z",
    "withdrawn_at": None,
    "headline": "Admission A1004: not in the hospital at 2 checks on 2 days",
}
_DETAIL: dict[str, Any] = {
    **_FINDING,
    "updated_at": "2026-03-05T04:10:03Z",
    "decisions": [],
    "facts": {"admission_no": "A1004", "confirmed_checks": 2},
    "counter_evidence": {},
    "evidence_ids": ["0195565e3b7e7c3a9d6f1b2a4c5d6e80"],
    "explanation": {
        "rule_name": "Phantom admission",
        "headline": "Admission A1004: not in the hospital at 2 checks on 2 days",
        "paragraphs": ["At 2 checks two different people looked for the patient and found nobody."],
        "facts": [
            {"code": "confirmed_checks", "label": "Checks with a confirmed absence", "value": "2", "threshold": "2"}
        ],
        "counter_evidence": ["The patient was verified at 2 checks."],
        "exclusions": ["leave, also when signed up to 24 hours late"],
        "legal_basis": "State Council Decree 735, articles 38 and 40",
    },
}


class DecisionIn(BaseModel):
    """What a person decides. `seen`: the finding's `updated_at` as it was read; when the finding has changed since, the
    answer is 409."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "verdict": "dismissed",
                    "reason": "The leave form is in the file, signed on 2 March; the ward entered it late.",
                    "seen": "2026-03-05T04:10:03Z",
                }
            ]
        },
    )

    verdict: Verdict
    reason: str = PydanticField(min_length=LEAST_WORDS, max_length=MOST_WORDS)
    seen: AwareDatetime | None = None


class DecisionOut(BaseModel):
    """One decision about a finding, with who made it. The latest counts; none is ever taken away.

    `corrected_after_notice`: the records had been corrected after people had looked, and this weighed it.
    """

    id: str
    verdict: Verdict
    reason: str
    decided_by: str
    decided_at: datetime
    corrected_after_notice: bool

    @classmethod
    def of(cls, row: FindingDecision) -> DecisionOut:
        """The row as the wire has it."""
        return cls(
            id=row.id,
            verdict=Verdict(row.verdict),
            reason=row.reason,
            decided_by=row.person_name,
            decided_at=row.decided_at,
            corrected_after_notice=row.corrected_after_notice,
        )


class FindingOut(BaseModel):
    """A suspicion (or a statistic, or a piece of work) about one subject under one rule.

    `admission_no` is null where the subject is a bed, a ward, a facility, a camera or a person at work.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_FINDING]})

    id: str
    facility: str
    subject_kind: str
    subject: str
    admission_no: str | None
    kind: str
    period: str
    corrected_after_notice: bool
    decision: str
    rule: str
    rule_version: str
    severity: str
    state: str
    in_shadow: bool
    event_at: datetime
    raised_at: datetime
    withdrawn_at: datetime | None
    headline: str

    @classmethod
    def of(cls, row: Finding, facility_code: str, explanation: Explanation) -> FindingOut:
        """The row as the wire has it."""
        return cls(**finding_fields(row, facility_code, explanation))


class FindingDetail(FindingOut):
    """A finding with its facts, evidence and what speaks against it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DETAIL]})

    updated_at: datetime
    decisions: list[DecisionOut]
    facts: dict[str, Any]
    counter_evidence: dict[str, Any]
    evidence_ids: list[str]
    explanation: ExplanationOut


def finding_fields(row: Finding, facility_code: str, explanation: Explanation) -> dict[str, Any]:
    """The fields that the list and the detail share."""
    return {
        "id": row.id,
        "facility": facility_code,
        "subject_kind": row.subject_kind,
        "subject": subject_label(row),
        "admission_no": row.facts.get("admission_no"),
        "kind": row.kind,
        "period": row.period,
        "corrected_after_notice": row.corrected_after_notice,
        "decision": row.decision,
        "rule": row.rule,
        "rule_version": row.rule_version,
        "severity": row.severity,
        "state": row.state,
        "in_shadow": row.in_shadow,
        "event_at": row.event_at,
        "raised_at": row.raised_at,
        "withdrawn_at": row.withdrawn_at,
        "headline": explanation.headline,
    }
