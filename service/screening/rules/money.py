"""Where absence becomes money: `split_admission` 分解住院, `stay_after_absence` 离院计费, `per_diem_gap` 床日差."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from service.occupancy import PresenceState
from service.screening.facts import AdmissionFacts, CheckRecord, Fact, Stay, Suspicion

SPLIT, AFTER, GAP = "split_admission", "stay_after_absence", "per_diem_gap"

PRESENT = (PresenceState.PRESENT_VERIFIED, PresenceState.PRESENT_ALTERNATIVE, PresenceState.PRESENT_UNIDENTIFIED)


@dataclass(frozen=True, slots=True)
class SplitParameters:
    """A13 of the domain: 15 days, 14 in some places. `same_letters`: of the disease's code that must agree (ICD-10
    category: three)."""

    days: int = 15
    same_letters: int = 3
    emergency: frozenset[str] = frozenset({"emergency", "referral"})
    courses: frozenset[str] = frozenset({"dialysis", "chemotherapy", "rehabilitation", "planned_course"})
    ends: frozenset[str] = frozenset({"interim_settlement", "left_against_advice", "transfer"})
    never_for: frozenset[str] = frozenset({"newborn", "rehabilitation", "dialysis"})


@dataclass(frozen=True, slots=True)
class AfterAbsenceParameters:
    """Domain, section 3. Charges for the bed and nursing by the day go on by themselves."""

    days: int = 2
    care: frozenset[str] = frozenset({"medication", "examination", "treatment"})


@dataclass(frozen=True, slots=True)
class PerDiemParameters:
    """`share`: of the billed bed-days that may be unconfirmed; `days`: and at least so many."""

    days: int = 2
    share: float = 0.2


def split_admission(facts: AdmissionFacts, parameters: SplitParameters) -> Suspicion | None:
    """Fires on a stay that begins within 15 days of the end of another one, for the same disease."""
    code = (facts.diagnosis_code or "")[: parameters.same_letters]
    planned = facts.course in parameters.courses or facts.category in parameters.never_for
    if not code or planned or facts.emergency or facts.admission_type in parameters.emergency:
        return None
    limit = timedelta(days=parameters.days)
    before = [
        stay
        for stay in facts.others
        if timedelta() <= facts.admitted_at - stay.held.end <= limit and _continues(stay, code, parameters)
    ]
    if not before:
        return None
    last = max(before, key=lambda stay: (stay.held.end, stay.admission_id))
    days = (facts.admitted_at - last.held.end).total_seconds() / 86400
    return Suspicion(
        rule=SPLIT,
        variant="readmitted",
        event_at=facts.admitted_at,
        facts=(
            Fact("days_between", round(days, 1), parameters.days),
            Fact("diagnosis", facts.diagnosis_code or ""),
            Fact("other_admission", last.admission_no),
        ),
        evidence_ids=(last.admission_id,),
    )


def _continues(stay: Stay, code: str, parameters: SplitParameters) -> bool:
    same = (stay.diagnosis_code or "")[: parameters.same_letters] == code
    return same and stay.disposition not in parameters.ends and stay.course not in parameters.courses


def stay_after_absence(facts: AdmissionFacts, parameters: AfterAbsenceParameters) -> Suspicion | None:
    """Fires when the patient was confirmed absent on each of the last days, and clinical charges go on meanwhile."""
    since = _absent_since(facts)
    if since is None:
        return None
    days = sorted({check.local_day for check in since})
    care = [item for item in facts.charges if item.kind in parameters.care and item.at > since[0].window_end]
    if len(days) < parameters.days or not care:
        return None
    confirmed = [c.confirmed_at or c.window_end for c in since if c.local_day == days[parameters.days - 1]]
    return Suspicion(
        rule=AFTER,
        variant="charged",
        event_at=max(min(confirmed), min(item.at for item in care)),
        facts=(
            Fact("absent_days", len(days), parameters.days),
            Fact("charges_after", len(care), 1),
            Fact("amount_after", str(sum((item.amount for item in care), Decimal(0)))),
            Fact("days", [day.isoformat() for day in days]),
        ),
        evidence_ids=(*_evidence(since), *(item.item_id for item in care)),
    )


def _absent_since(facts: AdmissionFacts) -> list[CheckRecord] | None:
    """The confirmed absences after the last sign of presence; None without one, or when something else excuses."""
    ordered = sorted(facts.checks, key=lambda check: check.due_at)
    last_sign = max(
        [check.due_at for check in ordered if check.state in PRESENT] + list(facts.signs),
        default=facts.admitted_at,
    )
    after = [check for check in ordered if check.due_at > last_sign]
    absent = [check for check in after if check.state is PresenceState.ABSENT_CONFIRMED]
    excused = (PresenceState.ON_LEAVE, PresenceState.OFF_WARD, PresenceState.EXEMPT)
    return absent if absent and not any(check.state in excused for check in after) else None


def per_diem_gap(facts: AdmissionFacts, parameters: PerDiemParameters) -> Suspicion | None:
    """Fires when more bed-days were billed than the stay was confirmed absent from can bear.

    Only days with a confirmed absence and no sign of presence count against the bill: a day that nobody could judge
    does not.
    """
    if not facts.per_diem or not facts.billed_days:
        return None
    absent = _days(facts, (PresenceState.ABSENT_CONFIRMED,))
    good = _days(facts, (*PRESENT, PresenceState.ON_LEAVE, PresenceState.OFF_WARD, PresenceState.EXEMPT))
    billed = {day: quantity for day, quantity in facts.billed_days if quantity > 0}
    gap = sorted(day for day in billed if day in absent and day not in good and day not in facts.seen_days)
    if len(gap) < parameters.days or len(gap) < parameters.share * len(billed):
        return None
    return Suspicion(
        rule=GAP,
        variant="bed_days",
        event_at=_end_of(facts, gap[parameters.days - 1]),
        facts=(
            Fact("billed_days", str(sum(billed.values(), Decimal(0)))),
            Fact("unconfirmed_days", len(gap), parameters.days),
            Fact("unconfirmed_share", round(len(gap) / len(billed), 3), parameters.share),
            Fact("days", [day.isoformat() for day in gap]),
        ),
        evidence_ids=_evidence([c for c in facts.in_state(PresenceState.ABSENT_CONFIRMED) if c.local_day in gap]),
    )


def _days(facts: AdmissionFacts, states: tuple[PresenceState, ...]) -> set[date]:
    return {check.local_day for check in facts.checks if check.state in states}


def _end_of(facts: AdmissionFacts, day: date) -> datetime:
    return max(
        check.confirmed_at or check.window_end
        for check in facts.in_state(PresenceState.ABSENT_CONFIRMED)
        if check.local_day == day
    )


def _evidence(checks: list[CheckRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for check in checks for item in (*check.reading_ids, *check.look_ids)))
