"""People who answer requests to look: truthfully, at their own times."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from service.simulator import Scenario
from service.simulator.staff import DirectedRequest, PlannedLook, planned_looks


def _looks(scenario: Scenario, admission_no: str, due: str) -> tuple[PlannedLook, ...]:
    story = next(story for story in scenario.patients if story.admission_no == admission_no)
    due_at = datetime.fromisoformat(due)
    request = DirectedRequest("d1", admission_no, due_at, due_at + timedelta(hours=6, minutes=30))
    return planned_looks(scenario, story, request)


def test_a_patient_in_the_garden_is_found_by_the_nurse_and_nobody_else_need_go(demo_week: Scenario) -> None:
    looks = _looks(demo_week, "A2008", "2026-03-03T09:30:00+08:00")

    assert [(look.by, look.body["result"]) for look in looks] == [("nurse", "found")]


def test_an_absence_takes_two_people_two_hours_apart_who_searched_and_called(demo_week: Scenario) -> None:
    first, second = _looks(demo_week, "A1007", "2026-03-05T09:30:00+08:00")

    assert (first.by, second.by) == ("nurse", "inspector")
    assert {first.body["result"], second.body["result"]} == {"not_found"}
    assert second.at - first.at >= timedelta(hours=2)
    assert first.body["ward_searched"]
    assert first.body["patient_called"]


def test_an_impostor_is_named_by_the_inspector_with_an_identity_card(demo_week: Scenario) -> None:
    looks = _looks(demo_week, "A2002", "2026-03-03T09:30:00+08:00")

    assert [(look.by, look.body["result"], look.body["method"]) for look in looks] == [
        ("inspector", "identity_mismatch", "id_card")
    ]


@pytest.mark.parametrize("due", ["2026-03-02T09:30:00+08:00", "2026-03-06T01:30:00+08:00"])
def test_a_sleeper_who_was_not_recognised_is_found(demo_week: Scenario, due: str) -> None:
    assert _looks(demo_week, "A1001", due)[0].body["result"] == "found"
