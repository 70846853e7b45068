"""Tables of what devices say of their pictures and of themselves: capture statements and heartbeats."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class SnapshotStatement(SQLModel, table=True):
    """The statement a device signed when it took a snapshot, as it came. With the device's public key it proves offline
    which box produced which bytes, in which order, and not before which nonce."""

    __tablename__ = "snapshot_statement"
    __table_args__ = (Index("ix_snapshot_statement_camera_sequence", "camera_id", "sequence"),)

    snapshot_id: str = Field(foreign_key="snapshot.id", primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    device_id: str = Field(foreign_key="device.id", max_length=32)
    sequence: int
    statement: dict[str, Any] = Field(sa_type=JSON)  # service.contracts.CaptureStatement
    hash: str = Field(max_length=64)
    previous: str = Field(max_length=64)
    nonce_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when the server gave the nonce in it


class DeviceHeartbeat(SQLModel, table=True):
    """How a device was. `offset_ms`: server's time minus the device's, by the server's measurement."""

    __tablename__ = "device_heartbeat"
    __table_args__ = (
        Index("ix_device_heartbeat_camera_received", "camera_id", "received_at"),
        Index("ix_device_heartbeat_facility_received", "facility_id", "received_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    camera_id: str | None = Field(default=None, foreign_key="camera.id", max_length=32)
    device_id: str | None = Field(default=None, foreign_key="device.id", max_length=32)
    received_at: datetime = Field(sa_type=UtcDateTime)
    offset_ms: int
    spool_depth: int
    refused: int
    dropped: int
    captured: int = Field(default=0)
    camera_away: int = Field(default=0)
    oldest_waiting_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    temperature_c: float | None = Field(default=None)
    versions: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
