"""Tables of boxes that judge their pictures themselves: sealing keys, what they said, and what they were asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class EdgeBox(SQLModel, table=True):
    """The key for which a box's gallery is sealed. It goes out of use with the device."""

    __tablename__ = "edge_box"

    device_id: str = Field(foreign_key="device.id", primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    sealing_key: str = Field(max_length=44)  # X25519, 32 bytes in Base64
    registered_at: datetime = Field(sa_type=UtcDateTime)
    gallery_version: str | None = Field(default=None, max_length=64)  # what it was given last
    gallery_given_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class EdgeReading(SQLModel, table=True):
    """What a box said of one picture, word for word and signed. Asked to judge it again, it says something newer, which
    takes the place of this; `judgements` counts. `commitments`: zone id to the hash of the bed's crop."""

    __tablename__ = "edge_reading"

    snapshot_id: str = Field(foreign_key="snapshot.id", primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    device_id: str = Field(foreign_key="device.id", max_length=32)
    templates: str = Field(max_length=64)  # of the gallery it was judged with
    body: str = Field(sa_type=Text)
    signature: str = Field(max_length=100)
    width: int
    height: int
    commitments: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    judgements: int = Field(default=1)
    judged_at: datetime = Field(sa_type=UtcDateTime)  # when the newest came in


class EdgeRequest(SQLModel, table=True):
    """Something a box is asked about a picture that it keeps. `purpose`: crop | reread. `reason`: audit | check |
    finding | reread. `outcome`: null while open; answered | gone, and of an audit agrees | differs | altered |
    inconclusive. `said`, `found`: states of the bed by the box and by the server's own look at the crop."""

    __tablename__ = "edge_request"
    __table_args__ = (
        Index("ix_edge_request_device_outcome", "device_id", "outcome"),
        Index("ix_edge_request_facility_captured", "facility_id", "captured_at"),
        Index("ix_edge_request_camera_asked", "camera_id", "asked_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    device_id: str = Field(foreign_key="device.id", max_length=32)
    snapshot_id: str = Field(foreign_key="snapshot.id", index=True, max_length=32)
    zone_id: str | None = Field(default=None, max_length=32)
    reading_id: str | None = Field(default=None, index=True, max_length=32)
    captured_at: datetime = Field(sa_type=UtcDateTime)
    purpose: str = Field(max_length=16)
    reason: str = Field(max_length=16)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=16)
    said: str | None = Field(default=None, max_length=32)
    found: str | None = Field(default=None, max_length=32)
    blob_key: str | None = Field(default=None, max_length=200)  # the crop, while it is kept
    covered: list[Any] = Field(default_factory=list, sa_type=JSON)  # tiles in which the box blurred other people


class PictureCommand(SQLModel, table=True):
    """What a box made of the change in the picture that a roll call commanded. `outcome`: applied | unsupported |
    failed | denied | unanswered; `steps`: service.contracts.CommandStep. Whether the change is seen is told from the
    pictures' prints."""

    __tablename__ = "picture_command"
    __table_args__ = (
        UniqueConstraint("camera_id", "roll_call_id"),
        Index("ix_picture_command_facility_since", "facility_id", "since"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    device_id: str = Field(foreign_key="device.id", max_length=32)
    roll_call_id: str = Field(max_length=32)
    outcome: str = Field(max_length=16)
    steps: list[Any] = Field(default_factory=list, sa_type=JSON)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    reported_at: datetime = Field(sa_type=UtcDateTime)
