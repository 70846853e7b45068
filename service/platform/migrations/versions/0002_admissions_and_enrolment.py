"""Patients, admissions, consent and face templates

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "gallery_stamp",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("stamp", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_gallery_stamp_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_gallery_stamp")),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("patient_no", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("sex", sa.String(length=16), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_patient_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("facility_id", "patient_no", name=op.f("uq_patient_facility_id_patient_no")),
    )
    op.create_index(op.f("ix_patient_facility_id"), "patient", ["facility_id"], unique=False)
    op.create_table(
        "admission",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("admission_no", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("admitted_at", UtcDateTime(), nullable=False),
        sa.Column("discharged_at", UtcDateTime(), nullable=True),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_admission_facility_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_admission_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admission")),
        sa.UniqueConstraint("facility_id", "admission_no", name=op.f("uq_admission_facility_id_admission_no")),
    )
    op.create_index(op.f("ix_admission_admitted_at"), "admission", ["admitted_at"], unique=False)
    op.create_index(op.f("ix_admission_discharged_at"), "admission", ["discharged_at"], unique=False)
    op.create_index(op.f("ix_admission_facility_id"), "admission", ["facility_id"], unique=False)
    op.create_index(op.f("ix_admission_patient_id"), "admission", ["patient_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("given_by", sa.String(length=32), nullable=False),
        sa.Column("document_ref", sa.String(length=200), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_consent_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_patient_id"), "consent", ["patient_id"], unique=False)
    op.create_table(
        "face_template",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("pack_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("photo_sha256", sa.String(length=64), nullable=False),
        sa.Column("effective_from", UtcDateTime(), nullable=False),
        sa.Column("enrolled_by", sa.String(length=100), nullable=False),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=100), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_cause", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_face_template_facility_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_face_template_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_template")),
    )
    op.create_index(op.f("ix_face_template_facility_id"), "face_template", ["facility_id"], unique=False)
    op.create_index(op.f("ix_face_template_pack_hash"), "face_template", ["pack_hash"], unique=False)
    op.create_index(op.f("ix_face_template_patient_id"), "face_template", ["patient_id"], unique=False)
    op.create_table(
        "bed_assignment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=False),
        sa.Column("from_at", UtcDateTime(), nullable=False),
        sa.Column("to_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_bed_assignment_admission_id")),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_bed_assignment_bed_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed_assignment")),
    )
    op.create_index(op.f("ix_bed_assignment_admission_id"), "bed_assignment", ["admission_id"], unique=False)
    op.create_index(op.f("ix_bed_assignment_bed_id"), "bed_assignment", ["bed_id"], unique=False)
    op.create_table(
        "leave_of_absence",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("from_at", UtcDateTime(), nullable=False),
        sa.Column("expected_return_at", UtcDateTime(), nullable=False),
        sa.Column("to_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=False),
        sa.Column("signed_at", UtcDateTime(), nullable=False),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_leave_of_absence_admission_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leave_of_absence")),
    )
    op.create_index(op.f("ix_leave_of_absence_admission_id"), "leave_of_absence", ["admission_id"], unique=False)
    op.create_table(
        "off_ward_activity",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("from_at", UtcDateTime(), nullable=False),
        sa.Column("to_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_off_ward_activity_admission_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_off_ward_activity")),
    )
    op.create_index(op.f("ix_off_ward_activity_admission_id"), "off_ward_activity", ["admission_id"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_off_ward_activity_admission_id", table_name="off_ward_activity")
    op.drop_table("off_ward_activity")
    op.drop_index("ix_leave_of_absence_admission_id", table_name="leave_of_absence")
    op.drop_table("leave_of_absence")
    op.drop_index("ix_bed_assignment_bed_id", table_name="bed_assignment")
    op.drop_index("ix_bed_assignment_admission_id", table_name="bed_assignment")
    op.drop_table("bed_assignment")
    op.drop_index("ix_face_template_patient_id", table_name="face_template")
    op.drop_index("ix_face_template_pack_hash", table_name="face_template")
    op.drop_index("ix_face_template_facility_id", table_name="face_template")
    op.drop_table("face_template")
    op.drop_index("ix_consent_patient_id", table_name="consent")
    op.drop_table("consent")
    op.drop_index("ix_admission_patient_id", table_name="admission")
    op.drop_index("ix_admission_facility_id", table_name="admission")
    op.drop_index("ix_admission_discharged_at", table_name="admission")
    op.drop_index("ix_admission_admitted_at", table_name="admission")
    op.drop_table("admission")
    op.drop_index("ix_patient_facility_id", table_name="patient")
    op.drop_table("patient")
    op.drop_table("gallery_stamp")
