"""Truth beside result: every bed state, presence state and finding, as tables of how often what became what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.kit.statistics import Rate
from service.simulator.scenario import Scenario
from service.simulator.truth import (
    ACCEPTED,
    ACCUSABLE,
    ACCUSING,
    BedTruth,
    CheckTruth,
    ExpectedFinding,
    expected_findings,
)

MISSING = "(none)"


@dataclass(frozen=True, slots=True)
class BedResult:
    """What the service read of a bed at an instant."""

    bed: str
    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The presence state that the service gave an admission at a check."""

    admission_no: str
    due_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often truth `row` became result `column`, and how many of all were right."""

    counts: Mapping[tuple[str, str], int]
    right: Rate

    @property
    def rows(self) -> tuple[str, ...]:
        """The truths that occurred."""
        return tuple(sorted({row for row, _ in self.counts}))

    @property
    def columns(self) -> tuple[str, ...]:
        """The results that occurred."""
        return tuple(sorted({column for _, column in self.counts}))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole comparison. `problems`: why it does not hold, in words; empty when it does."""

    beds: Confusion
    checks: Confusion
    found: tuple[ExpectedFinding, ...]
    missing: tuple[ExpectedFinding, ...]
    extra: tuple[ExpectedFinding, ...]
    accused: tuple[CheckTruth, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether the result is what the scenario says it must be."""
        return not self.problems


def compare(
    scenario: Scenario,
    beds: tuple[Sequence[BedTruth], Sequence[BedResult]],
    checks: tuple[Sequence[CheckTruth], Sequence[CheckResult]],
    findings: Iterable[ExpectedFinding],
) -> Comparison:
    """Sets truth beside result. A check or bed without a result counts as wrong."""
    bed_table = _bed_confusion(*beds)
    check_table, accused = _check_confusion(*checks)
    wanted, raised = set(expected_findings(scenario)), set(findings)
    problems = [f"{item.rule} of {item.admission_no} was not found" for item in sorted(wanted - raised)]
    problems += [f"{item.rule} was raised against {item.admission_no}" for item in sorted(raised - wanted)]
    problems += [f"{item.admission_no} was accused at {item.due_at.isoformat()}" for item in accused]
    problems += _below("bed states", bed_table, scenario.bounds.bed_states)
    problems += _below("presence states", check_table, scenario.bounds.presence)
    return Comparison(
        beds=bed_table,
        checks=check_table,
        found=tuple(sorted(wanted & raised)),
        missing=tuple(sorted(wanted - raised)),
        extra=tuple(sorted(raised - wanted)),
        accused=tuple(accused),
        problems=tuple(problems),
    )


def _bed_confusion(truths: Sequence[BedTruth], results: Sequence[BedResult]) -> Confusion:
    states = {(item.bed, item.at): item.state for item in results}
    pairs = [(truth.state, states.get((truth.bed, truth.at), MISSING)) for truth in truths]
    return Confusion(Counter(pairs), Rate(sum(a == b for a, b in pairs), len(pairs)))


def _check_confusion(
    truths: Sequence[CheckTruth], results: Sequence[CheckResult]
) -> tuple[Confusion, list[CheckTruth]]:
    states = {(item.admission_no, item.due_at): item.state for item in results}
    counts: Counter[tuple[str, str]] = Counter()
    right, accused = 0, []
    for truth in truths:
        state = states.pop((truth.admission_no, truth.due_at), MISSING)
        counts[truth.presence.value, state] += 1
        right += state in ACCEPTED[truth.presence]
        if state in ACCUSING and truth.presence not in ACCUSABLE:
            accused.append(truth)
    for state in states.values():
        counts[MISSING, state] += 1
    return Confusion(counts, Rate(right, len(truths) + len(states))), accused


def _below(what: str, table: Confusion, bound: float) -> list[str]:
    value = table.right.value
    if value is None or value < bound:
        shown = "none" if value is None else f"{value:.3f}"
        return [f"{what}: {shown} right, the scenario demands {bound:.3f}"]
    return []
