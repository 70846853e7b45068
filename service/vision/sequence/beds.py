"""Whether somebody is in a bed, with or without a face: evidence over time, in event order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from service.vision.sequence.compare import Floats, look_vector
from service.vision.sequence.fusion import (
    BODY_OFFSET,
    DEFAULT_WEIGHTS,
    Evidence,
    FusionWeights,
    log_odds,
    probability,
)
from service.vision.sequence.prints import TimedPrint, ZonePrint, in_event_order
from service.vision.sequence.views import ViewVerdict


class Occupancy(StrEnum):
    """What time says of a bed."""

    OCCUPIED = "occupied"
    EMPTY = "empty"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class BedSight:
    """What the single frame found in a bed: the best body score, `None` without a body finder, and whether a face."""

    body: float | None
    face: bool


@dataclass(frozen=True, slots=True)
class BedVerdict:
    """What is to be believed of a bed in one picture. `probability` that somebody is in it, `None` where nothing was
    observed; then `occupancy` is uncertain. `since`: when the bed came to be what it is."""

    key: str
    at: datetime
    zone_id: str
    occupancy: Occupancy
    probability: float | None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BedPolicy:
    """Changes are those of `compare.change`, 0..about 1. Measured on simulated wards (docs/views.md)."""

    version: str = "1"
    still: float = 0.012
    """Change up to which nothing moved: the noise of two night pictures of 1080 lines gives at most .010. A noisier
    camera has its own: twice the least change that its beds show in a tenth of the steps ..."""
    still_most_change: float = 0.04
    """... but no more than this: somebody who stirs changes more."""
    surely_still: timedelta = timedelta(minutes=100)
    """How long a bed must have looked the same, without face or body, to be surely empty: sleepers change posture every
    20 to 60 minutes, and hardly ever lie unmoved for 100."""
    surely_prints: int = 4
    """Pictures that the stillness must span: two, hours apart, may be chance."""
    surely_body: float = 0.08
    """Body score below which there is no trace of a person. Of 59 occupied beds on photographs 2 have less."""
    references: int = 6
    """Looks of the empty bed that are kept, the latest: made, left, with the blanket folded."""
    activity_reach: timedelta = timedelta(minutes=75)
    """How far to both sides activity is averaged."""
    still_most: timedelta = timedelta(hours=4)
    smoothing: timedelta = timedelta(minutes=40)
    """Time over which the evidence of pictures that look alike is shared."""
    alike: float = 0.06
    """Change over which two pictures stop sharing evidence: somebody came, went or turned."""
    gap: timedelta = timedelta(hours=2)
    """After so long without a picture nothing is carried over."""
    occupied: float = 0.80
    empty: float = 0.20
    """The two thresholds; between them lies the uncertain band."""
    flips: int = 2
    """Pictures in a row that it takes to turn occupied into empty or back. One alone makes the bed uncertain."""


DEFAULT_BED_POLICY = BedPolicy()


@dataclass(frozen=True, slots=True)
class _Series:
    """Observed prints of one bed in event order. `vectors`: (n, 384); `steps`: (n,) change from the print before, nan
    for the first and after a gap; `minutes`: (n,) float64."""

    zones: tuple[ZonePrint, ...]
    sights: tuple[BedSight, ...]
    vectors: Floats
    steps: NDArray[np.float64]
    minutes: NDArray[np.float64]


def judge_beds(
    prints: Sequence[TimedPrint],
    views: Sequence[ViewVerdict],
    sights: Mapping[tuple[str, str], BedSight],
    policy: BedPolicy = DEFAULT_BED_POLICY,
    weights: FusionWeights = DEFAULT_WEIGHTS,
) -> dict[str, tuple[BedVerdict, ...]]:
    """For each zone one verdict a print, in event order; a pure function of the set of prints.

    `views`: the verdicts of `judge_views`; a print whose view is not observed, or has no verdict, never says empty.
    `sights`: by (print key, zone id); a zone without one was not read in that frame.
    """
    ordered = in_event_order(list(prints))
    observed = {verdict.key for verdict in views if verdict.observed}
    names = sorted({zone.zone_id for item in ordered for zone in item.print.zones})
    policy = _for_noise(names, [item for item in ordered if item.key in observed], sights, policy)
    return {name: _judge_bed(name, ordered, observed, sights, policy, weights) for name in names}


def _for_noise(
    names: Sequence[str],
    prints: Sequence[TimedPrint],
    sights: Mapping[tuple[str, str], BedSight],
    policy: BedPolicy,
) -> BedPolicy:
    """The policy with the camera's own `still`."""
    steps: list[float] = []
    for name in names:
        used = [item for item in prints if item.print.zone(name) is not None and (item.key, name) in sights]
        series = _series(name, used, sights, policy)
        steps += [] if series is None else [float(s) for s in series.steps if not np.isnan(s)]
    own = 2.0 * float(np.quantile(steps, 0.1)) if len(steps) >= 10 else 0.0
    return replace(policy, still=min(max(policy.still, own), policy.still_most_change))


def evidence_of(
    zone_id: str,
    prints: Sequence[TimedPrint],
    sights: Mapping[tuple[str, str], BedSight],
    policy: BedPolicy = DEFAULT_BED_POLICY,
) -> list[tuple[TimedPrint, Evidence]]:
    """The evidence of one bed; `prints` in event order, observed ones only. Weights are fitted on it."""
    used = [item for item in prints if item.print.zone(zone_id) is not None and (item.key, zone_id) in sights]
    series = _series(zone_id, used, sights, policy)
    return list(zip(used, _evidence(series, policy), strict=True)) if series is not None else []


def _judge_bed(
    zone_id: str,
    ordered: Sequence[TimedPrint],
    observed: set[str],
    sights: Mapping[tuple[str, str], BedSight],
    policy: BedPolicy,
    weights: FusionWeights,
) -> tuple[BedVerdict, ...]:
    shown = [item for item in ordered if item.print.zone(zone_id) is not None]
    used = [item for item in shown if item.key in observed and (item.key, zone_id) in sights]
    series = _series(zone_id, used, sights, policy)
    chances: list[float] = []
    if series is not None:
        odds = np.array([log_odds(one, weights) for one in _evidence(series, policy)])
        chances = [probability(float(value)) for value in _shared(odds, series, policy)]
    states = settle(chances, policy)
    told = {item.key: (state, chance) for item, state, chance in zip(used, states, chances, strict=True)}
    verdicts: list[BedVerdict] = []
    for item in shown:
        state, chance = told.get(item.key, (Occupancy.UNCERTAIN, None))
        before = verdicts[-1] if verdicts else None
        since = before.since if before is not None and before.occupancy is state else item.at
        verdicts.append(BedVerdict(item.key, item.at, zone_id, state, chance, since))
    return tuple(verdicts)


def settle(chances: Sequence[float], policy: BedPolicy = DEFAULT_BED_POLICY) -> list[Occupancy]:
    """States from probabilities, with hysteresis. A bed turns from one state to the other only when `policy.flips`
    pictures in a row say so, and then from the first of them on; a contradicting picture alone is uncertain. Pictures
    in the uncertain band neither turn a bed nor stop it from turning: they keep the state they lean to."""
    states: list[Occupancy] = [_leaning(chance, policy) for chance in chances]
    held: Occupancy | None = None
    for index, state in enumerate(states):
        if state is Occupancy.UNCERTAIN:
            states[index] = _kept(held, chances[index])
            continue
        if state is held or _confirmed(states, index, policy):
            held = state
        else:
            states[index] = Occupancy.UNCERTAIN
    return states


def _leaning(chance: float, policy: BedPolicy) -> Occupancy:
    if chance >= policy.occupied:
        return Occupancy.OCCUPIED
    return Occupancy.EMPTY if chance <= policy.empty else Occupancy.UNCERTAIN


def _kept(held: Occupancy | None, chance: float) -> Occupancy:
    """The state that holds through a picture in the uncertain band, unless it leans the other way."""
    if held is Occupancy.OCCUPIED and chance >= 0.5:
        return held
    return held if held is Occupancy.EMPTY and chance < 0.5 else Occupancy.UNCERTAIN


def _confirmed(states: Sequence[Occupancy], index: int, policy: BedPolicy) -> bool:
    """Whether the next definite pictures, this one included, say the same `policy.flips` times in a row."""
    coming = [state for state in states[index : index + 3 * policy.flips] if state is not Occupancy.UNCERTAIN]
    return coming[: policy.flips] == [states[index]] * policy.flips


def _series(
    zone_id: str, used: Sequence[TimedPrint], sights: Mapping[tuple[str, str], BedSight], policy: BedPolicy
) -> _Series | None:
    if not used:
        return None
    zones = tuple(zone for item in used for zone in item.print.zones if zone.zone_id == zone_id)
    vectors = np.stack([look_vector(zone) for zone in zones])
    minutes = np.array([(item.at - used[0].at).total_seconds() / 60 for item in used])
    steps = np.full(len(used), np.nan)
    steps[1:] = 1.0 - (vectors[1:] * vectors[:-1]).sum(axis=1)
    steps[1:][np.diff(minutes) > policy.gap.total_seconds() / 60] = np.nan
    return _Series(zones, tuple(sights[item.key, zone_id] for item in used), vectors, steps, minutes)


def _evidence(series: _Series, policy: BedPolicy) -> list[Evidence]:
    runs = _runs(series, policy)
    references = _references(series, runs, policy)
    most = policy.still_most.total_seconds() / 60
    found = []
    for index, (zone, sight) in enumerate(zip(series.zones, series.sights, strict=True)):
        first, last = runs[index]
        still = min(most, float(series.minutes[last] - series.minutes[first]))
        found.append(
            Evidence(
                body=None if sight.body is None else log(sight.body + BODY_OFFSET),
                face=sight.face,
                still=log1p(still / 30.0),
                activity=_activity(series, index, policy),
                unlike_empty=_unlike(series.vectors[index], references),
                relief=_relief(zone),
            )
        )
    return found


def _runs(series: _Series, policy: BedPolicy) -> list[tuple[int, int]]:
    """For each print the first and last of the stretch in which the bed looks the same, from print to print and against
    the stretch's first: slow sinking into the pillow is movement too."""
    count = len(series.minutes)
    bounds: list[tuple[int, int]] = []
    first = 0
    for index in range(1, count + 1):
        goes_on = (
            index < count
            and series.steps[index] <= policy.still
            and 1.0 - float(series.vectors[index] @ series.vectors[first]) <= 1.5 * policy.still
        )
        if not goes_on:
            bounds += [(first, index - 1)] * (index - first)
            first = index
    return bounds


def _references(series: _Series, runs: Sequence[tuple[int, int]], policy: BedPolicy) -> Floats | None:
    """(k, 384) unit vectors: looks of the surely empty bed. Learned from no picture with a face or a trace of a body,
    and from none that did not stay the same for long."""
    kept: list[Floats] = []
    for first, last in sorted(set(runs)):
        long = series.minutes[last] - series.minutes[first] >= policy.surely_still.total_seconds() / 60
        sights = series.sights[first : last + 1]
        bare = all(not s.face and s.body is not None and s.body < policy.surely_body for s in sights)
        if long and bare and last - first + 1 >= policy.surely_prints:
            mean = series.vectors[first : last + 1].mean(axis=0)
            kept.append(np.asarray(mean / (np.linalg.norm(mean) + 1e-6), np.float32))
    return np.stack(kept[-policy.references :]) if kept else None


def _unlike(vector: Floats, references: Floats | None) -> float | None:
    if references is None:
        return None
    return float(np.clip((1.0 - (references @ vector).max()) / 0.15, 0.0, 3.0))


def _activity(series: _Series, index: int, policy: BedPolicy) -> float:
    """Mean of the steps around the instant, each over what noise does, less one, at most 7."""
    reach = policy.activity_reach.total_seconds() / 60
    near = np.flatnonzero(np.abs(series.minutes - series.minutes[index]) <= reach)
    steps = series.steps[near[1:]] if len(near) > 1 else np.zeros(0)
    steps = steps[~np.isnan(steps)]
    return float(np.clip(steps / policy.still - 1.0, 0.0, 7.0).mean()) if len(steps) else 0.0


def _relief(zone: ZonePrint) -> float:
    """The bed's geometry: trunk and legs lie in the middle third, below the pillow and above the foot end."""
    body = zone.relief[6:14, 4:8].mean()
    margins = (zone.relief[6:14, 1:3].mean() + zone.relief[6:14, 9:11].mean()) / 2
    return float(np.clip(log((body + 0.5) / (margins + 0.5)), -2.0, 2.0))


def _shared(odds: NDArray[np.float64], series: _Series, policy: BedPolicy) -> NDArray[np.float64]:
    """Each picture's log odds averaged with those near in time that look alike: the same sleeper seen again, not the
    empty bed that was left."""
    scale, gap = policy.smoothing.total_seconds() / 60, policy.gap.total_seconds() / 60
    apart = np.abs(series.minutes[:, None] - series.minutes[None, :])
    unlike = np.maximum(0.0, 1.0 - series.vectors @ series.vectors.T)
    weights = np.exp(-apart / scale - unlike / policy.alike) * (apart <= gap)
    return np.asarray((weights @ odds) / weights.sum(axis=1), np.float64)
