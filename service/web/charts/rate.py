"""The chart of the in-bed rate: low to high as a band, its interval, the target, and coverage below. Geometry only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 960.0
_LEFT, _RIGHT, _TOP = 52.0, 16.0, 16.0
_PLOT = 210.0
_GAP = 26.0
_COVERAGE = 46.0
_LABELS = 44.0
HEIGHT = _TOP + _PLOT + _GAP + _COVERAGE + _LABELS
COVERAGE_FLOOR = 0.9
_LONGEST_LABELLED = 16


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One column. Rates are proportions 0..1; `low` and `high` are `None` when nobody could be judged."""

    label: str
    sublabel: str
    low: float | None
    high: float | None
    interval_low: float
    interval_high: float
    coverage: float | None
    reportable: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One column in units of the drawing; `band_height` is at least 3, so that equal low and high stay visible."""

    point: RatePoint
    centre: float
    x: float
    width: float
    band_y: float | None
    band_height: float
    whisker_top: float
    whisker_bottom: float
    coverage_y: float
    coverage_height: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Gridline:
    """A horizontal line and its label's proportion."""

    y: float
    value: float


@dataclass(frozen=True, slots=True)
class RateChart:
    """Everything the template draws."""

    columns: tuple[Column, ...]
    gridlines: tuple[Gridline, ...]
    target_y: float
    target: float
    coverage_top: float
    coverage_bottom: float
    coverage_floor_y: float
    plot_top: float
    plot_bottom: float
    left: float
    right: float
    label_y: float
    axis_cut: bool


def draw_rate(points: Sequence[RatePoint], target: float) -> RateChart:
    """The chart of `points` in their order. The axis starts at 0 unless everything lies in its upper half."""
    floor = _axis_floor(points, target)
    top, bottom = _TOP, _TOP + _PLOT
    coverage_top = bottom + _GAP
    coverage_bottom = coverage_top + _COVERAGE
    plot_width = WIDTH - _LEFT - _RIGHT
    step = plot_width / max(1, len(points))
    width = min(46.0, step * 0.56)
    every = max(1, math.ceil(len(points) / _LONGEST_LABELLED))

    def y(value: float) -> float:
        return round(bottom - (max(value, floor) - floor) / (1 - floor) * _PLOT, 2)

    columns = []
    for index, point in enumerate(points):
        centre = _LEFT + step * (index + 0.5)
        band_y, band_height = _band(point, y)
        coverage = (point.coverage or 0.0) * _COVERAGE
        columns.append(
            Column(
                point=point,
                centre=round(centre, 2),
                x=round(centre - width / 2, 2),
                width=round(width, 2),
                band_y=band_y,
                band_height=band_height,
                whisker_top=y(point.interval_high),
                whisker_bottom=y(point.interval_low),
                coverage_y=round(coverage_bottom - coverage, 2),
                coverage_height=round(coverage, 2),
                labelled=index % every == 0,
            )
        )
    return RateChart(
        columns=tuple(columns),
        gridlines=tuple(Gridline(y(value), value) for value in _gridvalues(floor)),
        target_y=y(target),
        target=target,
        coverage_top=coverage_top,
        coverage_bottom=coverage_bottom,
        coverage_floor_y=round(coverage_bottom - COVERAGE_FLOOR * _COVERAGE, 2),
        plot_top=top,
        plot_bottom=bottom,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        label_y=coverage_bottom + 18,
        axis_cut=floor > 0,
    )


def _axis_floor(points: Sequence[RatePoint], target: float) -> float:
    lowest = min([target, *(point.interval_low for point in points if point.low is not None)])
    return 0.0 if lowest < 0.55 else math.floor(lowest * 10 - 0.5) / 10


def _gridvalues(floor: float) -> list[float]:
    step = 0.25 if floor == 0 else 0.1
    count = round((1 - floor) / step)
    return [round(floor + step * index, 4) for index in range(count + 1)]


def _band(point: RatePoint, y: Callable[[float], float]) -> tuple[float | None, float]:
    if point.low is None or point.high is None:
        return None, 0.0
    top, bottom = y(point.high), y(point.low)
    height = max(3.0, bottom - top)
    return round((top + bottom) / 2 - height / 2, 2), round(height, 2)
