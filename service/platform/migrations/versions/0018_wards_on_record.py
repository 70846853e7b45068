"""Wards on record: of people who work on one, and of draws, those that opened later

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Nobody has a ward on record yet, and no draw has had a ward join it."""
    with op.batch_alter_table("role_grant") as batch:
        batch.add_column(sa.Column("ward_id", sa.String(length=32), nullable=True))
        batch.create_foreign_key(op.f("fk_role_grant_ward_id"), "ward", ["ward_id"], ["id"])
    op.add_column("roll_call_draw", sa.Column("late_wards", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Back. The draw's column not in a batch: that would make the table anew, and roll calls refer to their draw."""
    op.drop_column("roll_call_draw", "late_wards")
    with op.batch_alter_table("role_grant") as batch:
        batch.drop_constraint(op.f("fk_role_grant_ward_id"), type_="foreignkey")
        batch.drop_column("ward_id")
