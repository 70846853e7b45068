"""`overcapacity` 超床位: more inpatients at midnight than beds. A statistic: extra beds are no crime."""

from __future__ import annotations

from dataclasses import dataclass

from service.screening.facts import Fact, Suspicion
from service.screening.place_facts import FacilityFacts

CODE = "overcapacity"


@dataclass(frozen=True, slots=True)
class OvercapacityParameters:
    """Domain, section 3. `factor`: of the open beds."""

    days: int = 3
    factor: float = 1.1


def overcapacity(facts: FacilityFacts, parameters: OvercapacityParameters) -> Suspicion | None:
    """Fires when the midnight census exceeds the open beds by the factor on several days of the month."""
    over = [night for night in facts.midnights if night.beds and night.inpatients > night.beds * parameters.factor]
    if len(over) < parameters.days:
        return None
    worst = max(over, key=lambda night: night.inpatients / night.beds)
    return Suspicion(
        rule=CODE,
        variant="midnight",
        event_at=over[parameters.days - 1].at,
        facts=(
            Fact("over_days", len(over), parameters.days),
            Fact("census_share", round(worst.inpatients / worst.beds, 3), parameters.factor),
            Fact("inpatients", worst.inpatients),
            Fact("open_beds", worst.beds),
            Fact("days", [night.day.isoformat() for night in over]),
        ),
        evidence_ids=(),
    )
