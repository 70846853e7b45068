"""People on the ward and from the authority: they answer requests to look, truthfully, at their own times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.simulator.api import Api
from service.simulator.behaviour import Whereabouts, whereabouts
from service.simulator.scenario import PatientStory, Scenario

_PRESENT = frozenset({Whereabouts.IN_BED, Whereabouts.ON_WARD, Whereabouts.OFF_WARD})


@dataclass(frozen=True, slots=True)
class DirectedRequest:
    """A request to look, as the server lists it."""

    check_id: str
    admission_no: str
    due_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class PlannedLook:
    """What somebody will have found when they looked."""

    by: str
    at: datetime
    body: dict[str, Any]


class Staff:
    """A nurse of the hospital and an inspector from outside, each with an account of their own."""

    def __init__(self, scenario: Scenario, nurse: Api, inspector: Api) -> None:
        self._scenario = scenario
        self._people = {"nurse": nurse, "inspector": inspector}
        self._stories = {story.admission_no: story for story in scenario.patients}
        self._given: set[tuple[str, str]] = set()

    @property
    def looks(self) -> int:
        """How many looks were given."""
        return len(self._given)

    def answer(self, driver: Api, now: datetime) -> int:
        """Gives the looks that are due at event time `now`; returns how many."""
        listed = driver.get("/api/v1/directed-checks", facility=self._scenario.facility.code, state="open")
        given = 0
        for item in listed:
            request = DirectedRequest(
                str(item["id"]),
                str(item["admission_no"]),
                datetime.fromisoformat(item["due_at"]),
                datetime.fromisoformat(item["deadline_at"]),
            )
            for look in planned_looks(self._scenario, self._stories[request.admission_no], request):
                key = (request.check_id, look.by)
                if look.at <= now and key not in self._given:
                    self._people[look.by].post(f"/api/v1/directed-checks/{request.check_id}/looks", look.body)
                    self._given.add(key)
                    given += 1
        return given


def planned_looks(scenario: Scenario, story: PatientStory, request: DirectedRequest) -> tuple[PlannedLook, ...]:
    """Who looks when, and what they find. The nurse who finds the patient spares the inspector the way; whether the one
    in the bed is the right one is for the inspector to ask."""
    nurse_at = request.due_at + timedelta(minutes=scenario.staff.nurse_after_minutes)
    inspector_at = request.due_at + timedelta(minutes=scenario.staff.inspector_after_minutes)
    found = _nurse(scenario, story, nurse_at)
    planned = [found] if found is not None else []
    if found is None or found.body["result"] != "found":
        planned.append(_inspector(scenario, story, inspector_at))
    return tuple(look for look in planned if look.at <= request.deadline_at)


def _nurse(scenario: Scenario, story: PatientStory, at: datetime) -> PlannedLook | None:
    place = whereabouts(scenario, story, at)
    if place is Whereabouts.REPLACED:
        return None
    if place in _PRESENT:
        return PlannedLook("nurse", at, _body("found", "wristband", at))
    return PlannedLook("nurse", at, _body("not_found", "ward_search", at, searched=True))


def _inspector(scenario: Scenario, story: PatientStory, at: datetime) -> PlannedLook:
    place = whereabouts(scenario, story, at)
    if place is Whereabouts.REPLACED:
        return PlannedLook("inspector", at, _body("identity_mismatch", "id_card", at))
    if place in _PRESENT:
        return PlannedLook("inspector", at, _body("found", "id_card", at))
    return PlannedLook("inspector", at, _body("not_found", "ward_search", at, searched=True))


def _body(result: str, method: str, at: datetime, *, searched: bool = False) -> dict[str, Any]:
    return {
        "result": result,
        "method": method,
        "ward_searched": searched,
        "patient_called": searched,
        "looked_at": at.isoformat(),
    }
