"""References of staff and delegates, and what tells a photograph of an enrolment picture

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "person_template",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_kind", sa.String(length=16), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("person_no", sa.String(length=64), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("pack_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("photo_sha256", sa.String(length=64), nullable=False),
        sa.Column("consent_at", UtcDateTime(), nullable=False),
        sa.Column("consent_ref", sa.String(length=200), nullable=False),
        sa.Column("enrolled_by", sa.String(length=100), nullable=False),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_cause", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_person_template_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_template")),
    )
    op.create_index(op.f("ix_person_template_person_id"), "person_template", ["person_id"], unique=False)
    op.create_index(
        "ix_person_template_facility_kind", "person_template", ["facility_id", "person_kind", "person_no"], unique=False
    )
    op.add_column("face_template", sa.Column("sealed_signature", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("face_template") as table:
        table.drop_column("sealed_signature")
    op.drop_index("ix_person_template_facility_kind", table_name="person_template")
    op.drop_index(op.f("ix_person_template_person_id"), table_name="person_template")
    op.drop_table("person_template")
