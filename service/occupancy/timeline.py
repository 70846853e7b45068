"""From readings of a bed to what was there over time, as seen for one patient. Pure functions.

Readings of several cameras at one instant become one observation; noise of single frames is absorbed; a verified
occupant stays verified while the bed is continuously occupied.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise

from service.facilities import PresencePolicy
from service.kit.intervals import Interval
from service.sightings import Reading
from service.vision import BedState

UNCERTAIN = "uncertain"
"""The cause of a reading in which somebody may lie, or nobody."""

LATE = "late"
"""The cause of a reading that would accuse, from a picture that came late and outside the server's chain."""

OCCUPIED = frozenset({BedState.PATIENT, BedState.UNIDENTIFIED, BedState.OTHER_PERSON})


@dataclass(frozen=True, slots=True)
class Observation:
    """What all cameras together say of one bed at one instant, for one patient.

    `others`: enrolled people other than the patient whose faces were recognised there. `lone`: no second face.
    `carried`: nothing had changed since an earlier picture: the bed was seen, and nobody looked a second time.
    """

    at: datetime
    state: BedState
    reading_ids: tuple[str, ...]
    others: tuple[str, ...] = ()
    lone: bool = True
    cause: str | None = None
    carried: bool = False

    @property
    def observed(self) -> bool:
        """Whether the bed was seen at all."""
        return self.state is not BedState.UNOBSERVED


@dataclass(frozen=True, slots=True)
class Identity:
    """Why an occupant without a visible face counts as verified: the face seen earlier, the bed occupied since."""

    verified_at: datetime
    verified_by: tuple[str, ...]
    reading_ids: tuple[str, ...]


def state_for(reading: Reading, patient_id: str) -> BedState:
    """The reading's state as it concerns `patient_id`, who may not be whom the frame was compared with.

    A bed may be given to somebody else by a late message. A face that was never compared with this patient 1:1 is
    nobody's in particular, unless it was recognised as somebody's.

    A late picture may show the patient, or somebody: it excuses. It never proves an empty bed or another person: there
    it is unobserved.
    """
    state = _shown(reading, patient_id)
    if reading.late and state in (BedState.EMPTY, BedState.OTHER_PERSON):
        return BedState.UNOBSERVED
    return state


def cause_for(reading: Reading, patient_id: str) -> str | None:
    """The reading's cause with `state_for`: of a late picture with another person, that somebody may lie there."""
    if not reading.late:
        return reading.cause
    return {BedState.OTHER_PERSON: UNCERTAIN, BedState.EMPTY: LATE}.get(_shown(reading, patient_id), reading.cause)


def _shown(reading: Reading, patient_id: str) -> BedState:
    if reading.recognised_patient_id == patient_id:
        return BedState.PATIENT
    if reading.expected_patient_id == patient_id or reading.state not in (BedState.PATIENT, BedState.OTHER_PERSON):
        return reading.state
    if reading.recognised_patient_id is not None or reading.state is BedState.PATIENT:
        return BedState.OTHER_PERSON
    return BedState.UNIDENTIFIED


def observe(readings: Iterable[Reading], patient_id: str, policy: PresencePolicy) -> tuple[Observation, ...]:
    """One observation an instant, in order of time; the order in which readings arrive does not matter.

    A blind camera says nothing about a bed that another camera sees within `max_gap`: its frames are left out there.
    """
    ordered = sorted(readings, key=lambda item: (item.captured_at, item.camera_id, item.reading_id))
    if len({item.camera_id for item in ordered}) > 1:
        ordered = _without_blind_companions(ordered, patient_id, policy)
    return tuple(
        _combine(at, list(same), patient_id) for at, same in groupby(ordered, key=lambda item: item.captured_at)
    )


def _without_blind_companions(ordered: Sequence[Reading], patient_id: str, policy: PresencePolicy) -> list[Reading]:
    seen: dict[str, list[datetime]] = {}
    for item in ordered:
        if state_for(item, patient_id) is not BedState.UNOBSERVED:
            seen.setdefault(item.camera_id, []).append(item.captured_at)

    def companion_sees(item: Reading) -> bool:
        for camera_id, instants in seen.items():
            k = bisect_left(instants, item.captured_at - policy.max_gap)
            if camera_id != item.camera_id and k < len(instants) and instants[k] <= item.captured_at + policy.max_gap:
                return True
        return False

    return [
        item
        for item in ordered
        if state_for(item, patient_id) is not BedState.UNOBSERVED
        or cause_for(item, patient_id) == UNCERTAIN
        or not companion_sees(item)
    ]


def _combine(at: datetime, readings: Sequence[Reading], patient_id: str) -> Observation:
    """Several views of one instant: the patient beats anybody, somebody beats nobody, a doubt beats an empty bed."""
    if len(readings) == 1:
        one = readings[0]
        other = _other(one, patient_id)
        return Observation(
            at=at,
            state=state_for(one, patient_id),
            reading_ids=(one.reading_id,),
            others=(other,) if other else (),
            lone=one.lone,
            cause=cause_for(one, patient_id) if one.late else one.cause,
            carried=one.carried,
        )
    ranked = [(_rank(reading, patient_id), reading) for reading in readings]
    best = min(rank for rank, _ in ranked)
    chosen = [reading for rank, reading in ranked if rank == best]
    return Observation(
        at=at,
        state=state_for(chosen[0], patient_id),
        reading_ids=tuple(reading.reading_id for reading in chosen),
        others=tuple(sorted({_other(reading, patient_id) for reading in chosen} - {""})),
        lone=all(reading.lone for reading in readings),
        cause=cause_for(chosen[0], patient_id),
        carried=all(reading.carried for reading in chosen),
    )


def _rank(reading: Reading, patient_id: str) -> int:
    state = state_for(reading, patient_id)
    if state is BedState.UNOBSERVED:
        return 3 if cause_for(reading, patient_id) == UNCERTAIN else 5
    return {BedState.PATIENT: 0, BedState.OTHER_PERSON: 1, BedState.UNIDENTIFIED: 2, BedState.EMPTY: 4}[state]


def _other(reading: Reading, patient_id: str) -> str:
    recognised = reading.recognised_patient_id
    if recognised is None and reading.state is BedState.PATIENT:
        recognised = reading.expected_patient_id
    return "" if recognised is None or recognised == patient_id else recognised


def debounce(observations: Sequence[Observation], policy: PresencePolicy) -> tuple[Observation, ...]:
    """The same instants with single contradicting frames absorbed by the state that holds before and after.

    Never absorbed: a recognised face, which is evidence by itself, and an unobserved frame, which is no statement.
    A run is noise only between two readings that agree and lie within `max_gap` of it.
    """
    result = list(observations)
    i = 0
    while i < len(result):
        end = i
        while end + 1 < len(result) and result[end + 1].state is result[i].state:
            end += 1
        if 0 < i and end + 1 < len(result) and _is_noise(result, i, end, policy):
            for k in range(i, end + 1):
                result[k] = replace(result[k], state=result[i - 1].state)
        i = end + 1
    return tuple(result)


def _is_noise(items: Sequence[Observation], first: int, last: int, policy: PresencePolicy) -> bool:
    state, before, after = items[first].state, items[first - 1], items[last + 1]
    if last - first + 1 >= policy.debounce or state in (BedState.PATIENT, BedState.UNOBSERVED):
        return False
    if before.state is not after.state or not before.observed:
        return False
    return items[first].at - before.at <= policy.max_gap and after.at - items[last].at <= policy.max_gap


def identity_in(observations: Sequence[Observation], window: Interval, policy: PresencePolicy) -> Identity | None:
    """The identity that still holds for an occupant during `window`, if one does.

    Folded over the raw observations in order of time: a recognised face begins it; each next observed reading must be
    occupied, by nobody else, at most `max_gap` later and within `continuity` of the face. One empty reading ends it:
    whoever lies there next must be verified again.
    """
    anchor: Observation | None = None
    previous: Observation | None = None
    held: list[str] = []
    found: Identity | None = None
    for item in observations:
        if item.at > window.end:
            break
        if not item.observed:
            continue
        if item.state is BedState.PATIENT:
            anchor, held = item, []
        elif anchor is not None and previous is not None and _continues(anchor, previous, item, policy):
            if item.at >= window.start:
                held.append(item.reading_ids[0])
                found = Identity(anchor.at, anchor.reading_ids, tuple(held))
        else:
            anchor, held = None, []
        previous = item
    return found


def _continues(anchor: Observation, previous: Observation, item: Observation, policy: PresencePolicy) -> bool:
    return (
        item.state is BedState.UNIDENTIFIED
        and item.at - previous.at <= policy.max_gap
        and item.at - anchor.at <= policy.continuity
    )


def within(observations: Iterable[Observation], span: Interval) -> tuple[Observation, ...]:
    """The observations in [span.start, span.end]: a frame at the last instant of a window belongs to it."""
    return tuple(item for item in observations if span.start <= item.at <= span.end)


def wholly_observed(observations: Sequence[Observation], window: Interval, policy: PresencePolicy) -> bool:
    """Whether the bed was seen through all of `window`: at least two readings, no gap, no blind stretch.

    A single unobserved frame between two that see is bridged; two in a row, or one in which somebody may lie, are not.
    """
    inside = within(observations, window)
    seen = [item for item in inside if item.observed]
    if len(seen) < 2 or any(item.cause == UNCERTAIN for item in inside):
        return False
    blind_twice = any(not a.observed and not b.observed for a, b in pairwise(inside))
    instants = [window.start, *(item.at for item in seen), window.end]
    return not blind_twice and all(b - a <= policy.max_gap for a, b in pairwise(instants))


def covered(observations: Sequence[Observation], span: Interval, policy: PresencePolicy) -> tuple[Interval, ...]:
    """The stretches of `span` between two observed readings no more than `max_gap` apart."""
    return _stretches(observations, span, policy, frozenset(BedState) - {BedState.UNOBSERVED})


def empty(observations: Sequence[Observation], span: Interval, policy: PresencePolicy) -> tuple[Interval, ...]:
    """The stretches of `span` between two readings that both show the bed empty. Give it debounced observations."""
    return _stretches(observations, span, policy, frozenset({BedState.EMPTY}))


def occupied(observations: Sequence[Observation], span: Interval, policy: PresencePolicy) -> tuple[Interval, ...]:
    """The stretches of `span` between two readings that both show somebody in the bed."""
    return _stretches(observations, span, policy, OCCUPIED)


def _stretches(
    observations: Sequence[Observation], span: Interval, policy: PresencePolicy, states: frozenset[BedState]
) -> tuple[Interval, ...]:
    found: list[Interval] = []
    previous: Observation | None = None
    blind = 0
    for item in observations:
        if not item.observed:
            # A frame in which somebody may lie, or a second blind one in a row, is never bridged.
            blind += 2 if item.cause == UNCERTAIN and BedState.PATIENT not in states else 1
            continue
        if previous is not None and blind <= 1 and item.at - previous.at <= policy.max_gap:
            common = Interval(previous.at, item.at).overlap(span)
            if common is not None and previous.state in states and item.state in states:
                found.append(common)
        previous, blind = item, 0
    return tuple(found)
