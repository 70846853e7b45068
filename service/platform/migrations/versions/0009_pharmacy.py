"""Delegations, vital status, purchases and stock

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "purchase_account",
        sa.Column("register_code", sa.String(length=64), nullable=False),
        sa.Column("patient_no", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("register_code", "patient_no", name=op.f("pk_purchase_account")),
    )
    op.create_table(
        "delegate",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("register_code", sa.String(length=64), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("delegate_no", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("registration_no", sa.String(length=64), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_delegate_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegate")),
        sa.UniqueConstraint("register_code", "delegate_no", name=op.f("uq_delegate_register_code_delegate_no")),
    )
    op.create_index(op.f("ix_delegate_facility_id"), "delegate", ["facility_id"], unique=False)
    op.create_index(op.f("ix_delegate_register_code"), "delegate", ["register_code"], unique=False)
    op.create_table(
        "identity_exemption",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("register_code", sa.String(length=64), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("person_kind", sa.String(length=16), nullable=False),
        sa.Column("person_no", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("valid_to", UtcDateTime(), nullable=True),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_identity_exemption_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_exemption")),
    )
    op.create_index(op.f("ix_identity_exemption_facility_id"), "identity_exemption", ["facility_id"], unique=False)
    op.create_index(op.f("ix_identity_exemption_person_no"), "identity_exemption", ["person_no"], unique=False)
    op.create_index(op.f("ix_identity_exemption_register_code"), "identity_exemption", ["register_code"], unique=False)
    op.create_table(
        "pharmacy_site",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("register_code", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("pharmacy_type", sa.String(length=32), nullable=False),
        sa.Column("opening_hours", sa.JSON(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_pharmacy_site_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_pharmacy_site")),
    )
    op.create_index(op.f("ix_pharmacy_site_register_code"), "pharmacy_site", ["register_code"], unique=False)
    op.create_table(
        "purchase_challenge",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("issued_to", sa.String(length=120), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("turns", sa.JSON(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("spent_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_purchase_challenge_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_challenge")),
    )
    op.create_index(op.f("ix_purchase_challenge_expires_at"), "purchase_challenge", ["expires_at"], unique=False)
    op.create_index(op.f("ix_purchase_challenge_facility_id"), "purchase_challenge", ["facility_id"], unique=False)
    op.create_table(
        "stock_movement",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("document_no", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_stock_movement_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
        sa.UniqueConstraint(
            "facility_id",
            "document_no",
            "code",
            "kind",
            name=op.f("uq_stock_movement_facility_id_document_no_code_kind"),
        ),
    )
    op.create_index(op.f("ix_stock_movement_at"), "stock_movement", ["at"], unique=False)
    op.create_index(op.f("ix_stock_movement_code"), "stock_movement", ["code"], unique=False)
    op.create_index(op.f("ix_stock_movement_facility_id"), "stock_movement", ["facility_id"], unique=False)
    op.create_table(
        "vital_feed",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("through", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_vital_feed_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vital_feed")),
    )
    op.create_index(op.f("ix_vital_feed_facility_id"), "vital_feed", ["facility_id"], unique=False)
    op.create_table(
        "delegation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("register_code", sa.String(length=64), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("delegate_id", sa.String(length=32), nullable=False),
        sa.Column("patient_no", sa.String(length=64), nullable=False),
        sa.Column("relation", sa.String(length=32), nullable=False),
        sa.Column("drug_classes", sa.JSON(), nullable=False),
        sa.Column("valid_from", UtcDateTime(), nullable=False),
        sa.Column("valid_to", UtcDateTime(), nullable=True),
        sa.Column("uses_per_period", sa.Integer(), nullable=True),
        sa.Column("period_days", sa.Integer(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_key", sa.String(length=160), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_by", sa.String(length=100), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["delegate_id"], ["delegate.id"], name=op.f("fk_delegation_delegate_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_delegation_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    op.create_index(op.f("ix_delegation_delegate_id"), "delegation", ["delegate_id"], unique=False)
    op.create_index(op.f("ix_delegation_facility_id"), "delegation", ["facility_id"], unique=False)
    op.create_index(op.f("ix_delegation_patient_no"), "delegation", ["patient_no"], unique=False)
    op.create_index(op.f("ix_delegation_register_code"), "delegation", ["register_code"], unique=False)
    op.create_index(op.f("ix_delegation_source_key"), "delegation", ["source_key"], unique=False)
    op.create_table(
        "vital_notice",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("died_at", UtcDateTime(), nullable=True),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.Column("counts_from", UtcDateTime(), nullable=True),
        sa.Column("agreeing", sa.JSON(), nullable=False),
        sa.Column("differing", sa.JSON(), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("noticed_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_vital_notice_facility_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_vital_notice_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vital_notice")),
    )
    op.create_index(op.f("ix_vital_notice_facility_id"), "vital_notice", ["facility_id"], unique=False)
    op.create_index(op.f("ix_vital_notice_patient_id"), "vital_notice", ["patient_id"], unique=False)
    op.create_table(
        "purchase",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("register_code", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("kiosk", sa.String(length=120), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("patient_no", sa.String(length=64), nullable=False),
        sa.Column("buyer", sa.String(length=16), nullable=False),
        sa.Column("delegate_no", sa.String(length=64), nullable=True),
        sa.Column("delegation_id", sa.String(length=32), nullable=True),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("service_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("liveness", sa.String(length=16), nullable=False),
        sa.Column("liveness_reasons", sa.JSON(), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("pack_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("token_id", sa.String(length=32), nullable=True),
        sa.Column("token_expires_at", UtcDateTime(), nullable=True),
        sa.Column("reserved_until", UtcDateTime(), nullable=True),
        sa.Column("redeemed_at", UtcDateTime(), nullable=True),
        sa.Column("sale_no", sa.String(length=64), nullable=True),
        sa.Column("presentation_attack", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["delegation_id"], ["delegation.id"], name=op.f("fk_purchase_delegation_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_purchase_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase")),
        sa.UniqueConstraint("facility_id", "request_id", name=op.f("uq_purchase_facility_id_request_id")),
        sa.UniqueConstraint("token_id", name=op.f("uq_purchase_token_id")),
    )
    op.create_index(op.f("ix_purchase_delegate_no"), "purchase", ["delegate_no"], unique=False)
    op.create_index(op.f("ix_purchase_delegation_id"), "purchase", ["delegation_id"], unique=False)
    op.create_index(op.f("ix_purchase_facility_id"), "purchase", ["facility_id"], unique=False)
    op.create_index(op.f("ix_purchase_patient_no"), "purchase", ["patient_no"], unique=False)
    op.create_index(op.f("ix_purchase_register_code"), "purchase", ["register_code"], unique=False)
    op.create_index(op.f("ix_purchase_service_at"), "purchase", ["service_at"], unique=False)
    op.create_index(op.f("ix_purchase_state"), "purchase", ["state"], unique=False)
    op.create_table(
        "purchase_line",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("purchase_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("drug_class", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("days_of_supply", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("dispensed", sa.Numeric(precision=12, scale=3), nullable=True),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_purchase_line_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_line")),
    )
    op.create_index(op.f("ix_purchase_line_code"), "purchase_line", ["code"], unique=False)
    op.create_index(op.f("ix_purchase_line_purchase_id"), "purchase_line", ["purchase_id"], unique=False)
    op.create_table(
        "purchase_review",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("purchase_id", sa.String(length=32), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("deadline_at", UtcDateTime(), nullable=False),
        sa.Column("fallback", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_purchase_review_facility_id")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_purchase_review_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_review")),
        sa.UniqueConstraint("purchase_id", name=op.f("uq_purchase_review_purchase_id")),
    )
    op.create_index(op.f("ix_purchase_review_deadline_at"), "purchase_review", ["deadline_at"], unique=False)
    op.create_index(op.f("ix_purchase_review_facility_id"), "purchase_review", ["facility_id"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_table("purchase_review")
    op.drop_table("purchase_line")
    op.drop_table("purchase")
    op.drop_table("vital_notice")
    op.drop_table("delegation")
    op.drop_table("vital_feed")
    op.drop_table("stock_movement")
    op.drop_table("purchase_challenge")
    op.drop_table("pharmacy_site")
    op.drop_table("identity_exemption")
    op.drop_table("delegate")
    op.drop_table("purchase_account")
