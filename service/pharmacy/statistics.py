"""How purchases were verified: by face, by documents, by people; how often the manual queue answered in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from service.kit.intervals import Interval
from service.kit.statistics import Rate
from service.pharmacy.tables import Purchase, PurchaseReview


@dataclass(frozen=True, slots=True)
class PurchaseStatistics:
    """Purchases of one pharmacy in a period. Rates have Wilson 95% intervals.

    `without_face_reasons`: purchases by documents, by the word that was given, or `exemption`.
    `without_face`: verified by documents, of all. `exempt`: by documents with an approved exemption, of all. A rate far
    above the peers' is a question, not an answer.
    """

    purchases: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    without_face: Rate
    exempt: Rate
    without_face_reasons: dict[str, int]
    refused: Rate
    failed_bursts: Rate
    reviews_in_time: Rate
    reviews_waiting: int
    median_review_seconds: float | None


def statistics_of(session: Session, facility_id: str, period: Interval) -> PurchaseStatistics:
    """The statistics of purchases whose service lies in the period."""
    inside = (
        Purchase.facility_id == facility_id,
        col(Purchase.service_at) >= period.start,
        col(Purchase.service_at) < period.end,
    )
    rows = session.exec(select(Purchase).where(*inside)).all()
    query = select(PurchaseReview).join(Purchase, col(Purchase.id) == col(PurchaseReview.purchase_id)).where(*inside)
    return summarise(rows, session.exec(query).all())


def summarise(purchases: Iterable[Purchase], reviews: Iterable[PurchaseReview]) -> PurchaseStatistics:
    """As `statistics_of`, of rows at hand."""
    rows, queue = list(purchases), list(reviews)
    reasons = Counter(code for row in rows for code, _ in row.reasons)
    closed = [review for review in queue if review.state != "waiting"]
    taken = sorted(_seconds(review) for review in closed if review.state == "decided")
    bursts = [row for row in rows if row.liveness != "not_tried"]
    return PurchaseStatistics(
        purchases=len(rows),
        verdicts=dict(sorted(Counter(row.verdict for row in rows).items())),
        reasons=dict(sorted(reasons.items())),
        without_face=Rate(sum(row.method == "documents" for row in rows), len(rows)),
        exempt=Rate(sum(_has(row, "identity_by_documents") for row in rows), len(rows)),
        without_face_reasons=dict(sorted(Counter(filter(None, map(without_face, rows))).items())),
        refused=Rate(sum(row.verdict == "refused" for row in rows), len(rows)),
        failed_bursts=Rate(sum(row.liveness != "live" for row in bursts), len(bursts)),
        reviews_in_time=Rate(len(taken), len(closed)),
        reviews_waiting=len(queue) - len(closed),
        median_review_seconds=taken[len(taken) // 2] if taken else None,
    )


def without_face(row: Purchase) -> str:
    """Why documents took the place of a face: an approved exemption, or the word given; empty with a face."""
    if row.method != "documents":
        return ""
    if _has(row, "identity_by_documents"):
        return "exemption"
    return str((row.facts.get("documents") or {}).get("why", "other"))


def _has(row: Purchase, code: str) -> bool:
    return any(found == code for found, _ in row.reasons)


def _seconds(review: PurchaseReview) -> float:
    took = (review.decided_at - review.opened_at) if review.decided_at else timedelta()
    return took.total_seconds()
