"""Tables of pictures received and of what was read in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Snapshot(SQLModel, table=True):
    """A picture a camera sent. `captured_at` orders everything; `received_at` is kept beside it.

    The same camera, sequence and sha256 twice is one snapshot.
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
    is_held: bool = Field(default=False)  # behind a check that showed nobody present: kept for the longer term


class ZoneReading(SQLModel, table=True):
    """What one snapshot says of one bed. `state`: patient | other_person | unidentified | empty | unobserved.

    `recognised_patient_id` is who the face belongs to, if to anyone enrolled; `expected_patient_id` is whose bed it was
    when the reading was made. A face that belongs to nobody enrolled leaves no trace but `other_person`.
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
    pack_hash: str | None = Field(default=None, max_length=64)
