"""Which presence policy holds at a facility when: the level's with its effective dates, the facility's own above it."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.facilities.policy_tables import LevelPolicy
from service.facilities.presence_policy import PresencePolicy, policy_of
from service.facilities.tables import Facility
from service.kit.errors import Conflict, InvalidInput
from service.kit.intervals import Interval
from service.ledger import append

LEVELS = ("1", "2", "3", "none")
"""Primary, secondary, tertiary, and institutions without a level."""

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """The policies of one facility in order of the instant from which each holds; the first holds since ever."""

    since: tuple[datetime, ...]
    policies: tuple[PresencePolicy, ...]

    def at(self, instant: datetime) -> PresencePolicy:
        """The policy in force at `instant`."""
        return self.policies[max(0, bisect_right(self.since, instant) - 1)]

    def parts(self, span: Interval) -> tuple[tuple[Interval, PresencePolicy], ...]:
        """`span` cut where a policy gives way to another, in order of time. An empty span is one part."""
        cuts = [span.start, *(cut for cut in self.since if span.start < cut < span.end), span.end]
        return tuple((Interval(start, end), self.at(start)) for start, end in itertools.pairwise(cuts))


def policy_book(session: Session, facility: Facility) -> PolicyBook:
    """The facility's policies over time. A level's policy is in force from its local midnight; what the facility sets
    itself stands above it. Raises `InvalidInput` for a policy that is not valid."""
    return book_of(facility, level_policies(session, facility.level))


def book_of(facility: Facility, levels: Sequence[LevelPolicy]) -> PolicyBook:
    """As `policy_book`, from the rows of the facility's level in order of time."""
    own: Mapping[str, Any] = facility.policy or {}
    zone = ZoneInfo(facility.timezone)
    since, policies = [BEGINNING], [policy_of(own)]
    for row in levels:
        begins = datetime.combine(row.effective_from, time(0), zone).astimezone(UTC)
        policy = policy_of({**row.settings, **own}, base_version=f"{row.level}/{row.version}")
        if since[-1] == begins:  # two of one day: the later recorded one corrects the earlier
            policies[-1] = policy
        else:
            since.append(begins)
            policies.append(policy)
    return PolicyBook(tuple(since), tuple(policies))


def level_policies(session: Session, level: str | None = None) -> Sequence[LevelPolicy]:
    """The recorded policies of a level (None: of all), in order of the day from which they hold."""
    query = select(LevelPolicy).order_by(
        col(LevelPolicy.level), col(LevelPolicy.effective_from), col(LevelPolicy.recorded_at), col(LevelPolicy.id)
    )
    return session.exec(query if level is None else query.where(LevelPolicy.level == level)).all()


def record_level_policy(
    session: Session,
    *,
    level: str,
    version: str,
    effective_from: date,
    settings: dict[str, Any],
    legal_basis: str,
    actor: str,
    now: datetime,
) -> LevelPolicy:
    """Records what holds for a level from a day on. The same again is one.

    Raises `InvalidInput` for settings that no policy knows, `Conflict` for a version of that day that says otherwise.
    """
    if level not in LEVELS:
        raise InvalidInput(f"there is no level {level!r}", field="level", remedy=f"use one of {', '.join(LEVELS)}")
    policy_of(settings)
    known = [
        row for row in level_policies(session, level) if (row.version, row.effective_from) == (version, effective_from)
    ]
    if known:
        if known[0].settings == settings:
            return known[0]
        raise Conflict(
            f"version {version!r} from {effective_from} says something else",
            field="version",
            remedy="record the correction under another version",
        )
    row = LevelPolicy(
        level=level,
        version=version,
        effective_from=effective_from,
        settings=settings,
        legal_basis=legal_basis,
        recorded_by=actor,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action="level_policy.recorded",
        object_kind="level_policy",
        object_id=row.id,
        details={"level": level, "version": version, "from": effective_from.isoformat(), "settings": settings},
    )
    return row
