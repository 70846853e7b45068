"""How long pictures are kept, which are read again, and which are frozen as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select as select_columns
from sqlalchemy import update
from sqlmodel import Session, col, select

from service.facilities import BedZone
from service.kit.clock import parse_instant
from service.kit.intervals import Interval
from service.platform.context import Context
from service.sightings.receive import request_analysis
from service.sightings.repository import chunks, kept_snapshots, purgeable
from service.sightings.tables import Snapshot, ZoneReading

_BATCH = 200


def reread_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `sightings.reread` {facility_id, bed_id, from, to}: the bed's kept pictures of that time are read again."""
    span = Interval(parse_instant(payload["from"], field="from"), parse_instant(payload["to"], field="to"))
    with context.database.transaction() as session:
        cameras = session.exec(select(BedZone.camera_id).where(BedZone.bed_id == payload["bed_id"]).distinct()).all()
        now = context.clock.now()
        for snapshot_id in kept_snapshots(session, str(payload["facility_id"]), cameras, span):
            request_analysis(session, snapshot_id, now)


def purge_job(context: Context, _payload: dict[str, Any]) -> None:
    """Job `frames.purge`: pictures whose term is over are deleted; what was read in them stays."""
    purge_frames(context, context.clock.now())


def purge_frames(context: Context, now: datetime) -> int:
    """Deletes pictures received longer ago than their term; returns how many.

    Terms (design): behind verified readings `frame_retention_hours`; behind a check that showed nobody present
    `open_check_retention_days`; frozen by a finding: kept until it lets go.
    """
    settings = context.settings
    ordinary = now - timedelta(hours=settings.frame_retention_hours)
    held = now - max(
        timedelta(days=settings.open_check_retention_days), timedelta(hours=settings.frame_retention_hours)
    )
    purged = 0
    while True:
        with context.database.transaction() as session:
            batch = purgeable(session, ordinary=ordinary, held=held, most=_BATCH)
            for snapshot in batch:
                # The file first: a row without its file is harmless, a file without its row would be kept for ever.
                context.blobs.delete(snapshot.blob_key or "")
                snapshot.blob_key = None
                session.add(snapshot)
        purged += len(batch)
        if len(batch) < _BATCH:
            return purged


def hold_frames(session: Session, reading_ids: Iterable[str]) -> None:
    """Marks the pictures behind these readings as behind an open question: they are kept for the longer term."""
    for chosen in chunks(set(reading_ids)):
        behind = select_columns(col(ZoneReading.snapshot_id)).where(col(ZoneReading.id).in_(chosen or []))
        session.execute(
            update(Snapshot).where(col(Snapshot.id).in_(behind), col(Snapshot.is_held).is_(False)).values(is_held=True)
        )


def freeze_frames(session: Session, finding_id: str, reading_ids: Iterable[str]) -> None:
    """Freezes the pictures behind these readings for a finding; those that another one holds stay that one's."""
    for chosen in chunks(set(reading_ids)):
        behind = select_columns(col(ZoneReading.snapshot_id)).where(col(ZoneReading.id).in_(chosen or []))
        session.execute(
            update(Snapshot)
            .where(col(Snapshot.id).in_(behind), col(Snapshot.frozen_for).is_(None))
            .values(frozen_for=finding_id)
        )


def release_frames(session: Session, finding_id: str) -> None:
    """Lets go of every picture that the finding froze."""
    session.execute(update(Snapshot).where(col(Snapshot.frozen_for) == finding_id).values(frozen_for=None))
