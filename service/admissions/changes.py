"""Telling the rooms above what a change of facts made stale. This room never calls up: it writes jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from service.facilities import Facility, event_now
from service.kit.intervals import Interval
from service.platform.jobs import enqueue

_QUANTUM = timedelta(hours=1)
"""Spans are widened to whole hours, so that many small changes ask for one recomputation."""


def presence_changed(
    session: Session, facility: Facility, since: datetime, until: datetime | None, now: datetime
) -> None:
    """Whatever was concluded for the facility between the two event times has to be concluded again.

    `until` None: up to the facility's event time. What lies ahead of it has not been concluded yet.
    """
    present = event_now(facility, now)
    end = present if until is None else min(until, present)
    if since >= end:
        return
    start, end = _floor(since), _floor(end) + _QUANTUM
    enqueue(
        session,
        "presence.dirty",
        {"facility_id": facility.id, "from": start.isoformat(), "to": end.isoformat()},
        now=now,
        dedupe_key=f"presence.dirty:{facility.id}:{start.isoformat()}:{end.isoformat()}",
    )


def beds_changed(session: Session, facility: Facility, spans: Iterable[tuple[str, Interval]], now: datetime) -> None:
    """Pictures of these beds in these event times were read against the wrong patient: they are to be read again."""
    present = event_now(facility, now)
    for bed_id, span in sorted(set(spans)):
        end = min(span.end, present)
        if span.start < end:
            enqueue(
                session,
                "sightings.reread",
                {
                    "facility_id": facility.id,
                    "bed_id": bed_id,
                    "from": span.start.isoformat(),
                    "to": (_floor(end) + _QUANTUM).isoformat(),
                },
                now=now,
                dedupe_key=f"sightings.reread:{bed_id}:{span.start.isoformat()}:{_floor(end).isoformat()}",
            )


def _floor(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
