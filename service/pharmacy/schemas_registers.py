"""Registers on the wire: sites, delegates, delegations, exemptions, vital status."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.contracts import Code, Instant
from service.pharmacy.approval import Limits
from service.pharmacy.tables import Delegate, Delegation, IdentityExemption, PharmacySite
from service.pharmacy.wire import Note, example

MostAtOnce = Annotated[Decimal, Field(gt=0, le=100_000, max_digits=9, decimal_places=3)]
DelegateKind = Literal["kin", "carer", "community_worker", "village_doctor", "care_home", "other"]


class LegalBasis(BaseModel):
    """The law that a policy rests on, as people are told."""

    en: Annotated[str, Field(min_length=1, max_length=1000)]
    zh: Annotated[str, Field(min_length=1, max_length=1000)]


class SiteIn(BaseModel):
    """What a pharmacy (or a hospital that shares its register) is."""

    model_config = example(
        register="district-7",
        level="A",
        pharmacy_type="chronic",
        opening_hours={"0": [["08:00", "21:00"]]},
        policy={"review_minutes": 20},
    )

    register_code: Annotated[str, Field(max_length=64, alias="register")] = ""
    level: Annotated[str, Field(max_length=32)] = ""
    pharmacy_type: Literal["", "chronic", "special", "dual_channel", "retail", "hospital"] = ""
    opening_hours: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    legal_basis: LegalBasis | None = Field(default=None, description="Of the policy, if it is another than before.")


class PolicyIn(BaseModel):
    """What holds from a day on, and by which law."""

    model_config = example(
        policy={"quantity_by_class": {"diabetes": {"per_purchase": 6}}, "max_days_of_supply": 30},
        effective_from="2026-04-01T00:00:00+08:00",
        legal_basis={"en": "District notice 2026-7, section 3", "zh": "本区医保〔2026〕7号第三条"},
    )

    policy: dict[str, Any]
    effective_from: Instant | None = Field(default=None, description="Event time, never in the past. Default: now.")
    legal_basis: LegalBasis


class PolicyOut(BaseModel):
    """A policy as entered. `effective_from` null: what the place was first described with."""

    version: str
    effective_from: datetime | None
    in_force: bool
    policy: dict[str, Any]
    legal_basis: dict[str, str]
    recorded_by: str
    recorded_at: datetime | None


class SiteOut(BaseModel):
    """A site as described."""

    facility: str
    register_code: str = Field(serialization_alias="register")
    level: str
    pharmacy_type: str
    opening_hours: dict[str, Any]
    policy: dict[str, Any]
    policy_version: str

    @classmethod
    def of(cls, facility_code: str, site: PharmacySite, policy: dict[str, Any], policy_version: str) -> SiteOut:
        """The site on the wire; a register of its own has no code."""
        own = site.register_code.startswith("=")
        return cls(
            facility=facility_code,
            register_code="" if own else site.register_code,
            level=site.level,
            pharmacy_type=site.pharmacy_type,
            opening_hours=site.opening_hours,
            policy=policy,
            policy_version=policy_version,
        )


class DelegateIn(BaseModel):
    """A delegate to be entered, or changed."""

    model_config = example(delegate_no="D00003", display_name="王芳", kind="kin")

    delegate_no: Code
    display_name: Annotated[str, Field(max_length=200)] = ""
    birth_date: date | None = None
    kind: DelegateKind = "other"
    registration_no: Annotated[str, Field(max_length=64)] = ""


class DelegateOut(BaseModel):
    """A delegate of a register."""

    delegate_no: str
    display_name: str
    birth_date: date | None
    kind: str
    registration_no: str

    @classmethod
    def of(cls, row: Delegate) -> DelegateOut:
        """The row on the wire."""
        return cls(
            delegate_no=row.delegate_no,
            display_name=row.display_name,
            birth_date=row.birth_date,
            kind=row.kind,
            registration_no=row.registration_no,
        )


class DelegationIn(BaseModel):
    """A delegation to be entered."""

    model_config = example(
        delegate_no="D00003",
        patient_no="P00017",
        relation="kin",
        valid_from="2026-03-01T00:00:00+08:00",
        valid_to="2027-03-01T00:00:00+08:00",
        uses_per_period=3,
        period_days=365,
        documents=["household_register"],
    )

    delegate_no: Code
    patient_no: Code
    relation: DelegateKind = "other"
    drug_classes: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    valid_from: Instant
    valid_to: Instant | None = None
    uses_per_period: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    period_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30
    documents: Annotated[tuple[Code, ...], Field(max_length=10)] = ()
    max_quantity: MostAtOnce | None = Field(default=None, description="Of any one drug in one purchase.")


class LimitsIn(BaseModel):
    """What a delegation gets on approval. What is left out stays as wished for; null is without limit."""

    model_config = ConfigDict(extra="forbid")

    valid_to: Instant | None = None
    uses_per_period: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    period_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30
    drug_classes: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    max_quantity: MostAtOnce | None = None

    def limits(self) -> Limits:
        """As the register takes them: what was not said is kept."""
        return Limits(**{name: getattr(self, name) for name in self.model_fields_set})


class DelegationDecisionIn(BaseModel):
    """A person's decision about a delegation that waits."""

    model_config = example(
        approve=True,
        note="household register seen",
        limits={"valid_to": "2027-03-01T00:00:00+08:00", "uses_per_period": 3, "drug_classes": ["diabetes"]},
    )

    approve: bool
    note: Note = ""
    limits: LimitsIn | None = None


class DelegationOut(BaseModel):
    """A delegation, and how it stands now."""

    delegation_id: str
    delegate_no: str
    patient_no: str
    relation: str
    drug_classes: list[str]
    valid_from: datetime
    valid_to: datetime | None
    uses_per_period: int | None
    period_days: int
    uses_left: int | None
    max_quantity: Decimal | None
    wishes: dict[str, Any]
    documents: list[str]
    status: str
    standing: str | None
    source: str
    recorded_by: str
    recorded_at: datetime
    decided_by: str | None
    revoked_at: datetime | None
    note: str

    @classmethod
    def of(cls, row: Delegation, delegate_no: str, standing: str | None, uses_left: int | None) -> DelegationOut:
        """The row on the wire."""
        return cls(
            delegation_id=row.id,
            delegate_no=delegate_no,
            standing=standing,
            uses_left=uses_left,
            **{name: getattr(row, name) for name in _DELEGATION_FIELDS},
        )


_DELEGATION_FIELDS = (
    "patient_no relation drug_classes valid_from valid_to uses_per_period period_days max_quantity wishes documents "
    "status source recorded_by recorded_at decided_by revoked_at note"
).split()


class RevocationIn(BaseModel):
    """The end of a delegation."""

    model_config = example(note="withdrawn by the patient", at="2026-03-05T09:00:00+08:00")

    note: Annotated[str, Field(min_length=1, max_length=500)]
    at: Instant | None = Field(default=None, description="Event time; default: now.")


class ExemptionIn(BaseModel):
    """Somebody who shows who they are without a face."""

    model_config = example(person_kind="delegate", person_no="D00003", reason="cannot turn the head")

    person_kind: Literal["patient", "delegate"]
    person_no: Code
    reason: Annotated[str, Field(min_length=3, max_length=500)]
    valid_to: Instant | None = None


class ExemptionOut(BaseModel):
    """An exemption; it counts once it is approved."""

    exemption_id: str
    person_kind: str
    person_no: str
    reason: str
    valid_to: datetime | None
    recorded_by: str
    approved_by: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: IdentityExemption) -> ExemptionOut:
        """The row on the wire."""
        return cls(
            exemption_id=row.id,
            person_kind=row.person_kind,
            person_no=row.person_no,
            reason=row.reason,
            valid_to=row.valid_to,
            recorded_by=row.recorded_by,
            approved_by=row.approved_by,
            ended_at=row.ended_at,
        )


class VitalStatusIn(BaseModel):
    """What a source says of a patient's life."""

    model_config = example(
        source="civil_affairs",
        status="died",
        died_on="2026-03-01",
        noticed_at="2026-03-04T10:00:00+08:00",
        identifiers={"patient_no": "P00017", "birth_date": "1941-05-02"},
    )

    source: Annotated[str, Field(min_length=1, max_length=64)]
    status: Literal["died", "alive"]
    died_at: Instant | None = None
    died_on: date | None = None
    noticed_at: Instant
    identifiers: dict[Literal["patient_no", "birth_date", "name", "card_no"], Annotated[str, Field(max_length=200)]]
    reference: Annotated[str, Field(max_length=200)] = ""


class VitalStatusOut(BaseModel):
    """What the sources say together."""

    patient_no: str
    dead_from: datetime | None
    conflicting: bool
    confirmed_by: list[str]
    unconfirmed: list[str]
