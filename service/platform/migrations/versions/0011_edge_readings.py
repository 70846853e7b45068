"""Readings judged at the edge, and the crops asked for

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    _add("facility", "transmission_basis", "pictures")
    _add("snapshot", "judged_at", "server")
    op.create_table(
        "edge_box",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("sealing_key", sa.String(length=44), nullable=False),
        sa.Column("registered_at", UtcDateTime(), nullable=False),
        sa.Column("gallery_version", sa.String(length=64), nullable=True),
        sa.Column("gallery_given_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_edge_box_device_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_edge_box_facility_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_edge_box")),
    )
    op.create_index(op.f("ix_edge_box_facility_id"), "edge_box", ["facility_id"], unique=False)
    op.create_table(
        "edge_reading",
        sa.Column("snapshot_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("templates", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("commitments", sa.JSON(), nullable=False),
        sa.Column("judgements", sa.Integer(), nullable=False),
        sa.Column("judged_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_edge_reading_camera_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_edge_reading_device_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_edge_reading_facility_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_edge_reading_snapshot_id")),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_edge_reading")),
    )
    op.create_index(op.f("ix_edge_reading_facility_id"), "edge_reading", ["facility_id"], unique=False)
    op.create_table(
        "edge_request",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("snapshot_id", sa.String(length=32), nullable=False),
        sa.Column("zone_id", sa.String(length=32), nullable=True),
        sa.Column("reading_id", sa.String(length=32), nullable=True),
        sa.Column("captured_at", UtcDateTime(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("said", sa.String(length=32), nullable=True),
        sa.Column("found", sa.String(length=32), nullable=True),
        sa.Column("blob_key", sa.String(length=200), nullable=True),
        sa.Column("covered", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_edge_request_camera_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_edge_request_device_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_edge_request_facility_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_edge_request_snapshot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edge_request")),
    )
    op.create_index("ix_edge_request_device_outcome", "edge_request", ["device_id", "outcome"], unique=False)
    op.create_index("ix_edge_request_facility_captured", "edge_request", ["facility_id", "captured_at"], unique=False)
    op.create_index("ix_edge_request_camera_asked", "edge_request", ["camera_id", "asked_at"], unique=False)
    op.create_index(op.f("ix_edge_request_reading_id"), "edge_request", ["reading_id"], unique=False)
    op.create_index(op.f("ix_edge_request_snapshot_id"), "edge_request", ["snapshot_id"], unique=False)
    op.create_table(
        "picture_command",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("roll_call_id", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_picture_command_camera_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_picture_command_device_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_picture_command_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture_command")),
        sa.UniqueConstraint("camera_id", "roll_call_id", name=op.f("uq_picture_command_camera_id_roll_call_id")),
    )
    op.create_index("ix_picture_command_facility_since", "picture_command", ["facility_id", "since"], unique=False)


def downgrade() -> None:
    """Back. What boxes read stays; that it was they who read it is forgotten."""
    for table in ("picture_command", "edge_request", "edge_reading", "edge_box"):
        op.drop_table(table)
    for table, column in (("snapshot", "judged_at"), ("facility", "transmission_basis")):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)


def _add(table: str, column: str, value: str) -> None:
    """A column that old rows have too."""
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column(column, sa.String(length=16), nullable=False, server_default=value))
    with op.batch_alter_table(table) as batch:
        batch.alter_column(column, server_default=None)
