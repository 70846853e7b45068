"""`phantom_admission` 挂床住院: admitted and billed, and not in the hospital."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.occupancy import PresenceState
from service.screening.facts import AdmissionFacts, CheckRecord, Fact, Night, Suspicion

CODE = "phantom_admission"


@dataclass(frozen=True, slots=True)
class PhantomParameters:
    """Domain, section 3. `empty_share`: of the observed nights, the share that must have been empty."""

    confirmed_checks: int = 2
    confirmed_days: int = 2
    observed_nights: int = 3
    night_coverage: float = 0.8
    empty_hours: float = 4.0
    empty_share: float = 0.5
    confirmed_nights: int = 2
    not_by_nights: frozenset[str] = frozenset({"day_only"})


def phantom_admission(facts: AdmissionFacts, parameters: PhantomParameters) -> Suspicion | None:
    """Fires on confirmed absences on several days, or on empty nights of which several are confirmed."""
    return _by_days(facts, parameters) or _by_nights(facts, parameters)


def _by_days(facts: AdmissionFacts, parameters: PhantomParameters) -> Suspicion | None:
    confirmed = facts.in_state(PresenceState.ABSENT_CONFIRMED)
    complete = [upto for upto in _prefixes(confirmed) if _enough(upto, parameters)]
    if not complete:
        return None
    days = sorted({check.local_day.isoformat() for check in confirmed})
    return Suspicion(
        rule=CODE,
        variant="days",
        event_at=max(_confirmed_at(check) for check in complete[0]),
        facts=(
            Fact("confirmed_checks", len(confirmed), parameters.confirmed_checks),
            Fact("confirmed_days", len(days), parameters.confirmed_days),
            Fact("days", days),
            Fact("checks_judged", len(facts.checks)),
        ),
        evidence_ids=_evidence(confirmed),
    )


def _enough(checks: Sequence[CheckRecord], parameters: PhantomParameters) -> bool:
    days = {check.local_day for check in checks}
    return len(checks) >= parameters.confirmed_checks and len(days) >= parameters.confirmed_days


def _by_nights(facts: AdmissionFacts, parameters: PhantomParameters) -> Suspicion | None:
    if facts.sought_on_ward or facts.category in parameters.not_by_nights:
        return None
    observed = [night for night in facts.nights or () if night.coverage >= parameters.night_coverage]
    if not _enough_nights(observed, parameters):
        return None
    complete = next(upto for upto in _night_prefixes(observed) if _enough_nights(upto, parameters))
    empty = _empty_nights(observed, parameters)
    confirmed = [night for night in empty if night.confirmed_at is not None]
    return Suspicion(
        rule=CODE,
        variant="nights",
        event_at=max(max(night.end, night.confirmed_at or night.end) for night in complete),
        facts=(
            Fact("observed_nights", len(observed), parameters.observed_nights),
            Fact("empty_nights", len(empty), f">= {parameters.empty_share:.0%}"),
            Fact("empty_hours", round(min(_hours(night) for night in empty), 2), parameters.empty_hours),
            Fact("confirmed_nights", len(confirmed), parameters.confirmed_nights),
            Fact("night_coverage", round(min(night.coverage for night in observed), 3), parameters.night_coverage),
            Fact("nights", [night.day.isoformat() for night in empty]),
        ),
        evidence_ids=tuple(
            dict.fromkeys(item for night in confirmed for item in (*night.reading_ids, *night.look_ids))
        ),
    )


def _enough_nights(observed: Sequence[Night], parameters: PhantomParameters) -> bool:
    if len(observed) < parameters.observed_nights:
        return False
    empty = _empty_nights(observed, parameters)
    confirmed = sum(night.confirmed_at is not None for night in empty)
    return len(empty) >= parameters.empty_share * len(observed) and confirmed >= parameters.confirmed_nights


def _empty_nights(nights: Sequence[Night], parameters: PhantomParameters) -> list[Night]:
    return [night for night in nights if _hours(night) >= parameters.empty_hours]


def _hours(night: Night) -> float:
    return night.empty.total_seconds() / 3600


def _prefixes(checks: Sequence[CheckRecord]) -> list[Sequence[CheckRecord]]:
    ordered = sorted(checks, key=lambda check: (_confirmed_at(check), check.due_at))
    return [ordered[: k + 1] for k in range(len(ordered))]


def _night_prefixes(nights: Sequence[Night]) -> list[Sequence[Night]]:
    ordered = sorted(nights, key=lambda night: night.day)
    return [ordered[: k + 1] for k in range(len(ordered))]


def _confirmed_at(check: CheckRecord) -> datetime:
    return check.confirmed_at or check.window_end


def _evidence(checks: Sequence[CheckRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for check in checks for item in (*check.reading_ids, *check.look_ids)))
