"""When checks are due: local times of day become instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.facilities import CheckKind, PresencePolicy
from service.kit.intervals import Interval
from service.occupancy.stays import Stay


@dataclass(frozen=True, slots=True)
class Window:
    """A check's half hour. It is due when `span` starts; `deadline` is when people must have answered a request.

    A roll call's window is the short time in which cameras answer; people have until `respond_by` to show presence, and
    until `deadline` to confirm an absence. `ward_id`, `bed_id`: whom it asks for; None is the whole facility.
    """

    kind: CheckKind
    span: Interval
    deadline: datetime
    local_time: time
    respond_by: datetime | None = None
    ward_id: str | None = None
    bed_id: str | None = None

    @property
    def due_at(self) -> datetime:
        """The instant that names the check."""
        return self.span.start

    @property
    def is_roll_call(self) -> bool:
        """Whether it is one that people must answer at once."""
        return self.respond_by is not None

    @property
    def answer_by(self) -> datetime:
        """Until when somebody must have looked."""
        return self.respond_by or self.deadline

    def asks_for(self, stay: Stay) -> bool:
        """Whether the stay's place at the frozen instant is among those asked for."""
        if self.ward_id is None and self.bed_id is None:
            return True
        held = stay.placements_in(self.span)
        at_once = [item for item in held if item.held.start <= self.span.start]
        return any(
            item.bed_id == self.bed_id if self.bed_id is not None else item.ward_id == self.ward_id for item in at_once
        )


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local time of day as an instant in UTC. A time that a clock change skips counts as the one after it."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The date on the facility's wall."""
    return instant.astimezone(zone).date()


def windows_between(policy: PresencePolicy, zone: ZoneInfo, span: Interval) -> tuple[Window, ...]:
    """The checks whose window ends in [span.start, span.end], in order of time."""
    day = local_day(span.start - policy.window, zone) - timedelta(days=1)
    last = local_day(span.end, zone) + timedelta(days=1)
    found = []
    while day <= last:
        for check in policy.checks:
            start = local_instant(day, check.at, zone)
            window = Interval(start, start + policy.window)
            if span.start <= window.end <= span.end:
                found.append(Window(check.kind, window, window.end + policy.directed_deadline, check.at))
        day += timedelta(days=1)
    return tuple(sorted(found, key=lambda item: (item.due_at, item.kind)))


def is_due(stay: Stay, window: Window, policy: PresencePolicy) -> bool:
    """Whether the admission is checked in this window at all.

    Who comes or goes during the half hour is not; who comes for the day only is not checked at night.
    """
    if not stay.active_through(window.span) or not window.asks_for(stay):
        return False
    return stay.category != "day_only" or policy.day_only_from <= window.local_time < policy.day_only_until


def nights_between(policy: PresencePolicy, zone: ZoneInfo, span: Interval) -> tuple[tuple[date, Interval], ...]:
    """The nights that lie wholly in `span`, each with the date on which it begins."""
    day = local_day(span.start, zone) - timedelta(days=1)
    last = local_day(span.end, zone)
    found = []
    while day <= last:
        start = local_instant(day, policy.night_start, zone)
        over_midnight = policy.night_end <= policy.night_start
        end = local_instant(day + timedelta(days=1) if over_midnight else day, policy.night_end, zone)
        if span.start <= start and end <= span.end:
            found.append((day, Interval(start, end)))
        day += timedelta(days=1)
    return tuple(found)
