"""Tables of places: facilities, wards, beds, cameras, and where a bed lies in a camera's view."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.facilities.policy_tables import LevelPolicy as LevelPolicy
from service.facilities.release_tables import AgentRelease as AgentRelease
from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Facility(SQLModel, table=True):
    """A hospital. `clock`: `live` (deadlines on the real clock) or `replay` (a watermark driven from outside)."""

    __tablename__ = "facility"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    name_zh: str = Field(default="", max_length=200)
    kind: str = Field(default="hospital", max_length=32)
    level: str = Field(default="2", max_length=16)  # class of the institution: 1, 2, 3
    region: str = Field(default="", index=True, max_length=64)  # whose facilities a roll call may count at once
    ownership: str = Field(default="public", max_length=32)
    timezone: str = Field(default="Asia/Shanghai", max_length=64)
    mode: str = Field(default="shadow", max_length=16)  # shadow | live
    shadow_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    clock: str = Field(default="live", max_length=16)  # live | replay
    watermark: datetime | None = Field(default=None, sa_type=UtcDateTime)  # replay only
    target_in_bed_rate: float = Field(default=0.94)
    policy: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # overrides of the presence policy
    transmission_basis: str = Field(default="pictures", max_length=16)  # pictures | readings: what leaves the ward box
    created_at: datetime = Field(sa_type=UtcDateTime)


class Ward(SQLModel, table=True):
    """A ward of a facility. `presence_scope`: `bed`, or `ward` where patients are looked for on the whole ward."""

    __tablename__ = "ward"
    __table_args__ = (UniqueConstraint("facility_id", "code"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    code: str = Field(max_length=64)
    name: str = Field(max_length=200)
    name_zh: str = Field(default="", max_length=200)
    specialty: str = Field(default="general", max_length=64)
    presence_scope: str = Field(default="bed", max_length=16)


class Bed(SQLModel, table=True):
    """A bed. `hospital_code` is what the hospital's own system calls it, unique within the facility."""

    __tablename__ = "bed"
    __table_args__ = (UniqueConstraint("ward_id", "code"), UniqueConstraint("facility_id", "hospital_code"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    ward_id: str = Field(foreign_key="ward.id", index=True, max_length=32)
    code: str = Field(max_length=64)
    hospital_code: str = Field(max_length=64)
    is_open: bool = Field(default=True)


class Camera(SQLModel, table=True):
    """A camera with the purpose it was placed for: one without a purpose and a sign is not to be used."""

    __tablename__ = "camera"
    __table_args__ = (UniqueConstraint("facility_id", "code"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    ward_id: str = Field(foreign_key="ward.id", index=True, max_length=32)
    code: str = Field(max_length=64)
    name: str = Field(default="", max_length=200)
    purpose: str = Field(default="", max_length=500)
    sign_text: str = Field(default="", max_length=500)
    cadence_seconds: int = Field(default=300)
    is_active: bool = Field(default=True)


class BedZone(SQLModel, table=True):
    """Where a bed lies in a camera's view, from a time on. Redrawing makes a new version; the old one stays."""

    __tablename__ = "bed_zone"
    __table_args__ = (UniqueConstraint("camera_id", "bed_id", "version"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    camera_id: str = Field(foreign_key="camera.id", index=True, max_length=32)
    bed_id: str = Field(foreign_key="bed.id", index=True, max_length=32)
    polygon: list[Any] = Field(sa_type=JSON)  # [[x, y], …] as fractions of width and height
    head_edge: int = Field(default=0)  # the head lies at the edge from vertex i to vertex i + 1
    version: int = Field(default=1)
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_to: datetime | None = Field(default=None, sa_type=UtcDateTime)
