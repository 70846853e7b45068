"""Pictures that people wait for: they are always read themselves, never carried over from an earlier one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from service.occupancy.roll_calls import open_roll_calls
from service.occupancy.tables import DirectedCheck


def is_watched(session: Session, ward_id: str, bed_ids: Collection[str], at: datetime) -> bool:
    """Whether a roll call was open on the ward at event time `at`, or somebody was asked to look into one of the beds
    and the time to answer was not over."""
    if open_roll_calls(session, (ward_id,), at):
        return True
    asked = select(DirectedCheck.id).where(
        col(DirectedCheck.bed_id).in_(list(bed_ids)),
        col(DirectedCheck.opened_at) <= at,
        col(DirectedCheck.deadline_at) > at,
    )
    return session.exec(asked.limit(1)).first() is not None
