"""When pictures are taken, and the instants at which event time pauses for the world to act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.kit.intervals import Interval
from service.simulator.scenario import Absence, CameraPlace, PatientStory, Scenario, local

CHECK_WINDOW = timedelta(minutes=30)
"""A check's half hour begins when it is due (the server's policy says the same)."""
_PAUSE_OFFSET = timedelta(minutes=5)
"""Pauses fall between pictures: what is recorded at a pause then precedes the next picture without doubt."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to take. `exposure`: as a roll call commands, dark or bright; `claimed`: what its box says it is."""

    camera: str
    at: datetime
    covered: bool = False
    exposure: str = ""
    claimed: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A presence check."""

    kind: str
    span: Interval

    @property
    def due_at(self) -> datetime:
        """The instant that names the check."""
        return self.span.start


def checks(scenario: Scenario) -> tuple[Check, ...]:
    """The checks whose window lies in the scenario, in order of time."""
    found = []
    day = local(scenario, scenario.start).date() - timedelta(days=1)
    while day <= local(scenario, scenario.span.end).date():
        for item in scenario.facility.checks:
            due = datetime.combine(day, item.at, scenario.zone)
            span = Interval(due, due + CHECK_WINDOW)
            if scenario.span.start <= span.start and span.end <= scenario.span.end:
                found.append(Check(item.kind, span))
        day += timedelta(days=1)
    return tuple(sorted(found, key=lambda check: check.due_at))


def shots(scenario: Scenario) -> tuple[Shot, ...]:
    """Every picture in order of time: the cadence, denser in the windows of checks, none from a dead camera."""
    instants = set(_every(scenario.span, timedelta(minutes=scenario.cadence_minutes)))
    for check in checks(scenario):
        instants.update(_every(check.span, timedelta(minutes=scenario.dense_minutes)))
    return tuple(
        Shot(camera.code, at, covered=disturbed(scenario, camera, "covered", at))
        for at in sorted(instants)
        for camera in scenario.cameras
        if not disturbed(scenario, camera, "dead", at)
    )


def disturbed(scenario: Scenario, camera: CameraPlace, kind: str, at: datetime) -> bool:
    """Whether a disturbance of `kind` holds for the camera."""
    return any(
        item.camera == camera.code and item.kind == kind and item.interval.contains(at)
        for item in scenario.disturbances
    )


def observed(scenario: Scenario, camera: CameraPlace, at: datetime) -> bool:
    """Whether the camera sees anything: what comes late still shows what was there."""
    return not disturbed(scenario, camera, "dead", at) and not disturbed(scenario, camera, "covered", at)


def pauses(scenario: Scenario) -> tuple[datetime, ...]:
    """The instants, after the first, to which event time moves one after the other."""
    step = timedelta(minutes=scenario.step_minutes)
    instants = {at + _PAUSE_OFFSET for at in _every(scenario.span, step)} | {scenario.span.end + _PAUSE_OFFSET}
    instants |= {at for story in scenario.patients for at in _changes(scenario, story)}
    instants |= {call.at for call in scenario.roll_calls}
    for item in scenario.disturbances:
        instants |= {item.start, item.end} if item.kind == "network_cut" else set()
    # Night looks are answered hours after the last check; the end waits for them.
    last = scenario.span.end + _PAUSE_OFFSET
    return tuple(sorted(at for at in instants if scenario.start < at <= last))


def recorded_absences(story: PatientStory) -> tuple[Absence, ...]:
    """Leaves and off-ward activities that the hospital's system is told of."""
    return tuple(item for item in story.away if item.recorded)


def _changes(scenario: Scenario, story: PatientStory) -> set[datetime]:
    instants = {move.at for move in story.moves} | {item.start for item in recorded_absences(story)}
    instants |= {story.admitted_at} | ({story.discharged_at} if story.discharged_at else set())
    return {at for at in instants if scenario.span.contains(at)}


def _every(span: Interval, step: timedelta) -> list[datetime]:
    count = int(span.length / step)
    return [span.start + k * step for k in range(count + 1)]
