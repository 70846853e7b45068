"""What a perfect observer would have recorded, derived from what really happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.kit.intervals import Interval
from service.simulator.behaviour import Whereabouts, admitted, always, bed_of, bed_scene, occupancy
from service.simulator.scenario import PatientStory, Scenario
from service.simulator.schedule import Check, Shot, checks, observed, recorded_absences

GRACE = {"emergency": timedelta(hours=12)}
_GRACE = timedelta(hours=4)


class Presence(StrEnum):
    """The truth about an admission at a check."""

    PRESENT = "present"
    ABSENT = "absent"
    IMPOSTOR = "impostor"
    ON_LEAVE = "on_leave"
    OFF_WARD = "off_ward"
    IN_GRACE = "in_grace"
    UNOBSERVED = "unobserved"
    UNOBSERVED_ABSENT = "unobserved_absent"
    UNOBSERVED_IMPOSTOR = "unobserved_impostor"


ACCEPTED: dict[Presence, frozenset[str]] = {
    Presence.PRESENT: frozenset({"present_verified", "present_alternative", "present_unidentified"}),
    Presence.ABSENT: frozenset({"absent_confirmed", "bed_empty", "unanswered"}),
    Presence.IMPOSTOR: frozenset({"impostor_suspected"}),
    Presence.ON_LEAVE: frozenset({"on_leave"}),
    Presence.OFF_WARD: frozenset({"off_ward"}),
    Presence.IN_GRACE: frozenset({"in_grace"}),
    Presence.UNOBSERVED: frozenset({"unobserved", "present_alternative"}),
    Presence.UNOBSERVED_ABSENT: frozenset({"unobserved", "absent_confirmed"}),
    Presence.UNOBSERVED_IMPOSTOR: frozenset({"unobserved"}),
}
"""The outcomes that are right. A bed seen empty is right for somebody absent whom nobody was sent to look for. A bed
that is blind at a check is checked by hand: people find whom the camera could not see, or find nobody."""

ACCUSABLE = frozenset({Presence.ABSENT, Presence.IMPOSTOR, Presence.UNOBSERVED_ABSENT, Presence.UNOBSERVED_IMPOSTOR})
"""The truths beside which an accusing outcome is not a false accusation."""

ACCUSING = frozenset({"absent_confirmed", "impostor_suspected"})
"""Outcomes that count against a patient."""


@dataclass(frozen=True, slots=True)
class BedTruth:
    """The state that a reading of one bed at one instant ought to have."""

    bed: str
    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class CheckTruth:
    """The truth about one admission at one check."""

    admission_no: str
    due_at: datetime
    presence: Presence


@dataclass(frozen=True, slots=True, order=True)
class ExpectedFinding:
    """A finding that the scenario says must be raised."""

    admission_no: str
    rule: str


def bed_truths(scenario: Scenario, shot: Shot) -> tuple[BedTruth, ...]:
    """The truth about every bed in a picture."""
    camera = next(camera for camera in scenario.cameras if camera.code == shot.camera)
    return tuple(BedTruth(bed, shot.at, _bed_state(scenario, bed, shot)) for bed in scenario.beds_of(camera))


def check_truths(scenario: Scenario) -> tuple[CheckTruth, ...]:
    """The truth about every check that is due for somebody."""
    return tuple(
        CheckTruth(story.admission_no, check.due_at, _presence(scenario, story, check))
        for check in checks(scenario)
        for story in scenario.patients
        if admitted(story, check.span.start) and admitted(story, check.span.end)
    )


def expected_findings(scenario: Scenario) -> tuple[ExpectedFinding, ...]:
    """Every finding that the scenario states."""
    return tuple(
        sorted(
            ExpectedFinding(story.admission_no, rule) for story in scenario.patients for rule in story.expected_findings
        )
    )


def _bed_state(scenario: Scenario, bed: str, shot: Shot) -> str:
    if shot.covered:
        return "unobserved"
    scene = bed_scene(scenario, bed, shot.at)
    if not scene.posture.occupied:
        return "empty"
    if not scene.posture.shows_face:
        return "unidentified"
    used = occupancy(scenario, bed, shot.at)
    return "other_person" if used is not None and used.whereabouts is Whereabouts.REPLACED else "patient"


def _presence(scenario: Scenario, story: PatientStory, check: Check) -> Presence:
    excused = _excused(story, check.span)
    if excused is not None:
        return excused
    if check.due_at - story.admitted_at < GRACE.get(story.category, _GRACE):
        return Presence.IN_GRACE
    seen = _seen(scenario, story, check.span)
    if always(scenario, story, check.span, frozenset({Whereabouts.AWAY})):
        return Presence.ABSENT if seen else Presence.UNOBSERVED_ABSENT
    if always(scenario, story, check.span, frozenset({Whereabouts.REPLACED})):
        return Presence.IMPOSTOR if seen else Presence.UNOBSERVED_IMPOSTOR
    return Presence.PRESENT if seen else Presence.UNOBSERVED


def _excused(story: PatientStory, span: Interval) -> Presence | None:
    for item in recorded_absences(story):
        if item.interval.overlap(span):
            return Presence.ON_LEAVE if item.kind == "leave" else Presence.OFF_WARD
    return None


def _seen(scenario: Scenario, story: PatientStory, span: Interval) -> bool:
    camera = scenario.camera_of(bed_of(story, span.start))
    return observed(scenario, camera, span.start) or observed(scenario, camera, span.end)
