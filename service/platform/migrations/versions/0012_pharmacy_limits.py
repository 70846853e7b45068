"""Limits of delegations, policies with their law and day, what tills reported

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("delegation") as table:
        table.add_column(sa.Column("max_quantity", sa.Numeric(precision=12, scale=3), nullable=True))
        table.add_column(sa.Column("wishes", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("delegation") as table:
        table.alter_column("wishes", existing_type=sa.JSON(), existing_nullable=False, server_default=None)
    op.create_table(
        "purchase_policy",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("effective_from", UtcDateTime(), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.Column("legal_basis", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_purchase_policy_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_policy")),
    )
    op.create_index(op.f("ix_purchase_policy_facility_id"), "purchase_policy", ["facility_id"], unique=False)
    op.create_table(
        "purchase_step",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("purchase_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_purchase_step_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_step")),
        sa.UniqueConstraint(
            "purchase_id", "kind", "request_id", name=op.f("uq_purchase_step_purchase_id_kind_request_id")
        ),
    )
    op.create_index(op.f("ix_purchase_step_purchase_id"), "purchase_step", ["purchase_id"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_table("purchase_step")
    op.drop_table("purchase_policy")
    op.drop_column("delegation", "wishes")
    op.drop_column("delegation", "max_quantity")
