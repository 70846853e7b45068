"""Which checks are due: the policy's own times, under the policy in force that day, and roll calls that were opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.facilities import CheckKind, Facility, PolicyBook, policy_book
from service.kit.intervals import Interval
from service.occupancy.place import Place
from service.occupancy.roll_call_tables import RollCall
from service.occupancy.windows import Window, windows_between


@dataclass(frozen=True, slots=True)
class Book:
    """A facility with its local time and its policies over time."""

    facility: Facility
    zone: ZoneInfo
    policies: PolicyBook

    def at(self, instant: datetime) -> Place:
        """The facility under the policy in force at `instant`."""
        return Place(self.facility, self.policies.at(instant), self.zone)


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows that are judged under one policy, in order of time."""

    place: Place
    windows: tuple[Window, ...]


def book_of(session: Session, facility: Facility) -> Book:
    """The facility as judging needs it. Raises `InvalidInput` for a policy that is not valid."""
    return Book(facility, ZoneInfo(facility.timezone), policy_book(session, facility))


def due_between(session: Session, book: Book, span: Interval) -> tuple[Batch, ...]:
    """The checks whose window ends in [span.start, span.end], by the policy in force when each was due."""
    calls = roll_call_windows(session, book, span)
    batches = []
    for policy in dict.fromkeys(book.policies.policies):
        own = [
            window
            for window in (*windows_between(policy, book.zone, span), *calls)
            if book.policies.at(window.due_at) == policy
        ]
        if own:
            ordered = tuple(sorted(own, key=lambda item: (item.due_at, item.is_roll_call, item.kind)))
            batches.append(Batch(Place(book.facility, policy, book.zone), ordered))
    return tuple(sorted(batches, key=lambda batch: batch.windows[0].due_at))


def roll_call_windows(session: Session, book: Book, span: Interval) -> list[Window]:
    """Of random and surprise roll calls that were opened, those whose frozen time ends in [span.start, span.end]."""
    rows: Sequence[RollCall] = session.exec(
        select(RollCall).where(
            RollCall.facility_id == book.facility.id,
            col(RollCall.closes_at) >= span.start,
            col(RollCall.frozen_until) >= span.start,
            col(RollCall.frozen_until) <= span.end,
            col(RollCall.kind).in_((CheckKind.RANDOM.value, CheckKind.SURPRISE.value)),
        )
    ).all()
    return [_window(row, book) for row in rows]


def _window(row: RollCall, book: Book) -> Window:
    policy = book.policies.at(row.opens_at)
    return Window(
        kind=CheckKind(row.kind),
        span=Interval(row.opens_at, row.frozen_until),
        deadline=row.closes_at + policy.directed_deadline,
        local_time=row.opens_at.astimezone(book.zone).time().replace(microsecond=0),
        respond_by=row.closes_at,
        ward_id=row.ward_id,
        bed_id=row.bed_id,
    )
