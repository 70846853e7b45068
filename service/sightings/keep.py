"""How long pictures are kept, which are read again, and which are frozen as evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.facilities import BedZone
from service.kit.clock import parse_instant, system_clock
from service.kit.intervals import Interval
from service.platform.context import Context
from service.sightings.edge_asking import ask_boxes_again, ask_for_crops
from service.sightings.edge_crops import purge_crops
from service.sightings.edge_tables import EdgeReading
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
        ask_boxes_again(session, str(payload["facility_id"]), cameras, span, now)


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
            return purged + purge_crops(context, ordinary=ordinary, held=held)


def patients_in_kept_pictures(session: Session, facility_id: str, patient_ids: Collection[str]) -> frozenset[str]:
    """Those of these patients whom a picture that is still kept shows, or whose bed it shows: it may be read again."""
    found: set[str] = set()
    for chosen in chunks(set(patient_ids)):
        for column in (col(ZoneReading.expected_patient_id), col(ZoneReading.recognised_patient_id)):
            query = (
                select_columns(column)
                .join(Snapshot, col(Snapshot.id) == col(ZoneReading.snapshot_id))
                .where(
                    col(ZoneReading.facility_id) == facility_id,
                    col(Snapshot.blob_key).is_not(None),
                    column.in_(chosen or []),
                )
            )
            found.update(session.scalars(query.distinct()))
    return frozenset(found)


def rename_patient(session: Session, facility_id: str, prior_id: str, surviving_id: str) -> None:
    """Readings of a patient who turned out to be another one say that one's id: the face was that person's."""
    for column in (
        col(ZoneReading.expected_patient_id),
        col(ZoneReading.recognised_patient_id),
        col(ZoneReading.seen_recognised_id),
    ):
        session.execute(
            update(ZoneReading)
            .where(col(ZoneReading.facility_id) == facility_id, column == prior_id)
            .values({column: surviving_id})
        )


def hold_frames(session: Session, reading_ids: Iterable[str]) -> None:
    """Marks the pictures behind these readings as behind an open question: they are kept for the longer term."""
    wanted = set(reading_ids)
    behind: set[str] = set()
    at_a_box = False
    for chosen in chunks(wanted):
        query = (
            select_columns(col(ZoneReading.snapshot_id), col(EdgeReading.snapshot_id))
            .outerjoin(EdgeReading, col(EdgeReading.snapshot_id) == col(ZoneReading.snapshot_id))
            .where(col(ZoneReading.id).in_(chosen or []))
        )
        for snapshot_id, read_at_a_box in session.execute(query.distinct()):
            behind.add(snapshot_id)
            at_a_box |= read_at_a_box is not None
    if at_a_box:
        ask_for_crops(session, wanted, "check", system_clock.now())  # of pictures that are not here
    for chosen in chunks(behind):  # few: a picture shows many beds
        session.execute(
            update(Snapshot)
            .where(col(Snapshot.id).in_(chosen or []), col(Snapshot.is_held).is_(False))
            .values(is_held=True)
        )


def freeze_frames(session: Session, finding_id: str, evidence_ids: Iterable[str]) -> None:
    """Freezes for a finding the pictures that it names, and those behind the readings that it names; those that another
    one holds stay that one's."""
    wanted = set(evidence_ids)
    ask_for_crops(session, wanted, "finding", system_clock.now())
    for chosen in chunks(wanted):
        behind = select_columns(col(ZoneReading.snapshot_id)).where(col(ZoneReading.id).in_(chosen or []))
        session.execute(
            update(Snapshot)
            .where(
                or_(col(Snapshot.id).in_(behind), col(Snapshot.id).in_(chosen or [])),
                col(Snapshot.frozen_for).is_(None),
            )
            .values(frozen_for=finding_id)
        )


def release_frames(session: Session, finding_id: str) -> None:
    """Lets go of every picture that the finding froze."""
    session.execute(update(Snapshot).where(col(Snapshot.frozen_for) == finding_id).values(frozen_for=None))
