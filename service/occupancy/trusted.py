"""Readings with how far they are trusted: what every judgement of presence begins with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sqlmodel import Session

from service.kit.intervals import Interval
from service.occupancy.pauses import hide_paused, hide_paused_apart, paused_sightings
from service.sightings import Reading, Sighting, readings, sightings_of, with_lateness
from service.vision import BedState


def judged_readings(
    session: Session, facility_id: str, bed_ids: Collection[str] | None, spans: Iterable[Interval]
) -> tuple[Reading, ...]:
    """The readings of these beds (None: of all) in any of `spans`: those from late pictures marked as such, those of a
    privacy pause unobserved."""
    wanted = list(spans)
    found = with_lateness(session, facility_id, bed_ids, wanted, readings(session, facility_id, bed_ids, wanted))
    return hide_paused(session, facility_id, found)


def judged_apart(session: Session, facility_id: str, spans: Sequence[Interval]) -> tuple[tuple[Reading, ...], ...]:
    """As `judged_readings` of all beds, for each span by itself, in the order of `spans`."""
    found = []
    for span in spans:
        found.append(with_lateness(session, facility_id, None, [span], readings(session, facility_id, None, [span])))
    return hide_paused_apart(session, facility_id, found)


def judged_sightings(
    session: Session, facility_id: str, patient_ids: Collection[str] | None, spans: Iterable[Interval]
) -> tuple[Sighting, ...]:
    """Where these patients (None: all) were recognised in any of `spans`; in a privacy pause nobody is."""
    return paused_sightings(session, facility_id, sightings_of(session, facility_id, patient_ids, spans))


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
