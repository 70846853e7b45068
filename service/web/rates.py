"""From counted checks to what the pages show of an in-bed rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from service.occupancy import InBedRateRow
from service.web.charts.rate import RatePoint, draw_rate
from service.web.views import NamedChart, RateRow, RateView
from service.web.wording import Wording

Naming = Callable[[str | None], str]
"""A ward's id to its name."""


def rate_view(row: InBedRateRow) -> RateView:
    """The rate of a row. Its interval reaches from the low rate's lower end to the high rate's upper end (95%)."""
    return RateView(
        low=row.low.value,
        high=row.high.value,
        interval_low=row.low.low,
        interval_high=row.high.high,
        coverage=row.coverage,
        reportable=row.reportable,
        target=row.target,
    )


def rate_row(row: InBedRateRow, words: Wording, ward: Naming) -> RateRow:
    """A row of the table, labelled by its day, hour or ward."""
    label, sublabel = _labels(row, words, ward)
    return RateRow(
        label=label,
        sublabel=sublabel,
        ward=ward(row.ward_id) if row.ward_id else None,
        expected=row.expected,
        verified=row.verified,
        alternative=row.alternative,
        unidentified=row.unidentified,
        not_seen=row.not_seen,
        unanswered=row.unanswered,
        bed_empty=row.bed_empty,
        absent=row.absent,
        impostor=row.impostor,
        on_leave=row.on_leave,
        off_ward=row.off_ward,
        in_grace=row.in_grace,
        exempt=row.exempt,
        no_reference=row.no_reference,
        unobserved=row.unobserved,
        rate=rate_view(row),
    )


def rate_charts(rows: Sequence[RateRow], by: str, target: float) -> tuple[NamedChart, ...]:
    """One chart, or one for each ward when rows are split by ward and by time. A single row needs none."""
    if by in ("day", "ward", "hour", "facility"):
        return (NamedChart(None, draw_rate([_point(row) for row in rows], target)),) if len(rows) > 1 else ()
    wards = list(dict.fromkeys(row.ward for row in rows))
    return tuple(
        NamedChart(ward, draw_rate([_point(row) for row in rows if row.ward == ward], target)) for ward in wards
    )


def _point(row: RateRow) -> RatePoint:
    rate = row.rate
    return RatePoint(
        label=row.label,
        sublabel=row.sublabel,
        low=rate.low,
        high=rate.high,
        interval_low=rate.interval_low,
        interval_high=rate.interval_high,
        coverage=rate.coverage,
        reportable=rate.reportable,
    )


def _labels(row: InBedRateRow, words: Wording, ward: Naming) -> tuple[str, str]:
    if row.day is not None:
        day = date.fromisoformat(row.day)
        hour = "" if row.hour is None else f" {row.hour:02d}:00"
        return f"{words.short_day(day)}{hour}", words.weekday(day)
    if row.hour is not None:
        return f"{row.hour:02d}:00", ""
    return (ward(row.ward_id), "") if row.ward_id else (words.t("report.total"), "")
