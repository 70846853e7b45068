"""Crops from boxes: proven to be cut from the picture whose reading was signed, looked at, shown, and deleted."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlmodel import Session, col, or_, select

from service.access import Actor
from service.contracts import EdgeCropMeta
from service.enrolment import gallery, opened_pack
from service.facilities import BedZone
from service.platform.blobs import BlobMissing
from service.platform.context import Context
from service.platform.metrics import counter
from service.sightings.analyse import zone_of
from service.sightings.edge_asking import open_request
from service.sightings.edge_errors import ReadingRefused
from service.sightings.edge_tables import EdgeReading, EdgeRequest
from service.sightings.edge_verdict import Outcome, verdict
from service.sightings.receive import image_limits
from service.sightings.tables import Snapshot, ZoneReading
from service.vision import BedReading, Frame, ReadingPolicy, Zone, analyse_frame, decode
from service.vision.bed_crop import covered_share, crop_rect, holds, proven, zone_in_crop

_MOST_COVERED = 0.6
"""A crop of which more was made unrecognisable shows nothing: visitors' faces cover far less."""
_BATCH = 200

edge_crops_total = counter(
    "edge_crops_total", "Crops asked of boxes, by outcome: agrees, differs, altered, withheld, inconclusive, gone",
    ("outcome",),
)  # fmt: skip

_log = logging.getLogger(__name__)


def take_crop(context: Context, actor: Actor, meta: EdgeCropMeta, data: bytes | None) -> str:
    """Takes a box's answer to a request for a crop; the request's id. An answer that came before changes nothing.

    Raises `NotFound`, `ReadingRefused`, or an `ImageError`.
    """
    with context.database.reading() as session:
        asked = open_request(session, actor, meta.request_id, "crop")
        if asked is None:
            return meta.request_id
        reading = session.get(ZoneReading, asked.reading_id)
        kept = session.get_one(EdgeReading, asked.snapshot_id)
        row = session.get_one(BedZone, asked.zone_id)
        if meta.gone or reading is None:
            return _settle(context, asked, Outcome.GONE, None, None)
        people = gallery(context, session, asked.facility_id)
    if data is None:
        raise ReadingRefused("there is no image", field="image", remedy="send the crop as PNG, or gone: true")
    frame, zone = decode(data, image_limits(context)), zone_of(row)
    if not _is_proven(frame, zone, kept, meta):
        return _settle(context, asked, Outcome.ALTERED, reading, None, data, meta)
    if _is_covered(frame, zone, kept, reading, meta):
        return _settle(context, asked, Outcome.WITHHELD, reading, None, data, meta)
    expected = {zone.zone_id: reading.expected_patient_id} if reading.expected_patient_id in set(people.keys) else {}
    pack, standard = opened_pack(context), ReadingPolicy()
    same = pack.thresholds.same_person
    policy = ReadingPolicy(same_person=same, other_person=min(standard.other_person, same))
    inside = zone_in_crop(zone, kept.width, kept.height)
    wanted = {key: value for key, value in expected.items() if value is not None}
    # What stands in covered tiles is not proven to be the picture's: a face put there must not bear the reading out.
    seen = Frame(proven(frame.pixels, meta.covered))
    found = analyse_frame(seen, [inside], wanted, people, pack, policy).readings[0]
    outcome = verdict(reading, found, policy)
    if outcome is Outcome.DIFFERS and _face_share(frame, zone, kept, reading, meta) > 0:
        outcome = Outcome.WITHHELD  # a part of the face in question was covered: that may be why
    return _settle(context, asked, outcome, reading, found, data, meta)


def _is_proven(frame: Frame, zone: Zone, kept: EdgeReading, meta: EdgeCropMeta) -> bool:
    """Whether the crop is cut from the picture whose reading was signed: its size and every tile but the covered."""
    x1, y1, x2, y2 = crop_rect(zone, kept.width, kept.height)
    signed = kept.commitments.get(zone.zone_id)
    right_size = (frame.width, frame.height) == (x2 - x1, y2 - y1)
    return right_size and signed is not None and holds(frame.pixels, meta.covered, str(signed))


def _is_covered(frame: Frame, zone: Zone, kept: EdgeReading, reading: ZoneReading, meta: EdgeCropMeta) -> bool:
    """Whether what the reading rests on was made unrecognisable."""
    if covered_share(frame.pixels, meta.covered, None) > _MOST_COVERED:
        return True
    return _face_share(frame, zone, kept, reading, meta) > 0.5


def _face_share(frame: Frame, zone: Zone, kept: EdgeReading, reading: ZoneReading, meta: EdgeCropMeta) -> float:
    """The covered share of the face that the reading rests on; 0 for a reading without one."""
    if reading.face_box is None:
        return 0.0
    x, y, _, _ = crop_rect(zone, kept.width, kept.height)
    x1, y1, x2, y2 = (float(v) for v in reading.face_box)
    return covered_share(frame.pixels, meta.covered, (x1 - x, y1 - y, x2 - x, y2 - y))


def _settle(
    context: Context,
    asked: EdgeRequest,
    outcome: Outcome,
    reading: ZoneReading | None,
    found: BedReading | None,
    data: bytes | None = None,
    meta: EdgeCropMeta | None = None,
) -> str:
    """Writes the outcome down. An audit that agrees has served its purpose: its crop is not kept."""
    keep = data is not None and not (asked.reason == "audit" and outcome in (Outcome.AGREES, Outcome.INCONCLUSIVE))
    blob_key = context.blobs.put(data) if keep and data is not None else None
    with context.database.transaction() as session:
        row = session.get_one(EdgeRequest, asked.id, with_for_update=True)
        if row.outcome is not None:  # two answers at once: the first one holds
            if blob_key is not None:
                context.blobs.delete(blob_key)
            return asked.id
        row.outcome, row.answered_at, row.blob_key = outcome.value, context.clock.now(), blob_key
        row.said = (reading.seen_state or reading.state) if reading is not None else None
        row.found = found.state.value if found is not None else None
        row.covered = sorted(meta.covered) if meta is not None else []
        session.add(row)
    edge_crops_total.labels(outcome.value).inc()
    if outcome in (Outcome.DIFFERS, Outcome.ALTERED, Outcome.WITHHELD):
        _log.warning("a box's crop does not bear out its reading", extra={"request": asked.id, "cause": outcome.value})
    return asked.id


def crop_of(context: Context, session: Session, reading: ZoneReading) -> Frame:
    """The bed as the box showed it. Raises `BlobMissing` when it never did, or the crop is no longer kept."""
    query = select(EdgeRequest).where(EdgeRequest.reading_id == reading.id, col(EdgeRequest.blob_key).is_not(None))
    row = session.exec(query.order_by(col(EdgeRequest.answered_at).desc()).limit(1)).first()
    if row is None or row.blob_key is None:
        raise BlobMissing(
            "the picture stays on the ward box, which has shown no crop of it",
            remedy="crops are asked for when a check or a finding needs them; docs/edge-matching.md",
            message_zh="图像保存在病区设备上，尚未取得该床位的截图",
        )
    shown = decode(context.blobs.get(row.blob_key), image_limits(context))
    return Frame(proven(shown.pixels, (int(index) for index in row.covered)))


def purge_crops(context: Context, *, ordinary: datetime, held: datetime) -> int:
    """Deletes crops whose term is over: as pictures, and those that contradict their reading after the longer term."""
    purged = 0
    while True:
        with context.database.transaction() as session:
            query = (
                select(EdgeRequest)
                .join(Snapshot, col(Snapshot.id) == col(EdgeRequest.snapshot_id))
                .where(
                    col(EdgeRequest.blob_key).is_not(None),
                    col(Snapshot.frozen_for).is_(None),
                    or_(
                        col(EdgeRequest.answered_at) < held,
                        (col(EdgeRequest.answered_at) < ordinary)
                        & col(Snapshot.is_held).is_(False)
                        & (EdgeRequest.reason != "audit"),
                    ),
                )
                .limit(_BATCH)
            )
            batch = session.exec(query).all()
            for row in batch:
                context.blobs.delete(row.blob_key or "")
                row.blob_key = None
                session.add(row)
        purged += len(batch)
        if len(batch) < _BATCH:
            return purged
