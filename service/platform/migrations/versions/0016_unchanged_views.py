"""Pictures in which nothing changed since an earlier one

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMNS = (("snapshot", "carried_from", 32), ("snapshot", "question", 64), ("zone_reading", "carried_from", 32))


def upgrade() -> None:
    """Forward. Every picture read so far was read itself: the columns are empty there."""
    for table, column, length in _COLUMNS:
        op.add_column(table, sa.Column(column, sa.String(length=length), nullable=True))


def downgrade() -> None:
    """Back. Not in a batch: that would make the tables anew, and readings refer to their snapshots."""
    for table, column, _ in reversed(_COLUMNS):
        op.drop_column(table, column)
