"""What the page sends to the agent, and gets back. The page is not trusted more than any input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.contracts import Answer, BuyerRole, Code, DocumentCheck, Instant, Message, PurchaseItem, ReasonOut

Language = Literal["zh", "en"]


class CardForm(Message):
    """What a reader or a person typed."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]


class PurchaseForm(Message):
    """Who buys what for whom."""

    patient_no: Code
    buyer: BuyerRole
    delegate_no: Code | None = None
    items: Annotated[tuple[PurchaseItem, ...], Field(min_length=1, max_length=20)]


class DocumentsForm(PurchaseForm):
    """The manual path: a pharmacist looked at documents instead."""

    documents: DocumentCheck


class ClaimForm(Message):
    """A delegation to be registered for review. The last four are wishes: whoever approves decides about them."""

    patient_no: Code
    delegate_no: Code
    delegate_name: Annotated[str, Field(max_length=200)] = ""
    relation: Literal["kin", "carer", "community_worker", "village_doctor", "care_home", "other"] = "other"
    documents: Annotated[tuple[Code, ...], Field(min_length=1, max_length=5)]
    valid_to: Instant | None = None
    uses_per_period: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    period_days: Annotated[int, Field(strict=True, ge=1, le=3660)] | None = None
    drug_classes: Annotated[tuple[Code, ...], Field(max_length=50)] = ()


class ReviewForm(Message):
    """Which review is waited for."""

    review_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")]


class StateOut(Answer):
    """How the kiosk stands. `cache_seconds`: the age of the register's copy; `aside`: sales that a person must look at,
    because the server did not take them."""

    online: bool
    cache_seconds: int | None
    cache_usable: bool
    waiting: int
    wrong: int
    aside: int
    camera_ready: bool
    name: str
    language: Language
    idle_seconds: int


class SessionOut(Answer):
    """A customer's turn at the kiosk."""

    session: str


class CardOut(Answer):
    """A number read from a card."""

    number: str


class ChallengeOut(Answer):
    """How many turns the person is asked for; which ones, the page learns one by one. `seconds`: until it lapses."""

    total: int
    seconds: int
    offline: bool


class FrameOut(Answer):
    """What to say to the person, how many turns are taken, and which one is `due` now; none between two arrows."""

    advice: str
    taken: int
    total: int
    due: str | None = None


class VerdictOut(Answer):
    """The verdict as the page shows it. `token_qr`: an SVG as a data URI."""

    verdict: Literal["approved", "refused", "manual_review", "provisional"]
    reasons: tuple[ReasonOut, ...]
    request_id: str
    served_at: str
    offline: bool = False
    token: str | None = None
    token_qr: str | None = None
    retry_allowed: bool = False
    review_id: str | None = None
    claimable: bool = False


class ReviewOut(Answer):
    """How the manual review stands; `token_qr` as above."""

    state: Literal["waiting", "decided", "lapsed"]
    verdict: Literal["approved", "refused", "manual_review", "provisional"] | None = None
    token: str | None = None
    token_qr: str | None = None
    text_en: str = ""
    text_zh: str = ""
