"""When a camera's view lied: as events with a cause, a beginning and an end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from service.kit.intervals import Interval
from service.sightings.tables import Snapshot


@dataclass(frozen=True, slots=True)
class ViewEvent:
    """A run of pictures of one camera that lie for one cause.

    `since`: the first of them, before the interval asked for if it began there. `until`: the first picture after them,
    or the last of them while none has come (`is_over` false). `snapshot_ids`: those in the interval, in order of time.
    """

    camera_id: str
    cause: str
    since: datetime
    until: datetime
    is_over: bool
    snapshot_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    snapshot_id: str
    camera_id: str
    at: datetime
    cause: str | None


def view_events(session: Session, facility_id: str, interval: Interval) -> tuple[ViewEvent, ...]:
    """What was wrong with the facility's views in `interval` (both ends included), by beginning.

    `cause`: covered | black | over_exposed | out_of_focus | moved | frozen | looped | swapped_camera | undecodable.
    Pictures that wait for analysis say nothing yet.
    """
    shown = _shown(session, facility_id, interval)
    events = [event for _, one in groupby(shown, key=lambda s: s.camera_id) for event in _events(session, list(one))]
    return tuple(sorted(events, key=lambda event: (event.since, event.camera_id)))


def _events(session: Session, shown: Sequence[_Shown]) -> Iterator[ViewEvent]:
    runs = [list(run) for _, run in groupby(shown, key=lambda one: one.cause)]
    for number, run in enumerate(runs):
        cause = run[0].cause
        if cause is None:
            continue
        after = runs[number + 1][0].at if number + 1 < len(runs) else _after(session, run[-1])
        yield ViewEvent(
            camera_id=run[0].camera_id,
            cause=cause,
            since=run[0].at if number else _began(session, run[0]),
            until=after or run[-1].at,
            is_over=after is not None,
            snapshot_ids=tuple(one.snapshot_id for one in run),
        )


def _shown(session: Session, facility_id: str, interval: Interval) -> list[_Shown]:
    query = (
        select_columns(col(Snapshot.id), col(Snapshot.camera_id), col(Snapshot.captured_at), col(Snapshot.view_cause))
        .where(
            col(Snapshot.facility_id) == facility_id,
            col(Snapshot.captured_at) >= interval.start,
            col(Snapshot.captured_at) <= interval.end,
            col(Snapshot.state) != "queued",
        )
        .order_by(col(Snapshot.camera_id), col(Snapshot.captured_at), col(Snapshot.sequence), col(Snapshot.id))
    )
    return [_Shown(*row) for row in session.execute(query)]


def _began(session: Session, first: _Shown) -> datetime:
    """When the run that the first picture belongs to began: after the last picture before it that was otherwise."""
    earlier = (
        col(Snapshot.camera_id) == first.camera_id,
        col(Snapshot.captured_at) < first.at,
        col(Snapshot.state) != "queued",
    )
    other = select_columns(func.max(Snapshot.captured_at)).where(
        *earlier, col(Snapshot.view_cause).is_distinct_from(first.cause)
    )
    before = session.execute(other).scalar()
    same = select_columns(func.min(Snapshot.captured_at)).where(*earlier, col(Snapshot.view_cause) == first.cause)
    if before is not None:
        same = same.where(col(Snapshot.captured_at) > before)
    return session.execute(same).scalar() or first.at


def _after(session: Session, last: _Shown) -> datetime | None:
    """The first picture after the run, if one has come; one more with the same cause is no end."""
    query = select_columns(func.min(Snapshot.captured_at)).where(
        col(Snapshot.camera_id) == last.camera_id,
        col(Snapshot.captured_at) > last.at,
        col(Snapshot.state) != "queued",
        col(Snapshot.view_cause).is_distinct_from(last.cause),
    )
    return session.execute(query).scalar()
