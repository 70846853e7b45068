"""What really happens: where each patient is at an instant, and what each bed therefore shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from service.kit.intervals import Interval
from service.simulator.scenario import PatientStory, Scenario, local
from service.simulator.scene import BedScene, Lamp, Posture

_STIR_MINUTES = 50
"""A sleeper keeps a posture about so long."""
_FOLDS = 6
"""So many ways of lying in each posture: each is drawn once, and a week has thousands of beds to draw."""


class Whereabouts(StrEnum):
    """Where a patient is."""

    IN_BED = "in_bed"
    ON_WARD = "on_ward"
    OFF_WARD = "off_ward"
    ON_LEAVE = "on_leave"
    AWAY = "away"
    """Not in the hospital, and nothing on record says why."""
    REPLACED = "replaced"
    """Somebody else lies in the bed under the patient's name."""


@dataclass(frozen=True, slots=True)
class Occupied:
    """A bed in use: whose it is on paper, and where that patient is."""

    story: PatientStory
    whereabouts: Whereabouts


def whereabouts(scenario: Scenario, story: PatientStory, instant: datetime) -> Whereabouts:
    """Where the patient of `story` is at `instant`."""
    if story.never_there:
        return Whereabouts.AWAY
    kind = _absence_kind(scenario, story, instant)
    if kind is not None:
        places = {"leave": Whereabouts.ON_LEAVE, "walk": Whereabouts.ON_WARD, "home": Whereabouts.AWAY}
        return places.get(kind, Whereabouts.OFF_WARD)
    return Whereabouts.IN_BED if story.occupant is None else Whereabouts.REPLACED


def admitted(story: PatientStory, instant: datetime) -> bool:
    """Whether the admission is active on paper."""
    return story.admitted_at <= instant and (story.discharged_at is None or instant < story.discharged_at)


def bed_of(story: PatientStory, instant: datetime) -> str:
    """The bed on paper: the last one moved to."""
    moved = [move.bed for move in sorted(story.moves, key=lambda move: move.at) if move.at <= instant]
    return moved[-1] if moved else story.bed


def occupancy(scenario: Scenario, bed: str, instant: datetime) -> Occupied | None:
    """Whose bed it is at `instant`, or `None` for a free bed."""
    for story in scenario.patients:
        if admitted(story, instant) and bed_of(story, instant) == bed:
            return Occupied(story, whereabouts(scenario, story, instant))
    return None


def bed_scene(scenario: Scenario, bed: str, instant: datetime) -> BedScene:
    """What the bed shows at `instant`. The same scenario, bed and instant give the same scene."""
    used = occupancy(scenario, bed, instant)
    if used is None:
        return BedScene(Posture.MADE, fold=_seed(scenario, bed, "made") % _FOLDS)
    story = used.story
    if used.whereabouts not in (Whereabouts.IN_BED, Whereabouts.REPLACED):
        kept = story.never_there or used.whereabouts in (Whereabouts.ON_LEAVE, Whereabouts.AWAY)
        return BedScene(Posture.MADE if kept else Posture.LEFT, fold=_seed(scenario, bed, "away") % _FOLDS)
    turn = _seed(scenario, story.patient_no, _stirring(scenario, story, instant))
    posture = _posture(turn, story.turned_away)
    face = (story.occupant or story.face) if posture.shows_face else None
    return BedScene(posture, face, turn % _FOLDS, _seed(scenario, story.patient_no, instant.isoformat()))


def lamp_at(scenario: Scenario, instant: datetime, *, infrared: bool) -> Lamp:
    """The light on the ward: day, evening and early morning, night."""
    hour = local(scenario, instant).hour + local(scenario, instant).minute / 60
    if 7.0 <= hour < 17.5:
        return Lamp.DAY
    if 6.0 <= hour < 7.0 or 17.5 <= hour < 21.5:
        return Lamp.DUSK
    return Lamp.INFRARED if infrared else Lamp.NIGHT


def seed_of(scenario: Scenario, *parts: str) -> int:
    """A seed of 31 bits that depends on nothing but the scenario's seed and `parts`."""
    return _seed(scenario, *parts)


def _absence_kind(scenario: Scenario, story: PatientStory, instant: datetime) -> str | None:
    for absence in story.away:
        if absence.interval.contains(instant):
            return absence.kind
    clock = local(scenario, instant).time()
    for daily in story.away_daily:
        over_midnight = daily.end <= daily.start
        inside = (clock >= daily.start or clock < daily.end) if over_midnight else daily.start <= clock < daily.end
        if inside:
            return daily.kind
    return None


def _stirring(scenario: Scenario, story: PatientStory, instant: datetime) -> str:
    """Names the stretch of time without stirring that `instant` belongs to; each patient turns at other times."""
    offset = timedelta(minutes=_seed(scenario, story.patient_no, "offset") % _STIR_MINUTES)
    return str(int((instant - scenario.start + offset) / timedelta(minutes=_STIR_MINUTES)))


def _posture(turn: int, turned_away: float) -> Posture:
    draw = np.random.default_rng((turn, 41))
    if draw.random() < turned_away:
        return Posture.TURNED_AWAY if draw.random() < 0.75 else Posture.COVERED
    return (Posture.FACE_UP, Posture.FACE_LEFT, Posture.FACE_RIGHT)[int(draw.integers(0, 3))]


def _seed(scenario: Scenario, *parts: str) -> int:
    text = "\x1f".join((str(scenario.seed), *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def always(scenario: Scenario, story: PatientStory, span: Interval, places: frozenset[Whereabouts]) -> bool:
    """Whether the patient is in `places` through the whole of `span`, looked at every five minutes."""
    at = span.start
    while at <= span.end:
        if whereabouts(scenario, story, at) not in places:
            return False
        at += timedelta(minutes=5)
    return True
