"""`bed_swap_unrecorded` 换床未登记: two admitted patients lie in each other's beds and nobody wrote it down."""

from __future__ import annotations

from dataclasses import dataclass

from service.screening.facts import AdmissionFacts, Fact, Suspicion

CODE = "bed_swap_unrecorded"


@dataclass(frozen=True, slots=True)
class BedSwapParameters:
    """How often it must be seen: one picture at one check may be a visit."""

    checks: int = 2
    never_for: frozenset[str] = frozenset({"newborn"})


def bed_swap_unrecorded(facts: AdmissionFacts, parameters: BedSwapParameters) -> Suspicion | None:
    """Fires when at several checks another admitted patient lay in this bed, or this patient in another's."""
    if facts.category in parameters.never_for:
        return None
    swapped = sorted((check for check in facts.checks if check.swapped_with), key=lambda check: check.due_at)
    if len(swapped) < parameters.checks:
        return None
    return Suspicion(
        rule=CODE,
        variant="swap",
        event_at=swapped[parameters.checks - 1].window_end,
        facts=(
            Fact("swapped_checks", len(swapped), parameters.checks),
            Fact("swapped_with", sorted({number for check in swapped for number in check.swapped_with})),
            Fact("days", sorted({check.local_day.isoformat() for check in swapped})),
        ),
        evidence_ids=tuple(dict.fromkeys(item for check in swapped for item in check.reading_ids)),
    )
