"""Verdicts on the wire: reasons with the words that are said aloud."""

from __future__ import annotations

from collections.abc import Sequence

from service.contracts import REASON_TEXTS, Effect, PurchaseVerdict, ReasonCode, ReasonOut, Verdict
from service.pharmacy.tables import Purchase, PurchaseReview


def reasons_out(reasons: Sequence[Sequence[str]]) -> tuple[ReasonOut, ...]:
    """Stored (code, effect) pairs with their texts."""
    found = []
    for code, effect in reasons:
        text = REASON_TEXTS[ReasonCode(code)]
        found.append(ReasonOut(code=ReasonCode(code), effect=Effect(effect), text_en=text.en, text_zh=text.zh))
    return tuple(found)


def answer_of(row: Purchase, retry: bool, review: PurchaseReview | None, token: str | None = None) -> PurchaseVerdict:
    """The answer for a purchase just decided. What stands behind a neutral reason is not in it."""
    return PurchaseVerdict(
        purchase_id=row.id,
        request_id=row.request_id,
        verdict=Verdict(row.verdict),
        reasons=reasons_out(row.reasons),
        service_at=row.service_at,
        policy_version=row.policy_version,
        token=token,
        token_expires_at=row.token_expires_at if token else None,
        retry_allowed=retry,
        review_id=review.id if review else None,
        review_deadline=review.deadline_at if review else None,
        review_fallback=Verdict(review.fallback) if review else None,
    )


def stored_answer(row: Purchase) -> PurchaseVerdict:
    """The answer as it was first given."""
    return PurchaseVerdict.model_validate(row.answer)
