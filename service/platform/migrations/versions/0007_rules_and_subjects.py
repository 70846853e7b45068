"""Findings about beds, wards and people at work

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Findings of before were all about admissions."""
    with op.batch_alter_table("finding") as batch:
        batch.add_column(sa.Column("subject_kind", sa.String(length=16), nullable=False, server_default="admission"))
        batch.add_column(sa.Column("subject_id", sa.String(length=64), nullable=False, server_default=""))
        batch.add_column(sa.Column("period", sa.String(length=7), nullable=False, server_default=""))
        batch.add_column(sa.Column("kind", sa.String(length=16), nullable=False, server_default="finding"))
        batch.add_column(sa.Column("ward_id", sa.String(length=32), nullable=True))
        batch.add_column(sa.Column("bed_id", sa.String(length=32), nullable=True))
        batch.add_column(sa.Column("corrected_after_notice", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.alter_column("admission_id", existing_type=sa.String(length=32), nullable=True)
    op.execute("UPDATE finding SET subject_id = admission_id")
    with op.batch_alter_table("finding") as batch:
        for column in ("subject_kind", "subject_id", "period", "kind", "corrected_after_notice"):
            batch.alter_column(column, server_default=None)
        batch.drop_constraint(op.f("uq_finding_admission_id_rule"), type_="unique")
        batch.create_unique_constraint("uq_finding_subject", ["rule", "subject_kind", "subject_id", "period"])
        batch.create_foreign_key(op.f("fk_finding_ward_id"), "ward", ["ward_id"], ["id"])
        batch.create_foreign_key(op.f("fk_finding_bed_id"), "bed", ["bed_id"], ["id"])
        batch.create_index("ix_finding_subject", ["subject_kind", "subject_id"])


def downgrade() -> None:
    """Back. Findings that are not about an admission have no place there and go; their ledger entries stay."""
    op.execute("DELETE FROM finding WHERE admission_id IS NULL OR subject_kind <> 'admission'")
    with op.batch_alter_table("finding") as batch:
        batch.drop_index("ix_finding_subject")
        batch.drop_constraint("uq_finding_subject", type_="unique")
        batch.drop_constraint(op.f("fk_finding_ward_id"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_finding_bed_id"), type_="foreignkey")
        batch.create_unique_constraint(op.f("uq_finding_admission_id_rule"), ["admission_id", "rule"])
        batch.alter_column("admission_id", existing_type=sa.String(length=32), nullable=False)
        for column in ("subject_kind", "subject_id", "period", "kind", "ward_id", "bed_id", "corrected_after_notice"):
            batch.drop_column(column)
