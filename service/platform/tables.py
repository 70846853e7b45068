"""Tables of the platform: work to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Job(SQLModel, table=True):
    """Something to be done, written in the transaction that made it necessary (a transactional outbox).

    `kind` is the topic; who handles it is registered by the worker. `dedupe_key` holds one waiting job a key: a
    second request for the same work while the first waits adds nothing. It is cleared when the job is claimed, so
    that what changes while the job runs asks for another run.
    """

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_claim", "state", "priority", "run_after", "id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    kind: str = Field(max_length=64, index=True)
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str = Field(default="queued", max_length=16)  # queued | running | done | failed
    priority: int = Field(default=100)  # lower first
    dedupe_key: str | None = Field(default=None, unique=True, max_length=200)
    attempts: int = Field(default=0)
    run_after: datetime = Field(sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_by: str | None = Field(default=None, max_length=64)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, max_length=2000)
    created_at: datetime = Field(sa_type=UtcDateTime)
