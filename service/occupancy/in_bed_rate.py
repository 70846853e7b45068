"""The in-bed rate 在床率 of a facility or a ward: two numbers, with coverage, excuses and intervals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.facilities import Facility, facility_by_id, policy_book
from service.kit.intervals import Interval
from service.occupancy.counts import counted
from service.occupancy.outcome import PresenceState
from service.occupancy.rate_arithmetic import InBedRateRow, rate_of


def in_bed_rate(
    session: Session, facility_id: str, ward_id: str | None, interval: Interval, by: Collection[str] = ()
) -> tuple[InBedRateRow, ...]:
    """One row a group of checks due in `interval`, split by `ward`, local `day` and local `hour` as wanted.

    Without a split: one row, also when there was no check. Rows are in order of ward, day and hour.
    """
    facility = facility_by_id(session, facility_id)
    zone = ZoneInfo(facility.timezone)
    groups: dict[tuple[str, str, int], Counter[PresenceState]] = defaultdict(Counter)
    for ward, day, hour, outcome, number in counted(session, facility_id, ward_id, interval, zone, by):
        groups[ward, day, hour][PresenceState(outcome)] += number
    target = target_of(session, facility, interval)
    if not by:
        groups.setdefault(("", "", -1), Counter())
    return tuple(
        rate_of(
            counts,
            target=target,
            ward_id=(ward or None) if "ward" in by else ward_id,
            day=day or None,
            hour=hour if hour >= 0 else None,
        )
        for (ward, day, hour), counts in sorted(groups.items())
    )


def target_of(session: Session, facility: Facility, interval: Interval) -> float:
    """The target line for `interval`: what the policy in force at its end sets, else what the facility was given."""
    set_by_policy = policy_book(session, facility).at(interval.end).target
    return facility.target_in_bed_rate if set_by_policy is None else set_by_policy


def region_rate(
    session: Session, facility_ids: Collection[str], interval: Interval, by: Collection[str] = ()
) -> tuple[InBedRateRow, ...]:
    """As `in_bed_rate` over several facilities: every check counts alike, each on its own facility's clock.

    Wards are not split here. The target is the highest among the facilities: a region meets it only where each would.
    """
    split = [part for part in by if part != "ward"]
    groups: dict[tuple[str, int], Counter[PresenceState]] = defaultdict(Counter)
    targets = []
    for facility_id in facility_ids:
        for row in in_bed_rate(session, facility_id, None, interval, split):
            groups[row.day or "", -1 if row.hour is None else row.hour].update(row.states())
            targets.append(row.target)
    if not split:
        groups.setdefault(("", -1), Counter())
    return tuple(
        rate_of(counts, target=max(targets, default=0.0), day=day or None, hour=hour if hour >= 0 else None)
        for (day, hour), counts in sorted(groups.items())
    )
