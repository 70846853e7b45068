"""A bed's last hours as a strip: one block for each span of one state. Geometry only; the template draws it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH = 288.0
"""Width of the strip in its own units: 5 minutes a unit over 24 hours."""
HEIGHT = 24.0

_HEIGHTS = {"patient": 1.0, "other_person": 1.0, "unidentified": 0.62, "empty": 0.2, "unobserved": 1.0}
"""A share of the height for each state, so that the strip reads without colour: full, two thirds, a line."""


@dataclass(frozen=True, slots=True)
class Span:
    """A bed in one state from `start` to before `end`; `cause` where it was unobserved."""

    start: datetime
    end: datetime
    state: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle in units of the strip, and the span it stands for."""

    x: float
    y: float
    width: float
    height: float
    span: Span


@dataclass(frozen=True, slots=True)
class Strip:
    """Blocks from left (earliest) to right, hour ticks, and how long each state lasted."""

    blocks: tuple[Block, ...]
    ticks: tuple[float, ...]
    totals: tuple[tuple[str, timedelta], ...]


def draw_strip(spans: Iterable[Span], end: datetime, length: timedelta = timedelta(hours=24)) -> Strip:
    """The strip of the `length` that ends at `end`. Spans are cut to it; neighbours of one state are joined."""
    start = end - length
    cut = [_cut(span, start, end) for span in spans if span.start < end and span.end > start]
    joined = _join(sorted(cut, key=lambda span: span.start))
    scale = WIDTH / length.total_seconds()
    blocks = []
    for span in joined:
        share = _HEIGHTS.get(span.state, 1.0)
        width = (span.end - span.start).total_seconds() * scale
        blocks.append(
            Block(
                x=round((span.start - start).total_seconds() * scale, 2),
                y=round(HEIGHT * (1 - share), 2),
                width=round(max(width, 0.75), 2),  # a single frame stays visible
                height=round(HEIGHT * share, 2),
                span=span,
            )
        )
    ticks = tuple(round(WIDTH * part / 4, 2) for part in (1, 2, 3))
    return Strip(tuple(blocks), ticks, _totals(joined))


def _cut(span: Span, start: datetime, end: datetime) -> Span:
    return Span(max(span.start, start), min(span.end, end), span.state, span.cause)


def _join(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.state == span.state and last.cause == span.cause and last.end >= span.start:
            joined[-1] = Span(last.start, max(last.end, span.end), last.state, last.cause)
        else:
            joined.append(span)
    return joined


def _totals(spans: Sequence[Span]) -> tuple[tuple[str, timedelta], ...]:
    totals: dict[str, timedelta] = {}
    for span in spans:
        totals[span.state] = totals.get(span.state, timedelta()) + (span.end - span.start)
    return tuple(sorted(totals.items(), key=lambda item: -item[1]))
