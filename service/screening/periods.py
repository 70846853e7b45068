"""Local months: what is said of places and people at work is said of a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from service.kit.intervals import Interval
from service.occupancy import Place, local_day

_SETTLES = timedelta(days=7)
"""So long after its end a month is still judged again: late messages and pictures belong to it."""


@dataclass(frozen=True, slots=True)
class Period:
    """A local month as far as it has been judged. `until`: the last local midnight in it, up to which shares are
    counted, so that they change once a day."""

    name: str
    span: Interval
    until: datetime


def periods_upto(place: Place, upto: datetime) -> tuple[Period, ...]:
    """The month of `upto`, and the one before while it may still change."""
    first = local_day(upto, place.zone).replace(day=1)
    periods = [_period(place, first, upto)]
    if upto - periods[0].span.start < _SETTLES:
        before = (first - timedelta(days=1)).replace(day=1)
        periods.insert(0, _period(place, before, periods[0].span.start))
    return tuple(periods)


def month_called(place: Place, name: str, upto: datetime) -> Period | None:
    """The local month written 2026-03, as far as event time `upto`; None when it has not begun."""
    first = date(int(name[:4]), int(name[5:7]), 1)
    after = (first + timedelta(days=32)).replace(day=1)
    found = _period(place, first, min(upto, _midnight(after, place)))
    return found if found.span.start <= upto else None


def _period(place: Place, first: date, upto: datetime) -> Period:
    start = _midnight(first, place)
    end = max(upto, start)
    until = max(_midnight(local_day(end, place.zone), place), start)
    return Period(f"{first:%Y-%m}", Interval(start, end), until)


def _midnight(day: date, place: Place) -> datetime:
    return datetime.combine(day, time(0), place.zone).astimezone(UTC)
