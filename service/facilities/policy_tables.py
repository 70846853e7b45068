"""The table of presence policies by the level of an institution."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class LevelPolicy(SQLModel, table=True):
    """What holds for all facilities of a level (1 primary, 2 secondary, 3 tertiary, none) from a local day on, until
    the next one of the level. Never changed once recorded: a correction is a new one."""

    __tablename__ = "level_policy"
    __table_args__ = (UniqueConstraint("level", "effective_from", "version"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    level: str = Field(max_length=16)
    version: str = Field(max_length=32)
    effective_from: date
    settings: dict[str, Any] = Field(sa_type=JSON)
    legal_basis: str = Field(default="", max_length=1000)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
