"""Rules about a pharmacy's month: sales while it was closed or just opened, exemptions above its peers', stock that
does not close or is not booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.kit.statistics import wilson
from service.screening.facts import Fact, Suspicion
from service.screening.pharmacy_facts import PharmacyMonth, PurchaseRecord, Share

Hours = dict[int, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class ClosedParameters:
    """`share`: of sales outside of the opening hours, of which chance must be excluded. `edge_minutes`: how long
    opening and closing last; `edge_factor`: how many times the share of those minutes in the own hours. `peers`:
    needed to compare. Domain, A16; proposals."""

    sales: int = 30
    share: float = 0.05
    peers: int = 3
    edge_minutes: int = 30
    edge_factor: float = 2.0


@dataclass(frozen=True, slots=True)
class ExemptionParameters:
    """Domain, section 3: n >= 30, Wilson lower bound above the peers' 95th percentile."""

    purchases: int = 30
    peers: int = 3
    percentile: float = 0.95


def opening_hours_cluster(facts: PharmacyMonth, parameters: ClosedParameters) -> Suspicion | None:
    """Fires when more sales lie outside of the pharmacy's own hours, or in their first and last minutes, than chance,
    the own hours and the peers explain. By event time; what was uploaded from an offline kiosk is left out, its clock
    being less sure."""
    if not facts.opening_hours:
        return None
    sales = [item for item in facts.purchases if item.sold and not item.offline]
    if len(sales) < parameters.sales:
        return None
    return _closed(facts, sales, parameters) or _edges(facts, sales, parameters)


def _closed(facts: PharmacyMonth, sales: Sequence[PurchaseRecord], parameters: ClosedParameters) -> Suspicion | None:
    closed = [item for item in sales if not is_open(facts.opening_hours, *_when(item))]
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


def _edges(facts: PharmacyMonth, sales: Sequence[PurchaseRecord], parameters: ClosedParameters) -> Suspicion | None:
    """Sales within the hours: those of the first and last minutes against the rest of the own hours."""
    hours, minutes = facts.opening_hours, parameters.edge_minutes
    inside = [item for item in sales if is_open(hours, *_when(item))]
    edge = [item for item in inside if is_edge(hours, *_when(item), minutes)]
    expected = edge_share(hours, minutes)
    if len(inside) < parameters.sales or not edge or expected >= 1 / parameters.edge_factor:
        return None
    low = wilson(len(edge), len(inside))[0]
    peers = _percentile(facts.edge_peers, parameters.peers, 0.95, parameters.sales)
    bar = max(expected * parameters.edge_factor, peers)
    if low <= bar:
        return None
    return Suspicion(
        rule="opening_hours_cluster",
        variant="edges",
        event_at=_last(edge),
        facts=(
            Fact("sales", len(inside), parameters.sales),
            Fact("sales_at_edges", len(edge)),
            Fact("edge_minutes", minutes),
            Fact("edge_share_low", round(low, 3), round(bar, 3)),
            Fact("edge_share_of_hours", round(expected, 3)),
            Fact("days", sorted({item.local_day.isoformat() for item in edge})),
        ),
        evidence_ids=tuple(item.purchase_id for item in edge),
    )


def purchase_exemption_rate(facts: PharmacyMonth, parameters: ExemptionParameters) -> Suspicion | None:
    """Fires when a pharmacy lets far more buyers pass without a face than its peers: by an exemption, or by documents
    that a person confirmed. A number, not an accusation. Tries that came to nothing are not in it, nor are purchases
    without the network, where no face could be compared."""
    passed = [item for item in facts.purchases if item.passed and not item.offline]
    if len(passed) < parameters.purchases or len(facts.document_peers) < parameters.peers:
        return None
    found = [item for item in passed if item.without_face]
    low = wilson(len(found), len(passed))[0]
    bar = _percentile(facts.document_peers, parameters.peers, parameters.percentile, 1)
    if not found or low <= bar:
        return None
    reasons = Counter(item.without_face for item in found)
    return Suspicion(
        rule="purchase_exemption_rate",
        variant="above_peers",
        event_at=_last(found),
        facts=(
            Fact("purchases", len(passed), parameters.purchases),
            Fact("without_face", len(found)),
            Fact("without_face_low", round(low, 3), round(bar, 3)),
            Fact("without_face_reasons", [f"{name}: {count}" for name, count in sorted(reasons.items())]),
            Fact("peers", len(facts.document_peers), parameters.peers),
        ),
        evidence_ids=(),
    )


def stock_unbooked(facts: PharmacyMonth) -> Suspicion | None:
    """Fires when verified sales are missing in the stock feed, as far as the feed reaches."""
    wrong = [item for item in facts.stock if item.unbooked]
    if not wrong or facts.until is None:
        return None
    return Suspicion(
        rule="stock_unbooked",
        variant="feed",
        event_at=facts.until,
        facts=(
            Fact("drugs_unbooked", len(wrong), 1),
            Fact("drugs", [f"{item.code}: {item.unbooked.normalize():f}" for item in wrong]),
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


def is_open(hours: Hours, weekday: int, at: str) -> bool:
    """Whether the pharmacy is open on the weekday (0 is Monday) at `HH:MM` local time."""
    return any(start <= at < end for start, end in hours.get(weekday, ()))


def is_edge(hours: Hours, weekday: int, at: str, minutes: int) -> bool:
    """Whether `HH:MM` lies in the first or the last `minutes` of a span of the weekday's hours."""
    now = _minute(at)
    spans = [(_minute(start), _minute(end)) for start, end in hours.get(weekday, ())]
    return any(start <= now < end and (now < start + minutes or now >= end - minutes) for start, end in spans)


def edge_share(hours: Hours, minutes: int) -> float:
    """Of a week's open minutes, the share that lies in the first or last `minutes` of a span, 0..1."""
    lengths = [_minute(end) - _minute(start) for spans in hours.values() for start, end in spans]
    whole = sum(lengths)
    return sum(min(length, 2 * minutes) for length in lengths) / whole if whole else 1.0


def share_closed(purchases: Sequence[PurchaseRecord], hours: Hours) -> Share:
    """The share of online sales outside of the hours."""
    sales = [item for item in purchases if item.sold and not item.offline]
    return Share(sum(not is_open(hours, *_when(item)) for item in sales), len(sales))


def share_edges(purchases: Sequence[PurchaseRecord], hours: Hours, minutes: int) -> Share:
    """Of the online sales within the hours, those in the first and last `minutes`."""
    inside = [item for item in purchases if item.sold and not item.offline and is_open(hours, *_when(item))]
    return Share(sum(is_edge(hours, *_when(item), minutes) for item in inside), len(inside))


def share_without_face(purchases: Sequence[PurchaseRecord]) -> Share:
    """Of the purchases that were let pass online, those without a face."""
    passed = [item for item in purchases if item.passed and not item.offline]
    return Share(sum(bool(item.without_face) for item in passed), len(passed))


def _when(item: PurchaseRecord) -> tuple[int, str]:
    return item.local_day.weekday(), f"{item.local_time:%H:%M}"


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


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
