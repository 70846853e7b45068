"""A region counted at once: one roll call in each of its facilities, and how far all of them are together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.facilities import CheckKind, Facility, facilities_readable, watermark
from service.kit.clock import Clock
from service.kit.errors import NotFound
from service.kit.ids import new_id
from service.occupancy.outcome import PresenceState
from service.occupancy.roll_call_tables import RollCall, RollCallEntry
from service.occupancy.roll_calls import scope_of, start_surprise
from service.occupancy.roll_progress import Counted, Standing, standing_of
from service.occupancy.tables import DirectedLook, PresenceCheck
from service.platform.context import Context


def facilities_of_region(session: Session, actor: Actor, permission: Permission, region: str) -> tuple[Facility, ...]:
    """The region's facilities where the actor has the permission, in order of their code."""
    if not region:
        return ()
    return tuple(item for item in facilities_readable(session, actor.facilities(permission)) if item.region == region)


def start_region(
    context: Context, session: Session, actor: Actor, region: str, reason: str, clock: Clock
) -> list[tuple[RollCall, Facility]]:
    """Counts every facility of the region that the actor may count, each at its own event time. Raises `NotFound`."""
    found = facilities_of_region(session, actor, Permission.ROLL_CALLS_START, region)
    if not found:
        raise NotFound(
            "no facility of this region",
            field="region",
            remedy="set facility.region in the layouts",
            message_zh="该区域没有机构",
            remedy_zh="请在布局文件中设置 facility.region",
        )
    group_id = new_id()
    return [
        (
            start_surprise(
                context,
                session,
                actor,
                place,
                scope_of(None, None),
                at=watermark(place, clock),
                reason=reason,
                group_id=group_id,
                region=True,
            ),
            place,
        )
        for place in found
    ]


@dataclass(frozen=True, slots=True)
class CallCounts(Counted):
    """How many people stand how in a roll call: what its progress counts, without naming anybody."""

    standings: Counter[Standing]

    def __add__(self, other: CallCounts) -> CallCounts:
        return CallCounts(self.standings + other.standings)


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One facility's part of a region's roll call, at its own event time."""

    call: RollCall
    facility: Facility
    at: datetime
    counts: CallCounts

    @property
    def is_open(self) -> bool:
        """Whether people may still answer."""
        return self.at < self.call.closes_at


def group_of(session: Session, actor: Actor, group_id: str, clock: Clock) -> tuple[GroupLine, ...]:
    """The parts of a region's roll call that the actor may read, in order of the facilities' codes.

    Raises `NotFound` when there is none: other people's are not there.
    """
    readable = {item.id: item for item in facilities_readable(session, actor.facilities(Permission.OCCUPANCY_READ))}
    query = select(RollCall).where(RollCall.group_id == group_id, RollCall.scope == "region")
    calls = [row for row in session.exec(query) if row.facility_id in readable] if group_id.isprintable() else []
    if not calls:
        raise NotFound(
            "there is no such roll call",
            field="group_id",
            remedy="open one from the list",
            message_zh="没有这次点名",
            remedy_zh="请从列表打开",
        )
    lines = []
    for call in sorted(calls, key=lambda item: readable[item.facility_id].code):
        place = readable[call.facility_id]
        at = watermark(place, clock)
        lines.append(GroupLine(call, place, at, counts_of_call(session, call, at)))
    return tuple(lines)


def counts_of_call(session: Session, call: RollCall, at: datetime) -> CallCounts:
    """The counts of a random or surprise call at event time `at`, in one question whatever its size."""
    looked = exists().where(
        col(DirectedLook.directed_check_id) == col(PresenceCheck.directed_check_id),
        col(DirectedLook.looked_at) <= call.closes_at,
    )
    its_check = and_(
        col(PresenceCheck.admission_id) == col(RollCallEntry.admission_id),
        col(PresenceCheck.due_at) == call.opens_at,
        col(PresenceCheck.kind) != CheckKind.ADMISSION.value,
    )
    people = (
        select_columns(
            col(RollCallEntry.second_of).is_not(None).label("second"),
            col(PresenceCheck.outcome).label("outcome"),
            looked.label("answered"),
        )
        .select_from(RollCallEntry)
        .outerjoin(PresenceCheck, its_check)
        .where(col(RollCallEntry.roll_call_id) == call.id)
        .subquery()
    )
    groups = (people.c.second, people.c.outcome, people.c.answered)
    rows = session.execute(select_columns(*groups, func.count()).group_by(*groups))
    found: Counter[Standing] = Counter()
    for second, outcome, answered, number in rows:
        state = PresenceState(outcome) if outcome is not None else None
        found[standing_of(state, call, at, is_second=bool(second), is_answered=bool(answered))] += number
    return CallCounts(found)


def total_of(lines: Sequence[GroupLine]) -> CallCounts:
    """All facilities together."""
    return sum((line.counts for line in lines), CallCounts(Counter()))
