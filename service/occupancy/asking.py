"""Which checks ask people to look: one open request an admission at a time. Pure, folded in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.facilities import PresencePolicy
from service.occupancy.looks import Look, confirmed_absence, deciding_find
from service.occupancy.outcome import AskCause, CheckFacts, Outcome, cause_of, judge
from service.occupancy.stays import Stay


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request to look: open until it is settled by looks or its deadline passes."""

    due_at: datetime
    deadline: datetime
    cause: AskCause | None = None


@dataclass(frozen=True, slots=True)
class JudgedCheck:
    """A check's outcome, and the cause for which people were asked, if they were."""

    facts: CheckFacts
    outcome: Outcome
    cause: AskCause | None


def judge_in_order(
    checks: Sequence[CheckFacts], policy: PresencePolicy, *, earlier: OpenRequest | None = None
) -> tuple[JudgedCheck, ...]:
    """Outcomes of one admission's checks in order of time; `earlier`: the last request before the first of them."""
    judged = []
    for facts in sorted(checks, key=lambda item: item.window.due_at):
        outcome = judge(facts, policy)
        cause = cause_of(outcome.state, policy)
        looked = any(look.due_at == facts.window.due_at for look in facts.looks)
        if cause is not None and not looked and _waits(earlier, cause, facts, policy):
            cause = None
        if cause is not None:
            outcome = judge(replace(facts, asked=True), policy)
        if cause is not None or looked:
            earlier = OpenRequest(facts.window.due_at, facts.window.deadline, cause)
        judged.append(JudgedCheck(facts, outcome, cause))
    return tuple(judged)


def _waits(earlier: OpenRequest | None, cause: AskCause, facts: CheckFacts, policy: PresencePolicy) -> bool:
    """Whether the earlier request is answer enough. A roll call is asked at once, whatever else is open; and a bed
    that was merely blind must not hold back a request about one that was seen."""
    if facts.window.is_roll_call:
        return False
    if earlier is not None and earlier.cause is AskCause.BLIND_BED and cause is not AskCause.BLIND_BED:
        return False
    return _is_open(earlier, facts, policy)


def _is_open(request: OpenRequest | None, facts: CheckFacts, policy: PresencePolicy) -> bool:
    if request is None or request.deadline <= facts.window.span.end:
        return False
    settled = settled_at(facts.stay, [look for look in facts.looks if look.due_at == request.due_at], policy)
    return settled is None or settled > facts.window.span.end


def settled_at(stay: Stay, looks: Sequence[Look], policy: PresencePolicy) -> datetime | None:
    """When the looks of one request answered it: the patient found, or the absence confirmed."""
    find = deciding_find(looks)
    if find is not None:
        return find.looked_at
    confirmed = confirmed_absence(stay, looks, policy)
    return confirmed.at if confirmed is not None else None
