"""Checks counted by ward, local day and hour, kept in step with the checks: what a rate over months is read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session, col

from service.facilities import CheckKind
from service.kit.intervals import Interval
from service.occupancy.roll_call_tables import PresenceCount
from service.occupancy.tables import PresenceCheck

Cell = tuple[str, str, int, str]
"""Local day (ISO), ward id (empty: none), local hour, outcome."""

_KEY = ("facility_id", "day", "ward_id", "hour", "outcome")


def cell_of(due_at: datetime, ward_id: str | None, outcome: str, zone: ZoneInfo) -> Cell:
    """Where a check is counted."""
    local = due_at.astimezone(zone)
    return local.date().isoformat(), ward_id or "", local.hour, outcome


def apply(session: Session, facility_id: str, changes: Counter[Cell]) -> None:
    """Adds the changes to the counts, in the transaction that changes the checks."""
    rows = [
        dict(zip(_KEY, (facility_id, *cell), strict=True), number=number) for cell, number in changes.items() if number
    ]
    if not rows:
        return
    make = insert_sqlite if session.get_bind().dialect.name == "sqlite" else insert_postgresql
    statement = make(PresenceCount)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=list(_KEY), set_={"number": col(PresenceCount.number) + statement.excluded.number}
        ),
        rows,
    )


def recount(session: Session, facility_id: str, zone: ZoneInfo) -> int:
    """Counts every check of the facility anew; returns how many cells there are. For a facility whose time zone was
    corrected, and after a restored backup of another version."""
    session.execute(delete(PresenceCount).where(col(PresenceCount.facility_id) == facility_id))
    found: Counter[Cell] = Counter()
    for ward_id, due_at, outcome, number in raw_counts(session, facility_id, None, None):
        found[cell_of(due_at, ward_id, outcome, zone)] += number
    rows = [dict(zip(_KEY, (facility_id, *cell), strict=True), number=number) for cell, number in found.items()]
    if rows:
        session.execute(insert(PresenceCount), rows)
    return len(rows)


def counted(
    session: Session,
    facility_id: str,
    ward_id: str | None,
    interval: Interval,
    zone: ZoneInfo,
    by: Collection[str],
) -> Iterator[tuple[str, str, int, str, int]]:
    """(ward id, local day, local hour, outcome, number) of the checks due in `interval`, summed over what `by` does
    not split (then empty, or -1). Whole local days come from the counts, the pieces at the ends from the checks."""
    days = _whole_days(interval, zone)
    pieces = [interval]
    if days is not None:
        first, last = days
        yield from _of_days(session, facility_id, ward_id, first, last, by)
        inner = Interval(_midnight(first, zone), _midnight(last + timedelta(days=1), zone))
        pieces = [Interval(interval.start, inner.start), Interval(inner.end, interval.end)]
    for piece in pieces:
        if piece.start < piece.end:
            for ward, due_at, outcome, number in raw_counts(session, facility_id, ward_id, piece):
                day, place, hour, _ = cell_of(due_at, ward, outcome, zone)
                yield (
                    place if "ward" in by else "",
                    day if "day" in by else "",
                    hour if "hour" in by else -1,
                    outcome,
                    number,
                )


def raw_counts(
    session: Session, facility_id: str, ward_id: str | None, interval: Interval | None
) -> Iterator[tuple[str | None, datetime, str, int]]:
    """(ward, due instant, outcome, number) counted over the checks themselves; of all time if no interval is given.

    An admission's bed check asks whether somebody came at all: it is no sample of who is in bed, and not counted.
    """
    groups = (col(PresenceCheck.ward_id), col(PresenceCheck.due_at), col(PresenceCheck.outcome))
    query = select_columns(*groups, func.count()).where(
        col(PresenceCheck.facility_id) == facility_id, col(PresenceCheck.kind) != CheckKind.ADMISSION.value
    )
    if interval is not None:
        query = query.where(col(PresenceCheck.due_at) >= interval.start, col(PresenceCheck.due_at) < interval.end)
    if ward_id is not None:
        query = query.where(col(PresenceCheck.ward_id) == ward_id)
    yield from session.execute(query.group_by(*groups))


def _of_days(
    session: Session, facility_id: str, ward_id: str | None, first: date, last: date, by: Collection[str]
) -> Iterator[tuple[str, str, int, str, int]]:
    split = [
        col(column)
        for name, column in (("ward", PresenceCount.ward_id), ("day", PresenceCount.day), ("hour", PresenceCount.hour))
        if name in by
    ]
    groups = (*split, col(PresenceCount.outcome))
    query = select_columns(*groups, func.sum(PresenceCount.number)).where(
        col(PresenceCount.facility_id) == facility_id,
        col(PresenceCount.day) >= first.isoformat(),
        col(PresenceCount.day) <= last.isoformat(),
    )
    if ward_id is not None:
        query = query.where(col(PresenceCount.ward_id) == ward_id)
    names = [name for name in ("ward", "day", "hour") if name in by]
    for row in session.execute(query.group_by(*groups)):
        values = dict(zip(names, row, strict=False))
        if row[-1]:
            yield values.get("ward", ""), values.get("day", ""), values.get("hour", -1), row[-2], int(row[-1])


def _whole_days(interval: Interval, zone: ZoneInfo) -> tuple[date, date] | None:
    """The first and the last local day that lie wholly in the interval, if any does."""
    first = interval.start.astimezone(zone).date()
    if _midnight(first, zone) < interval.start:
        first += timedelta(days=1)
    last = interval.end.astimezone(zone).date() - timedelta(days=1)
    return (first, last) if first <= last else None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(ZoneInfo("UTC"))
