"""Half-open stretches of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """`start` (included) to `end` (not included), both aware. Raises `ValueError` if the end is before."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError("an interval ends before it starts")

    @property
    def length(self) -> timedelta:
        """The interval's duration."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether `instant` lies inside."""
        return self.start <= instant < self.end

    def overlap(self, other: Interval) -> Interval | None:
        """The common part, or `None` when there is none of positive length."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as sorted intervals that neither touch nor overlap."""
    merged: list[Interval] = []
    for item in sorted(i for i in intervals if i.start < i.end):
        if merged and item.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, item.end))
        else:
            merged.append(item)
    return tuple(merged)


def subtract(whole: Interval, holes: Iterable[Interval]) -> tuple[Interval, ...]:
    """What is left of `whole` without `holes`."""
    left: list[Interval] = []
    at = whole.start
    for hole in union(holes):
        if hole.end <= at or hole.start >= whole.end:
            continue
        if hole.start > at:
            left.append(Interval(at, hole.start))
        at = hole.end
    if at < whole.end:
        left.append(Interval(at, whole.end))
    return tuple(left)


def total(intervals: Sequence[Interval]) -> timedelta:
    """The time covered by `intervals`, each instant counted once."""
    return sum((i.length for i in union(intervals)), timedelta())
