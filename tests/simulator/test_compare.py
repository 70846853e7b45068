"""Truth beside result."""

from __future__ import annotations

from datetime import UTC, datetime

from service.simulator import BedResult, CheckResult, Scenario, compare
from service.simulator.compare import MISSING
from service.simulator.truth import BedTruth, CheckTruth, ExpectedFinding, Presence, expected_findings

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
BEDS = ([BedTruth("W1-01", AT, "patient")], [BedResult("W1-01", AT, "patient")])
CHECKS = ([CheckTruth("A1001", AT, Presence.PRESENT)], [CheckResult("A1001", AT, "present_verified")])


def test_what_agrees_holds(demo_week: Scenario) -> None:
    result = compare(demo_week, BEDS, CHECKS, expected_findings(demo_week))

    assert result.holds
    assert result.beds.counts == {("patient", "patient"): 1}


def test_a_finding_that_is_missing_and_one_too_many_are_both_said(demo_week: Scenario) -> None:
    wanted = set(expected_findings(demo_week)) - {ExpectedFinding("A2002", "impersonation")}

    result = compare(demo_week, BEDS, CHECKS, wanted | {ExpectedFinding("A1001", "phantom_admission")})

    assert [item.admission_no for item in result.missing] == ["A2002"]
    assert [item.admission_no for item in result.extra] == ["A1001"]
    assert len(result.problems) == 2


def test_an_honest_patient_called_absent_is_accused_whatever_the_share_of_right_ones(demo_week: Scenario) -> None:
    checks = ([*CHECKS[0] * 1], [CheckResult("A1001", AT, "absent_confirmed")])

    result = compare(demo_week, BEDS, checks, expected_findings(demo_week))

    assert [item.admission_no for item in result.accused] == ["A1001"]
    assert not result.holds


def test_a_check_without_a_result_and_a_result_without_a_check_are_wrong(demo_week: Scenario) -> None:
    checks = (CHECKS[0], [CheckResult("A9999", AT, "present_verified")])

    result = compare(demo_week, BEDS, checks, expected_findings(demo_week))

    assert result.checks.counts == {("present", MISSING): 1, (MISSING, "present_verified"): 1}
    assert result.checks.right.hits == 0


def test_an_empty_bed_is_right_for_somebody_absent_whom_nobody_looked_for(demo_week: Scenario) -> None:
    truth = [CheckTruth("A1007", AT, Presence.ABSENT)]

    result = compare(demo_week, BEDS, (truth, [CheckResult("A1007", AT, "bed_empty")]), expected_findings(demo_week))

    assert result.checks.right.value == 1.0
