"""Stock: opening + in - out = closing; and what was sold can never be more than there was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from service.kit.intervals import Interval
from service.pharmacy.tables import Purchase, PurchaseLine, StockMovement

KINDS = ("opening", "in", "out", "closing")
_ORDER = {kind: index for index, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the feed. `quantity` >= 0, in the drug's own unit."""

    code: str
    kind: str
    quantity: Decimal
    at: datetime
    document_no: str = ""


@dataclass(frozen=True, slots=True)
class Sold:
    """What a verified purchase handed out."""

    code: str
    quantity: Decimal
    at: datetime
    purchase_id: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """One drug over a period. `difference` = opening + received - issued - counted: what is missing (positive) or too
    much (negative) at the last count; None without a count. `sold` is what verified purchases handed out; where the
    feed reports less `issued`, sales are missing in the stock book (`unbooked`).

    `oversold_at`, `oversold_by`: the first sale that the stock could not have covered, and the greatest gap.
    """

    code: str
    opening: Decimal
    received: Decimal
    issued: Decimal
    sold: Decimal
    counted: Decimal | None
    difference: Decimal | None
    unbooked: Decimal
    oversold_at: datetime | None = None
    oversold_by: Decimal = Decimal(0)
    evidence_ids: tuple[str, ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the book is right: the count agrees, and no sale was above the stock."""
        return not self.difference and self.oversold_at is None


def balances(movements: Iterable[Movement], sales: Iterable[Sold]) -> tuple[Balance, ...]:
    """The balance of every drug that the feed knows, in order of its code. A pure function.

    A drug whose feed has no opening cannot be judged: its stock before is unknown, so it is left out.
    """
    moved: dict[str, list[Movement]] = defaultdict(list)
    sold: dict[str, list[Sold]] = defaultdict(list)
    for movement in movements:
        moved[movement.code].append(movement)
    for sale in sales:
        sold[sale.code].append(sale)
    return tuple(
        _balance(code, items, sold.get(code, []))
        for code, items in sorted(moved.items())
        if any(item.kind == "opening" for item in items)
    )


def _balance(code: str, movements: Sequence[Movement], sales: Sequence[Sold]) -> Balance:
    ordered = sorted(movements, key=lambda item: (item.at, _ORDER[item.kind]))
    start = next(item for item in ordered if item.kind == "opening")
    count = next((item for item in reversed(ordered) if item.kind == "closing" and item.at >= start.at), None)
    end = count.at if count else None
    inside = [item for item in ordered if item.at >= start.at and (end is None or item.at <= end)]
    received, issued = _sum(inside, "in"), _sum(inside, "out")
    counted_sales = [sale for sale in sales if sale.at >= start.at and (end is None or sale.at <= end)]
    total_sold = sum((sale.quantity for sale in counted_sales), Decimal(0))
    at, gap, evidence = _oversold(start, ordered, [sale for sale in sales if sale.at >= start.at])
    return Balance(
        code=code,
        opening=start.quantity,
        received=received,
        issued=issued,
        sold=total_sold,
        counted=count.quantity if count else None,
        difference=start.quantity + received - issued - count.quantity if count else None,
        unbooked=_unbooked(start, ordered, sales),
        oversold_at=at,
        oversold_by=gap,
        evidence_ids=evidence,
    )


def _unbooked(start: Movement, movements: Sequence[Movement], sales: Sequence[Sold]) -> Decimal:
    """Verified sales above the feed's issues, from the opening to the feed's last line: what it does not reach yet is
    not missing in it."""
    last = max(item.at for item in movements)
    sold = sum((sale.quantity for sale in sales if start.at <= sale.at <= last), Decimal(0))
    issued = sum((item.quantity for item in movements if item.kind == "out" and item.at >= start.at), Decimal(0))
    return max(Decimal(0), sold - issued)


def _oversold(
    start: Movement, movements: Sequence[Movement], sales: Sequence[Sold]
) -> tuple[datetime | None, Decimal, tuple[str, ...]]:
    """Follows the stock by receipts and verified sales alone: the feed's own issues are the same sales once more."""
    events: list[tuple[datetime, int, Decimal, str]] = [(start.at, 0, start.quantity, "")]
    events += [(item.at, 0, item.quantity, "") for item in movements if item.kind == "in" and item.at >= start.at]
    events += [(sale.at, 1, -sale.quantity, sale.purchase_id) for sale in sales]
    left, first, gap, evidence = Decimal(0), None, Decimal(0), []
    for at, _, change, purchase_id in sorted(events):
        left += change
        if left < 0 and change < 0:
            first = first or at
            gap = max(gap, -left)
            evidence.append(purchase_id)
    return first, gap, tuple(evidence)


def movements_of(session: Session, facility_id: str, period: Interval) -> tuple[Movement, ...]:
    """The facility's feed in a period of event time."""
    query = select(StockMovement).where(
        StockMovement.facility_id == facility_id,
        col(StockMovement.at) >= period.start,
        col(StockMovement.at) < period.end,
    )
    return tuple(
        Movement(row.code, row.kind, row.quantity, row.at, row.document_no)
        for row in session.exec(query.order_by(col(StockMovement.at), col(StockMovement.id)))
    )


def sales_of(session: Session, facility_id: str, period: Interval) -> tuple[Sold, ...]:
    """What verified purchases handed out at the facility in a period of event time."""
    query = (
        select(PurchaseLine, Purchase)
        .join(Purchase, col(Purchase.id) == col(PurchaseLine.purchase_id))
        .where(
            Purchase.facility_id == facility_id,
            Purchase.state == "sold",
            col(Purchase.service_at) >= period.start,
            col(Purchase.service_at) < period.end,
        )
    )
    return tuple(
        Sold(line.code, line.dispensed, row.service_at, row.id) for line, row in session.exec(query) if line.dispensed
    )


def _sum(movements: Iterable[Movement], kind: str) -> Decimal:
    return sum((item.quantity for item in movements if item.kind == kind), Decimal(0))
