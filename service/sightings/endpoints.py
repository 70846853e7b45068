"""The API of snapshots: pictures in, what they say out."""

from __future__ import annotations

import re
import time
from typing import Annotated

from fastapi import APIRouter, File, Form, Header, Response, UploadFile
from sqlmodel import Session, col, select

from service.access import Actor, Permission, allow
from service.contracts import (
    BedStateCode,
    ReadingOut,
    SnapshotAccepted,
    SnapshotMeta,
    SnapshotReadings,
    ViewOut,
    read_message,
)
from service.facilities import Bed
from service.ledger import append
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.sightings.picture import evidence_picture
from service.sightings.receive import Accepted, accept_snapshot
from service.sightings.repository import reading_readable_by, readings_of_snapshot, snapshot_readable_by
from service.sightings.tables import Snapshot, ZoneReading

router = APIRouter(prefix="/api/v1", tags=["sightings"])

LONGEST_WAIT_SECONDS = 30
_POLL_SECONDS = (0.01, 0.02, 0.05, 0.1)
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")
"""RFC 7240, section 4.3."""


@router.post(
    "/snapshots",
    summary="Post a picture of a ward",
    status_code=202,
    responses={
        200: {"model": SnapshotReadings, "description": "With `Prefer: wait`: analysed in time."},
        202: {"model": SnapshotAccepted, "description": "On the disk, with its job."},
        413: {"description": "Too many bytes or pixels."},
        415: {"description": "Not a JPEG, PNG or WebP picture."},
        503: {"description": "Too many pictures wait; `Retry-After` says when to come back."},
    },
)
def post_snapshot(
    actor: Annotated[Actor, allow(Permission.SNAPSHOTS_POST)],
    context: ContextDep,
    response: Response,
    image: Annotated[UploadFile, File(description="JPEG, PNG or WebP, at most 8 MiB.")],
    meta: Annotated[str, Form(max_length=4096, description="JSON: SnapshotMeta.")],
    prefer: Annotated[str | None, Header(max_length=200, description="`wait=10`: answer with the readings.")] = None,
) -> SnapshotReadings | SnapshotAccepted:
    """Takes one picture of a camera. The same camera, sequence and bytes posted again is one snapshot.

    The answer comes only when picture and job are on the disk. With `Prefer: wait=N` (at most 30 s) it holds the
    readings, if they are there in time.
    """
    message = read_message(SnapshotMeta, meta, field="meta")
    data = image.file.read(context.settings.max_image_bytes + 1)
    accepted = accept_snapshot(context, actor, data, message)
    wait = _wanted_wait(prefer)
    if wait:
        response.headers["Preference-Applied"] = f"wait={wait}"
        found = _wait_for(context, accepted, wait)
        if found is not None:
            response.status_code = 200
            return found
    return SnapshotAccepted(snapshot_id=accepted.snapshot_id, duplicate=accepted.duplicate)


@router.get("/snapshots/{snapshot_id}", summary="What a picture says of its beds")
def read_snapshot(
    snapshot_id: str,
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ, Permission.SNAPSHOTS_POST)],
    session: ReadSession,
) -> SnapshotReadings:
    """The readings of a snapshot, or that it still waits."""
    return readings_answer(session, snapshot_readable_by(session, actor, snapshot_id), duplicate=False)


@router.get(
    "/readings/{reading_id}/picture",
    summary="The bed as it was seen",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 404: {"description": "Unknown, or no longer kept."}},
)
def read_picture(
    reading_id: str,
    actor: Annotated[Actor, allow(Permission.FRAMES_READ)],
    context: ContextDep,
    session: WriteSession,
) -> Response:
    """The bed of a reading, everybody's face but the person's concerned blurred. Each look at it is recorded."""
    with context.database.reading() as reader:  # the picture is made before the database's one writer is kept waiting
        reading, _snapshot = reading_readable_by(reader, actor, Permission.FRAMES_READ, reading_id)
    picture = evidence_picture(context, reading_id)
    append(
        session,
        clock_now=context.clock.now(),
        kind="audit",
        actor=actor.label,
        action="frame.viewed",
        object_kind="zone_reading",
        object_id=reading.id,
        facility_id=reading.facility_id,
    )
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


def readings_answer(session: Session, snapshot: Snapshot, *, duplicate: bool) -> SnapshotReadings:
    """The snapshot as the wire has it."""
    if snapshot.state == "queued":
        return SnapshotReadings(snapshot_id=snapshot.id, duplicate=duplicate, state="queued")
    rows = readings_of_snapshot(session, snapshot.id)
    beds = session.exec(select(Bed).where(col(Bed.id).in_([row.bed_id for row in rows]))).all()
    codes = {bed.id: bed.code for bed in beds}
    return SnapshotReadings(
        snapshot_id=snapshot.id,
        duplicate=duplicate,
        state="analysed" if snapshot.state == "analysed" else "unreadable",
        view=ViewOut(observed=snapshot.view_cause is None, cause=snapshot.view_cause),
        carried_from=snapshot.carried_from,
        readings=tuple(sorted((_reading_out(row, codes[row.bed_id]) for row in rows), key=lambda out: out.bed_code)),
    )


def _reading_out(row: ZoneReading, bed_code: str) -> ReadingOut:
    return ReadingOut(
        bed_id=row.bed_id,
        bed_code=bed_code,
        state=BedStateCode(row.state),
        confidence=min(1.0, max(0.0, row.confidence)),
        cause=row.cause,
        similarity=row.expected_similarity,
        threshold=row.threshold,
        face_quality=row.face_quality,
        quality_reasons=tuple(row.quality_reasons),
    )


def _wanted_wait(prefer: str | None) -> int:
    """Seconds that the caller would wait; 0 when it did not say so, or not in a way that can be read."""
    match = _WAIT.search(prefer.lower()) if prefer else None
    return min(int(match.group(1)), LONGEST_WAIT_SECONDS) if match else 0


def _wait_for(context: Context, accepted: Accepted, seconds: int) -> SnapshotReadings | None:
    deadline = time.monotonic() + seconds
    pauses = iter(_POLL_SECONDS)
    pause = _POLL_SECONDS[-1]
    while True:
        with context.database.reading() as session:
            snapshot = session.get_one(Snapshot, accepted.snapshot_id)
            if snapshot.state != "queued":
                return readings_answer(session, snapshot, duplicate=accepted.duplicate)
        if time.monotonic() >= deadline:
            return None
        pause = next(pauses, pause)
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
