"""Devices, their keys and their heartbeats

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=32), nullable=nullable)


def _facility(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f(f"fk_{table}_facility_id"))


def _camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f(f"fk_{table}_camera_id"))


def _device(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f(f"fk_{table}_device_id"))


def upgrade() -> None:
    """Forward."""
    _create_devices()
    _create_sightings()
    with op.batch_alter_table("snapshot") as batch:
        batch.add_column(sa.Column("trust", sa.String(length=16), nullable=False, server_default="live"))
        batch.add_column(sa.Column("clock_offset_ms", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("clock_flag", sa.String(length=32), nullable=True))
    with op.batch_alter_table("snapshot") as batch:  # the default was for the rows that were there
        batch.alter_column("trust", server_default=None)


def _create_devices() -> None:
    op.create_table(
        "device",
        _id("id"),
        _id("facility_id"),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        _id("camera_id", nullable=True),
        sa.Column("paired_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        _facility("device"),
        _camera("device"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
    )
    op.create_index(op.f("ix_device_facility_id"), "device", ["facility_id"], unique=False)
    op.create_index(op.f("ix_device_camera_id"), "device", ["camera_id"], unique=False)
    op.create_table(
        "device_key",
        _id("id"),
        _id("device_id"),
        sa.Column("public_key", sa.String(length=44), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        _device("device_key"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_key")),
        sa.UniqueConstraint("public_key", name=op.f("uq_device_key_public_key")),
    )
    op.create_index(op.f("ix_device_key_device_id"), "device_key", ["device_id"], unique=False)
    op.create_table(
        "pairing_code",
        _id("id"),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        _id("facility_id"),
        sa.Column("facility_code", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        _id("camera_id", nullable=True),
        sa.Column("camera_code", sa.String(length=64), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        _facility("pairing_code"),
        _camera("pairing_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_pairing_code_code_hash")),
    )
    op.create_index(op.f("ix_pairing_code_facility_id"), "pairing_code", ["facility_id"], unique=False)
    op.create_table(
        "used_nonce",
        _id("key_id"),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("forget_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce", name=op.f("pk_used_nonce")),
    )
    op.create_index("ix_used_nonce_forget_at", "used_nonce", ["forget_at"], unique=False)
    op.create_table(
        "signature_fault",
        _id("device_id"),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        _id("facility_id"),
        _id("camera_id", nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        _device("signature_fault"),
        _facility("signature_fault"),
        sa.PrimaryKeyConstraint("device_id", "hour", "reason", name=op.f("pk_signature_fault")),
    )
    op.create_index(op.f("ix_signature_fault_facility_id"), "signature_fault", ["facility_id"], unique=False)


def _create_sightings() -> None:
    op.create_table(
        "snapshot_statement",
        _id("snapshot_id"),
        _id("facility_id"),
        _id("camera_id"),
        _id("device_id"),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("statement", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("nonce_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_snapshot_statement_snapshot_id")),
        _facility("snapshot_statement"),
        _camera("snapshot_statement"),
        _device("snapshot_statement"),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_snapshot_statement")),
    )
    op.create_index("ix_snapshot_statement_camera_sequence", "snapshot_statement", ["camera_id", "sequence"])
    op.create_table(
        "device_heartbeat",
        _id("id"),
        _id("facility_id"),
        _id("camera_id", nullable=True),
        _id("device_id", nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("offset_ms", sa.Integer(), nullable=False),
        sa.Column("spool_depth", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("captured", sa.Integer(), nullable=False),
        sa.Column("camera_away", sa.Integer(), nullable=False),
        sa.Column("oldest_waiting_at", UtcDateTime(), nullable=True),
        sa.Column("temperature_c", sa.Float(), nullable=True),
        sa.Column("versions", sa.JSON(), nullable=False),
        _facility("device_heartbeat"),
        _camera("device_heartbeat"),
        _device("device_heartbeat"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_heartbeat")),
    )
    op.create_index("ix_device_heartbeat_camera_received", "device_heartbeat", ["camera_id", "received_at"])
    op.create_index("ix_device_heartbeat_facility_received", "device_heartbeat", ["facility_id", "received_at"])


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("snapshot") as batch:
        batch.drop_column("clock_flag")
        batch.drop_column("clock_offset_ms")
        batch.drop_column("trust")
    for table in (
        "device_heartbeat",
        "snapshot_statement",
        "signature_fault",
        "used_nonce",
        "pairing_code",
        "device_key",
        "device",
    ):
        op.drop_table(table)
