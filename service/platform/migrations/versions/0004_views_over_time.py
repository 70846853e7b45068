"""Prints of pictures, and what they show over time

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_READING = (
    ("seen_state", sa.String(length=16)),
    ("seen_confidence", sa.Float()),
    ("seen_cause", sa.String(length=64)),
    ("seen_recognised_id", sa.String(length=32)),
    ("seen_staff_id", sa.String(length=32)),
    ("recognised_staff_id", sa.String(length=32)),
    ("face_trace", sa.LargeBinary()),
)


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "snapshot_print",
        sa.Column("snapshot_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("captured_at", UtcDateTime(), nullable=False),
        sa.Column("layout", sa.String(length=16), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("seen_cause", sa.String(length=64), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("repeats_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_snapshot_print_camera_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_snapshot_print_snapshot_id")),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_snapshot_print")),
    )
    op.create_index("ix_snapshot_print_camera_captured", "snapshot_print", ["camera_id", "captured_at"], unique=False)
    op.create_index(
        "ix_snapshot_print_camera_layout", "snapshot_print", ["camera_id", "layout", "captured_at"], unique=False
    )
    for name, kind in _READING:
        op.add_column("zone_reading", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("zone_reading") as table:
        for name, _ in reversed(_READING):
            table.drop_column(name)
    op.drop_index("ix_snapshot_print_camera_layout", table_name="snapshot_print")
    op.drop_index("ix_snapshot_print_camera_captured", table_name="snapshot_print")
    op.drop_table("snapshot_print")
