"""Running the rules: findings are raised, kept up to date, withdrawn when their facts go, raised again when they come
back. A finding is never deleted, and nobody's fact is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from service.facilities import Facility, facility_by_id
from service.ledger import append
from service.occupancy import judged_upto, place_of
from service.platform.context import Context
from service.screening.catalogue import rule, suspicions
from service.screening.facts import AdmissionFacts, Suspicion
from service.screening.gather import gather_facts
from service.screening.repository import findings_of
from service.screening.tables import Finding
from service.sightings import freeze_frames, release_frames

RAISED, WITHDRAWN = "raised", "withdrawn"


@dataclass(frozen=True, slots=True)
class Screened:
    """What one run changed: numbers of findings."""

    raised: int = 0
    updated: int = 0
    withdrawn: int = 0


def run_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `screening.run` {facility_id}."""
    run(context, str(payload["facility_id"]))


def run(context: Context, facility_id: str) -> Screened:
    """Applies the rules to the facility as it is known now. The same facts give the same findings.

    It reads and writes in one transaction: a finding never rests on facts that another run has already replaced.
    """
    with context.database.transaction() as session:
        facility = facility_by_id(session, facility_id)
        upto = judged_upto(facility, context.clock)
        if upto is None:
            return Screened()
        found = {
            (facts.admission_id, item.rule): (facts, item)
            for facts in gather_facts(session, place_of(facility), upto)
            for item in suspicions(facts)
        }
        return _settle(session, facility, found, context.clock.now())


def _settle(
    session: Session,
    facility: Facility,
    found: dict[tuple[str, str], tuple[AdmissionFacts, Suspicion]],
    now: datetime,
) -> Screened:
    known = findings_of(session, facility.id)
    raised = updated = withdrawn = 0
    for key, (facts, suspicion) in found.items():
        row = known.get(key)
        if row is None or row.state != RAISED:
            _raise(session, facility, row, facts, suspicion, now)
            raised += 1
        elif _fill(row, facility, facts, suspicion):
            row.updated_at = now
            session.add(row)
            session.flush()
            _hold(session, row)
            _note(session, row, "finding.updated", now)
            updated += 1
    for key, row in known.items():
        if key not in found and row.state == RAISED:
            _withdraw(session, row, now)
            withdrawn += 1
    if withdrawn:
        # A picture is held by one finding at a time: what was let go of may still be another one's evidence.
        for row in findings_of(session, facility.id).values():
            if row.state == RAISED:
                freeze_frames(session, row.id, row.evidence_ids)
    return Screened(raised, updated, withdrawn)


def _raise(
    session: Session,
    facility: Facility,
    row: Finding | None,
    facts: AdmissionFacts,
    suspicion: Suspicion,
    now: datetime,
) -> None:
    again = row is not None
    if row is None:
        row = Finding(
            facility_id=facility.id,
            admission_id=facts.admission_id,
            rule=suspicion.rule,
            rule_version="",
            severity="",
            event_at=suspicion.event_at,
            raised_at=now,
            updated_at=now,
        )
    _fill(row, facility, facts, suspicion)
    row.state, row.raised_at, row.updated_at, row.withdrawn_at = RAISED, now, now, None
    session.add(row)
    session.flush()
    _hold(session, row)
    _note(session, row, "finding.raised_again" if again else "finding.raised", now)


def _withdraw(session: Session, row: Finding, now: datetime) -> None:
    row.state, row.updated_at, row.withdrawn_at = WITHDRAWN, now, now
    session.add(row)
    session.flush()
    release_frames(session, row.id)
    _note(session, row, "finding.withdrawn", now)


def _fill(row: Finding, facility: Facility, facts: AdmissionFacts, suspicion: Suspicion) -> bool:
    """Puts what the rule said into the row; whether it says anything new."""
    law = rule(suspicion.rule)
    values: dict[str, Any] = {
        "rule_version": law.version,
        "severity": law.severity,
        "in_shadow": in_shadow(facility, suspicion.event_at),
        "event_at": suspicion.event_at,
        "facts": {
            "variant": suspicion.variant,
            "facts": [fact.to_json() for fact in suspicion.facts],
            "admission_no": facts.admission_no,
            "timezone": facility.timezone,
            "policy_version": facts.policy_version,
            "pack_hashes": list(facts.pack_hashes),
        },
        "counter_evidence": facts.counter_evidence.to_json(),
        "evidence_ids": list(suspicion.evidence_ids),
    }
    changed = any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    return changed


def in_shadow(facility: Facility, event_at: datetime) -> bool:
    """Whether a finding of that event time stays inside the house."""
    if facility.mode != "shadow":
        return False
    return facility.shadow_until is None or event_at < facility.shadow_until


def _hold(session: Session, row: Finding) -> None:
    freeze_frames(session, row.id, row.evidence_ids)


def _note(session: Session, row: Finding, action: str, now: datetime) -> None:
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor="system",
        action=action,
        object_kind="finding",
        object_id=row.id,
        facility_id=row.facility_id,
        details={
            "rule": row.rule,
            "rule_version": row.rule_version,
            "event_at": row.event_at.isoformat(),
            "facts": row.facts,
            "evidence_ids": row.evidence_ids,
            "in_shadow": row.in_shadow,
        },
    )
