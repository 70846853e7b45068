"""Roll calls, draws and hand-held confirmations

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("facility", sa.Column("region", sa.String(length=64), nullable=False, server_default=""))
    with op.batch_alter_table("facility") as batch:
        batch.alter_column("region", server_default=None)
    op.create_index(op.f("ix_facility_region"), "facility", ["region"], unique=False)
    op.add_column("directed_check", sa.Column("respond_by", UtcDateTime(), nullable=True))
    op.add_column("directed_check", sa.Column("escalated_at", UtcDateTime(), nullable=True))
    op.create_index("ix_directed_check_facility_due", "directed_check", ["facility_id", "due_at"], unique=False)
    op.create_table(
        "level_policy",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("legal_basis", sa.String(length=1000), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level_policy")),
        sa.UniqueConstraint(
            "level", "effective_from", "version", name=op.f("uq_level_policy_level_effective_from_version")
        ),
    )
    op.create_table(
        "roll_call_draw",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("wards", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=True),
        sa.Column("committed_by", sa.String(length=100), nullable=False),
        sa.Column("committed_at", UtcDateTime(), nullable=False),
        sa.Column("revealed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_roll_call_draw_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roll_call_draw")),
        sa.UniqueConstraint("facility_id", "first_day", name=op.f("uq_roll_call_draw_facility_id_first_day")),
    )
    op.create_index("ix_roll_call_draw_facility_id", "roll_call_draw", ["facility_id"], unique=False)
    op.create_table(
        "roll_call",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("scope_key", sa.String(length=48), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=True),
        sa.Column("bed_id", sa.String(length=32), nullable=True),
        sa.Column("draw_id", sa.String(length=32), nullable=True),
        sa.Column("opens_at", UtcDateTime(), nullable=False),
        sa.Column("frozen_until", UtcDateTime(), nullable=False),
        sa.Column("closes_at", UtcDateTime(), nullable=False),
        sa.Column("called_by", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("covered", sa.Integer(), nullable=True),
        sa.Column("unanswered", sa.Integer(), nullable=True),
        sa.Column("excused", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_roll_call_bed_id")),
        sa.ForeignKeyConstraint(["draw_id"], ["roll_call_draw.id"], name=op.f("fk_roll_call_draw_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_roll_call_facility_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_roll_call_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roll_call")),
        sa.UniqueConstraint(
            "facility_id", "opens_at", "scope_key", name=op.f("uq_roll_call_facility_id_opens_at_scope_key")
        ),
    )
    op.create_index("ix_roll_call_facility_closes", "roll_call", ["facility_id", "closes_at"], unique=False)
    op.create_index("ix_roll_call_group_id", "roll_call", ["group_id"], unique=False)
    op.create_table(
        "roll_call_entry",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("roll_call_id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=True),
        sa.Column("bed_id", sa.String(length=32), nullable=True),
        sa.Column("second_of", sa.String(length=32), nullable=True),
        sa.Column("counted_reading_id", sa.String(length=32), nullable=True),
        sa.Column("duplicates", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_roll_call_entry_admission_id")),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_roll_call_entry_bed_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_roll_call_entry_patient_id")),
        sa.ForeignKeyConstraint(["roll_call_id"], ["roll_call.id"], name=op.f("fk_roll_call_entry_roll_call_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_roll_call_entry_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roll_call_entry")),
        sa.UniqueConstraint("roll_call_id", "admission_id", name=op.f("uq_roll_call_entry_roll_call_id_admission_id")),
    )
    op.create_index("ix_roll_call_entry_admission_id", "roll_call_entry", ["admission_id"], unique=False)
    op.create_index("ix_roll_call_entry_roll_call_id", "roll_call_entry", ["roll_call_id"], unique=False)
    op.create_table(
        "bed_check",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("recognised_key", sa.String(length=32), nullable=True),
        sa.Column("occupied_seconds", sa.Integer(), nullable=False),
        sa.Column("reading_ids", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("computed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_bed_check_bed_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_bed_check_facility_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_bed_check_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed_check")),
        sa.UniqueConstraint("bed_id", "due_at", "outcome", name=op.f("uq_bed_check_bed_id_due_at_outcome")),
    )
    op.create_index("ix_bed_check_bed_id", "bed_check", ["bed_id"], unique=False)
    op.create_index("ix_bed_check_facility_due", "bed_check", ["facility_id", "due_at"], unique=False)
    op.create_table(
        "bed_look",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_bed_look_bed_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_bed_look_facility_id")),
        sa.ForeignKeyConstraint(["person_id"], ["user_account.id"], name=op.f("fk_bed_look_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed_look")),
        sa.UniqueConstraint(
            "bed_id", "due_at", "person_id", "looked_at", name=op.f("uq_bed_look_bed_id_due_at_person_id_looked_at")
        ),
    )
    op.create_index("ix_bed_look_facility_id", "bed_look", ["facility_id"], unique=False)
    op.create_table(
        "presence_count",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_presence_count_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", "day", "ward_id", "hour", "outcome", name=op.f("pk_presence_count")),
    )
    op.create_table(
        "handheld_challenge",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("directed_check_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("nonce", sa.String(length=16), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["directed_check_id"], ["directed_check.id"], name=op.f("fk_handheld_challenge_directed_check_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["user_account.id"], name=op.f("fk_handheld_challenge_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handheld_challenge")),
    )
    op.create_index(
        "ix_handheld_challenge_directed_check_id", "handheld_challenge", ["directed_check_id"], unique=False
    )
    op.create_table(
        "handheld_picture",
        sa.Column("look_id", sa.String(length=32), nullable=False),
        sa.Column("challenge_id", sa.String(length=32), nullable=False),
        sa.Column("identified_by", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob_key", sa.String(length=200), nullable=True),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["challenge_id"], ["handheld_challenge.id"], name=op.f("fk_handheld_picture_challenge_id")
        ),
        sa.ForeignKeyConstraint(["look_id"], ["directed_look.id"], name=op.f("fk_handheld_picture_look_id")),
        sa.PrimaryKeyConstraint("look_id", name=op.f("pk_handheld_picture")),
        sa.UniqueConstraint("challenge_id", name=op.f("uq_handheld_picture_challenge_id")),
    )
    op.create_table(
        "reverification",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("look_id", sa.String(length=32), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("deadline_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("person_id", sa.String(length=32), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("method", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_reverification_admission_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_reverification_facility_id")),
        sa.ForeignKeyConstraint(["look_id"], ["directed_look.id"], name=op.f("fk_reverification_look_id")),
        sa.ForeignKeyConstraint(["person_id"], ["user_account.id"], name=op.f("fk_reverification_person_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_reverification_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reverification")),
        sa.UniqueConstraint("look_id", name=op.f("uq_reverification_look_id")),
    )
    op.create_index("ix_reverification_admission_id", "reverification", ["admission_id"], unique=False)
    op.create_index("ix_reverification_facility_asked", "reverification", ["facility_id", "asked_at"], unique=False)
    op.create_table(
        "excuse_tap",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=True),
        sa.Column("admission_id", sa.String(length=32), nullable=False),
        sa.Column("activity_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("tapped_at", UtcDateTime(), nullable=False),
        sa.Column("during_check", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["activity_id"], ["off_ward_activity.id"], name=op.f("fk_excuse_tap_activity_id")),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_excuse_tap_admission_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_excuse_tap_facility_id")),
        sa.ForeignKeyConstraint(["person_id"], ["user_account.id"], name=op.f("fk_excuse_tap_person_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_excuse_tap_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_excuse_tap")),
    )
    op.create_index("ix_excuse_tap_admission_id", "excuse_tap", ["admission_id"], unique=False)
    op.create_index("ix_excuse_tap_facility_tapped", "excuse_tap", ["facility_id", "tapped_at"], unique=False)
    _count_checks()


def downgrade() -> None:
    """Back."""
    op.drop_table("excuse_tap")
    op.drop_table("reverification")
    op.drop_table("handheld_picture")
    op.drop_table("handheld_challenge")
    op.drop_table("presence_count")
    op.drop_table("bed_look")
    op.drop_table("bed_check")
    op.drop_table("roll_call_entry")
    op.drop_table("roll_call")
    op.drop_table("roll_call_draw")
    op.drop_table("level_policy")
    op.drop_index("ix_directed_check_facility_due", table_name="directed_check")
    op.drop_column("directed_check", "escalated_at")
    op.drop_column("directed_check", "respond_by")
    op.drop_index(op.f("ix_facility_region"), table_name="facility")
    op.drop_column("facility", "region")


def _count_checks() -> None:
    """The counts of the checks that are there already, by the facility's local day and hour."""
    checks = sa.table(
        "presence_check",
        sa.column("facility_id"),
        sa.column("ward_id"),
        sa.column("due_at", UtcDateTime()),
        sa.column("outcome"),
    )
    facilities = sa.table("facility", sa.column("id"), sa.column("timezone"))
    counts = sa.table(
        "presence_count", *(sa.column(name) for name in ("facility_id", "day", "ward_id", "hour", "outcome", "number"))
    )
    connection = op.get_bind()
    zones = {row.id: ZoneInfo(row.timezone) for row in connection.execute(sa.select(facilities))}
    groups = (checks.c.facility_id, checks.c.ward_id, checks.c.due_at, checks.c.outcome)
    found: Counter[tuple[str, str, str, int, str]] = Counter()
    for facility_id, ward_id, due_at, outcome, number in connection.execute(
        sa.select(*groups, sa.func.count()).group_by(*groups)
    ):
        local = due_at.astimezone(zones[facility_id])
        found[facility_id, local.date().isoformat(), ward_id or "", local.hour, outcome] += number
    names = ("facility_id", "day", "ward_id", "hour", "outcome")
    rows = [dict(zip(names, key, strict=True), number=number) for key, number in found.items()]
    if rows:
        connection.execute(sa.insert(counts), rows)
