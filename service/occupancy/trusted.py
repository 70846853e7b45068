"""Readings with how far they are trusted: what every judgement of presence begins with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from sqlmodel import Session

from service.kit.intervals import Interval
from service.sightings import Reading, readings, with_lateness
from service.vision import BedState


def judged_readings(
    session: Session, facility_id: str, bed_ids: Collection[str] | None, spans: Iterable[Interval]
) -> tuple[Reading, ...]:
    """The readings of these beds (None: of all) in any of `spans`, those from late pictures marked as such."""
    wanted = list(spans)
    return with_lateness(session, facility_id, bed_ids, wanted, readings(session, facility_id, bed_ids, wanted))


def proving(found: Iterable[Reading]) -> list[Reading]:
    """The readings for a judgement that excuses nobody: a late picture says nothing there."""
    return [
        replace(
            item,
            state=BedState.UNOBSERVED,
            cause="late",
            recognised_patient_id=None,
            recognised_staff_id=None,
            lone=True,
        )
        if item.late
        else item
        for item in found
    ]
