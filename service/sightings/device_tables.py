"""Tables of what devices say of their pictures and of themselves: capture statements and heartbeats."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
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


class CameraAlarm(SQLModel, table=True):
    """A camera's alarm, from the look at which its cause was first seen. `raised_at` is empty while it has not stood
    long enough to be told; `quiet_since` while its cause stands; `cleared_at` while it is open."""

    __tablename__ = "camera_alarm"
    __table_args__ = (
        Index("ix_camera_alarm_facility_cleared", "facility_id", "cleared_at"),
        # One open alarm of a kind a camera, whoever looks at the same moment. PostgreSQL and SQLite both know it.
        Index(
            "ux_camera_alarm_open",
            "camera_id",
            "kind",
            unique=True,
            sqlite_where=text("cleared_at IS NULL"),
            postgresql_where=text("cleared_at IS NULL"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    camera_id: str = Field(foreign_key="camera.id", max_length=32)
    kind: str = Field(max_length=16)  # camera_health.Alarm
    seen_since: datetime = Field(sa_type=UtcDateTime)
    raised_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    quiet_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
