"""Tables of the pharmacy: registers, delegations, challenges, purchases, the manual queue, exemptions, stock."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Numeric, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class PharmacySite(SQLModel, table=True):
    """What the service knows of a facility that sells or admits, beyond its name. Facilities with the same
    `register_code` share delegates, delegations and the knowledge of deaths and stays: a district's register.

    `opening_hours`: weekday 0 (Monday) to 6 -> [["08:00", "20:00"], …], local time.
    """

    __tablename__ = "pharmacy_site"

    facility_id: str = Field(foreign_key="facility.id", primary_key=True, max_length=32)
    register_code: str = Field(max_length=64, index=True)
    level: str = Field(default="", max_length=32)
    pharmacy_type: str = Field(default="", max_length=32)  # chronic | special | dual_channel | retail
    opening_hours: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    policy: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # overrides of the purchase policy
    updated_at: datetime = Field(sa_type=UtcDateTime)


class PolicyVersion(SQLModel, table=True):
    """What a place judges purchases by from an event time on. Rows are only added, never changed, and never take effect
    in the past: what was judged stays judged by what held then."""

    __tablename__ = "purchase_policy"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    version: str = Field(max_length=64)  # as verdicts name it
    effective_from: datetime = Field(sa_type=UtcDateTime)
    overrides: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # of the defaults
    legal_basis: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # en, zh
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class Delegate(SQLModel, table=True):
    """Somebody who buys for others. `kind`: kin | carer | community_worker | village_doctor | care_home | other.

    `registration_no`: of a village doctor or care home whose office was checked; such a one is not accused of hoarding.
    """

    __tablename__ = "delegate"
    __table_args__ = (UniqueConstraint("register_code", "delegate_no"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    register_code: str = Field(max_length=64, index=True)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)  # who entered it
    delegate_no: str = Field(max_length=64)
    display_name: str = Field(default="", max_length=200)
    birth_date: date | None = Field(default=None)
    kind: str = Field(default="other", max_length=32)
    registration_no: str = Field(default="", max_length=64)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class Delegation(SQLModel, table=True):
    """A patient's leave for a delegate to buy. `status`: pending_review | active | rejected | revoked.

    Validity and revocation are event times; `valid_to` is excluded. `uses_per_period` of `period_days`, counted back
    from each service; None is without limit. `drug_classes` empty: every class that policy does not exclude.
    `max_quantity`: of any one drug in one purchase, in the drug's own unit. `wishes`: what was asked for at the kiosk.
    """

    __tablename__ = "delegation"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    register_code: str = Field(max_length=64, index=True)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    delegate_id: str = Field(foreign_key="delegate.id", index=True, max_length=32)
    patient_no: str = Field(max_length=64, index=True)
    relation: str = Field(default="other", max_length=32)
    drug_classes: list[Any] = Field(default_factory=list, sa_type=JSON)
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_to: datetime | None = Field(default=None, sa_type=UtcDateTime)
    uses_per_period: int | None = Field(default=None)
    period_days: int = Field(default=30)
    max_quantity: Decimal | None = Field(default=None, sa_type=Numeric(12, 3))
    wishes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    documents: list[Any] = Field(default_factory=list, sa_type=JSON)
    status: str = Field(default="pending_review", max_length=16)
    source: str = Field(default="staff", max_length=16)  # staff | import | kiosk
    source_key: str = Field(default="", max_length=160, index=True)  # what makes a repeated entry one
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    decided_by: str | None = Field(default=None, max_length=100)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_by: str | None = Field(default=None, max_length=100)
    note: str = Field(default="", max_length=500)


class IdentityExemption(SQLModel, table=True):
    """Somebody who shows who they are without a face. It counts once another person has approved it.

    `person_kind`: patient | delegate. `person_no`: their number.
    """

    __tablename__ = "identity_exemption"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    register_code: str = Field(max_length=64, index=True)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    person_kind: str = Field(max_length=16)
    person_no: str = Field(max_length=64, index=True)
    reason: str = Field(max_length=500)
    valid_to: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    approved_by: str | None = Field(default=None, max_length=100)
    approved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Challenge(SQLModel, table=True):
    """Head turns drawn for one burst. Spent by the verification that used it, on the real clock."""

    __tablename__ = "purchase_challenge"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    issued_to: str = Field(max_length=120)
    nonce: str = Field(max_length=64)
    turns: list[Any] = Field(sa_type=JSON)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    spent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PurchaseAccount(SQLModel, table=True):
    """One row a patient. Whoever decides about a purchase for the patient holds it: the last use goes to one of two."""

    __tablename__ = "purchase_account"

    register_code: str = Field(primary_key=True, max_length=64)
    patient_no: str = Field(primary_key=True, max_length=64)


class Purchase(SQLModel, table=True):
    """A purchase that was asked for, and what became of it.

    `state`: waiting (a person decides) | reserved (may be sold) | sold | reversed | lapsed (never sold) | refused.
    `uses`: what it counts against its delegation now, 0 or 1. `reasons`: codes with their effects; `causes`: what
    stands behind a neutral reason, for people of the register only. `service_at` is event time.
    """

    __tablename__ = "purchase"
    __table_args__ = (UniqueConstraint("facility_id", "request_id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    register_code: str = Field(max_length=64, index=True)
    request_id: str = Field(max_length=64)
    request_digest: str = Field(max_length=64)
    kiosk: str = Field(default="", max_length=120)
    origin: str = Field(default="online", max_length=16)  # online | offline
    patient_no: str = Field(max_length=64, index=True)
    buyer: str = Field(max_length=16)
    delegate_no: str | None = Field(default=None, max_length=64, index=True)
    delegation_id: str | None = Field(default=None, foreign_key="delegation.id", index=True, max_length=32)
    method: str = Field(default="face", max_length=16)
    service_at: datetime = Field(sa_type=UtcDateTime, index=True)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    verdict: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    uses: int = Field(default=0)
    reasons: list[Any] = Field(default_factory=list, sa_type=JSON)
    causes: list[Any] = Field(default_factory=list, sa_type=JSON)
    liveness: str = Field(default="not_tried", max_length=16)
    liveness_reasons: list[Any] = Field(default_factory=list, sa_type=JSON)
    similarity: float | None = Field(default=None)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    policy_version: str = Field(max_length=64)
    pack_hash: str = Field(default="", max_length=64)
    answer: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    token_id: str | None = Field(default=None, unique=True, max_length=32)
    token_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reserved_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # real time: then unsold is lapsed
    redeemed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sale_no: str | None = Field(default=None, max_length=64)
    presentation_attack: str = Field(default="", max_length=16)  # "" | suspected | confirmed (by a person)


class PurchaseLine(SQLModel, table=True):
    """One drug of a purchase. `dispensed` is what was handed out and not brought back; None before the sale."""

    __tablename__ = "purchase_line"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    purchase_id: str = Field(foreign_key="purchase.id", index=True, max_length=32)
    code: str = Field(max_length=64, index=True)
    name: str = Field(default="", max_length=200)
    drug_class: str = Field(default="ordinary", max_length=64)
    quantity: Decimal = Field(sa_type=Numeric(12, 3))
    unit: str = Field(default="", max_length=32)
    days_of_supply: int
    channel: str = Field(default="ordinary", max_length=32)
    dispensed: Decimal | None = Field(default=None, sa_type=Numeric(12, 3))


class PurchaseStep(SQLModel, table=True):
    """A sale or a reversal as the till reported it. The same report again finds its answer here.

    `kind`: sale | reversal. `request_id`: the till's own; of a sale its number.
    """

    __tablename__ = "purchase_step"
    __table_args__ = (UniqueConstraint("purchase_id", "kind", "request_id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    purchase_id: str = Field(foreign_key="purchase.id", index=True, max_length=32)
    kind: str = Field(max_length=16)
    request_id: str = Field(max_length=64)
    digest: str = Field(max_length=64)  # of what was reported
    answer: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class PurchaseReview(SQLModel, table=True):
    """A purchase that a person decides. `state`: waiting | decided | lapsed (nobody answered: `fallback` holds)."""

    __tablename__ = "purchase_review"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    purchase_id: str = Field(foreign_key="purchase.id", unique=True, max_length=32)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    deadline_at: datetime = Field(sa_type=UtcDateTime, index=True)
    fallback: str = Field(max_length=16)
    state: str = Field(default="waiting", max_length=16)
    decision: str | None = Field(default=None, max_length=16)
    decided_by: str | None = Field(default=None, max_length=100)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = Field(default="", max_length=500)


class StockMovement(SQLModel, table=True):
    """One line of the stock feed. `kind`: opening | in | out | closing (a count). `out` is a sale unless `reason` says
    otherwise. The same document line twice is one."""

    __tablename__ = "stock_movement"
    __table_args__ = (UniqueConstraint("facility_id", "document_no", "code", "kind"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    document_no: str = Field(max_length=64)
    code: str = Field(max_length=64, index=True)
    kind: str = Field(max_length=16)
    quantity: Decimal = Field(sa_type=Numeric(14, 3))
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class VitalFeed(SQLModel, table=True):
    """A delivery of a source of deaths, also of one without any: it says through which instant the source was read."""

    __tablename__ = "vital_feed"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    sha256: str = Field(max_length=64)
    through: datetime = Field(sa_type=UtcDateTime)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
