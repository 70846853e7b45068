"""Registers, sales, reviews and feeds on the wire. What kiosks exchange is in `service.contracts`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from service.contracts import Code, Instant, ReasonOut
from service.kit.statistics import Rate
from service.pharmacy.answers import reasons_out
from service.pharmacy.feeds import FeedReport, RowReport, RowStatus
from service.pharmacy.statistics import PurchaseStatistics
from service.pharmacy.stock import Balance
from service.pharmacy.tables import (
    Delegate,
    Delegation,
    IdentityExemption,
    PharmacySite,
    Purchase,
    PurchaseLine,
    PurchaseReview,
)

Kind = Literal["kin", "carer", "community_worker", "village_doctor", "care_home", "other"]
Note = Annotated[str, Field(max_length=500)]
Quantity = Annotated[Decimal, Field(ge=0, le=100_000, max_digits=9, decimal_places=3)]


def _example(**values: Any) -> ConfigDict:
    shown: JsonDict = {"examples": [values]}
    return ConfigDict(extra="forbid", json_schema_extra=shown)


class SiteIn(BaseModel):
    """What a pharmacy (or a hospital that shares its register) is."""

    model_config = _example(
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
    def of(cls, facility_code: str, site: PharmacySite, policy_version: str) -> SiteOut:
        """The site on the wire; a register of its own has no code."""
        own = site.register_code.startswith("=")
        return cls(
            facility=facility_code,
            register_code="" if own else site.register_code,
            level=site.level,
            pharmacy_type=site.pharmacy_type,
            opening_hours=site.opening_hours,
            policy=site.policy,
            policy_version=policy_version,
        )


class DelegateIn(BaseModel):
    """A delegate to be entered, or changed."""

    model_config = _example(delegate_no="D00003", display_name="王芳", kind="kin")

    delegate_no: Code
    display_name: Annotated[str, Field(max_length=200)] = ""
    birth_date: date | None = None
    kind: Kind = "other"
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

    model_config = _example(
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
    relation: Kind = "other"
    drug_classes: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    valid_from: Instant
    valid_to: Instant | None = None
    uses_per_period: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    period_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30
    documents: Annotated[tuple[Code, ...], Field(max_length=10)] = ()


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
    "patient_no relation drug_classes valid_from valid_to uses_per_period period_days documents status source "
    "recorded_by recorded_at decided_by revoked_at note"
).split()


class DecisionIn(BaseModel):
    """A person's decision."""

    model_config = _example(approve=True, note="household register seen")

    approve: bool
    note: Note = ""
    attack_seen: bool = Field(default=False, description="A photograph, a screen or a mask was seen. Reviews only.")


class RevocationIn(BaseModel):
    """The end of a delegation."""

    model_config = _example(note="withdrawn by the patient", at="2026-03-05T09:00:00+08:00")

    note: Annotated[str, Field(min_length=1, max_length=500)]
    at: Instant | None = Field(default=None, description="Event time; default: now.")


class ExemptionIn(BaseModel):
    """Somebody who shows who they are without a face."""

    model_config = _example(person_kind="delegate", person_no="D00003", reason="cannot turn the head")

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

    model_config = _example(
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


class RedemptionIn(BaseModel):
    """A sale upon a token."""

    model_config = _example(token="eyJhbGciOiJFZERTQSJ9.e30.c2ln", sale_no="S-20260302-0117")  # noqa: S106

    token: Annotated[str, Field(min_length=10, max_length=8000)]
    sale_no: Code
    sold_at: Instant | None = None
    dispensed: Annotated[dict[str, Quantity], Field(max_length=20)] | None = Field(
        default=None, description="By drug code, what was handed out. Absent: everything."
    )


class ReversalIn(BaseModel):
    """A sale taken back, in whole or in part."""

    model_config = _example(reason="brought back unopened", returned={"A10BA02": "1"})

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    returned: Annotated[dict[str, Quantity], Field(max_length=20)] | None = Field(
        default=None, description="By drug code, what came back. Absent: everything."
    )


class LineOut(BaseModel):
    """One drug of a purchase."""

    code: str
    name: str
    drug_class: str
    quantity: Decimal
    unit: str
    days_of_supply: int
    channel: str
    dispensed: Decimal | None


class PurchaseOut(BaseModel):
    """A purchase as staff and inspectors see it. `causes` is never said to the buyer."""

    purchase_id: str
    facility: str
    patient_no: str
    buyer: str
    delegate_no: str | None
    method: str
    origin: str
    service_at: datetime
    verdict: str
    state: str
    uses: int
    reasons: tuple[ReasonOut, ...]
    causes: list[str]
    liveness: str
    similarity: float | None
    policy_version: str
    sale_no: str | None
    lines: list[LineOut]

    @classmethod
    def of(cls, row: Purchase, facility_code: str, lines: list[PurchaseLine]) -> PurchaseOut:
        """The row on the wire."""
        names = (
            "patient_no buyer delegate_no method origin service_at verdict state uses causes liveness similarity "
            "policy_version sale_no"
        ).split()
        return cls(
            purchase_id=row.id,
            facility=facility_code,
            reasons=reasons_out(row.reasons),
            lines=[LineOut(**{name: getattr(line, name) for name in LineOut.model_fields}) for line in lines],
            **{name: getattr(row, name) for name in names},
        )


class ReviewOut(BaseModel):
    """An entry of the manual queue."""

    review_id: str
    state: str
    opened_at: datetime
    deadline_at: datetime
    fallback: str
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    note: str
    purchase: PurchaseOut

    @classmethod
    def of(cls, row: PurchaseReview, purchase: PurchaseOut) -> ReviewOut:
        """The row on the wire."""
        names = "state opened_at deadline_at fallback decision decided_by decided_at note".split()
        return cls(review_id=row.id, purchase=purchase, **{name: getattr(row, name) for name in names})


class RateOut(BaseModel):
    """A share with its Wilson 95% interval."""

    hits: int
    trials: int
    value: float | None
    low: float
    high: float

    @classmethod
    def of(cls, rate: Rate) -> RateOut:
        """The rate on the wire."""
        return cls(hits=rate.hits, trials=rate.trials, value=rate.value, low=rate.low, high=rate.high)


class StatisticsOut(BaseModel):
    """How purchases were verified in a period."""

    purchases: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    without_face: RateOut
    exempt: RateOut
    refused: RateOut
    failed_bursts: RateOut
    reviews_in_time: RateOut
    reviews_waiting: int
    median_review_seconds: float | None

    @classmethod
    def of(cls, found: PurchaseStatistics) -> StatisticsOut:
        """The statistics on the wire."""
        rates = ("without_face", "exempt", "refused", "failed_bursts", "reviews_in_time")
        return cls(
            purchases=found.purchases,
            verdicts=found.verdicts,
            reasons=found.reasons,
            reviews_waiting=found.reviews_waiting,
            median_review_seconds=found.median_review_seconds,
            **{name: RateOut.of(getattr(found, name)) for name in rates},
        )


class BalanceOut(BaseModel):
    """A drug's stock over a period."""

    code: str
    opening: Decimal
    received: Decimal
    issued: Decimal
    sold: Decimal
    counted: Decimal | None
    difference: Decimal | None
    unbooked: Decimal
    oversold_at: datetime | None
    oversold_by: Decimal
    closes: bool

    @classmethod
    def of(cls, found: Balance) -> BalanceOut:
        """The balance on the wire."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class IssueOut(BaseModel):
    """Something about one cell or row."""

    column: str
    message: str
    remedy: str


class RowOut(BaseModel):
    """One row of a feed."""

    line: int
    status: RowStatus
    subject: str
    errors: list[IssueOut]

    @classmethod
    def of(cls, row: RowReport, language: str) -> RowOut:
        """The row in the reader's language."""
        zh = language.startswith("zh")
        return cls(
            line=row.line,
            status=row.status,
            subject=row.subject,
            errors=[
                IssueOut(
                    column=issue.column,
                    message=issue.message_zh if zh else issue.message,
                    remedy=issue.remedy_zh if zh else issue.remedy,
                )
                for issue in row.errors
            ],
        )


class FeedOut(BaseModel):
    """What a file did, or would do."""

    dry_run: bool
    sha256: str
    created: int
    updated: int
    unchanged: int
    rejected: int
    ignored_columns: list[str]
    rows: list[RowOut]

    @classmethod
    def of(cls, report: FeedReport, language: str) -> FeedOut:
        """The report in the reader's language."""
        return cls(
            dry_run=report.dry_run,
            sha256=report.sha256,
            ignored_columns=list(report.ignored_columns),
            rows=[RowOut.of(row, language) for row in report.rows],
            **{status.value: report.count(status) for status in RowStatus},
        )
