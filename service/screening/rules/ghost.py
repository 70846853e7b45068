"""`ghost_admission` 虚假住院: no genuine patient was ever there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service.occupancy import PresenceState
from service.screening.facts import AdmissionFacts, CheckRecord, Fact, Suspicion

CODE = "ghost_admission"


@dataclass(frozen=True, slots=True)
class GhostParameters:
    """Domain, section 3. `after_hours`: of stay, and of time in which the patient could be recognised."""

    after_hours: float = 24.0
    coverage: float = 0.9
    confirmed_checks: int = 1
    never_for: frozenset[str] = frozenset({"newborn", "icu", "theatre", "isolation"})


def ghost_admission(facts: AdmissionFacts, parameters: GhostParameters) -> Suspicion | None:
    """Fires when nobody who could be the patient was seen since admission, and two people's looks found nobody."""
    seen = facts.unsighted
    if seen is None or _excluded(facts, parameters):
        return None
    if seen.patient_readings or seen.unknown_occupant_readings or seen.coverage < parameters.coverage:
        return None
    if facts.until - seen.since < timedelta(hours=parameters.after_hours):
        return None
    confirmed = facts.in_state(PresenceState.ABSENT_CONFIRMED)
    if len(confirmed) < parameters.confirmed_checks:
        return None
    hours = (facts.until - facts.admitted_at).total_seconds() / 3600
    return Suspicion(
        rule=CODE,
        variant="never_seen",
        event_at=max(
            seen.since + timedelta(hours=parameters.after_hours), confirmed[0].confirmed_at or confirmed[0].window_end
        ),
        facts=(
            Fact("hours_since_admission", round(hours, 1), parameters.after_hours),
            Fact("coverage_since_admission", round(seen.coverage, 3), parameters.coverage),
            Fact("sightings", 0, 0),
            Fact("confirmed_checks", len(confirmed), parameters.confirmed_checks),
            Fact("days", sorted({check.local_day.isoformat() for check in confirmed})),
        ),
        evidence_ids=_evidence(confirmed),
    )


def _excluded(facts: AdmissionFacts, parameters: GhostParameters) -> bool:
    if facts.category in parameters.never_for or facts.theatre or facts.sought_on_ward:
        return True
    if facts.until - facts.admitted_at < timedelta(hours=parameters.after_hours):
        return True
    # One check at which the patient was shown to be there ends the suspicion that there is none.
    shown = (PresenceState.PRESENT_ALTERNATIVE, PresenceState.PRESENT_VERIFIED)
    return any(check.state in shown for check in facts.checks)


def _evidence(checks: tuple[CheckRecord, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for check in checks for item in (*check.reading_ids, *check.look_ids)))
