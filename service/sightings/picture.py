"""A picture of one bed for people who decide: the person concerned, and nobody else's face."""

from __future__ import annotations

import numpy as np

from service.enrolment import opened_pack
from service.facilities import BedZone
from service.platform.blobs import BlobMissing
from service.platform.context import Context
from service.sightings.analyse import zone_of
from service.sightings.edge_crops import crop_of
from service.sightings.edge_tables import EdgeReading
from service.sightings.receive import image_limits
from service.sightings.tables import Snapshot, ZoneReading
from service.vision import BedState, Frame, blur_faces, decode, encode_jpeg
from service.vision.bed_crop import crop_rect

_MARGIN = 0.08
"""Added around the bed, as a share of its box: a pillow overhangs."""


def evidence_picture(context: Context, reading_id: str) -> bytes:
    """The bed of this reading as a JPEG. Every face is blurred except the person's concerned: the patient's own, or
    the unknown occupant's once a finding holds the frame. Raises `BlobMissing` when the picture is no longer kept.
    """
    with context.database.reading() as session:
        reading = session.get_one(ZoneReading, reading_id)
        snapshot = session.get_one(Snapshot, reading.snapshot_id)
        zone = session.get_one(BedZone, reading.zone_id)
        crop = crop_of(context, session, reading) if snapshot.judged_at == "edge" else None
    if crop is not None:
        return encode_jpeg(blur_faces(crop, _in_crop(context, reading, snapshot, zone), opened_pack(context)))
    if snapshot.blob_key is None:
        raise BlobMissing("the picture was purged", remedy="pictures are kept as long as docs/operating.md says")
    frame = decode(context.blobs.get(snapshot.blob_key), image_limits(context))
    shown = blur_faces(frame, _concerned(reading, snapshot), opened_pack(context))
    return encode_jpeg(_crop(shown, zone))


def _in_crop(
    context: Context, reading: ZoneReading, snapshot: Snapshot, zone: BedZone
) -> tuple[float, float, float, float] | None:
    """The face of the person concerned, in pixels of the crop that the box sent."""
    box = _concerned(reading, snapshot)
    if box is None:
        return None
    with context.database.reading() as session:
        kept = session.get_one(EdgeReading, snapshot.id)
    x, y, _, _ = crop_rect(zone_of(zone), kept.width, kept.height)
    return box[0] - x, box[1] - y, box[2] - x, box[3] - y


def _concerned(reading: ZoneReading, snapshot: Snapshot) -> tuple[float, float, float, float] | None:
    if reading.face_box is None:
        return None
    suspected = reading.state == BedState.OTHER_PERSON and snapshot.frozen_for is not None
    if reading.state != BedState.PATIENT and not suspected:
        return None
    x1, y1, x2, y2 = (float(v) for v in reading.face_box)
    return x1, y1, x2, y2


def _crop(frame: Frame, zone: BedZone) -> Frame:
    points = np.asarray(zone.polygon, dtype=np.float64) * [frame.width, frame.height]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = (high - low) * _MARGIN
    x1, y1 = np.maximum(np.floor(low - margin), 0).astype(int)
    x2, y2 = np.ceil(high + margin).astype(int)
    return Frame(np.ascontiguousarray(frame.pixels[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]))
