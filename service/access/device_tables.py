"""Tables of devices that sign: who they are, their keys, the codes that pair them, and the nonces they have used."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Device(SQLModel, table=True):
    """A box or kiosk that was paired. One that is replaced or stolen is revoked; its row stays with the evidence."""

    __tablename__ = "device"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    kind: str = Field(max_length=16)  # camera | kiosk
    name: str = Field(max_length=100)
    camera_id: str | None = Field(default=None, foreign_key="camera.id", index=True, max_length=32)
    paired_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeviceKey(SQLModel, table=True):
    """A device's public key; its id is the `keyid` of signatures. During a rotation a device has two that are good."""

    __tablename__ = "device_key"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    device_id: str = Field(foreign_key="device.id", index=True, max_length=32)
    public_key: str = Field(unique=True, max_length=44)  # Ed25519, 32 bytes in Base64
    created_at: datetime = Field(sa_type=UtcDateTime)
    valid_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PairingCode(SQLModel, table=True):
    """A code that lets one device in, once. Only its hash is kept."""

    __tablename__ = "pairing_code"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    code_hash: str = Field(unique=True, max_length=64)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    facility_code: str = Field(max_length=64)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=100)
    camera_id: str | None = Field(default=None, foreign_key="camera.id", max_length=32)
    camera_code: str | None = Field(default=None, max_length=64)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class UsedNonce(SQLModel, table=True):
    """A signature's nonce that was seen: a second request with it is a replay. Kept while the signature is good."""

    __tablename__ = "used_nonce"
    __table_args__ = (Index("ix_used_nonce_forget_at", "forget_at"),)

    key_id: str = Field(primary_key=True, max_length=32)
    nonce: str = Field(primary_key=True, max_length=64)
    forget_at: datetime = Field(sa_type=UtcDateTime)


class SignatureFault(SQLModel, table=True):
    """Refused requests of a device that is known, counted by the hour: what a rule reads of forged signatures."""

    __tablename__ = "signature_fault"

    device_id: str = Field(foreign_key="device.id", primary_key=True, max_length=32)
    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    reason: str = Field(primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    camera_id: str | None = Field(default=None, max_length=32)
    count: int = Field(default=0)
