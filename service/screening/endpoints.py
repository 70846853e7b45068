"""The API of findings."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request

from service.access import Actor, Permission, allow
from service.facilities import facilities_readable, facility_by_id, facility_for
from service.ledger import append
from service.platform.http import ContextDep, ReadSession, WriteSession, language
from service.screening.decisions import decide, decisions_of
from service.screening.explain import explain
from service.screening.repository import finding_readable_by, readable_by
from service.screening.schemas import DecisionIn, DecisionOut, ExplanationOut, FindingDetail, FindingOut, finding_fields
from service.screening.subjects import FindingKind, SubjectKind

router = APIRouter(prefix="/api/v1", tags=["screening"])

Reader = Annotated[Actor, allow(Permission.FINDINGS_READ)]


@router.get("/findings", summary="Findings that you may see")
def list_findings(
    actor: Reader,
    session: ReadSession,
    request: Request,
    facility: Annotated[str | None, Query(max_length=64, description="Its code. Default: all of yours.")] = None,
    state: Literal["raised", "withdrawn", "dismissed"] | None = None,
    rule: Annotated[str | None, Query(max_length=64, description="The rule's code.")] = None,
    kind: Annotated[FindingKind | None, Query(description="finding, statistic or work_item. Default: all.")] = None,
    subject: Annotated[SubjectKind | None, Query(description="The kind of subject. Default: all.")] = None,
) -> list[FindingOut]:
    """The latest first. Findings made in shadow mode are seen only by people who belong to the facility itself."""
    here = facility_for(session, actor, Permission.FINDINGS_READ, facility).id if facility is not None else None
    rows = readable_by(
        session,
        actor,
        facility_id=here,
        state=state,
        rule=rule,
        kind=kind.value if kind else None,
        subject_kind=subject.value if subject else None,
    )
    codes = {place.id: place.code for place in facilities_readable(session, {row.facility_id for row in rows})}
    return [FindingOut.of(row, codes[row.facility_id], explain(row, language(request))) for row in rows]


@router.get("/findings/{finding_id}", summary="One finding, explained")
def read_finding(
    finding_id: Annotated[str, Path(max_length=32)],
    actor: Reader,
    session: WriteSession,
    context: ContextDep,
    request: Request,
) -> FindingDetail:
    """The finding with its facts, thresholds, evidence, and what speaks against it. Each reading is recorded."""
    row = finding_readable_by(session, actor, finding_id)
    explanation = explain(row, language(request))
    append(
        session,
        clock_now=context.clock.now(),
        kind="audit",
        actor=actor.label,
        action="finding.read",
        object_kind="finding",
        object_id=row.id,
        facility_id=row.facility_id,
    )
    code = facility_by_id(session, row.facility_id).code
    return FindingDetail(
        **finding_fields(row, code, explanation),
        updated_at=row.updated_at,
        decisions=[DecisionOut.of(item) for item in decisions_of(session, [row.id]).get(row.id, ())],
        facts=row.facts,
        counter_evidence=row.counter_evidence,
        evidence_ids=row.evidence_ids,
        explanation=ExplanationOut.of(explanation),
    )


@router.post("/findings/{finding_id}/decisions", status_code=201, summary="Decide about a finding")
def decide_finding(
    finding_id: Annotated[str, Path(max_length=32)],
    given: DecisionIn,
    actor: Annotated[Actor, allow(Permission.FINDINGS_DECIDE)],
    session: WriteSession,
    context: ContextDep,
) -> DecisionOut:
    """A person upholds the finding, or dismisses it, with a reason; both are kept for good, with the name.

    A dismissed finding is raised again by new facts only. One that was corrected after notice stands until somebody has
    decided. Inspectors and administrators of the facility decide; a program cannot.
    """
    row = finding_readable_by(session, actor, finding_id)
    return DecisionOut.of(decide(session, actor, row, given.verdict, given.reason, context.clock, seen=given.seen))
