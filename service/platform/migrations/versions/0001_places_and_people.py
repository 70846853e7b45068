"""Places, people, the ledger, and work to do

Revision ID: 0001
Revises: none
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
    # Whoever holds the database can drop these; they keep a defect of the program from changing the past.
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _FORBID_POSTGRESQL if is_postgresql else _FORBID_SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_bed_zone_camera_id", table_name="bed_zone")
    op.drop_index("ix_bed_zone_bed_id", table_name="bed_zone")
    op.drop_table("bed_zone")
    op.drop_index("ix_access_token_facility_id", table_name="access_token")
    op.drop_index("ix_access_token_camera_id", table_name="access_token")
    op.drop_table("access_token")
    op.drop_index("ix_camera_ward_id", table_name="camera")
    op.drop_index("ix_camera_facility_id", table_name="camera")
    op.drop_table("camera")
    op.drop_index("ix_bed_ward_id", table_name="bed")
    op.drop_index("ix_bed_facility_id", table_name="bed")
    op.drop_table("bed")
    op.drop_index("ix_ward_facility_id", table_name="ward")
    op.drop_table("ward")
    op.drop_index("ix_user_session_user_id", table_name="user_session")
    op.drop_table("user_session")
    op.drop_index("ix_role_grant_user_id", table_name="role_grant")
    op.drop_index("ix_role_grant_facility_id", table_name="role_grant")
    op.drop_table("role_grant")
    op.drop_index("ix_one_time_link_user_id", table_name="one_time_link")
    op.drop_table("one_time_link")
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
