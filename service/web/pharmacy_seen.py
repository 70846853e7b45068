"""Purchases, reviews and delegations as the pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from service.access import Actor
from service.contracts import REASON_TEXTS, ReasonCode
from service.facilities import Facility
from service.pharmacy import UNPACED, DelegationOut, Purchase, PurchaseReview, lines_of, may_see_reasons
from service.web.approval_form import ProposalSeen
from service.web.signs import Sign

_VERDICTS = {
    "approved": Sign("good", "check"),
    "refused": Sign("danger", "alert"),
    "manual_review": Sign("warn", "user"),
    "provisional": Sign("info", "eye"),
}
_EFFECTS = {"refuse": "danger", "manual_review": "warn", "provisional": "info", "note": "mute"}
_STANDINGS = {"valid": Sign("good", "check"), "pending": Sign("warn", "user")}


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """One reason in words, with the tone of its effect."""

    code: str
    effect: str
    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class PurchaseLineSeen:
    """One purchase. `causes`: what is not said to the buyer."""

    purchase_id: str
    facility: str
    patient_no: str
    buyer: str
    delegate_no: str | None
    service_at: datetime
    verdict: str
    sign: Sign
    state: str
    drugs: str
    reasons: tuple[ReasonLine, ...]
    causes: tuple[str, ...]
    similarity: float | None
    method: str


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One entry of the queue. `minutes_left`: until the fallback holds; below zero when it is overdue."""

    review_id: str
    state: str
    opened_at: datetime
    deadline_at: datetime
    minutes_left: int
    fallback: str
    decision: str | None
    decided_by: str | None
    note: str
    purchase: PurchaseLineSeen


@dataclass(frozen=True, slots=True)
class DelegationLine:
    """One delegation with the sign of how it stands; while it waits, with what it would get."""

    row: DelegationOut
    sign: Sign
    proposal: ProposalSeen | None = None


def purchase_lines(
    session: Session, rows: Sequence[Purchase], places: Mapping[str, Facility], language: str, actor: Actor
) -> list[PurchaseLineSeen]:
    """The purchases in the reader's language; why they were decided only for those who decide there."""
    lines = []
    for row in rows:
        line = purchase_line(session, row, places[row.facility_id], language)
        shown = may_see_reasons(actor, row.facility_id)
        lines.append(line if shown else replace(line, reasons=(), causes=()))
    return lines


def purchase_line(session: Session, row: Purchase, place: Facility, language: str) -> PurchaseLineSeen:
    """One purchase in the reader's language."""
    chinese = language == "zh"
    reasons = []
    for code, effect in row.reasons:
        text = REASON_TEXTS[ReasonCode(code)]
        reasons.append(ReasonLine(code, effect, _EFFECTS[effect], text.zh if chinese else text.en))
    drugs = ", ".join(f"{line.name or line.code} × {line.quantity.normalize():f}" for line in lines_of(session, row.id))
    return PurchaseLineSeen(
        purchase_id=row.id,
        facility=(place.name_zh or place.name) if chinese else place.name,
        patient_no=row.patient_no,
        buyer=row.buyer,
        delegate_no=row.delegate_no,
        service_at=row.service_at,
        verdict=row.verdict,
        sign=_VERDICTS[row.verdict],
        state=row.state,
        drugs=drugs,
        reasons=tuple(reasons),
        causes=(*row.causes, *([UNPACED] if UNPACED in row.liveness_reasons else [])),
        similarity=row.similarity,
        method=row.method,
    )


def review_lines(
    session: Session,
    found: Iterable[tuple[PurchaseReview, Purchase]],
    places: Mapping[str, Facility],
    language: str,
    now: datetime,
) -> list[ReviewLine]:
    """The queue in the reader's language."""
    return [
        ReviewLine(
            review_id=review.id,
            state=review.state,
            opened_at=review.opened_at,
            deadline_at=review.deadline_at,
            minutes_left=int((review.deadline_at - now).total_seconds() // 60),
            fallback=review.fallback,
            decision=review.decision,
            decided_by=review.decided_by,
            note=review.note,
            purchase=purchase_line(session, row, places[review.facility_id], language),
        )
        for review, row in found
    ]


def delegation_lines(rows: Iterable[DelegationOut], waiting: Mapping[str, ProposalSeen]) -> list[DelegationLine]:
    """The register's rows, those that wait first."""
    other = Sign("mute", "clock")
    lines = [
        DelegationLine(row, _STANDINGS.get(row.standing or "", other), waiting.get(row.delegation_id)) for row in rows
    ]
    return sorted(lines, key=lambda line: line.row.status != "pending_review")
