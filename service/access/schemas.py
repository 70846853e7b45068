"""What access sends and takes over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Credentials(BaseModel):
    """A user name and a password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"username": "li.na", "password": "correct horse battery"}]},
    )

    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=200)


class GrantOut(BaseModel):
    """A role, and the id of the facility where it holds (null: everywhere)."""

    role: str
    facility_id: str | None


class SessionOut(BaseModel):
    """A session just opened. The cookie comes beside it; unsafe requests send `csrf_token` as `X-CSRF-Token`."""

    username: str
    csrf_token: str
    expires_at: datetime
    grants: list[GrantOut]


class WhoAmI(BaseModel):
    """Who sends this request."""

    kind: str = Field(description="user or token", examples=["user"])
    name: str = Field(examples=["li.na"])
    csrf_token: str = Field(description="Empty for tokens.")
    grants: list[GrantOut]
    scopes: list[str] = Field(description="Of a token; empty for people.")
    facility_id: str | None = Field(description="Of a token; null for people.")
    camera_id: str | None = Field(description="Of a device's token; else null.")
