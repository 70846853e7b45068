"""Whether somebody is in a bed, with or without a face: evidence over time, in event order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from service.vision.sequence.compare import Floats, look_vectors
from service.vision.sequence.fusion import (
    BODY_OFFSET,
    DEFAULT_WEIGHTS,
    STILL_UNIT,
    Evidence,
    FusionWeights,
    log_odds,
    stated,
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
    observed; then `occupancy` is uncertain. `since`: when the bed came to be what it is. `still`: for how long the bed
    looks exactly the same around the picture, at most 4 hours; a living face stirs."""

    key: str
    at: datetime
    zone_id: str
    occupancy: Occupancy
    probability: float | None
    since: datetime | None = None
    still: timedelta | None = None


@dataclass(frozen=True, slots=True)
class BedPolicy:
    """Changes are those of `compare.change`, 0..about 1. Measured on simulated wards (docs/views.md)."""

    version: str = "2"
    still: float = 0.012
    """Change up to which nothing moved: the noise of two night pictures of 1080 lines gives at most .010. A noisier
    camera has its own: twice the least change that its beds show in a tenth of the steps ..."""
    still_most_change: float = 0.04
    """... but no more than this: somebody who stirs changes more."""
    surely_still: timedelta = timedelta(minutes=150)
    """How long a bed must have looked the same, without face or body, to be surely empty: sleepers change posture every
    20 to 60 minutes, and who cannot is turned every two hours."""
    surely_prints: int = 6
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
    caution: float = 4.0
    """How many times worse it is to say empty of somebody than occupied of an empty bed: the odds of somebody are
    multiplied by it before the thresholds. The least whole number with which empty was never said of somebody on the
    wards of the fit, each judged by weights fitted without it (of some 5,100 empty readings; with 3 of nine)."""
    occupied: float = 0.88
    empty: float = 0.35
    """The two thresholds; between them lies the uncertain band. With `caution` they stand for probabilities of .65 and
    .12: caution makes a bed uncertain sooner than empty, and never occupied by somebody who is hardly believed in."""
    trace: float = 0.178
    """A picture with a body score from here, or with a face, is never called empty, whatever time says: at most
    uncertain. The threshold of the single picture."""
    flips: int = 2
    """Pictures in a row that it takes to turn occupied into empty or back. One alone makes the bed uncertain."""


DEFAULT_BED_POLICY = BedPolicy()


@dataclass(frozen=True, slots=True)
class _Series:
    """Observed prints of one bed in event order. `vectors`: (n, 384); `steps`: (n,) change from the print before, nan
    for the first and after a gap; `minutes`: (n,) float64."""

    keys: tuple[str, ...]
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
    judged = dict(evidence_of([item for item in ordered if item.key in observed], sights, policy, weights))
    traces = {where for where, sight in sights.items() if sight.face or (sight.body or 0.0) >= policy.trace}
    names = sorted({zone.zone_id for item in ordered for zone in item.print.zones})
    return {name: _told(name, ordered, judged.get(name), traces, policy) for name in names}


@dataclass(frozen=True, slots=True)
class BedEvidence:
    """The evidence of one bed over its observed prints, in event order; `chances`: (n,) of somebody being in it."""

    keys: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    chances: tuple[float, ...]


def evidence_of(
    prints: Sequence[TimedPrint],
    sights: Mapping[tuple[str, str], BedSight],
    policy: BedPolicy = DEFAULT_BED_POLICY,
    weights: FusionWeights = DEFAULT_WEIGHTS,
) -> list[tuple[str, BedEvidence]]:
    """By zone; `prints` in event order, observed ones only. Weights are fitted on it."""
    names = sorted({zone.zone_id for item in prints for zone in item.print.zones})
    found = {name: _series(name, prints, sights, policy) for name in names}
    beds = {name: series for name, series in found.items() if series is not None}
    policy = _for_noise(list(beds.values()), policy)
    runs = {name: _runs(series, policy) for name, series in beds.items()}
    learned = [one for name, series in beds.items() for one in _references(series, runs[name], policy)]
    # A bed of the same room that is known to be empty tells what an empty bed looks like here, before this one is.
    references = np.stack(learned) if learned else None
    result = []
    for name, series in beds.items():
        evidence = _evidence(series, runs[name], references, policy)
        odds = np.array([log_odds(one, weights) for one in evidence])
        shared = _shared(odds, series, policy)
        known = references is not None
        chances = tuple(stated(float(value), referenced=known, weights=weights) for value in shared)
        result.append((name, BedEvidence(series.keys, tuple(evidence), chances)))
    return result


def _for_noise(beds: Sequence[_Series], policy: BedPolicy) -> BedPolicy:
    """The policy with the camera's own `still`."""
    steps = [float(step) for series in beds for step in series.steps if not np.isnan(step)]
    own = 2.0 * float(np.quantile(steps, 0.1)) if len(steps) >= 10 else 0.0
    return replace(policy, still=min(max(policy.still, own), policy.still_most_change))


def _told(
    zone_id: str,
    ordered: Sequence[TimedPrint],
    judged: BedEvidence | None,
    traces: set[tuple[str, str]],
    policy: BedPolicy,
) -> tuple[BedVerdict, ...]:
    told: dict[str, tuple[Occupancy, float]] = {}
    still: dict[str, timedelta] = {}
    if judged is not None:
        states = settle([_weighed(chance, policy.caution) for chance in judged.chances], policy)
        told = {key: (s, c) for key, s, c in zip(judged.keys, states, judged.chances, strict=True)}
        still = {key: one.stillness for key, one in zip(judged.keys, judged.evidence, strict=True)}
    verdicts: list[BedVerdict] = []
    for item in ordered:
        if item.print.zone(zone_id) is None:
            continue
        state, chance = told.get(item.key, (Occupancy.UNCERTAIN, None))
        if state is Occupancy.EMPTY and (item.key, zone_id) in traces:
            state = Occupancy.UNCERTAIN
        before = verdicts[-1] if verdicts else None
        since = before.since if before is not None and before.occupancy is state else item.at
        verdicts.append(BedVerdict(item.key, item.at, zone_id, state, chance, since, still.get(item.key)))
    return tuple(verdicts)


def _weighed(chance: float, caution: float) -> float:
    """The probability whose odds are `caution` times those of `chance`: what to decide by where the two errors do not
    cost the same (Elkan, The foundations of cost-sensitive learning, IJCAI 2001)."""
    return caution * chance / (caution * chance + 1.0 - chance)


def settle(chances: Sequence[float], policy: BedPolicy = DEFAULT_BED_POLICY) -> list[Occupancy]:
    """States from probabilities, with hysteresis. A bed turns from one state to the other only when `policy.flips`
    pictures in a row say so, and then from the first of them on; a contradicting picture alone is uncertain. Pictures
    in the uncertain band neither turn a bed nor stop it from turning: one that leans to the state before or after it
    has that state."""
    raw = [_leaning(chance, policy) for chance in chances]
    states: list[Occupancy] = []
    held: Occupancy | None = None
    for index, state in enumerate(raw):
        if state is not Occupancy.UNCERTAIN and (state is held or _confirmed(raw, index, policy)):
            held = state
            states.append(state)
        else:
            states.append(Occupancy.UNCERTAIN)
    around = zip(_last_definite(states), reversed(_last_definite(states[::-1])), strict=True)
    return [
        _lent(chance, beside) if one is Occupancy.UNCERTAIN is state else state
        for chance, one, state, beside in zip(chances, raw, states, around, strict=True)
    ]


def _last_definite(states: Sequence[Occupancy]) -> list[Occupancy | None]:
    """For each picture the definite state before it."""
    found: list[Occupancy | None] = []
    last: Occupancy | None = None
    for state in states:
        found.append(last)
        last = last if state is Occupancy.UNCERTAIN else state
    return found


def _lent(chance: float, beside: tuple[Occupancy | None, Occupancy | None]) -> Occupancy:
    """What a picture in the uncertain band leans to, if the bed was or becomes that."""
    leaning = Occupancy.OCCUPIED if chance >= 0.5 else Occupancy.EMPTY
    return leaning if leaning in beside else Occupancy.UNCERTAIN


def _leaning(chance: float, policy: BedPolicy) -> Occupancy:
    if chance >= policy.occupied:
        return Occupancy.OCCUPIED
    return Occupancy.EMPTY if chance <= policy.empty else Occupancy.UNCERTAIN


def _confirmed(states: Sequence[Occupancy], index: int, policy: BedPolicy) -> bool:
    """Whether the next definite pictures, this one included, say the same `policy.flips` times in a row."""
    coming = [state for state in states[index : index + 3 * policy.flips] if state is not Occupancy.UNCERTAIN]
    return coming[: policy.flips] == [states[index]] * policy.flips


def _series(
    zone_id: str, prints: Sequence[TimedPrint], sights: Mapping[tuple[str, str], BedSight], policy: BedPolicy
) -> _Series | None:
    """The bed in the prints that show it and in which it was read."""
    pairs = [(item, item.print.zone(zone_id)) for item in prints if (item.key, zone_id) in sights]
    used = [(item, zone) for item, zone in pairs if zone is not None]
    if not used:
        return None
    vectors = look_vectors([zone for _, zone in used])
    minutes = np.array([(item.at - used[0][0].at).total_seconds() / 60 for item, _ in used])
    steps = np.full(len(used), np.nan)
    steps[1:] = 1.0 - (vectors[1:] * vectors[:-1]).sum(axis=1)
    steps[1:][np.diff(minutes) > policy.gap.total_seconds() / 60] = np.nan
    keys = tuple(item.key for item, _ in used)
    zones = tuple(zone for _, zone in used)
    return _Series(keys, zones, tuple(sights[key, zone_id] for key in keys), vectors, steps, minutes)


def _evidence(
    series: _Series, runs: Sequence[tuple[int, int]], references: Floats | None, policy: BedPolicy
) -> list[Evidence]:
    most = policy.still_most.total_seconds() / 60
    activity, relief = _activity(series, policy), _relief(series.zones)
    unlike = _unlike(series.vectors, references)
    found = []
    for index, sight in enumerate(series.sights):
        first, last = runs[index]
        still = min(most, float(series.minutes[last] - series.minutes[first]))
        found.append(
            Evidence(
                body=None if sight.body is None else log(sight.body + BODY_OFFSET),
                face=sight.face,
                still=log1p(still / STILL_UNIT),
                activity=float(activity[index]),
                unlike_empty=unlike[index],
                relief=float(relief[index]),
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


def _references(series: _Series, runs: Sequence[tuple[int, int]], policy: BedPolicy) -> list[Floats]:
    """Unit vectors (384,): looks of the surely empty bed. Learned from no picture with a face or a trace of a body,
    and from none that did not stay the same for long."""
    kept: list[Floats] = []
    for first, last in sorted(set(runs)):
        long = series.minutes[last] - series.minutes[first] >= policy.surely_still.total_seconds() / 60
        sights = series.sights[first : last + 1]
        bare = all(not s.face and s.body is not None and s.body < policy.surely_body for s in sights)
        if long and bare and last - first + 1 >= policy.surely_prints:
            mean = series.vectors[first : last + 1].mean(axis=0)
            kept.append(np.asarray(mean / (np.linalg.norm(mean) + 1e-6), np.float32))
    return kept[-policy.references :]


def _unlike(vectors: Floats, references: Floats | None) -> list[float | None]:
    if references is None:
        return [None] * len(vectors)
    nearest = 1.0 - (vectors @ references.T).max(axis=1)
    return [float(value) for value in np.clip(nearest / 0.15, 0.0, 3.0)]


def _activity(series: _Series, policy: BedPolicy) -> NDArray[np.float64]:
    """(n,): mean of the steps before each instant or after it, whichever is less, each over what noise does, less one,
    at most 7. The less of both: a bed that was just left is calm on one side, whoever lies in it moves on both."""
    reach = policy.activity_reach.total_seconds() / 60
    known = ~np.isnan(series.steps)
    moved = np.where(known, np.clip(series.steps / policy.still - 1.0, 0.0, 7.0), 0.0)
    sums, counts = (np.concatenate([[0.0], np.cumsum(part)]) for part in (moved, known))
    here = np.arange(len(series.minutes)) + 1
    first = np.searchsorted(series.minutes, series.minutes - reach, side="right")
    last = np.searchsorted(series.minutes, series.minutes + reach, side="right")
    before, after = _mean(sums, counts, first, here), _mean(sums, counts, here, last)
    return np.nan_to_num(np.fmin(before, after))


def _mean(
    sums: NDArray[np.float64], counts: NDArray[np.float64], first: NDArray[np.intp], last: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Means of half-open stretches; nan for those without a step."""
    number = counts[last] - counts[first]
    return np.where(number > 0, (sums[last] - sums[first]) / np.maximum(number, 1), np.nan)


def _relief(zones: Sequence[ZonePrint]) -> NDArray[np.float64]:
    """(n,): the bed's geometry: trunk and legs lie in the middle third, below the pillow and above the foot end."""
    reliefs = np.stack([zone.relief for zone in zones])[:, 6:14].astype(np.float64)
    body = reliefs[:, :, 4:8].mean(axis=(1, 2))
    margins = reliefs[:, :, [1, 2, 9, 10]].mean(axis=(1, 2))
    return np.asarray(np.clip(np.log((body + 0.5) / (margins + 0.5)), -2.0, 2.0), np.float64)


def _shared(odds: NDArray[np.float64], series: _Series, policy: BedPolicy) -> NDArray[np.float64]:
    """Each picture's log odds averaged with those near in time that look alike: the same sleeper seen again, not the
    empty bed that was left."""
    scale, gap = policy.smoothing.total_seconds() / 60, policy.gap.total_seconds() / 60
    apart = np.abs(series.minutes[:, None] - series.minutes[None, :])
    unlike = np.maximum(0.0, 1.0 - series.vectors @ series.vectors.T)
    weights = np.exp(-apart / scale - unlike / policy.alike) * (apart <= gap)
    return np.asarray((weights @ odds) / weights.sum(axis=1), np.float64)
