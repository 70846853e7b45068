"""Telling the rooms above what a change of facts made stale. This room never calls up: it writes jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from service.facilities import Facility, event_now
from service.kit.intervals import Interval
from service.platform.jobs import enqueue

_QUANTUM = timedelta(hours=1)
"""Spans are widened to whole hours, so that many small changes ask for one recomputation."""


def presence_changed(
    session: Session,
    facility: Facility,
    since: datetime,
    until: datetime | None,
    now: datetime,
    admission_ids: Sequence[str] = (),
) -> None:
    """Whatever was concluded for the facility between the two event times has to be concluded again.

    `until` None: up to the facility's event time. What lies ahead of it has not been concluded yet. With
    `admission_ids` only these stays are concerned, which is much less work than the whole facility.
    """
    present = event_now(facility, now)
    end = present if until is None else min(until, present)
    if since >= end:
        return
    start, end = _floor(since), _floor(end) + _QUANTUM
    payload: dict[str, Any] = {"facility_id": facility.id, "from": start.isoformat(), "to": end.isoformat()}
    key = f"presence.dirty:{facility.id}:{start.isoformat()}:{end.isoformat()}"
    if admission_ids:
        payload["admission_ids"] = sorted(admission_ids)
        key = f"{key}:{_short(admission_ids)}"
    enqueue(session, "presence.dirty", payload, now=now, dedupe_key=key)
    _purchases_concerned(session, facility, start, admission_ids, now)


def _purchases_concerned(
    session: Session, facility: Facility, since: datetime, admission_ids: Sequence[str], now: datetime
) -> None:
    """Purchases during a stay are judged by the stay, however late it is told: the register's pharmacies look again."""
    payload: dict[str, Any] = {"facility_id": facility.id, "since": since.isoformat()}
    key = f"purchases.rescreen:{facility.id}:{since.isoformat()}"
    if admission_ids:
        payload["admission_ids"] = sorted(admission_ids)
        key = f"{key}:{_short(admission_ids)}"
    enqueue(session, "purchases.rescreen", payload, now=now, dedupe_key=key, priority=150)


def screening_wanted(session: Session, facility: Facility, admission_ids: Sequence[str], now: datetime) -> None:
    """Facts changed on which rules depend and no presence check does: a diagnosis, an order, a charge.

    Without `admission_ids`: the whole facility.
    """
    payload: dict[str, Any] = {"facility_id": facility.id}
    key = f"screening.run:{facility.id}"
    if admission_ids:
        payload["admission_ids"] = sorted(admission_ids)
        key = f"{key}:{_short(admission_ids)}"
    enqueue(session, "screening.run", payload, now=now, dedupe_key=key)


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


def _short(ids: Sequence[str]) -> str:
    """A key of these ids that fits."""
    return hashlib.sha256("|".join(sorted(ids)).encode()).hexdigest()[:16]


def _floor(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
