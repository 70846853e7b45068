"""Who spoke in the name of a source of vital status; messages of senders that no facility is known for

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. What was recorded before is the recorder's word, and the hospital's own where a message said it."""
    with op.batch_alter_table("vital_notice") as table:
        table.add_column(sa.Column("voice", sa.String(length=100), nullable=False, server_default=""))
    op.execute("UPDATE vital_notice SET voice = recorded_by")
    op.execute(
        "UPDATE vital_notice SET voice = 'source' WHERE source = 'hospital' AND recorded_by NOT LIKE 'user:%' "
        "AND reference IN (SELECT id FROM inbound_message)"
    )
    with op.batch_alter_table("vital_notice") as table:
        table.alter_column("voice", server_default=None)
    op.create_table(
        "unclaimed_message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("sending_facility", sa.String(length=200), nullable=False),
        sa.Column("receiving_facility", sa.String(length=200), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.Column("error", sa.String(length=2000), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unclaimed_message")),
        sa.UniqueConstraint("sha256", name=op.f("uq_unclaimed_message_sha256")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("unclaimed_message")
    with op.batch_alter_table("vital_notice") as table:
        table.drop_column("voice")
