"""`unregistered_person` 未登记人员, and its variant sham discharge 假出院: somebody lies in a bed
that nobody is admitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.screening.facts import Fact, Suspicion
from service.screening.place_facts import BedCheckRecord, BedFacts, Departed

CODE = "unregistered_person"


@dataclass(frozen=True, slots=True)
class UnregisteredParameters:
    """Domain, section 3. `seen_by_person`: of the checks, at how many somebody went and looked."""

    checks: int = 2
    seen_by_person: int = 1
    sham_after_hours: float = 12.0
    never_on: frozenset[str] = frozenset({"infusion", "observation"})


def unregistered_person(facts: BedFacts, parameters: UnregisteredParameters) -> Suspicion | None:
    """Fires on a bed without an admission that was occupied at several checks, once a person has seen it.

    A late admit message puts an admission into the bed: its checks are no longer of an empty one.
    """
    if not facts.self_pay_known or facts.specialty in parameters.never_on:
        return None
    seen = sorted(
        (
            check
            for check in facts.checks
            if check.outcome == "unregistered_person"
            and not check.carer
            and not any(stay.held.contains(check.due_at) for stay in facts.tenancies)
        ),
        key=lambda check: check.due_at,
    )
    for departed in facts.departed:
        sham = _of(departed, seen, parameters)
        if _enough(sham, parameters):
            return _suspicion("sham_discharge", sham, parameters, departed)
    rest = [check for check in seen if not _waits(check, facts.departed, parameters)]
    return _suspicion("unregistered", rest, parameters, None) if _enough(rest, parameters) else None


def _of(
    departed: Departed, checks: Sequence[BedCheckRecord], parameters: UnregisteredParameters
) -> list[BedCheckRecord]:
    since = departed.discharged_at + timedelta(hours=parameters.sham_after_hours)
    own = [check for check in checks if check.recognised == departed.patient_id and check.due_at >= since]
    return [] if departed.settling else own


def _waits(check: BedCheckRecord, departed: Sequence[Departed], parameters: UnregisteredParameters) -> bool:
    """Whether it is somebody who has just been discharged, or waits for the bill."""
    grace = timedelta(hours=parameters.sham_after_hours)
    return any(
        stay.patient_id == check.recognised and (stay.settling or check.due_at < stay.discharged_at + grace)
        for stay in departed
    )


def _enough(checks: Sequence[BedCheckRecord], parameters: UnregisteredParameters) -> bool:
    by_person = sum(check.by_person for check in checks)
    return len(checks) >= parameters.checks and by_person >= parameters.seen_by_person


def _suspicion(
    variant: str, checks: Sequence[BedCheckRecord], parameters: UnregisteredParameters, departed: Departed | None
) -> Suspicion:
    upto = next(k for k in range(1, len(checks) + 1) if _enough(checks[:k], parameters))
    facts = [
        Fact("occupied_checks", len(checks), parameters.checks),
        Fact("checks_by_person", sum(check.by_person for check in checks), parameters.seen_by_person),
        Fact("days", sorted({check.local_day.isoformat() for check in checks})),
    ]
    if departed is not None:
        hours = (checks[-1].due_at - departed.discharged_at).total_seconds() / 3600
        facts.append(Fact("hours_after_discharge", round(hours, 1), parameters.sham_after_hours))
    return Suspicion(
        rule=CODE,
        variant=variant,
        event_at=checks[upto - 1].due_at,
        facts=tuple(facts),
        evidence_ids=_evidence(checks),
        subject=departed.subject if departed is not None else None,
    )


def _evidence(checks: Sequence[BedCheckRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for check in checks for item in (check.check_id, *check.reading_ids)))
