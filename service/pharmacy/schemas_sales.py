"""Sales, reviews, statistics and stock on the wire. What kiosks exchange is in `service.contracts`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from service.contracts import Code, Instant, ReasonOut
from service.kit.statistics import Rate
from service.pharmacy.answers import reasons_out
from service.pharmacy.statistics import PurchaseStatistics
from service.pharmacy.stock import Balance
from service.pharmacy.tables import Purchase, PurchaseLine, PurchaseReview
from service.pharmacy.wire import example

Quantity = Annotated[Decimal, Field(ge=0, le=100_000, max_digits=9, decimal_places=3)]


class Handed(BaseModel):
    """What a sale or a reversal is known again by, beside its id."""

    drugs: dict[str, Decimal] | None
    reason: str = ""


class RedemptionIn(BaseModel):
    """A sale upon a token."""

    model_config = example(token="eyJhbGciOiJFZERTQSJ9.e30.c2ln", sale_no="S-20260302-0117")  # noqa: S106

    token: Annotated[str, Field(min_length=10, max_length=8000)]
    sale_no: Code
    sold_at: Instant | None = None
    dispensed: Annotated[dict[str, Quantity], Field(max_length=20)] | None = Field(
        default=None, description="By drug code, what was handed out. Absent: everything."
    )


class ReversalIn(BaseModel):
    """A sale taken back, in whole or in part."""

    model_config = example(request_id="R-20260302-0009", reason="brought back unopened", returned={"A10BA02": "1"})

    request_id: Code = Field(description="Drawn by the till for this reversal. Sent twice, it has one effect.")
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
    """A purchase as staff and inspectors see it. `causes` is never said to the buyer.

    `liveness_reasons`: what the camera check found; `unpaced`: an older kiosk, the time of the turns was not checked.
    """

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
    liveness_reasons: list[str]
    similarity: float | None
    policy_version: str
    sale_no: str | None
    lines: list[LineOut]

    @classmethod
    def of(cls, row: Purchase, facility_code: str, lines: list[PurchaseLine]) -> PurchaseOut:
        """The row on the wire."""
        names = (
            "patient_no buyer delegate_no method origin service_at verdict state uses causes liveness "
            "liveness_reasons similarity policy_version sale_no"
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
    without_face_reasons: dict[str, int] = Field(description="By reason, purchases that were asked for without a face.")
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
            without_face_reasons=found.without_face_reasons,
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
