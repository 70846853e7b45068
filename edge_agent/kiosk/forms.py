"""What the page sends to the agent, and gets back. The page is not trusted more than any input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.contracts import Answer, BuyerRole, Code, DocumentCheck, Message, PurchaseItem, ReasonOut

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
    """A delegation to be registered for review."""

    patient_no: Code
    delegate_no: Code
    delegate_name: Annotated[str, Field(max_length=200)] = ""
    relation: Literal["kin", "carer", "community_worker", "village_doctor", "care_home", "other"] = "other"
    documents: Annotated[tuple[Code, ...], Field(min_length=1, max_length=5)]


class ReviewForm(Message):
    """Which review is waited for."""

    review_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")]


class StateOut(Answer):
    """How the kiosk stands. `cache_seconds`: the age of the register's copy."""

    online: bool
    cache_seconds: int | None
    cache_usable: bool
    waiting: int
    wrong: int
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
    """What the person is asked to do. `seconds`: until it lapses."""

    turns: tuple[str, ...]
    seconds: int
    offline: bool


class FrameOut(Answer):
    """What to say to the person, and how many turns are taken."""

    advice: str
    taken: int
    total: int


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
