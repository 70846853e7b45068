"""Telling the rooms above that what pictures say has changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from service.admissions import Admission
from service.platform.jobs import enqueue_about
from service.sightings.tables import Snapshot

SLOT = timedelta(minutes=15)
"""Snapshots of one facility in one slot ask for one recomputation of presence."""
AFTER_ANALYSES = 110
"""Presence is recomputed when the pictures that wait have been read and judged: once, not once a picture."""
FEW = 50
"""Up to so many beds and stays, only what concerns them is concluded again, which takes milliseconds."""


def presence_changed(
    session: Session, snapshot: Snapshot, bed_ids: Collection[str], now: datetime, faces_before: Collection[str] = ()
) -> None:
    """Asks for presence around the snapshot's time to be concluded again, as far as it rests on these beds.

    `faces_before`: patients whom one of the beds no longer shows: what was concluded of them elsewhere rested on it.
    """
    if not bed_ids:
        return  # no bed was in view, before or now
    stays = select(Admission.id).where(col(Admission.patient_id).in_(sorted(faces_before)))
    admission_ids = session.exec(stays).all() if faces_before else ()
    seconds = int(SLOT.total_seconds())
    start = datetime.fromtimestamp(int(snapshot.captured_at.timestamp()) // seconds * seconds, UTC)
    enqueue_about(
        session,
        "presence.dirty",
        {"facility_id": snapshot.facility_id, "from": start.isoformat(), "to": (start + SLOT).isoformat()},
        about={"bed_ids": bed_ids, "admission_ids": admission_ids},
        most=FEW,
        now=now,
        dedupe_key=f"presence.dirty:{snapshot.facility_id}:{start.isoformat()}",
        priority=AFTER_ANALYSES,
    )
