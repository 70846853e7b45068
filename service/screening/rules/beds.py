"""`staff_in_bed` 职工顶床 and `two_on_one_bed` 一床两人: who lies in a bed besides one admitted patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from service.kit.intervals import Interval
from service.screening.facts import Fact, Suspicion
from service.screening.place_facts import BedFacts, Tenancy

STAFF, TWO = "staff_in_bed", "two_on_one_bed"


@dataclass(frozen=True, slots=True)
class StaffInBedParameters:
    """Domain, section 3. Who leans over a bed does not lie in it for ten minutes."""

    minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class TwoOnOneBedParameters:
    """Domain, section 3: two active admissions on one bed, or two people seen lying in it at several checks."""

    hours: float = 6.0
    checks: int = 2
    never_on: frozenset[str] = frozenset({"paediatrics", "paediatric", "maternity", "obstetrics"})
    never_for: frozenset[str] = frozenset({"newborn", "paediatric", "maternity"})


def staff_in_bed(facts: BedFacts, parameters: StaffInBedParameters) -> Suspicion | None:
    """Fires on an enrolled member of staff, not admitted, who lies in a bed during a check. A bed whose patient has no
    reference is out of it: that patient's own face is unknown, and may be the one that was taken for the other's."""
    least = timedelta(minutes=parameters.minutes)
    lying = sorted(
        (
            check
            for check in facts.checks
            if check.outcome == "staff_in_bed"
            and check.occupied >= least
            and check.recognised not in facts.admitted_staff
            and not check.no_reference
        ),
        key=lambda check: check.due_at,
    )
    if not lying:
        return None
    longest = max(check.occupied for check in lying)
    return Suspicion(
        rule=STAFF,
        variant="staff",
        event_at=lying[0].due_at + least,
        facts=(
            Fact("staff_checks", len(lying), 1),
            Fact("lying_minutes", round(longest.total_seconds() / 60, 1), parameters.minutes),
            Fact("days", sorted({check.local_day.isoformat() for check in lying})),
        ),
        evidence_ids=tuple(dict.fromkeys(i for check in lying for i in (check.check_id, *check.reading_ids))),
    )


def two_on_one_bed(facts: BedFacts, parameters: TwoOnOneBedParameters) -> Suspicion | None:
    """Fires on two admissions that hold one bed for long, or on two people seen in it."""
    if facts.specialty in parameters.never_on:
        return None
    if any(stay.category in parameters.never_for for stay in facts.tenancies):
        return None
    return _on_paper(facts, parameters) or _seen(facts, parameters)


def _on_paper(facts: BedFacts, parameters: TwoOnOneBedParameters) -> Suspicion | None:
    least = timedelta(hours=parameters.hours)
    shared: list[tuple[Interval, Tenancy, Tenancy]] = []
    for first, second in combinations(sorted(facts.tenancies, key=lambda stay: stay.held), 2):
        common = first.held.overlap(second.held)
        if common is not None and facts.until is not None and common.start < facts.until:
            common = Interval(common.start, min(common.end, facts.until))
            if first.admission_id != second.admission_id and common.length >= least:
                shared.append((common, first, second))
    if not shared:
        return None
    longest = max(item[0].length for item in shared)
    numbers = sorted({stay.admission_no for _, *pair in shared for stay in pair})
    return Suspicion(
        rule=TWO,
        variant="two_admissions",
        event_at=min(item[0].start for item in shared) + least,
        facts=(
            Fact("shared_hours", round(longest.total_seconds() / 3600, 1), parameters.hours),
            Fact("admissions", numbers),
        ),
        evidence_ids=tuple(sorted({stay.admission_id for _, *pair in shared for stay in pair})),
    )


def _seen(facts: BedFacts, parameters: TwoOnOneBedParameters) -> Suspicion | None:
    seen = sorted((c for c in facts.checks if c.outcome == "two_in_bed" and not c.carer), key=lambda c: c.due_at)
    if len(seen) < parameters.checks or not any(check.by_person for check in seen):
        return None
    return Suspicion(
        rule=TWO,
        variant="two_seen",
        event_at=seen[parameters.checks - 1].due_at,
        facts=(
            Fact("two_seen_checks", len(seen), parameters.checks),
            Fact("days", sorted({check.local_day.isoformat() for check in seen})),
        ),
        evidence_ids=tuple(dict.fromkeys(i for check in seen for i in (check.check_id, *check.reading_ids))),
    )
