"""Privacy pauses and region roll calls

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_FOREIGN = {
    "facility_id": "facility.id",
    "ward_id": "ward.id",
    "bed_id": "bed.id",
    "camera_id": "camera.id",
    "person_id": "user_account.id",
    "ended_by": "user_account.id",
}


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "privacy_pause",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("ward_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=True),
        sa.Column("camera_id", sa.String(length=32), nullable=True),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("limit_at", UtcDateTime(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("during_check", sa.Boolean(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_privacy_pause_{column}"))
            for column, target in _FOREIGN.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_pause")),
    )
    op.create_index("ix_privacy_pause_facility_starts", "privacy_pause", ["facility_id", "starts_at"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_privacy_pause_facility_starts", table_name="privacy_pause")
    op.drop_table("privacy_pause")
