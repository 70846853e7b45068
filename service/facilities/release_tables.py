"""Table of the agent's releases that this server hands on."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class AgentRelease(SQLModel, table=True):
    """A bundle on offer, to every box or to one facility's or camera's. `withdrawn_at`: no longer offered."""

    __tablename__ = "agent_release"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    version: str = Field(max_length=32)
    platform: str = Field(max_length=48)
    sha256: str = Field(index=True, max_length=64)
    size: int
    manifest_sha256: str = Field(max_length=64)
    signature: str = Field(max_length=100)
    blob_key: str = Field(max_length=32)
    facility_id: str | None = Field(default=None, foreign_key="facility.id", index=True, max_length=32)
    camera_id: str | None = Field(default=None, foreign_key="camera.id", index=True, max_length=32)
    added_by: str = Field(max_length=100)
    added_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
