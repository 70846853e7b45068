"""Findings that a person settled, and repeated faces

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "finding_decision",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("finding_id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("person_name", sa.String(length=100), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("finding_state", sa.String(length=16), nullable=False),
        sa.Column("corrected_after_notice", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_finding_decision_facility_id")),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_decision_finding_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_decision")),
    )
    op.create_index(op.f("ix_finding_decision_facility_id"), "finding_decision", ["facility_id"], unique=False)
    op.create_index(op.f("ix_finding_decision_finding_id"), "finding_decision", ["finding_id"], unique=False)
    with op.batch_alter_table("finding") as batch:
        batch.add_column(sa.Column("decision", sa.String(length=16), nullable=False, server_default=""))
    with op.batch_alter_table("finding") as batch:
        batch.alter_column("decision", server_default=None)


def downgrade() -> None:
    """Back."""
    # A finding that a person dismissed was no state of the edition before: it is closed, as a withdrawn one.
    op.execute("UPDATE finding SET state = 'withdrawn', withdrawn_at = updated_at WHERE state = 'dismissed'")
    with op.batch_alter_table("finding") as batch:
        batch.drop_column("decision")
    op.drop_table("finding_decision")
