"""Telling the rooms above that what pictures say has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from service.platform.jobs import enqueue
from service.sightings.tables import Snapshot

SLOT = timedelta(minutes=15)
"""Snapshots of one facility in one slot ask for one recomputation of presence."""
AFTER_ANALYSES = 110
"""Presence is recomputed when the pictures that wait have been read and judged: once, not once a picture."""


def presence_changed(session: Session, snapshot: Snapshot, now: datetime) -> None:
    """Asks for presence around the snapshot's time to be concluded again."""
    seconds = int(SLOT.total_seconds())
    start = datetime.fromtimestamp(int(snapshot.captured_at.timestamp()) // seconds * seconds, UTC)
    enqueue(
        session,
        "presence.dirty",
        {"facility_id": snapshot.facility_id, "from": start.isoformat(), "to": (start + SLOT).isoformat()},
        now=now,
        dedupe_key=f"presence.dirty:{snapshot.facility_id}:{start.isoformat()}",
        priority=AFTER_ANALYSES,
    )
