"""Rules about a pharmacy's month: sales while it was closed, exemptions above its peers', stock that does not close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.kit.statistics import wilson
from service.screening.facts import Fact, Suspicion
from service.screening.pharmacy_facts import PharmacyMonth, PurchaseRecord, Share


@dataclass(frozen=True, slots=True)
class ClosedParameters:
    """`share`: of sales outside of the opening hours, of which chance must be excluded. `peers`: needed to compare."""

    sales: int = 30
    share: float = 0.05
    peers: int = 3


@dataclass(frozen=True, slots=True)
class ExemptionParameters:
    """Domain, section 3: n >= 30, Wilson lower bound above the peers' 95th percentile."""

    purchases: int = 30
    peers: int = 3
    percentile: float = 0.95


def opening_hours_cluster(facts: PharmacyMonth, parameters: ClosedParameters) -> Suspicion | None:
    """Fires when more sales lie outside of the pharmacy's own hours than chance and its peers explain. By event time;
    what was uploaded from an offline kiosk is left out, its clock being less sure."""
    if not facts.opening_hours:
        return None
    sales = [item for item in facts.purchases if item.sold and not item.offline]
    closed = [
        item for item in sales if not is_open(facts.opening_hours, item.local_day.weekday(), f"{item.local_time:%H:%M}")
    ]
    if len(sales) < parameters.sales:
        return None
    low = wilson(len(closed), len(sales))[0]
    bar = max(parameters.share, _percentile(facts.closed_peers, parameters.peers, 0.95, parameters.sales))
    if low <= bar:
        return None
    return Suspicion(
        rule="opening_hours_cluster",
        variant="closed",
        event_at=_last(closed),
        facts=(
            Fact("sales", len(sales), parameters.sales),
            Fact("sales_closed", len(closed)),
            Fact("closed_share_low", round(low, 3), round(bar, 3)),
            Fact("days", sorted({item.local_day.isoformat() for item in closed})),
        ),
        evidence_ids=tuple(item.purchase_id for item in closed),
    )


def purchase_exemption_rate(facts: PharmacyMonth, parameters: ExemptionParameters) -> Suspicion | None:
    """Fires when a pharmacy verifies far more purchases without a face than its peers. A number, not an accusation."""
    if len(facts.purchases) < parameters.purchases or len(facts.document_peers) < parameters.peers:
        return None
    found = [item for item in facts.purchases if item.by_documents]
    low = wilson(len(found), len(facts.purchases))[0]
    bar = _percentile(facts.document_peers, parameters.peers, parameters.percentile, 1)
    if not found or low <= bar:
        return None
    return Suspicion(
        rule="purchase_exemption_rate",
        variant="above_peers",
        event_at=_last(found),
        facts=(
            Fact("purchases", len(facts.purchases), parameters.purchases),
            Fact("without_face", len(found)),
            Fact("without_face_low", round(low, 3), round(bar, 3)),
            Fact("peers", len(facts.document_peers), parameters.peers),
        ),
        evidence_ids=(),
    )


def stock_mismatch(facts: PharmacyMonth) -> Suspicion | None:
    """Fires when a drug's stock does not close at the count, or was sold above what there was."""
    wrong = [item for item in facts.stock if item.missing or item.oversold]
    if not wrong:
        return None
    sold_above = [item for item in wrong if item.oversold]
    dates = [item.oversold_at for item in sold_above if item.oversold_at is not None]
    at = min(dates) if dates else facts.until
    if at is None:
        return None
    return Suspicion(
        rule="stock_mismatch",
        variant="oversold" if sold_above else "count",
        event_at=at,
        facts=(
            Fact("drugs_wrong", len(wrong), 1),
            Fact("drugs_oversold", len(sold_above)),
            Fact("drugs", [f"{item.code}: {_signed(item.missing)} / {item.oversold.normalize():f}" for item in wrong]),
        ),
        evidence_ids=tuple(dict.fromkeys(key for item in wrong for key in item.evidence_ids)),
    )


def is_open(hours: dict[int, tuple[tuple[str, str], ...]], weekday: int, at: str) -> bool:
    """Whether the pharmacy is open on the weekday (0 is Monday) at `HH:MM` local time."""
    return any(start <= at < end for start, end in hours.get(weekday, ()))


def share_closed(purchases: Sequence[PurchaseRecord], hours: dict[int, tuple[tuple[str, str], ...]]) -> Share:
    """The share of online sales outside of the hours."""
    sales = [item for item in purchases if item.sold and not item.offline]
    closed = sum(not is_open(hours, item.local_day.weekday(), f"{item.local_time:%H:%M}") for item in sales)
    return Share(closed, len(sales))


def _percentile(peers: Sequence[Share], needed: int, percentile: float, trials: int) -> float:
    """The percentile of the peers' own shares (nearest rank); 0 with fewer peers than needed."""
    shares = sorted(peer.hits / peer.trials for peer in peers if peer.trials >= max(1, trials))
    if len(shares) < needed:
        return 0.0
    return shares[min(len(shares) - 1, max(0, -(-int(percentile * 1000) * len(shares) // 1000) - 1))]


def _last(items: Sequence[PurchaseRecord]) -> datetime:
    return max(item.service_at for item in items)


def _signed(value: object) -> str:
    return f"{value:+f}"
