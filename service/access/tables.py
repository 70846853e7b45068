"""Tables of who may: people, their roles and sessions, and tokens of programs and devices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.access import device_tables  # noqa: F401 - the tables of devices belong to this room
from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class UserAccount(SQLModel, table=True):
    """A person who logs in."""

    __tablename__ = "user_account"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    username: str = Field(unique=True, max_length=64)
    password_hash: str = Field(max_length=200)  # Argon2id
    is_active: bool = Field(default=True)
    failed_logins: int = Field(default=0)
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RoleGrant(SQLModel, table=True):
    """A role of a person at one facility, or at all of them (`facility_id` is null: the operator).

    `ward_id`: of ward staff, the ward of that facility on which the person works, if it is on record.
    """

    __tablename__ = "role_grant"
    __table_args__ = (UniqueConstraint("user_id", "facility_id", "role"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="user_account.id", index=True, max_length=32)
    facility_id: str | None = Field(default=None, foreign_key="facility.id", index=True, max_length=32)
    role: str = Field(max_length=32)  # viewer | ward_staff | inspector | admin
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)


class UserSession(SQLModel, table=True):
    """A login. The cookie holds the secret; the table holds its hash."""

    __tablename__ = "user_session"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="user_account.id", index=True, max_length=32)
    secret_hash: str = Field(unique=True, max_length=64)
    csrf_token: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OneTimeLink(SQLModel, table=True):
    """A link that logs one person in once, printed for whoever sits at the machine."""

    __tablename__ = "one_time_link"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="user_account.id", index=True, max_length=32)
    secret_hash: str = Field(unique=True, max_length=64)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AccessToken(SQLModel, table=True):
    """A program's or device's token, kept as a hash, with the scopes it may use at one facility."""

    __tablename__ = "access_token"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=100)
    secret_hash: str = Field(unique=True, max_length=64)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    camera_id: str | None = Field(default=None, foreign_key="camera.id", index=True, max_length=32)
    scopes: list[Any] = Field(sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
