"""From what cameras saw of a bed to the spans of its last hours. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from service.kit.intervals import Interval
from service.occupancy import Observation, PresencePolicy, debounce, observe
from service.sightings import Reading
from service.vision import BedState
from service.web.charts.strip import Span

NO_FRAMES = "no_frames"
"""The cause of a stretch in which no camera sent a picture of the bed."""

_FRAME = timedelta(minutes=5)
"""How long a lone frame is shown: it says nothing of the time around it, but must be seen on the strip."""


def spans_of_bed(
    readings: Iterable[Reading],
    holders: Sequence[tuple[Interval, str]],
    wanted: Interval,
    began_at: datetime | None,
    policy: PresencePolicy,
) -> tuple[Span, ...]:
    """The bed's states through `wanted`, each as it concerned whoever held the bed at the time.

    `holders`: (when, patient id), not overlapping. `began_at`: the facility's first picture; before it there was
    nothing to observe. A state lasts until the next reading, and no longer than `policy.max_gap`.
    """
    seen = sorted(readings, key=lambda reading: reading.captured_at)
    spans: list[Span] = []
    for stretch, patient_id in _stretches(holders, wanted):
        last = stretch.end == wanted.end
        own = [item for item in seen if stretch.contains(item.captured_at) or (last and item.captured_at == wanted.end)]
        spans += _spans(debounce(observe(own, patient_id, policy), policy), stretch, policy)
    return tuple(_cut(span, began_at) for span in spans if began_at is not None and span.end > began_at)


def trailing(spans: Sequence[Span]) -> tuple[datetime | None, tuple[str, ...]]:
    """Since when the last state has lasted without a break, and the causes met on the way, the latest first."""
    since: datetime | None = None
    causes: list[str] = []
    for span in reversed(spans):
        if span.state != spans[-1].state or (since is not None and span.end < since):
            break
        since = span.start
        if span.cause:
            causes.append(span.cause)
    return since, tuple(dict.fromkeys(causes))


def _stretches(holders: Sequence[tuple[Interval, str]], wanted: Interval) -> list[tuple[Interval, str]]:
    found: list[tuple[Interval, str]] = []
    cursor = wanted.start
    for held, patient_id in sorted(holders, key=lambda item: item[0].start):
        common = held.overlap(Interval(cursor, wanted.end))
        if common is None:
            continue
        if cursor < common.start:
            found.append((Interval(cursor, common.start), ""))
        found.append((common, patient_id))
        cursor = common.end
    if cursor < wanted.end:
        found.append((Interval(cursor, wanted.end), ""))
    return found


def _spans(steady: Sequence[Observation], stretch: Interval, policy: PresencePolicy) -> list[Span]:
    if not steady:
        return [Span(stretch.start, stretch.end, BedState.UNOBSERVED.value, NO_FRAMES)]
    spans: list[Span] = []
    # A reading stands for the time to the next one; the first of a stretch also for the little before it.
    if steady[0].at - stretch.start > policy.max_gap:
        spans.append(Span(stretch.start, steady[0].at, BedState.UNOBSERVED.value, NO_FRAMES))
        start = steady[0].at
    else:
        start = stretch.start
    for index, item in enumerate(steady):
        until = steady[index + 1].at if index + 1 < len(steady) else stretch.end
        lasts = until if until - item.at <= policy.max_gap else min(until, item.at + _FRAME)
        spans.append(Span(min(start, item.at), lasts, item.state.value, item.cause))
        if lasts < until:
            spans.append(Span(lasts, until, BedState.UNOBSERVED.value, NO_FRAMES))
        start = until
    return spans


def _cut(span: Span, began_at: datetime | None) -> Span:
    if began_at is None or span.start >= began_at:
        return span
    return Span(began_at, span.end, span.state, span.cause)
