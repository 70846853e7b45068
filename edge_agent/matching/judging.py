"""From a picture to its signed reading: what the server would have done with it, done here by the same code."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from edge_agent.device_key import DeviceKey
from edge_agent.frames import media_type
from edge_agent.matching.ward import OpenWard
from service.contracts import (
    BedStateCode,
    CaptureStatement,
    EdgeFrameReading,
    EdgeZoneReading,
    signed_text,
    statement_hash,
)
from service.vision import (
    BedReading,
    Frame,
    FrameAnalysis,
    ImageError,
    Pack,
    ReadingPolicy,
    Zone,
    analyse_frame,
    decode,
)
from service.vision.bed_crop import bed_crop, commitment_of
from service.vision.sequence import make_print


class SignedReading(BaseModel):
    """A reading as it goes out, without what is known only when it does."""

    model_config = ConfigDict(frozen=True)

    body: str
    key_id: str
    signature: str

    @property
    def reading(self) -> EdgeFrameReading:
        """The body as values."""
        return EdgeFrameReading.model_validate_json(self.body)


def judge_picture(
    data: bytes, statement: CaptureStatement, at: datetime, ward: OpenWard, pack: Pack, agent: str
) -> EdgeFrameReading:
    """What the picture shows. `at`: when it was taken, corrected. A picture that does not decode is said to."""
    said = EdgeFrameReading(
        camera=statement.camera,
        sequence=statement.sequence,
        statement=statement_hash(statement),
        pack_hash=pack.pack_hash,
        templates=ward.told.templates,
        agent=agent[:64],
        byte_count=len(data),
        media_type=media_type(data)[:32],
    )
    try:
        frame = decode(data)
    except ImageError as error:
        return said.model_copy(update={"unreadable": error.code[:64]})
    zones = ward.zones(at)
    expected = ward.expected(frozenset(zone.zone_id for zone in zones), at)
    known = {zone_id: key for zone_id, key in expected.items() if ward.gallery.rows_of(key)}
    policy = ReadingPolicy(same_person=ward.told.same_person, other_person=ward.told.other_person)
    found = analyse_frame(frame, zones, known, ward.gallery, pack, policy)
    return said.model_copy(update=_told(frame, zones, known, found))


def sign_reading(said: EdgeFrameReading, statement: CaptureStatement, key: DeviceKey) -> SignedReading:
    """The reading, signed together with its picture's statement."""
    body = said.model_dump_json(exclude_none=True)
    signature = base64.b64encode(key.sign(signed_text(statement_hash(statement), body))).decode()
    return SignedReading(body=body, key_id=key.key_id, signature=signature)


Judge = Callable[[bytes, CaptureStatement, datetime], SignedReading]
"""(picture, its statement, when it was taken) -> its reading. Raises `GalleryMissing`."""


def _told(frame: Frame, zones: list[Zone], expected: dict[str, str], found: FrameAnalysis) -> dict[str, object]:
    return {
        "width": frame.width,
        "height": frame.height,
        "view_cause": found.view.cause.value if found.view.cause is not None else None,
        "strangers": found.strangers,
        "view_print": base64.b64encode(make_print(frame, zones).to_bytes()).decode(),
        "zones": tuple(
            _zone(reading, expected.get(zone.zone_id), commitment_of(bed_crop(frame, zone).pixels))
            for zone, reading in zip(zones, found.readings, strict=True)
        ),
    }


def _zone(reading: BedReading, expected: str | None, crop: str) -> EdgeZoneReading:
    box = reading.face_box
    return EdgeZoneReading(
        zone_id=reading.zone_id,
        expected=expected,
        state=BedStateCode(reading.state.value),
        confidence=min(1.0, max(0.0, float(reading.confidence))),
        cause=reading.cause.value if reading.cause is not None else None,
        recognised=reading.recognised,
        similarity=_number(reading.similarity),
        expected_similarity=_number(reading.expected_similarity),
        face_quality=_number(reading.face_quality),
        quality_reasons=tuple(reason.value for reason in reading.quality_reasons),
        body_score=_number(reading.body_score),
        face_box=None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        trace=None if reading.trace is None else base64.b64encode(reading.trace.data).decode(),
        crop=crop,
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
