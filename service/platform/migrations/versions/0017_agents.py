"""Releases of edge agents

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "agent_release",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("platform", sa.String(length=48), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=False),
        sa.Column("blob_key", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=True),
        sa.Column("camera_id", sa.String(length=32), nullable=True),
        sa.Column("added_by", sa.String(length=100), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_agent_release_camera_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_agent_release_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_release")),
    )
    op.create_index(op.f("ix_agent_release_camera_id"), "agent_release", ["camera_id"], unique=False)
    op.create_index(op.f("ix_agent_release_facility_id"), "agent_release", ["facility_id"], unique=False)
    op.create_index(op.f("ix_agent_release_sha256"), "agent_release", ["sha256"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_table("agent_release")
