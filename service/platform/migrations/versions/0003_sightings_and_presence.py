"""Pictures, readings, presence and findings

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "presence_progress",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("computed_from", UtcDateTime(), nullable=True),
        sa.Column("computed_to", UtcDateTime(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_presence_progress_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_presence_progress")),
    )
    op.create_table(
        "directed_check",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("deadline_at", UtcDateTime(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_directed_check_admission_id")),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_directed_check_bed_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_directed_check_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directed_check")),
        sa.UniqueConstraint("admission_id", "due_at", name=op.f("uq_directed_check_admission_id_due_at")),
    )
    op.create_index(op.f("ix_directed_check_admission_id"), "directed_check", ["admission_id"], unique=False)
    op.create_index(
        "ix_directed_check_facility_deadline", "directed_check", ["facility_id", "deadline_at"], unique=False
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("rule_version", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("in_shadow", sa.Boolean(), nullable=False),
        sa.Column("event_at", UtcDateTime(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("counter_evidence", sa.JSON(), nullable=False),
        sa.Column("evidence_ids", sa.JSON(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_finding_admission_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_finding_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("admission_id", "rule", name=op.f("uq_finding_admission_id_rule")),
    )
    op.create_index(op.f("ix_finding_admission_id"), "finding", ["admission_id"], unique=False)
    op.create_index(op.f("ix_finding_facility_id"), "finding", ["facility_id"], unique=False)
    op.create_index(op.f("ix_finding_rule"), "finding", ["rule"], unique=False)
    op.create_table(
        "presence_check",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=True),
        sa.Column("bed_id", sa.String(length=32), nullable=True),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=True),
        sa.Column("reading_ids", sa.JSON(), nullable=False),
        sa.Column("directed_check_id", sa.String(length=32), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("computed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_presence_check_admission_id")),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_presence_check_bed_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_presence_check_facility_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_presence_check_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_check")),
        sa.UniqueConstraint("admission_id", "due_at", name=op.f("uq_presence_check_admission_id_due_at")),
    )
    op.create_index(op.f("ix_presence_check_admission_id"), "presence_check", ["admission_id"], unique=False)
    op.create_index("ix_presence_check_facility_due", "presence_check", ["facility_id", "due_at"], unique=False)
    op.create_index("ix_presence_check_facility_outcome", "presence_check", ["facility_id", "outcome"], unique=False)
    op.create_index("ix_presence_check_ward_due", "presence_check", ["ward_id", "due_at"], unique=False)
    op.create_table(
        "snapshot",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=False),
        sa.Column("captured_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("blob_key", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=True),
        sa.Column("view_cause", sa.String(length=64), nullable=True),
        sa.Column("pack_hash", sa.String(length=64), nullable=True),
        sa.Column("analysed_at", UtcDateTime(), nullable=True),
        sa.Column("strangers", sa.Integer(), nullable=False),
        sa.Column("frozen_for", sa.String(length=64), nullable=True),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_snapshot_camera_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_snapshot_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("camera_id", "sequence", "sha256", name=op.f("uq_snapshot_camera_id_sequence_sha256")),
    )
    op.create_index("ix_snapshot_camera_captured", "snapshot", ["camera_id", "captured_at"], unique=False)
    op.create_index(op.f("ix_snapshot_captured_at"), "snapshot", ["captured_at"], unique=False)
    op.create_index("ix_snapshot_facility_captured", "snapshot", ["facility_id", "captured_at"], unique=False)
    op.create_index(op.f("ix_snapshot_facility_id"), "snapshot", ["facility_id"], unique=False)
    op.create_index(op.f("ix_snapshot_frozen_for"), "snapshot", ["frozen_for"], unique=False)
    op.create_index(op.f("ix_snapshot_received_at"), "snapshot", ["received_at"], unique=False)
    op.create_table(
        "directed_look",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("directed_check_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("ward_searched", sa.Boolean(), nullable=False),
        sa.Column("patient_called", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["directed_check_id"], ["directed_check.id"], name=op.f("fk_directed_look_directed_check_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["user_account.id"], name=op.f("fk_directed_look_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directed_look")),
        sa.UniqueConstraint(
            "directed_check_id",
            "person_id",
            "looked_at",
            name=op.f("uq_directed_look_directed_check_id_person_id_looked_at"),
        ),
    )
    op.create_index(op.f("ix_directed_look_directed_check_id"), "directed_look", ["directed_check_id"], unique=False)
    op.create_table(
        "zone_reading",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("snapshot_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=False),
        sa.Column("zone_id", sa.String(length=32), nullable=False),
        sa.Column("captured_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=True),
        sa.Column("expected_patient_id", sa.String(length=32), nullable=True),
        sa.Column("recognised_patient_id", sa.String(length=32), nullable=True),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("expected_similarity", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("face_quality", sa.Float(), nullable=True),
        sa.Column("quality_reasons", sa.JSON(), nullable=False),
        sa.Column("body_score", sa.Float(), nullable=True),
        sa.Column("face_box", sa.JSON(), nullable=True),
        sa.Column("pack_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_zone_reading_bed_id")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_zone_reading_camera_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_zone_reading_facility_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_zone_reading_snapshot_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["bed_zone.id"], name=op.f("fk_zone_reading_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone_reading")),
        sa.UniqueConstraint("snapshot_id", "bed_id", name=op.f("uq_zone_reading_snapshot_id_bed_id")),
    )
    op.create_index("ix_zone_reading_bed_captured", "zone_reading", ["bed_id", "captured_at"], unique=False)
    op.create_index("ix_zone_reading_facility_captured", "zone_reading", ["facility_id", "captured_at"], unique=False)
    op.create_index(
        op.f("ix_zone_reading_recognised_patient_id"), "zone_reading", ["recognised_patient_id"], unique=False
    )
    op.create_index(op.f("ix_zone_reading_snapshot_id"), "zone_reading", ["snapshot_id"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_zone_reading_snapshot_id", table_name="zone_reading")
    op.drop_index("ix_zone_reading_recognised_patient_id", table_name="zone_reading")
    op.drop_index("ix_zone_reading_facility_captured", table_name="zone_reading")
    op.drop_index("ix_zone_reading_bed_captured", table_name="zone_reading")
    op.drop_table("zone_reading")
    op.drop_index("ix_directed_look_directed_check_id", table_name="directed_look")
    op.drop_table("directed_look")
    op.drop_index("ix_snapshot_received_at", table_name="snapshot")
    op.drop_index("ix_snapshot_frozen_for", table_name="snapshot")
    op.drop_index("ix_snapshot_facility_id", table_name="snapshot")
    op.drop_index("ix_snapshot_facility_captured", table_name="snapshot")
    op.drop_index("ix_snapshot_captured_at", table_name="snapshot")
    op.drop_index("ix_snapshot_camera_captured", table_name="snapshot")
    op.drop_table("snapshot")
    op.drop_index("ix_presence_check_ward_due", table_name="presence_check")
    op.drop_index("ix_presence_check_facility_outcome", table_name="presence_check")
    op.drop_index("ix_presence_check_facility_due", table_name="presence_check")
    op.drop_index("ix_presence_check_admission_id", table_name="presence_check")
    op.drop_table("presence_check")
    op.drop_index("ix_finding_rule", table_name="finding")
    op.drop_index("ix_finding_facility_id", table_name="finding")
    op.drop_index("ix_finding_admission_id", table_name="finding")
    op.drop_table("finding")
    op.drop_index("ix_directed_check_facility_deadline", table_name="directed_check")
    op.drop_index("ix_directed_check_admission_id", table_name="directed_check")
    op.drop_table("directed_check")
    op.drop_table("presence_progress")
