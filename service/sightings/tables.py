"""Tables of pictures received and of what was read in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime
from service.sightings import device_tables, edge_tables  # noqa: F401 - statements and heartbeats belong to this room


class Snapshot(SQLModel, table=True):
    """A picture a camera sent. `captured_at` orders everything; `received_at` is kept beside it.

    The same camera, sequence and sha256 twice is one snapshot. `carried_from`: the snapshot whose readings these are,
    because nothing had changed since it (docs/speed.md); null for one that was read itself. `question`: a hash of
    everything that was asked of the picture besides its pixels.
    """

    __tablename__ = "snapshot"
    __table_args__ = (
        UniqueConstraint("camera_id", "sequence", "sha256"),
        Index("ix_snapshot_camera_captured", "camera_id", "captured_at"),
        Index("ix_snapshot_facility_captured", "facility_id", "captured_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    sequence: int
    sha256: str = Field(max_length=64)
    media_type: str = Field(max_length=32)
    byte_count: int
    captured_at: datetime = Field(sa_type=UtcDateTime, index=True)
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)
    blob_key: str | None = Field(default=None, max_length=200)  # null once purged
    state: str = Field(default="queued", max_length=16)  # queued | analysed | unreadable
    cause: str | None = Field(default=None, max_length=64)
    view_cause: str | None = Field(default=None, max_length=64)
    pack_hash: str | None = Field(default=None, max_length=64)
    analysed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    strangers: int = Field(default=0)
    frozen_for: str | None = Field(default=None, max_length=64, index=True)  # a finding that holds the frame
    trust: str = Field(default="live", max_length=16)  # live | chained | late | unproven: `sightings.statements`
    clock_offset_ms: int | None = Field(default=None)  # added to the device's clock to give `captured_at`
    clock_flag: str | None = Field(default=None, max_length=32)  # device | server | disputed: who corrected it
    judged_at: str = Field(default="server", max_length=16)  # server | edge: who looked at the pixels
    is_held: bool = Field(default=False)  # behind a check that showed nobody present: kept for the longer term
    carried_from: str | None = Field(default=None, max_length=32)
    question: str | None = Field(default=None, max_length=64)


class ZoneReading(SQLModel, table=True):
    """What one snapshot says of one bed. `state`: patient | other_person | unidentified | empty | unobserved.

    `recognised_patient_id` is who the face belongs to, if to anyone enrolled; `expected_patient_id` is whose bed it was
    when the reading was made. A face that belongs to nobody enrolled leaves no trace but `other_person`.
    `recognised_staff_id`: a member of staff, instead. `seen_…`: what this picture alone said, before its neighbours in
    time were heard; null in rows that are older than that. `face_trace`: of the patient's verified face, sealed.
    `carried_from`: as the snapshot's; such a reading is no observation of its own.
    """

    __tablename__ = "zone_reading"
    __table_args__ = (
        UniqueConstraint("snapshot_id", "bed_id"),
        Index("ix_zone_reading_bed_captured", "bed_id", "captured_at"),
        Index("ix_zone_reading_facility_captured", "facility_id", "captured_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    snapshot_id: str = Field(foreign_key="snapshot.id", index=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    bed_id: str = Field(foreign_key="bed.id", max_length=32)
    zone_id: str = Field(foreign_key="bed_zone.id", max_length=32)
    captured_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(max_length=16)
    confidence: float
    cause: str | None = Field(default=None, max_length=64)
    expected_patient_id: str | None = Field(default=None, max_length=32)
    recognised_patient_id: str | None = Field(default=None, index=True, max_length=32)
    similarity: float | None = Field(default=None)
    expected_similarity: float | None = Field(default=None)
    threshold: float | None = Field(default=None)
    face_quality: float | None = Field(default=None)
    quality_reasons: list[Any] = Field(default_factory=list, sa_type=JSON)
    body_score: float | None = Field(default=None)
    face_box: list[Any] | None = Field(default=None, sa_type=JSON)  # x1 y1 x2 y2, pixels
    seen_state: str | None = Field(default=None, max_length=16)
    seen_confidence: float | None = Field(default=None)
    seen_cause: str | None = Field(default=None, max_length=64)
    seen_recognised_id: str | None = Field(default=None, max_length=32)
    seen_staff_id: str | None = Field(default=None, max_length=32)
    recognised_staff_id: str | None = Field(default=None, max_length=32)
    face_trace: bytes | None = Field(default=None, sa_type=LargeBinary)
    pack_hash: str | None = Field(default=None, max_length=64)
    carried_from: str | None = Field(default=None, max_length=32)


class SnapshotPrint(SQLModel, table=True):
    """What is kept of a picture so that time can be judged (docs/views.md): too coarse to recognise anybody.

    `layout`: which zones it was made with. `seen_cause`: what the picture alone showed to be wrong with the view; the
    snapshot's `view_cause` is what time says. `since`: when the run of pictures with that cause began. `repeats_id`:
    the snapshot that a frozen or looped one shows again.
    """

    __tablename__ = "snapshot_print"
    __table_args__ = (
        Index("ix_snapshot_print_camera_captured", "camera_id", "captured_at"),
        Index("ix_snapshot_print_camera_layout", "camera_id", "layout", "captured_at"),
    )

    snapshot_id: str = Field(foreign_key="snapshot.id", primary_key=True, max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    sequence: int
    captured_at: datetime = Field(sa_type=UtcDateTime)
    layout: str = Field(max_length=16)
    data: bytes = Field(sa_type=LargeBinary)
    seen_cause: str | None = Field(default=None, max_length=64)
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    repeats_id: str | None = Field(default=None, max_length=32)
