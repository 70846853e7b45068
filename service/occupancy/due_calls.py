"""Which roll calls have come due, the facility's own and the drawn ones: asked once a recomputation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.kit.intervals import Interval
from service.occupancy.draws import draws_of, wards_to_join
from service.occupancy.due import Book
from service.occupancy.repository import progress_of
from service.occupancy.roll_call_tables import RollCall, RollCallDraw
from service.occupancy.windows import windows_between
from service.sightings import first_captured_at

_RENEW_BEFORE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class DueCalls:
    """What a facility's roll calls wait for at an instant.

    `routine`: (start, end) of its own checks that have begun and are no roll call yet. `drawn_since`: from when on
    drawn calls may be due. `has_late_wards`: wards opened that a running draw does not know.
    """

    book: Book
    routine: tuple[tuple[datetime, datetime], ...]
    draws: tuple[RollCallDraw, ...]
    drawn_since: datetime
    has_late_wards: bool

    def to_reveal(self, upto: datetime) -> bool:
        """Whether a draw is over whose seed nobody may read yet."""
        return any(item.revealed_at is None and item.ends_at <= upto for item in self.draws)


def due_calls(session: Session, book: Book, upto: datetime) -> DueCalls:
    """What is due at event time `upto`."""
    facility_id = book.facility.id
    judged_to = progress_of(session, facility_id).computed_to
    draws = tuple(draws_of(session, facility_id))
    return DueCalls(
        book,
        _routine(session, book, judged_to, upto),
        draws,
        # Those before were opened when time passed them.
        min(judged_to, upto) - timedelta(hours=1) if judged_to is not None else upto - timedelta(days=1),
        bool(wards_to_join(session, facility_id, draws, upto)),
    )


def needs_renewal(draws: Sequence[RollCallDraw], book: Book, upto: datetime) -> bool:
    """Whether draws were begun here, and the last one ends soon."""
    if not draws or book.policies.at(upto).random_per_week_max == 0:
        return False
    return max(item.ends_at for item in draws) < upto + _RENEW_BEFORE


def uncalled(
    session: Session, facility_id: str, routine: Sequence[tuple[datetime, datetime]]
) -> tuple[tuple[datetime, datetime], ...]:
    """Of these checks (start, end), in order of time, those that are no roll call of the facility yet."""
    if not routine:
        return ()
    query = select(RollCall.opens_at).where(
        RollCall.facility_id == facility_id,
        RollCall.scope_key == "facility",
        col(RollCall.opens_at) >= min(start for start, _ in routine),
        col(RollCall.opens_at) <= max(start for start, _ in routine),
    )
    known = set(session.exec(query))
    return tuple(sorted(item for item in routine if item[0] not in known))


def _routine(
    session: Session, book: Book, judged_to: datetime | None, upto: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    first = judged_to or first_captured_at(session, book.facility.id)
    if first is None:
        return ()
    since = max(first - timedelta(hours=1), upto - timedelta(days=7))
    policy = book.policies.at(upto)
    span = Interval(min(since, upto), upto + policy.window)
    due = {
        window.due_at: window.span.end
        for window in windows_between(policy, book.zone, span)
        if since <= window.due_at <= upto
    }
    return uncalled(session, book.facility.id, tuple(due.items()))
