"""What the rules found in a made-up month, beside what was true."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from service.cli.month.stage import Play
from service.cli.month.world import EXPECTED, HONEST, TrueStay, Way
from service.screening import LIVE_RULES, Finding

NOBODY = "(no finding)"


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the subjects that a rule should name, how many it named."""

    rule: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """How often a rule named somebody honest, or something that the story does not mean, of whatever kind the rule is.
    `upper`: the 95% upper bound of that per 1,000 honest patient-days."""

    rule: str
    kind: str
    number: int
    upper: float


@dataclass(frozen=True, slots=True)
class MonthResult:
    """`false`: suspicions about honest stays (rule, number). `confusion`: way -> rule -> subjects. `wrong`: of each
    rule that the month plays; `not_played`: rules about which it says nothing."""

    recall: tuple[Recall, ...]
    false: tuple[tuple[str, str], ...]
    patient_days: float
    confusion: dict[str, dict[str, int]]
    missed: tuple[tuple[str, str], ...]
    wrong: tuple[Wrong, ...] = ()
    not_played: tuple[str, ...] = ()
    checks: int = 0

    @property
    def false_per_thousand(self) -> float:
        """False suspicions per 1,000 honest patient-days."""
        return 1000 * len(self.false) / self.patient_days

    @property
    def upper_bound(self) -> float:
        """The 95% upper bound of that number: zero in 6,000 days still allows 0.5."""
        return 1000 * poisson_upper(len(self.false)) / self.patient_days

    @property
    def holds(self) -> bool:
        """Whether everything expected was found and nobody honest was named."""
        return not self.false and all(row.found == row.expected for row in self.recall)

    def to_json(self) -> dict[str, Any]:
        """JSON values of the result."""
        return {
            "recall": {row.rule: {"expected": row.expected, "found": row.found} for row in self.recall},
            "false_findings": [list(item) for item in self.false],
            "honest_patient_days": round(self.patient_days, 1),
            "false_per_1000_patient_days": round(self.false_per_thousand, 4),
            "upper_bound_95": round(self.upper_bound, 3),
            "confusion": self.confusion,
            "missed": [list(item) for item in self.missed],
            "wrong_by_rule": {
                row.rule: {"kind": row.kind, "number": row.number, "upper_bound_95_per_1000": round(row.upper, 3)}
                for row in self.wrong
            },
            "not_played": list(self.not_played),
        }


def result_of(session: Session, stage: Play) -> MonthResult:
    """Compares the findings that stand with what was true."""
    rows = session.exec(
        select(Finding).where(Finding.facility_id == stage.facility_id, col(Finding.state) == "raised")
    ).all()
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row.subject_id].add(row.rule)
    expected = _expected(stage)
    wanted = Counter(rule for rules in expected.values() for rule in rules)
    hit = Counter(rule for subject, rules in expected.items() for rule in rules if rule in found[subject])
    stays = {stage.stays[stay.number]: stay for stay in stage.world.stays}
    honest = [row for row in rows if row.subject_id in stays and stays[row.subject_id].way in HONEST]
    astray = [row for row in rows if row.subject_id not in stays and row.rule not in expected.get(row.subject_id, ())]
    false = sorted((row.rule, stays[row.subject_id].number) for row in honest if row.kind == "finding")
    false += sorted((row.rule, str(row.facts["subject"])) for row in astray if row.kind == "finding")
    wrong = Counter(row.rule for row in (*honest, *astray))
    kinds = {law.code: law.kind.value for law in LIVE_RULES}
    names = {key: str(next((r.facts["subject"] for r in rows if r.subject_id == key), key)) for key in expected}
    missed = sorted((rule, names[key]) for key, rules in expected.items() for rule in rules if rule not in found[key])
    order = {law.code: k for k, law in enumerate(LIVE_RULES)}
    return MonthResult(
        recall=tuple(
            Recall(rule, wanted[rule], hit[rule]) for rule in sorted(wanted, key=lambda rule: order.get(rule, 99))
        ),
        false=tuple(false),
        patient_days=stage.world.patient_days(),
        confusion=_confusion(stage, stays, found),
        missed=tuple(missed),
        wrong=tuple(
            Wrong(code, kind, wrong[code], 1000 * poisson_upper(wrong[code]) / stage.world.patient_days())
            for code, kind in kinds.items()
            if code in wanted or code in wrong
        ),
        not_played=tuple(code for code in kinds if code not in wanted and code not in wrong),
    )


def _expected(stage: Play) -> dict[str, tuple[str, ...]]:
    """Subject -> rules that should name it."""
    world = stage.world
    expected = {stage.stays[stay.number]: stay.expects for stay in world.stays if stay.expects}
    for bed, way in world.beds.items():
        expected[stage.beds[bed].id] = EXPECTED[way]
    for camera, way in world.cameras.items():
        expected[stage.cameras[camera].id] = EXPECTED[way]
    for ward, way in world.wards.items():
        if way is Way.SWEARING_NURSE:
            expected[stage.nurses[2 * ward].id] = EXPECTED[way]
        else:
            expected[stage.wards[ward].id] = EXPECTED[way]
    expected[stage.facility_id] = EXPECTED[Way.CROWDED]
    return expected


def _confusion(stage: Play, stays: dict[str, TrueStay], found: dict[str, set[str]]) -> dict[str, dict[str, int]]:
    """Way -> rule -> how many of its subjects the rule named."""
    ways = {subject: stay.way for subject, stay in stays.items()}
    world = stage.world
    ways |= {stage.beds[bed].id: way for bed, way in world.beds.items()}
    ways |= {stage.cameras[camera].id: way for camera, way in world.cameras.items()}
    ways |= {
        stage.nurses[2 * w].id if way is Way.SWEARING_NURSE else stage.wards[w].id: way
        for w, way in world.wards.items()
    }
    ways[stage.facility_id] = Way.CROWDED
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for subject, way in ways.items():
        for rule in found.get(subject) or {NOBODY}:
            table[way.value][rule] += 1
    return {way.value: dict(sorted(table[way.value].items())) for way in Way if way.value in table}


def poisson_upper(count: int, level: float = 0.95) -> float:
    """The one-sided upper bound of a Poisson mean after `count` events: P(X <= count) = 1 - level (Garwood, 1936)."""
    low, high = float(count), count + 10.0 + 5 * math.sqrt(count + 1)
    for _ in range(80):
        middle = (low + high) / 2
        tail = sum(math.exp(-middle + k * math.log(middle) - math.lgamma(k + 1)) for k in range(count + 1))
        low, high = (middle, high) if tail > 1 - level else (low, middle)
    return high
