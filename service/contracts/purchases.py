"""A purchase at a pharmacy's kiosk: the challenge, what is verified, and the verdict with its reasons."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from service.contracts.messages import Answer, Code, Instant, Message
from service.contracts.purchase_reasons import Effect, ReasonCode

MAX_ITEMS = 20
"""Lines of one purchase. A prescription has five; more than twenty is a wholesale order."""

MAX_IMAGES = 10
"""Frames of one burst."""

TurnCode = Literal["centre", "left", "right", "up", "down"]
"""What the buyer is asked to do, as the buyer sees it: left is to their own left."""


DocumentWhy = Literal["cannot_turn", "declines", "camera", "not_enrolled", "other"]
"""Why somebody shows documents instead of a face."""


class BuyerRole(StrEnum):
    """Who stands at the kiosk."""

    PATIENT = "patient"
    DELEGATE = "delegate"


class IdentityMethod(StrEnum):
    """How the buyer shows who they are. Nobody is refused for want of a face."""

    FACE = "face"
    DOCUMENTS = "documents"


class Channel(StrEnum):
    """How the drug was prescribed. The last two are bought outside also during a stay in hospital."""

    ORDINARY = "ordinary"
    DUAL_CHANNEL = "dual_channel"
    NATIONAL_NEGOTIATED = "national_negotiated"


class Verdict(StrEnum):
    """What the pharmacist may do now."""

    APPROVED = "approved"
    REFUSED = "refused"
    MANUAL_REVIEW = "manual_review"
    PROVISIONAL = "provisional"


class ChallengeRequest(Message):
    """The body of `POST /api/v1/purchase-challenges`. It names nobody: a challenge is drawn before a card is read."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kiosk": "counter-1"}]})

    kiosk: Code | None = Field(default=None, description="The kiosk's code; a signed device need not say it.")


class PurchaseChallenge(Answer):
    """Head turns drawn at random, good once and until `expires_at`."""

    challenge_id: str
    nonce: str = Field(description="Random text, printed into nothing: it binds a burst to this challenge.")
    turns: tuple[TurnCode, ...] = Field(description="In this order; the first is always `centre`.")
    issued_at: datetime
    expires_at: datetime
    frames: int = Field(description="How many frames a burst has: one for each turn or more.")


class PurchaseItem(Message):
    """One line of a sale."""

    code: Code = Field(description="The drug's code in the pharmacy's or the fund's catalogue.")
    name: str = Field(default="", max_length=200)
    drug_class: Code = Field(default="ordinary", description="The class that a delegation may be limited to.")
    quantity: Annotated[Decimal, Field(gt=0, le=100_000, max_digits=9, decimal_places=3)]
    unit: str = Field(default="", max_length=32)
    days_of_supply: Annotated[int, Field(strict=True, ge=1, le=366)]
    channel: Channel = Channel.ORDINARY


class DocumentCheck(Message):
    """Documents that a pharmacist looked at, instead of a face."""

    checked_by: Code = Field(description="The pharmacist's own number or user name.")
    kinds: Annotated[tuple[Code, ...], Field(min_length=1, max_length=5)] = Field(
        description="id_card, passport, household_register, delegation_letter, social_card …"
    )
    reason: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="Why the face was not used.")
    why: DocumentWhy = Field(default="other", description="The same in one word: statistics count by it.")


class PurchaseMeta(Message):
    """The form field `meta` of `POST /api/v1/purchase-verifications`, as JSON; the frames are `images`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_id": "k1-20260302-0007",
                    "patient_no": "P00017",
                    "buyer": "delegate",
                    "delegate_no": "D00003",
                    "items": [{"code": "A10BA02", "quantity": "2", "days_of_supply": 28, "drug_class": "diabetes"}],
                    "challenge_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e7f",
                    "nonce": "6JmR1o2bTg",
                }
            ]
        }
    )

    request_id: Code = Field(description="Drawn by the kiosk for this purchase. Sent twice, it has the same answer.")
    patient_no: Code = Field(description="The patient's number, as the card says it.")
    buyer: BuyerRole
    delegate_no: Code | None = Field(default=None, description="The delegate's number; needed of a delegate.")
    items: Annotated[tuple[PurchaseItem, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    method: IdentityMethod = IdentityMethod.FACE
    documents: DocumentCheck | None = Field(default=None, description="Needed when `method` is `documents`.")
    challenge_id: str | None = Field(default=None, max_length=32, description="Needed when `method` is `face`.")
    nonce: str | None = Field(default=None, max_length=64, description="The challenge's nonce, as it was received.")
    frame_times: Annotated[tuple[float, ...], Field(max_length=MAX_IMAGES)] | None = Field(
        default=None, description="Seconds since the first frame, one for each image. Needed when `paced`."
    )
    paced: bool = Field(
        default=False,
        description="The kiosk kept the challenge's pauses, and each turn is checked against its arrow's time. A face "
        "from a kiosk that does not say so is taken in this version, and marked `unpaced`; in the next it is not.",
    )
    kiosk: Code | None = Field(default=None, description="The kiosk's code; a signed device need not say it.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.buyer is BuyerRole.DELEGATE and self.delegate_no is None:
            raise ValueError("delegate_no: a delegate has a number")
        if self.method is IdentityMethod.FACE and (self.challenge_id is None or self.nonce is None):
            raise ValueError("challenge_id and nonce: a face is verified against a challenge")
        if self.method is IdentityMethod.FACE and self.paced and self.frame_times is None:
            raise ValueError("frame_times: a burst that kept the challenge's pauses says when each frame was taken")
        if self.method is IdentityMethod.DOCUMENTS and self.documents is None:
            raise ValueError("documents: say who looked at which documents")
        return self


class ReasonOut(Answer):
    """One reason, in words that a pharmacist can say aloud."""

    code: ReasonCode
    effect: Effect
    text_en: str
    text_zh: str


class PurchaseVerdict(Answer):
    """The answer of `POST /api/v1/purchase-verifications`."""

    purchase_id: str
    request_id: str
    verdict: Verdict
    reasons: tuple[ReasonOut, ...] = Field(description="Every reason that applies, the gravest first.")
    service_at: datetime = Field(description="The time of the service: all rules are judged by it.")
    policy_version: str
    token: str | None = Field(
        default=None, description="Signed (EdDSA JWT), single use; for an approved or provisional purchase."
    )
    token_expires_at: datetime | None = None
    retry_allowed: bool = Field(default=False, description="Another burst with a new challenge may settle it.")
    review_id: str | None = Field(default=None, description="The entry in the manual queue.")
    review_deadline: datetime | None = Field(default=None, description="Until then somebody answers.")
    review_fallback: Verdict | None = Field(default=None, description="What holds if nobody does.")
    duplicate: bool = Field(default=False, description="True: this request was answered before, in the same way.")


class ReviewState(Answer):
    """The answer of `GET /api/v1/purchase-reviews/{review_id}/state`: what the waiting kiosk asks."""

    review_id: str
    state: Literal["waiting", "decided", "lapsed"]
    verdict: Verdict | None = None
    token: str | None = None
    token_expires_at: datetime | None = None
    decided_at: datetime | None = None
    text_en: str = ""
    text_zh: str = ""


class CachedDelegation(Answer):
    """A delegation as a kiosk without network may use it."""

    delegate_no: str
    patient_no: str
    drug_classes: tuple[str, ...] = Field(description="Empty: every class that policy does not exclude.")
    valid_from: datetime
    valid_to: datetime | None
    uses_left: int | None = Field(description="None: not limited. Spend it in the cache as well.")
    max_quantity: Decimal | None = Field(default=None, description="Of one drug at once. None: not limited.")


class KioskCache(Answer):
    """The answer of `GET /api/v1/kiosks/me/cache`. To be kept encrypted, and its age shown."""

    version: str = Field(description="Sent back with a reconciliation; the ETag without its quotes.")
    made_at: datetime
    use_until: datetime = Field(description="Older than that the cache decides nothing: manual path only.")
    delegations: tuple[CachedDelegation, ...]
    excluded_classes: tuple[str, ...] = Field(description="Classes that no delegate may buy.")
    hold_salt: str = Field(description="Hexadecimal.")
    hold: tuple[str, ...] = Field(
        description="Patients whose record must be checked by a person (never say why): hexadecimal SHA-256 of "
        "`hold_salt` + `:` + patient_no in UTF-8."
    )
    max_days_of_supply: int
    keys: dict[str, object] = Field(description="The public keys of tokens, as a JWK set.")


class OfflineChecks(Message):
    """What the kiosk saw by itself while the server was away."""

    turns: Annotated[tuple[TurnCode, ...], Field(max_length=MAX_IMAGES)] = ()
    liveness: Literal["live", "suspect", "inconclusive", "not_tried"] = "not_tried"
    cache_version: str = Field(default="", max_length=64)
    cache_age_seconds: Annotated[int, Field(ge=0, le=366 * 86_400)] = 0


class ProvisionalPurchase(Message):
    """The form field `meta` of `POST /api/v1/purchase-reconciliations`; the frames, if kept, are `images`."""

    request_id: Code
    patient_no: Code
    buyer: BuyerRole
    delegate_no: Code | None = None
    items: Annotated[tuple[PurchaseItem, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    served_at: Instant = Field(description="When it happened, by the corrected clock of the kiosk.")
    reasons: Annotated[tuple[ReasonCode, ...], Field(max_length=30)] = ()
    checks: OfflineChecks = OfflineChecks()
    method: IdentityMethod = IdentityMethod.FACE
    documents: DocumentCheck | None = None
    frame_times: Annotated[tuple[float, ...], Field(max_length=MAX_IMAGES)] | None = None
    sale_no: Code | None = Field(default=None, description="The till's number, if drugs were handed out.")
    kiosk: Code | None = None


class Reconciliation(Answer):
    """What the server would have said at the time."""

    purchase_id: str
    request_id: str
    verdict: Verdict
    reasons: tuple[ReasonOut, ...]
    right: bool = Field(description="False: it should not have been sold without a person; a finding says so.")
    duplicate: bool = False


class DelegationClaim(Message):
    """A delegation registered at the kiosk with documents, for review: `POST /api/v1/delegation-claims`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e11",
                    "patient_no": "P1001",
                    "delegate_no": "D2001",
                    "relation": "kin",
                    "documents": ["household_register"],
                    "valid_to": "2027-03-01T00:00:00+08:00",
                    "uses_per_period": 3,
                    "period_days": 365,
                    "drug_classes": ["diabetes"],
                    "kiosk": "counter-1",
                }
            ]
        }
    )

    request_id: Code
    patient_no: Code
    delegate_no: Code = Field(description="The number of the delegate's own card.")
    delegate_name: Annotated[str, Field(max_length=200)] = ""
    relation: Literal["kin", "carer", "community_worker", "village_doctor", "care_home", "other"] = "other"
    documents: Annotated[tuple[Code, ...], Field(min_length=1, max_length=5)]
    valid_to: Instant | None = Field(default=None, description="A wish: until when. Whoever approves decides.")
    uses_per_period: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = Field(
        default=None, description="A wish: how many purchases in a period."
    )
    period_days: Annotated[int, Field(strict=True, ge=1, le=3660)] | None = Field(
        default=None, description="A wish: days of a period."
    )
    drug_classes: Annotated[tuple[Code, ...], Field(max_length=50)] = Field(
        default=(), description="A wish: only these classes."
    )
    kiosk: Code | None = None


class DelegationClaimed(Answer):
    """The delegation waits for a person."""

    delegation_id: str
    status: Literal["pending_review"]
    duplicate: bool = False
