"""The append-only, hash-chained table of what was done and read, and of what became evidence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from service.platform.database import UtcDateTime


class LedgerEntry(SQLModel, table=True):
    """One entry. `hash` covers every other column and the hash of the entry before (`prev_hash`)."""

    __tablename__ = "ledger_entry"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(max_length=16, index=True)  # audit | evidence
    actor: str = Field(max_length=100)  # user:… | token:… | system
    action: str = Field(max_length=64, index=True)
    object_kind: str = Field(default="", max_length=32)
    object_id: str = Field(default="", max_length=64, index=True)
    facility_id: str | None = Field(default=None, max_length=32, index=True)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    prev_hash: str = Field(max_length=64)
    hash: str = Field(unique=True, max_length=64)
