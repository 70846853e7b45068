"""`empty_bed_admission` 空床: a name on the list, and nothing else: two people found the bed empty, and nobody treated
anybody meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from service.kit.intervals import Interval
from service.occupancy import Look, LookResult, PresenceState
from service.screening.facts import AdmissionFacts, Fact, Suspicion

CODE = "empty_bed_admission"

_NO_JUDGEMENT = frozenset(
    {
        PresenceState.NO_REFERENCE,
        PresenceState.EXEMPT,
        PresenceState.ON_LEAVE,
        PresenceState.OFF_WARD,
        PresenceState.IN_GRACE,
    }
)


@dataclass(frozen=True, slots=True)
class EmptyBedParameters:
    """Domain, section 3. `apart_hours`: between the two looks."""

    looks: int = 2
    apart_hours: float = 4.0
    grace_hours: float = 4.0
    emergency_grace_hours: float = 12.0
    care: frozenset[str] = frozenset({"medication", "examination", "treatment"})
    never_for: frozenset[str] = frozenset({"newborn"})


def empty_bed_admission(facts: AdmissionFacts, parameters: EmptyBedParameters) -> Suspicion | None:
    """Fires on two people's looks that found nobody, far enough apart, between which nobody saw or treated the patient,
    and nobody lay in the bed."""
    if facts.category in parameters.never_for or facts.sought_on_ward:
        return None
    grace = timedelta(hours=parameters.emergency_grace_hours if facts.emergency else parameters.grace_hours)
    silent = {check.due_at for check in facts.checks if check.state in _NO_JUDGEMENT}
    misses = sorted(
        (
            look
            for look in facts.looks
            if look.result is LookResult.NOT_FOUND
            and look.due_at not in silent
            and look.looked_at >= facts.admitted_at + grace
            and not any(away.contains(look.looked_at) for away in facts.excused)
        ),
        key=lambda look: (look.looked_at, look.look_id),
    )
    apart = timedelta(hours=parameters.apart_hours)
    for first, second in combinations(misses, 2):
        between = Interval(first.looked_at, second.looked_at)
        if first.person_id == second.person_id:
            continue
        if between.length >= apart and not _sign_of_life(facts, between, parameters):
            return _suspicion(first, second, parameters)
    return None


def _sign_of_life(facts: AdmissionFacts, between: Interval, parameters: EmptyBedParameters) -> bool:
    treated = any(item.kind in parameters.care and between.contains(item.at) for item in facts.orders)
    seen = any(between.start <= when <= between.end for when in facts.signs)
    lay_there = any(
        check.state is PresenceState.PRESENT_UNIDENTIFIED and between.contains(check.due_at) for check in facts.checks
    )
    return treated or seen or lay_there


def _suspicion(first: Look, second: Look, parameters: EmptyBedParameters) -> Suspicion:
    hours = (second.looked_at - first.looked_at).total_seconds() / 3600
    return Suspicion(
        rule=CODE,
        variant="two_looks",
        event_at=second.looked_at,
        facts=(
            Fact("empty_looks", 2, parameters.looks),
            Fact("hours_apart", round(hours, 1), parameters.apart_hours),
            Fact("orders_meanwhile", 0, 0),
            Fact("times", [first.looked_at.isoformat(), second.looked_at.isoformat()]),
        ),
        evidence_ids=(first.look_id, second.look_id),
    )
