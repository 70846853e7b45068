"""The in-bed rate 在床率 of a facility or a ward: two numbers, with coverage, excuses and intervals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.facilities import facility_by_id
from service.kit.intervals import Interval
from service.occupancy.outcome import PresenceState
from service.occupancy.rate_arithmetic import InBedRateRow, rate_of
from service.occupancy.repository import outcome_counts


def in_bed_rate(
    session: Session, facility_id: str, ward_id: str | None, interval: Interval, by: Collection[str] = ()
) -> tuple[InBedRateRow, ...]:
    """One row a group of checks due in `interval`, split by `ward`, local `day` and local `hour` as wanted.

    Without a split: one row, also when there was no check. Rows are in order of ward, day and hour.
    """
    facility = facility_by_id(session, facility_id)
    zone = ZoneInfo(facility.timezone)
    groups: dict[tuple[str, str, int], Counter[PresenceState]] = defaultdict(Counter)
    for ward, due_at, outcome, number in outcome_counts(session, facility_id, ward_id, interval):
        local = due_at.astimezone(zone)
        key = (
            (ward or "") if "ward" in by else "",
            local.date().isoformat() if "day" in by else "",
            local.hour if "hour" in by else -1,
        )
        groups[key][PresenceState(outcome)] += number
    if not by:
        groups.setdefault(("", "", -1), Counter())
    return tuple(
        rate_of(
            counts,
            target=facility.target_in_bed_rate,
            ward_id=(ward or None) if "ward" in by else ward_id,
            day=day or None,
            hour=hour if hour >= 0 else None,
        )
        for (ward, day, hour), counts in sorted(groups.items())
    )
