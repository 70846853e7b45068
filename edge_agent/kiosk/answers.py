"""Verdicts as the page shows them."""

from __future__ import annotations

from datetime import datetime

import segno

from edge_agent.kiosk.forms import VerdictOut
from edge_agent.kiosk.offline import OfflineVerdict
from service.contracts import REASON_TEXTS, Effect, PurchaseVerdict, ReasonCode, ReasonOut

_CLAIMABLE = frozenset(
    {
        ReasonCode.NO_DELEGATION,
        ReasonCode.DELEGATE_UNKNOWN,
        ReasonCode.DELEGATION_EXPIRED,
        ReasonCode.DELEGATION_WRONG_PATIENT,
    }
)


def shown(verdict: PurchaseVerdict) -> VerdictOut:
    codes = {reason.code for reason in verdict.reasons}
    return VerdictOut(
        verdict=verdict.verdict.value,
        reasons=verdict.reasons,
        request_id=verdict.request_id,
        served_at=verdict.service_at.isoformat(timespec="seconds"),
        token=verdict.token,
        token_qr=qr_of(verdict.token),
        retry_allowed=verdict.retry_allowed,
        review_id=verdict.review_id,
        claimable=bool(codes & _CLAIMABLE),
    )


def shown_offline(request_id: str, decided: OfflineVerdict, now: datetime) -> VerdictOut:
    return VerdictOut(
        verdict=decided.verdict.value,
        reasons=tuple(_reason(code) for code in decided.reasons),
        request_id=request_id,
        served_at=now.isoformat(timespec="seconds"),
        offline=True,
    )


def _reason(code: ReasonCode) -> ReasonOut:
    texts = REASON_TEXTS[code]
    return ReasonOut(code=code, effect=Effect.NOTE, text_en=texts.en, text_zh=texts.zh)


def qr_of(token: str | None) -> str | None:
    """`token` as a QR code for the till's scanner: an SVG, as a data URI."""
    if token is None:
        return None
    return str(segno.make(token, error="l", micro=False).svg_data_uri(scale=3, border=2))
