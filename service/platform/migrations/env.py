"""Alembic's environment: runs migrations on the connection that `service.platform.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from service.platform.database import UtcDateTime
from service.platform.schema import load_tables


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Our column types as a migration writes them: by their short names, without SQLModel's own string type."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "UtcDateTime()"
    if kind == "type" and isinstance(item, AutoString):
        length = getattr(item.impl, "length", None)
        return f"sa.String(length={length})" if length else "sa.String()"
    return False


load_tables()

connection = context.config.attributes["connection"]
if connection is None:
    raise RuntimeError("run migrations with `wardwatch migrate`")
# SQLite cannot alter a table in place: batch mode copies it.
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
