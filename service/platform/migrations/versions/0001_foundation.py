"""Foundation: places, people, admissions, pictures, presence, findings

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FORBID_SQLITE = (
    "CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
)
_FORBID_POSTGRESQL = (
    "CREATE FUNCTION ledger_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry "
    "FOR EACH ROW EXECUTE FUNCTION ledger_entry_append_only()",
)


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "facility",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("ownership", sa.String(length=32), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("shadow_until", UtcDateTime(), nullable=True),
        sa.Column("clock", sa.String(length=16), nullable=False),
        sa.Column("watermark", UtcDateTime(), nullable=True),
        sa.Column("target_in_bed_rate", sa.Float(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility")),
        sa.UniqueConstraint("code", name=op.f("uq_facility_code")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("dedupe_key", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_after", UtcDateTime(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(length=2000), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_job_dedupe_key")),
    )
    op.create_index("ix_job_claim", "job", ["state", "priority", "run_after", "id"], unique=False)
    op.create_index(op.f("ix_job_kind"), "job", ["kind"], unique=False)

    op.create_table(
        "ledger_entry",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_kind", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_entry_hash")),
    )
    op.create_index(op.f("ix_ledger_entry_action"), "ledger_entry", ["action"], unique=False)
    op.create_index(op.f("ix_ledger_entry_facility_id"), "ledger_entry", ["facility_id"], unique=False)
    op.create_index(op.f("ix_ledger_entry_kind"), "ledger_entry", ["kind"], unique=False)
    op.create_index(op.f("ix_ledger_entry_object_id"), "ledger_entry", ["object_id"], unique=False)

    op.create_table(
        "user_account",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("username", name=op.f("uq_user_account_username")),
    )
    op.create_table(
        "gallery_stamp",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("stamp", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_gallery_stamp_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_gallery_stamp")),
    )
    op.create_table(
        "one_time_link",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_one_time_link_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_one_time_link_secret_hash")),
    )
    op.create_index(op.f("ix_one_time_link_user_id"), "one_time_link", ["user_id"], unique=False)

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
        "presence_progress",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("computed_from", UtcDateTime(), nullable=True),
        sa.Column("computed_to", UtcDateTime(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_presence_progress_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_presence_progress")),
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=True),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_role_grant_facility_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_role_grant_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        sa.UniqueConstraint("user_id", "facility_id", "role", name=op.f("uq_role_grant_user_id_facility_id_role")),
    )
    op.create_index(op.f("ix_role_grant_facility_id"), "role_grant", ["facility_id"], unique=False)
    op.create_index(op.f("ix_role_grant_user_id"), "role_grant", ["user_id"], unique=False)

    op.create_table(
        "user_session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_user_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_user_session_secret_hash")),
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"], unique=False)

    op.create_table(
        "ward",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("specialty", sa.String(length=64), nullable=False),
        sa.Column("presence_scope", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_ward_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ward")),
        sa.UniqueConstraint("facility_id", "code", name=op.f("uq_ward_facility_id_code")),
    )
    op.create_index(op.f("ix_ward_facility_id"), "ward", ["facility_id"], unique=False)

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
        "bed",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("hospital_code", sa.String(length=64), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_bed_facility_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_bed_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed")),
        sa.UniqueConstraint("facility_id", "hospital_code", name=op.f("uq_bed_facility_id_hospital_code")),
        sa.UniqueConstraint("ward_id", "code", name=op.f("uq_bed_ward_id_code")),
    )
    op.create_index(op.f("ix_bed_facility_id"), "bed", ["facility_id"], unique=False)
    op.create_index(op.f("ix_bed_ward_id"), "bed", ["ward_id"], unique=False)

    op.create_table(
        "camera",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=500), nullable=False),
        sa.Column("sign_text", sa.String(length=500), nullable=False),
        sa.Column("cadence_seconds", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_camera_facility_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_camera_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera")),
        sa.UniqueConstraint("facility_id", "code", name=op.f("uq_camera_facility_id_code")),
    )
    op.create_index(op.f("ix_camera_facility_id"), "camera", ["facility_id"], unique=False)
    op.create_index(op.f("ix_camera_ward_id"), "camera", ["ward_id"], unique=False)

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
        "access_token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_access_token_camera_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_access_token_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_access_token_secret_hash")),
    )
    op.create_index(op.f("ix_access_token_camera_id"), "access_token", ["camera_id"], unique=False)
    op.create_index(op.f("ix_access_token_facility_id"), "access_token", ["facility_id"], unique=False)

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
        "bed_zone",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=False),
        sa.Column("polygon", sa.JSON(), nullable=False),
        sa.Column("head_edge", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("valid_from", UtcDateTime(), nullable=False),
        sa.Column("valid_to", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_bed_zone_bed_id")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_bed_zone_camera_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed_zone")),
        sa.UniqueConstraint("camera_id", "bed_id", "version", name=op.f("uq_bed_zone_camera_id_bed_id_version")),
    )
    op.create_index(op.f("ix_bed_zone_bed_id"), "bed_zone", ["bed_id"], unique=False)
    op.create_index(op.f("ix_bed_zone_camera_id"), "bed_zone", ["camera_id"], unique=False)

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

    # Whoever holds the database can drop these; they keep a defect of the program from changing the past.
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _FORBID_POSTGRESQL if is_postgresql else _FORBID_SQLITE:
        op.execute(statement)


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
    op.drop_index("ix_off_ward_activity_admission_id", table_name="off_ward_activity")

    op.drop_table("off_ward_activity")
    op.drop_index("ix_leave_of_absence_admission_id", table_name="leave_of_absence")

    op.drop_table("leave_of_absence")
    op.drop_index("ix_finding_rule", table_name="finding")
    op.drop_index("ix_finding_facility_id", table_name="finding")
    op.drop_index("ix_finding_admission_id", table_name="finding")

    op.drop_table("finding")
    op.drop_index("ix_directed_check_facility_deadline", table_name="directed_check")
    op.drop_index("ix_directed_check_admission_id", table_name="directed_check")

    op.drop_table("directed_check")
    op.drop_index("ix_bed_zone_camera_id", table_name="bed_zone")
    op.drop_index("ix_bed_zone_bed_id", table_name="bed_zone")

    op.drop_table("bed_zone")
    op.drop_index("ix_bed_assignment_bed_id", table_name="bed_assignment")
    op.drop_index("ix_bed_assignment_admission_id", table_name="bed_assignment")

    op.drop_table("bed_assignment")
    op.drop_index("ix_access_token_facility_id", table_name="access_token")
    op.drop_index("ix_access_token_camera_id", table_name="access_token")

    op.drop_table("access_token")
    op.drop_index("ix_face_template_patient_id", table_name="face_template")
    op.drop_index("ix_face_template_pack_hash", table_name="face_template")
    op.drop_index("ix_face_template_facility_id", table_name="face_template")

    op.drop_table("face_template")
    op.drop_index("ix_consent_patient_id", table_name="consent")

    op.drop_table("consent")
    op.drop_index("ix_camera_ward_id", table_name="camera")
    op.drop_index("ix_camera_facility_id", table_name="camera")

    op.drop_table("camera")
    op.drop_index("ix_bed_ward_id", table_name="bed")
    op.drop_index("ix_bed_facility_id", table_name="bed")

    op.drop_table("bed")
    op.drop_index("ix_admission_patient_id", table_name="admission")
    op.drop_index("ix_admission_facility_id", table_name="admission")
    op.drop_index("ix_admission_discharged_at", table_name="admission")
    op.drop_index("ix_admission_admitted_at", table_name="admission")

    op.drop_table("admission")
    op.drop_index("ix_ward_facility_id", table_name="ward")

    op.drop_table("ward")
    op.drop_index("ix_user_session_user_id", table_name="user_session")

    op.drop_table("user_session")
    op.drop_index("ix_role_grant_user_id", table_name="role_grant")
    op.drop_index("ix_role_grant_facility_id", table_name="role_grant")

    op.drop_table("role_grant")
    op.drop_table("presence_progress")
    op.drop_index("ix_patient_facility_id", table_name="patient")

    op.drop_table("patient")
    op.drop_index("ix_one_time_link_user_id", table_name="one_time_link")

    op.drop_table("one_time_link")
    op.drop_table("gallery_stamp")
    op.drop_table("user_account")
    op.drop_index("ix_ledger_entry_object_id", table_name="ledger_entry")
    op.drop_index("ix_ledger_entry_kind", table_name="ledger_entry")
    op.drop_index("ix_ledger_entry_facility_id", table_name="ledger_entry")
    op.drop_index("ix_ledger_entry_action", table_name="ledger_entry")

    op.drop_table("ledger_entry")
    op.drop_index("ix_job_kind", table_name="job")
    op.drop_index("ix_job_claim", table_name="job")

    op.drop_table("job")
    op.drop_table("facility")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ledger_entry_append_only()")
