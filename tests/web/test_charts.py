"""The geometry of the charts, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.charts.rate import WIDTH, RatePoint, draw_rate
from service.web.charts.strip import HEIGHT, Span, draw_strip
from service.web.charts.strip import WIDTH as STRIP_WIDTH

END = datetime(2026, 3, 8, 4, 0, tzinfo=UTC)


def hours(a: float, b: float, state: str, cause: str | None = None) -> Span:
    return Span(END - timedelta(hours=a), END - timedelta(hours=b), state, cause)


def point(low: float | None, high: float | None, **changes: object) -> RatePoint:
    values: dict[str, object] = {
        "label": "2 Mar",
        "sublabel": "Mon",
        "low": low,
        "high": high,
        "interval_low": (low or 0.0) - 0.02,
        "interval_high": min(1.0, (high or 0.0) + 0.02),
        "coverage": 0.95,
        "reportable": True,
    }
    return RatePoint(**{**values, **changes})  # type: ignore[arg-type]


def test_a_strip_cuts_spans_to_its_day_and_places_them_by_time() -> None:
    # 12 units an hour: 30 h..18 h ago is cut to 24..18 h ago = 6 h = 72 units from the left edge.
    strip = draw_strip([hours(30, 18, "patient"), hours(6, 0, "empty")], END)
    assert [(b.x, b.width, b.span.state) for b in strip.blocks] == [(0.0, 72.0, "patient"), (216.0, 72.0, "empty")]
    assert strip.totals == (("patient", timedelta(hours=6)), ("empty", timedelta(hours=6)))


def test_states_differ_by_height_not_only_by_colour() -> None:
    strip = draw_strip([hours(3, 2, "patient"), hours(2, 1, "unidentified"), hours(1, 0, "empty")], END)
    heights = [block.height for block in strip.blocks]
    assert heights[0] > heights[1] > heights[2]
    assert all(block.y + block.height == pytest.approx(HEIGHT) for block in strip.blocks)


def test_neighbours_of_one_state_and_cause_are_one_block() -> None:
    strip = draw_strip(
        [
            hours(4, 3, "unobserved", "covered"),
            hours(3, 2, "unobserved", "covered"),
            hours(2, 1, "unobserved", "black"),
        ],
        END,
    )
    assert [(b.span.cause, b.width) for b in strip.blocks] == [("covered", 24.0), ("black", 12.0)]


def test_what_lies_outside_the_day_is_not_drawn() -> None:
    assert draw_strip([hours(40, 25, "patient")], END).blocks == ()
    assert draw_strip([Span(END, END + timedelta(hours=1), "patient")], END).blocks == ()


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60), st.sampled_from(["patient", "empty", "unobserved"]))))
def test_blocks_never_leave_the_strip(parts: list[tuple[float, float, str]]) -> None:
    spans = [hours(max(a, b), min(a, b), state) for a, b, state in parts if a != b]
    for block in draw_strip(spans, END).blocks:
        assert 0 <= block.x <= STRIP_WIDTH
        assert block.x + block.width <= STRIP_WIDTH + 0.76


def test_a_band_spans_low_to_high_and_the_target_is_in_between() -> None:
    # All above .55: the axis starts one tenth below the lowest value .78, rounded down: .7.
    chart = draw_rate([point(0.8, 0.96)], target=0.94)
    column = chart.columns[0]
    assert chart.axis_cut
    assert chart.gridlines[0].value == pytest.approx(0.7)
    assert column.band_y is not None
    top, bottom = column.band_y, column.band_y + column.band_height
    assert column.whisker_top < top < chart.target_y < bottom < column.whisker_bottom
    # .96 lies (1 - .96) / (1 - .7) of 210 units below the top of the plot: 28.
    assert top - chart.plot_top == pytest.approx(28.0)


def test_low_rates_start_the_axis_at_zero() -> None:
    chart = draw_rate([point(0.3, 0.5)], target=0.94)
    assert not chart.axis_cut
    assert [line.value for line in chart.gridlines] == [0, 0.25, 0.5, 0.75, 1.0]


def test_equal_low_and_high_stay_visible() -> None:
    assert draw_rate([point(0.9, 0.9)], target=0.94).columns[0].band_height == 3.0


def test_no_rate_draws_no_band_but_coverage() -> None:
    column = draw_rate([point(None, None, coverage=0.4, reportable=False)], target=0.94).columns[0]
    assert column.band_y is None
    assert column.coverage_height > 0


def test_many_columns_are_labelled_sparsely_and_stay_inside() -> None:
    chart = draw_rate([point(0.9, 0.95)] * 62, target=0.94)
    assert sum(column.labelled for column in chart.columns) <= 16
    assert all(0 < column.x and column.x + column.width < WIDTH for column in chart.columns)
