"""What a person decides about a finding: it is upheld, or dismissed, with a reason. The rules never take that back."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from service.access import Actor, Forbidden, Permission
from service.kit.clock import Clock
from service.kit.errors import Conflict, InvalidInput
from service.ledger import append
from service.screening.repository import chunks
from service.screening.tables import Finding, FindingDecision

RAISED, WITHDRAWN, DISMISSED = "raised", "withdrawn", "dismissed"

MOST_WORDS, LEAST_WORDS = 2000, 5
"""Characters of a reason. Fewer than five give none."""


class Verdict(StrEnum):
    """What a person says of a finding. Neither is a sanction: what follows is for the case."""

    UPHELD = "upheld"
    DISMISSED = "dismissed"


class FindingClosed(Conflict):
    """The finding was withdrawn: there is nothing left to decide."""

    code = "finding-withdrawn"
    title_en = "The finding was withdrawn"
    title_zh = "该疑点已撤回"


class FindingMoved(Conflict):
    """The finding has changed since the person read it: the decision would be about facts that nobody read."""

    code = "finding-changed"
    title_en = "The finding has changed"
    title_zh = "该疑点已发生变化"


def decide(
    session: Session,
    actor: Actor,
    finding: Finding,
    verdict: Verdict,
    reason: str,
    clock: Clock,
    *,
    seen: datetime | None = None,
) -> FindingDecision:
    """Records what `actor` says of a finding that they may read. `seen`: its `updated_at` as they read it.

    A dismissed finding no longer stands; its evidence is kept, since another person may decide otherwise. Raises
    `Forbidden` for who is no person with the right there, `InvalidInput` without a reason, `FindingClosed`,
    `FindingMoved`.
    """
    actor.require(Permission.FINDINGS_DECIDE, finding.facility_id)
    if actor.kind != "user":
        raise Forbidden("only a person decides about a finding", remedy="sign in as the person who decides")
    words = _reason(reason)
    # Of two people at once the second waits here, and then reads what the first decided.
    finding = session.get_one(Finding, finding.id, with_for_update=True, populate_existing=True)
    if finding.state == WITHDRAWN:
        raise FindingClosed(
            "its facts no longer hold, so it was withdrawn",
            field="finding",
            remedy="nothing needs to be decided",
            message_zh="事实已不成立，疑点已自动撤回",
            remedy_zh="无需作出判断",
        )
    if seen is not None and seen != finding.updated_at:
        raise FindingMoved(
            "the finding has changed since you read it",
            field="seen",
            remedy="read it again, then decide",
            message_zh="在您阅读之后，该疑点已发生变化",
            remedy_zh="请重新阅读后再作判断",
        )
    row = FindingDecision(
        finding_id=finding.id,
        facility_id=finding.facility_id,
        verdict=verdict.value,
        reason=words,
        person_id=actor.id,
        person_name=actor.name,
        decided_at=clock.now(),
        finding_state=finding.state,
        corrected_after_notice=finding.corrected_after_notice,
        basis=sorted(basis_of(finding.facts, finding.evidence_ids)),
    )
    finding.state = DISMISSED if verdict is Verdict.DISMISSED else RAISED
    finding.decision, finding.updated_at = verdict.value, row.decided_at
    session.add(row)
    session.add(finding)
    session.flush()
    append(
        session,
        clock_now=row.decided_at,
        kind="evidence",
        actor=actor.label,
        action=f"finding.{verdict.value}",
        object_kind="finding",
        object_id=finding.id,
        facility_id=finding.facility_id,
        details={
            "decision": row.id,
            "rule": finding.rule,
            "rule_version": finding.rule_version,
            "reason": words,
            "facts": finding.facts,
            "evidence_ids": finding.evidence_ids,
            "corrected_after_notice": finding.corrected_after_notice,
        },
    )
    return row


def decisions_of(session: Session, finding_ids: Iterable[str]) -> Mapping[str, tuple[FindingDecision, ...]]:
    """Finding -> what people said of it, the first first."""
    found: dict[str, list[FindingDecision]] = defaultdict(list)
    for chosen in chunks(set(finding_ids)):
        query = select(FindingDecision).where(col(FindingDecision.finding_id).in_(chosen))
        for row in session.exec(query.order_by(col(FindingDecision.decided_at), col(FindingDecision.id))):
            found[row.finding_id].append(row)
    return {finding_id: tuple(rows) for finding_id, rows in found.items()}


def dismissed_bases(session: Session, facility_id: str) -> Mapping[str, frozenset[str]]:
    """Finding -> all that its dismissals rested on, of those whose last decision is one."""
    found: dict[str, frozenset[str]] = {}
    query = select(FindingDecision).where(FindingDecision.facility_id == facility_id)
    for row in session.exec(query.order_by(col(FindingDecision.decided_at), col(FindingDecision.id))):
        if row.verdict == Verdict.DISMISSED:
            found[row.finding_id] = found.get(row.finding_id, frozenset()) | frozenset(row.basis)
        else:
            found.pop(row.finding_id, None)
    return found


def basis_of(facts: Mapping[str, Any], evidence_ids: Collection[object]) -> frozenset[str]:
    """What a finding rests on, so that the same facts are known again: its evidence, and what its facts name (days,
    times, admissions, causes). Numbers are left out: how many checks were judged in all changes with every check."""
    named = {f"variant {facts.get('variant')}"} | {f"evidence {item}" for item in evidence_ids}
    for fact in facts.get("facts", ()):
        value = fact["value"]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and (isinstance(value, list) or not _NUMBER.fullmatch(item)):
                named.add(f"{fact['code']} {item}")
    return frozenset(named)


_NUMBER = re.compile(r"-?\d+(\.\d+)?")
"""Sums of money and of days are kept as text."""


def _reason(text: str) -> str:
    words = " ".join(text.split())
    if LEAST_WORDS <= len(words) <= MOST_WORDS:
        return words
    raise InvalidInput(
        f"a reason has {LEAST_WORDS} to {MOST_WORDS} characters",
        field="reason",
        remedy="say what you found and where it is written",
        message_zh=f"理由须为{LEAST_WORDS}至{MOST_WORDS}个字符",
        remedy_zh="请写明核实情况及依据",
    )
