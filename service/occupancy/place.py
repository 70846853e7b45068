"""A facility with what judging presence needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.facilities import Facility, PresencePolicy, policy_book, policy_of


@dataclass(frozen=True, slots=True)
class Place:
    """A facility with what judging needs of it."""

    facility: Facility
    policy: PresencePolicy
    zone: ZoneInfo


def place_of(facility: Facility, session: Session | None = None, at: datetime | None = None) -> Place:
    """The facility with its local time and the policy in force at `at` (its level's, with its own above it).

    Without a session and an instant only what the facility sets itself stands above the defaults. Raises `InvalidInput`
    for a policy that is not valid.
    """
    if session is None or at is None:
        return Place(facility, policy_of(facility.policy), ZoneInfo(facility.timezone))
    return Place(facility, policy_book(session, facility).at(at), ZoneInfo(facility.timezone))
