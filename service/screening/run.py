"""Running the rules: findings are raised, kept up to date, withdrawn when their facts go, raised again when they come
back; what a person has dismissed comes back only with new facts. A finding is never deleted, and nobody's fact is
changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session

from service.facilities import Facility, facility_by_id
from service.ledger import append
from service.occupancy import judged_upto, place_of
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.screening.catalogue import rule, suspicions_of
from service.screening.decisions import RAISED, WITHDRAWN, basis_of, dismissed_bases
from service.screening.facts import Suspicion
from service.screening.gather import gather_facts
from service.screening.gather_places import gather_places, periods_upto
from service.screening.repository import Key, findings_of
from service.screening.same_faces import same_faces
from service.screening.standing import late_corrections, stands_corrected
from service.screening.subject_facts import SubjectFacts
from service.screening.subjects import SubjectKind
from service.screening.tables import Finding
from service.sightings import freeze_frames, release_frames

Found = dict[Key, tuple[SubjectFacts, Suspicion]]


@dataclass(frozen=True, slots=True)
class Screened:
    """What one run changed: numbers of findings. `kept`: those that stand although a late correction speaks against
    them."""

    raised: int = 0
    updated: int = 0
    withdrawn: int = 0
    kept: int = 0

    def __add__(self, other: Screened) -> Screened:
        return Screened(
            self.raised + other.raised,
            self.updated + other.updated,
            self.withdrawn + other.withdrawn,
            self.kept + other.kept,
        )


def run_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `screening.run` {facility_id, admission_ids?}: after a change of a few stays, only their rules run; those of
    wards, beds and cameras follow in a job of their own, once for many changes."""
    facility_id, changed = str(payload["facility_id"]), payload.get("admission_ids")
    run_stays(context, facility_id, [str(item) for item in changed] if changed is not None else None)
    with context.database.transaction() as session:
        enqueue(
            session,
            "screening.places",
            {"facility_id": facility_id},
            now=context.clock.now(),
            dedupe_key=f"screening.places:{facility_id}",
            priority=140,
        )


def places_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `screening.places` {facility_id}."""
    run_places(context, str(payload["facility_id"]))


def run(context: Context, facility_id: str) -> Screened:
    """Applies every rule to the facility as it is known now: the batch. The same facts give the same findings."""
    return run_stays(context, facility_id) + run_places(context, facility_id, again=True)


def run_stays(context: Context, facility_id: str, only: Collection[str] | None = None) -> Screened:
    """Applies the rules about admissions: to all of the facility, or to a few that have changed.

    It reads and writes in one transaction: a finding never rests on facts that another run has already replaced.
    """
    with context.database.transaction() as session:
        facility = facility_by_id(session, facility_id)
        upto = judged_upto(facility, context.clock)
        if upto is None:
            return Screened()
        known = findings_of(session, facility_id, admission_ids=only)
        own = {key: row for key, row in known.items() if key.subject_kind == SubjectKind.ADMISSION and not key.period}
        standing = {key.subject_id for key, row in own.items() if row.state == RAISED}
        place = place_of(facility, session, upto)
        alike_at = partial(same_faces, context, session)
        gathered = gather_facts(session, place, upto, only, standing, twins=alike_at(facility_id), alike_at=alike_at)
        found = suspected(gathered)
        return settle(session, facility, found, own, context.clock.now())


def run_places(context: Context, facility_id: str, *, again: bool = False) -> Screened:
    """Applies the rules about beds, wards, cameras, people at work and the facility to the months within reach.

    Faces that repeat are compared once a local day, or `again`."""
    with context.database.transaction() as session:
        facility = facility_by_id(session, facility_id)
        upto = judged_upto(facility, context.clock)
        if upto is None:
            return Screened()
        place = place_of(facility, session, upto)
        periods = periods_upto(place, upto)
        names = {period.name for period in periods}
        known = {key: row for key, row in findings_of(session, facility_id).items() if key.period in names}
        found = suspected(gather_places(context, session, place, periods, again=again))
        return settle(session, facility, found, known, context.clock.now())


def suspected(gathered: Iterable[SubjectFacts]) -> Found:
    """What the rules that speak say of the gathered facts, by the key of the finding."""
    found: Found = {}
    for facts in gathered:
        for item in suspicions_of(facts):
            subject = item.subject or facts.subject
            found[Key(item.rule, subject.kind.value, subject.subject_id, facts.period)] = (facts, item)
    return found


def settle(session: Session, facility: Facility, found: Found, known: dict[Key, Finding], now: datetime) -> Screened:
    """Raises, updates and withdraws: `found` is what the rules say now, `known` the findings that they may withdraw."""
    raised = updated = withdrawn = kept = 0
    closed = any(row.state != RAISED for key, row in known.items() if key in found)
    dismissed = dismissed_bases(session, facility.id) if closed else {}
    for key, (facts, suspicion) in found.items():
        row = known.get(key)
        if row is not None and row.state != RAISED and _is_settled(suspicion, dismissed.get(row.id)):
            continue
        if row is None or row.state != RAISED:
            _raise(session, facility, row, key, facts, suspicion, now)
            raised += 1
        elif _fill(row, facility, facts, suspicion):
            row.updated_at = now
            session.add(row)
            session.flush()
            _hold(session, row)
            _note(session, row, "finding.updated", now)
            updated += 1
    gone = [row for key, row in known.items() if key not in found and row.state == RAISED]
    corrections = late_corrections(session, gone)
    for row in gone:
        if stands_corrected(row, corrections):
            kept += _keep(session, row, now)
        else:
            _withdraw(session, row, now)
            withdrawn += 1
    if released := {item for row in gone if row.state == WITHDRAWN for item in row.evidence_ids}:
        # A picture is held by one finding at a time: what was let go of may still be another one's evidence.
        for row in findings_of(session, facility.id).values():
            if row.state != WITHDRAWN and not released.isdisjoint(row.evidence_ids):
                freeze_frames(session, row.id, row.evidence_ids)
    return Screened(raised, updated, withdrawn, kept)


def _is_settled(suspicion: Suspicion, dismissed: frozenset[str] | None) -> bool:
    """Whether a person has dismissed all that the suspicion rests on: the same facts do not raise it again."""
    if dismissed is None:
        return False
    said = {"variant": suspicion.variant, "facts": [fact.to_json() for fact in suspicion.facts]}
    return basis_of(said, suspicion.evidence_ids) <= dismissed


def _raise(
    session: Session,
    facility: Facility,
    row: Finding | None,
    key: Key,
    facts: SubjectFacts,
    suspicion: Suspicion,
    now: datetime,
) -> None:
    again = row is not None
    if row is None:
        row = Finding(
            facility_id=facility.id,
            rule=key.rule,
            rule_version="",
            severity="",
            event_at=suspicion.event_at,
            raised_at=now,
            updated_at=now,
        )
    _fill(row, facility, facts, suspicion)
    row.state, row.raised_at, row.updated_at, row.withdrawn_at = RAISED, now, now, None
    row.decision = ""
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


def _keep(session: Session, row: Finding, now: datetime) -> int:
    """The books were changed afterwards: the finding stands as it was made, and says so. 1 when that is new."""
    if row.corrected_after_notice:
        return 0
    row.corrected_after_notice, row.updated_at = True, now
    session.add(row)
    session.flush()
    _note(session, row, "finding.corrected_after_notice", now)
    return 1


def _fill(row: Finding, facility: Facility, facts: SubjectFacts, suspicion: Suspicion) -> bool:
    """Puts what the rule said into the row; whether it says anything new. What holds again is corrected no more."""
    values = finding_values(facts, suspicion, facility.timezone, in_shadow(facility, suspicion.event_at))
    values["corrected_after_notice"] = False
    changed = any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    return changed


def finding_values(facts: SubjectFacts, suspicion: Suspicion, timezone: str, shadow: bool) -> dict[str, Any]:
    """The columns of a finding that a rule's suspicion fills."""
    law, subject = rule(suspicion.rule), suspicion.subject or facts.subject
    named = {"admission_no": subject.label} if subject.kind is SubjectKind.ADMISSION else {}
    return {
        "rule": suspicion.rule,
        "rule_version": law.version,
        "severity": law.severity,
        "kind": law.kind.value,
        "subject_kind": subject.kind.value,
        "subject_id": subject.subject_id,
        "period": facts.period,
        "admission_id": subject.admission_id,
        "ward_id": subject.ward_id,
        "bed_id": subject.bed_id,
        "in_shadow": shadow,
        "event_at": suspicion.event_at,
        "facts": {
            "variant": suspicion.variant,
            "facts": [fact.to_json() for fact in suspicion.facts],
            "subject": subject.label,
            **named,
            "timezone": timezone,
            "policy_version": facts.policy_version,
            "pack_hashes": list(facts.pack_hashes),
        },
        "counter_evidence": facts.counter_evidence.to_json(),
        "evidence_ids": list(suspicion.evidence_ids),
    }


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
            "subject": {"kind": row.subject_kind, "id": row.subject_id, "period": row.period},
            "event_at": row.event_at.isoformat(),
            "facts": row.facts,
            "evidence_ids": row.evidence_ids,
            "in_shadow": row.in_shadow,
        },
    )
