"""What the service says after a run, read over the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.simulator.api import Api
from service.simulator.behaviour import seed_of
from service.simulator.compare import BedResult, CheckResult, Comparison, compare
from service.simulator.drive import RunReport
from service.simulator.scenario import Scenario
from service.simulator.schedule import Shot, shots
from service.simulator.truth import ExpectedFinding, bed_truths, check_truths


@dataclass(frozen=True, slots=True)
class WardRate:
    """A ward's in-bed rate over the run: hits and trials of the low and the high number, with Wilson intervals."""

    ward: str
    name: str
    low: tuple[float | None, float, float]
    high: tuple[float | None, float, float]
    expected: int
    excused: int
    uncovered: int
    coverage: float | None
    reportable: bool


@dataclass(frozen=True, slots=True)
class RaisedFinding:
    """A finding in words."""

    admission_no: str
    rule: str
    severity: str
    headline: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that is printed at the end."""

    rates: tuple[WardRate, ...]
    findings: tuple[RaisedFinding, ...]
    comparison: Comparison


def read_results(scenario: Scenario, report: RunReport, driver: Api, language: str, *, sample: int) -> Results:
    """Rates, findings and states, compared with the truth. `sample`: in how many pictures beds are compared."""
    findings = read_findings(scenario, driver, language)
    chosen = _sample(scenario, sample)
    truths = [truth for shot in chosen for truth in bed_truths(scenario, shot)]
    comparison = compare(
        scenario,
        (truths, read_beds(scenario, chosen, report.snapshots, driver)),
        (check_truths(scenario), read_checks(scenario, driver)),
        {ExpectedFinding(item.admission_no, item.rule) for item in findings},
    )
    return Results(read_rates(scenario, driver, language), findings, comparison)


def read_rates(scenario: Scenario, driver: Api, language: str = "en") -> tuple[WardRate, ...]:
    """The in-bed rate of every ward and of the whole facility."""
    found = []
    place, chinese = scenario.facility, language == "zh"
    names = [(ward.code, ward.name_zh if chinese else ward.name) for ward in place.wards]
    for code, name in [*names, ("", place.name_zh if chinese else place.name)]:
        query = {"ward": code} if code else {}
        answer = driver.get("/api/v1/in-bed-rate", facility=scenario.facility.code, **_span(scenario), **query)
        total = answer["total"]
        found.append(
            WardRate(
                ward=code,
                name=name,
                low=_rate(total["low"]),
                high=_rate(total["high"]),
                expected=int(total["expected"]),
                excused=int(total["excused"]),
                uncovered=int(total["uncovered"]),
                coverage=total["coverage"],
                reportable=bool(total["reportable"]),
            )
        )
    return tuple(found)


def read_checks(scenario: Scenario, driver: Api) -> list[CheckResult]:
    """Every presence check of the run."""
    listed = driver.get("/api/v1/presence-checks", facility=scenario.facility.code, limit=5000, **_span(scenario))
    return [
        CheckResult(str(item["admission_no"]), datetime.fromisoformat(item["due_at"]), str(item["state"]))
        for item in listed
    ]


def read_findings(scenario: Scenario, driver: Api, language: str) -> tuple[RaisedFinding, ...]:
    """Every raised finding, explained."""
    # Statistics and pieces of work are no suspicions; a scenario says which suspicions are true.
    listed = driver.get("/api/v1/findings", facility=scenario.facility.code, state="raised", kind="finding")
    found = []
    for item in listed:
        response = driver.call("GET", f"/api/v1/findings/{item['id']}", headers={"Accept-Language": language})
        found.append(_finding(item, response.json()))
    return tuple(sorted(found, key=lambda finding: (finding.admission_no, finding.rule)))


def read_beds(
    scenario: Scenario, chosen: Sequence[Shot], snapshots: Mapping[tuple[str, datetime], str], driver: Api
) -> list[BedResult]:
    """What was read in the chosen pictures."""
    wards = {camera.code: ward.code for ward in scenario.facility.wards for camera in ward.cameras}
    found = []
    for shot in chosen:
        snapshot_id = snapshots.get((shot.camera, shot.at))
        if snapshot_id is None:
            continue
        answer = driver.get(f"/api/v1/snapshots/{snapshot_id}")
        for reading in answer.get("readings") or ():
            bed = f"{wards[shot.camera]}-{reading['bed_code']}"
            found.append(BedResult(bed, shot.at, str(reading["state"])))
    return found


def _sample(scenario: Scenario, count: int) -> tuple[Shot, ...]:
    """Pictures chosen by the scenario's seed: the same ones in every run."""
    everything = shots(scenario)
    ranked = sorted(everything, key=lambda shot: seed_of(scenario, "sample", shot.camera, shot.at.isoformat()))
    return tuple(sorted(ranked[:count], key=lambda shot: (shot.at, shot.camera)))


def _span(scenario: Scenario) -> dict[str, str]:
    end = scenario.span.end + timedelta(minutes=1)
    return {"from": scenario.start.isoformat(), "to": end.isoformat()}


def _rate(answer: Mapping[str, Any]) -> tuple[float | None, float, float]:
    return answer["value"], float(answer["interval_low"]), float(answer["interval_high"])


def _finding(item: Mapping[str, Any], full: Mapping[str, Any]) -> RaisedFinding:
    explanation = full.get("explanation") or {}
    return RaisedFinding(
        admission_no=str(item["admission_no"] or item["subject"]),
        rule=str(item["rule"]),
        severity=str(item.get("severity", "")),
        headline=str(explanation.get("headline", "")),
        paragraphs=tuple(str(text) for text in explanation.get("paragraphs", ())),
    )
