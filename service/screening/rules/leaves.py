"""`late_return` 逾期未归 and `overnight_leave` 夜间外出: the leave rules broken, with tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service.occupancy import PresenceState
from service.screening.facts import AdmissionFacts, Away, Fact, Suspicion

LATE, OVERNIGHT = "late_return", "overnight_leave"


@dataclass(frozen=True, slots=True)
class LateReturnParameters:
    """`times`: how often in one stay. One evening in the traffic is nobody's business."""

    tolerance_hours: float = 2.0
    times: int = 1
    open_tolerance_hours: float = 12.0
    """For a leave that nobody closed: the return may only have been forgotten on paper."""


@dataclass(frozen=True, slots=True)
class OvernightLeaveParameters:
    """Domain, section 5: no night leave. `hours`: of one night (23:00 to 05:00)."""

    hours: float = 4.0
    times: int = 1


def late_return(facts: AdmissionFacts, parameters: LateReturnParameters) -> Suspicion | None:
    """Fires when the patient came back long after the time agreed, or was not seen since a leave that nobody closed."""
    late = [leave for leave in facts.away if _is_late(leave, facts, parameters)]
    if len(late) < parameters.times:
        return None
    hours = max(((leave.returned_at or facts.until) - leave.due_back).total_seconds() / 3600 for leave in late)
    nth = sorted(late, key=lambda leave: leave.due_back)[parameters.times - 1]
    tolerance = parameters.tolerance_hours if nth.returned_at else parameters.open_tolerance_hours
    return Suspicion(
        rule=LATE,
        variant="late",
        event_at=nth.due_back + timedelta(hours=tolerance),
        facts=(
            Fact("late_returns", len(late), parameters.times),
            Fact("hours_late", round(hours, 1), tolerance),
            Fact("times", [leave.due_back.isoformat() for leave in late]),
        ),
        evidence_ids=(),
    )


def _is_late(leave: Away, facts: AdmissionFacts, parameters: LateReturnParameters) -> bool:
    if leave.returned_at is not None:
        return leave.returned_at - leave.due_back > timedelta(hours=parameters.tolerance_hours)
    limit = leave.due_back + timedelta(hours=parameters.open_tolerance_hours)
    seen = any(leave.due_back - timedelta(hours=1) <= when <= limit for when in facts.signs)
    # Nobody wrote the return down: only a person's look says that the patient was not back.
    missed = any(
        check.state is PresenceState.ABSENT_CONFIRMED and leave.due_back <= check.due_at for check in facts.checks
    )
    return facts.until > limit and missed and not seen


def overnight_leave(facts: AdmissionFacts, parameters: OvernightLeaveParameters) -> Suspicion | None:
    """Fires when leaves took up most of a night."""
    nights = [leave for leave in facts.away if leave.night_hours >= parameters.hours]
    if len(nights) < parameters.times:
        return None
    nth = sorted(nights, key=lambda leave: leave.start)[parameters.times - 1]
    return Suspicion(
        rule=OVERNIGHT,
        variant="overnight",
        event_at=nth.returned_at or nth.due_back,
        facts=(
            Fact("overnight_leaves", len(nights), parameters.times),
            Fact("night_hours", round(max(leave.night_hours for leave in nights), 1), parameters.hours),
            Fact("times", [leave.start.isoformat() for leave in nights]),
        ),
        evidence_ids=(),
    )
