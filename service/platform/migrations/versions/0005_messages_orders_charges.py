"""Messages of hospital systems, orders and charges

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.platform.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "fhir_identity",
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("resource_type", sa.String(length=32), nullable=False),
        sa.Column("logical_id", sa.String(length=64), nullable=False),
        sa.Column("local_no", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_fhir_identity_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", "resource_type", "logical_id", name=op.f("pk_fhir_identity")),
    )
    op.create_table(
        "inbound_message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("admission_no", sa.String(length=64), nullable=False),
        sa.Column("event_at", UtcDateTime(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", sa.String(length=2000), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=False),
        sa.Column("sender", sa.String(length=200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_inbound_message_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_message")),
    )
    op.create_index(op.f("ix_inbound_message_admission_no"), "inbound_message", ["admission_no"], unique=False)
    op.create_index("ix_inbound_message_listing", "inbound_message", ["facility_id", "received_at", "id"], unique=False)
    op.create_index("ix_inbound_message_sha256", "inbound_message", ["facility_id", "sha256"], unique=False)
    op.create_index(op.f("ix_inbound_message_state"), "inbound_message", ["state"], unique=False)
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("prior_no", sa.String(length=64), nullable=False),
        sa.Column("surviving_no", sa.String(length=64), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_patient_merge_facility_id")),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_message.id"], name=op.f("fk_patient_merge_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_merge")),
        sa.UniqueConstraint("facility_id", "fingerprint", name=op.f("uq_patient_merge_facility_id_fingerprint")),
    )
    op.create_index(op.f("ix_patient_merge_message_id"), "patient_merge", ["message_id"], unique=False)
    op.create_table(
        "bed_status_notice",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("bed_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("event_at", UtcDateTime(), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_bed_status_notice_bed_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_bed_status_notice_facility_id")),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_message.id"], name=op.f("fk_bed_status_notice_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed_status_notice")),
        sa.UniqueConstraint("facility_id", "fingerprint", name=op.f("uq_bed_status_notice_facility_id_fingerprint")),
    )
    op.create_index(op.f("ix_bed_status_notice_bed_id"), "bed_status_notice", ["bed_id"], unique=False)
    op.create_index(op.f("ix_bed_status_notice_message_id"), "bed_status_notice", ["message_id"], unique=False)
    op.create_table(
        "charge_item",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("charge_no", sa.String(length=64), nullable=False),
        sa.Column("admission_no", sa.String(length=64), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("service_at", UtcDateTime(), nullable=False),
        sa.Column("quantity", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.String(length=32), nullable=False),
        sa.Column("payment_method", sa.String(length=32), nullable=True),
        sa.Column("doctor", sa.String(length=64), nullable=True),
        sa.Column("clerk", sa.String(length=64), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_charge_item_admission_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_charge_item_facility_id")),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_message.id"], name=op.f("fk_charge_item_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_item")),
        sa.UniqueConstraint("facility_id", "charge_no", name=op.f("uq_charge_item_facility_id_charge_no")),
    )
    op.create_index(op.f("ix_charge_item_admission_id"), "charge_item", ["admission_id"], unique=False)
    op.create_index(op.f("ix_charge_item_message_id"), "charge_item", ["message_id"], unique=False)
    op.create_index("ix_charge_item_stay", "charge_item", ["facility_id", "admission_no"], unique=False)
    op.create_table(
        "clinical_order",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("order_no", sa.String(length=64), nullable=False),
        sa.Column("admission_no", sa.String(length=64), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("ordered_at", UtcDateTime(), nullable=False),
        sa.Column("performed_at", UtcDateTime(), nullable=True),
        sa.Column("attending_doctor", sa.String(length=64), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_clinical_order_admission_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_clinical_order_facility_id")),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_message.id"], name=op.f("fk_clinical_order_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinical_order")),
        sa.UniqueConstraint("facility_id", "order_no", name=op.f("uq_clinical_order_facility_id_order_no")),
    )
    op.create_index(op.f("ix_clinical_order_admission_id"), "clinical_order", ["admission_id"], unique=False)
    op.create_index(op.f("ix_clinical_order_message_id"), "clinical_order", ["message_id"], unique=False)
    op.create_index("ix_clinical_order_stay", "clinical_order", ["facility_id", "admission_no"], unique=False)
    op.create_table(
        "stay_event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("facility_id", sa.String(length=32), nullable=False),
        sa.Column("admission_no", sa.String(length=64), nullable=False),
        sa.Column("admission_id", sa.String(length=32), nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("trigger", sa.String(length=32), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("event_at", UtcDateTime(), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("effect", sa.String(length=500), nullable=False),
        sa.Column("corrects", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["admission_id"], ["admission.id"], name=op.f("fk_stay_event_admission_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_stay_event_facility_id")),
        sa.ForeignKeyConstraint(["message_id"], ["inbound_message.id"], name=op.f("fk_stay_event_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stay_event")),
        sa.UniqueConstraint("facility_id", "fingerprint", name=op.f("uq_stay_event_facility_id_fingerprint")),
    )
    op.create_index(op.f("ix_stay_event_admission_id"), "stay_event", ["admission_id"], unique=False)
    op.create_index(op.f("ix_stay_event_message_id"), "stay_event", ["message_id"], unique=False)
    op.create_index("ix_stay_event_stay", "stay_event", ["facility_id", "admission_no"], unique=False)
    op.add_column("patient", sa.Column("demographics_at", UtcDateTime(), nullable=True))
    op.add_column("admission", sa.Column("admission_type", sa.String(length=16), nullable=True))
    op.add_column("admission", sa.Column("diagnosis_code", sa.String(length=32), nullable=True))
    op.add_column("admission", sa.Column("diagnosis_text", sa.String(length=200), nullable=True))
    op.add_column("admission", sa.Column("discharge_disposition", sa.String(length=32), nullable=True))
    op.add_column("admission", sa.Column("attending_doctor", sa.String(length=64), nullable=True))
    op.add_column("admission", sa.Column("admitting_clerk", sa.String(length=64), nullable=True))
    op.add_column("admission", sa.Column("payment_method", sa.String(length=32), nullable=True))
    op.add_column("admission", sa.Column("course", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("patient", "demographics_at")
    op.drop_column("admission", "course")
    op.drop_column("admission", "payment_method")
    op.drop_column("admission", "admitting_clerk")
    op.drop_column("admission", "attending_doctor")
    op.drop_column("admission", "discharge_disposition")
    op.drop_column("admission", "diagnosis_text")
    op.drop_column("admission", "diagnosis_code")
    op.drop_column("admission", "admission_type")
    op.drop_index("ix_stay_event_stay", table_name="stay_event")
    op.drop_index(op.f("ix_stay_event_message_id"), table_name="stay_event")
    op.drop_index(op.f("ix_stay_event_admission_id"), table_name="stay_event")
    op.drop_table("stay_event")
    op.drop_index("ix_clinical_order_stay", table_name="clinical_order")
    op.drop_index(op.f("ix_clinical_order_message_id"), table_name="clinical_order")
    op.drop_index(op.f("ix_clinical_order_admission_id"), table_name="clinical_order")
    op.drop_table("clinical_order")
    op.drop_index("ix_charge_item_stay", table_name="charge_item")
    op.drop_index(op.f("ix_charge_item_message_id"), table_name="charge_item")
    op.drop_index(op.f("ix_charge_item_admission_id"), table_name="charge_item")
    op.drop_table("charge_item")
    op.drop_index(op.f("ix_bed_status_notice_message_id"), table_name="bed_status_notice")
    op.drop_index(op.f("ix_bed_status_notice_bed_id"), table_name="bed_status_notice")
    op.drop_table("bed_status_notice")
    op.drop_index(op.f("ix_patient_merge_message_id"), table_name="patient_merge")
    op.drop_table("patient_merge")
    op.drop_index(op.f("ix_inbound_message_state"), table_name="inbound_message")
    op.drop_index("ix_inbound_message_sha256", table_name="inbound_message")
    op.drop_index("ix_inbound_message_listing", table_name="inbound_message")
    op.drop_index(op.f("ix_inbound_message_admission_no"), table_name="inbound_message")
    op.drop_table("inbound_message")
    op.drop_table("fhir_identity")
