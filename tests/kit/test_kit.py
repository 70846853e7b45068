"""The kit: intervals, proportions, geometry, ids and instants."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit import geometry
from service.kit.clock import parse_instant, utc
from service.kit.errors import InvalidInput
from service.kit.ids import new_id
from service.kit.intervals import Interval, subtract, total, union
from service.kit.statistics import Rate, wilson

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def span(start: int, end: int) -> Interval:
    return Interval(T0 + timedelta(minutes=start), T0 + timedelta(minutes=end))


spans = st.tuples(st.integers(0, 200), st.integers(0, 200)).map(lambda p: span(min(p), max(p)))


def minutes(intervals: tuple[Interval, ...]) -> set[int]:
    """The minutes covered, counted one by one: slow, and plainly right."""
    return {
        m
        for i in intervals
        for m in range(int((i.start - T0).total_seconds() // 60), int((i.end - T0).total_seconds() // 60))
    }


@given(st.lists(spans, max_size=8))
def test_union_covers_the_same_minutes_without_overlap(items: list[Interval]) -> None:
    merged = union(items)
    assert minutes(merged) == minutes(tuple(items))
    assert all(a.end < b.start for a, b in itertools.pairwise(merged))
    assert total(items) == timedelta(minutes=len(minutes(tuple(items))))


@given(spans, st.lists(spans, max_size=8))
def test_subtract_leaves_what_no_hole_covers(whole: Interval, holes: list[Interval]) -> None:
    assert minutes(subtract(whole, holes)) == minutes((whole,)) - minutes(tuple(holes))


def test_an_interval_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="before"):
        span(5, 4)


def test_touching_intervals_do_not_overlap() -> None:
    assert span(0, 5).overlap(span(5, 9)) is None
    assert span(0, 6).overlap(span(5, 9)) == span(5, 6)


# Wilson 1927 for 9 of 10 at z = 1.96: centre = (.9 + .19207) / 1.38415 = .78898; half = 1.96 * sqrt(.009 + .0096) /
# 1.38415 = .19300 -> .5958 to .9821 (as in the worked tables of Newcombe, Stat. Med. 17, 1998).
def test_wilson_by_hand() -> None:
    low, high = wilson(9, 10)
    assert low == pytest.approx(0.5958, abs=2e-4)
    assert high == pytest.approx(0.9821, abs=2e-4)


def test_nothing_tried_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert Rate(0, 0).value is None


def test_zero_of_six_thousand_still_allows_some() -> None:
    assert Rate(0, 6000).low == 0.0
    assert Rate(0, 6000).high == pytest.approx(3.8416 / 6003.8416, abs=1e-6)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_proportion(pair: tuple[int, int]) -> None:
    hits, trials = pair
    low, high = wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1


@pytest.mark.parametrize(("hits", "trials"), [(-1, 3), (4, 3)])
def test_impossible_proportions_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="proportion"):
        wilson(hits, trials)


SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
BOW_TIE = ((0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 4.0))


def test_area_and_containment_of_a_square() -> None:
    assert geometry.area(SQUARE) == 16
    assert geometry.contains(SQUARE, (1, 1))
    assert not geometry.contains(SQUARE, (5, 1))
    assert geometry.bounding_box(SQUARE) == (0, 0, 4, 4)


def test_a_bow_tie_is_not_simple() -> None:
    assert geometry.is_simple(SQUARE)
    assert not geometry.is_simple(BOW_TIE)


# The triangle (0,0) (4,0) (0,4) has area 8; the box 0..2 x 0..2 lies wholly inside (its far corner is on the edge).
def test_box_intersection_by_hand() -> None:
    triangle = ((0.0, 0.0), (4.0, 0.0), (0.0, 4.0))
    assert geometry.box_intersection_area(triangle, (0, 0, 2, 2)) == pytest.approx(4)
    assert geometry.box_intersection_area(triangle, (0, 0, 4, 4)) == pytest.approx(8)
    assert geometry.box_intersection_area(triangle, (5, 5, 6, 6)) == 0


def test_ids_are_uuid7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(200)]
    assert len(set(ids)) == 200
    assert all(len(i) == 32 and i[12] == "7" and i[16] in "89ab" for i in ids)
    assert ids == sorted(ids)


def test_an_instant_needs_its_zone() -> None:
    assert parse_instant("2026-03-02T08:00:00+08:00", field="captured_at") == datetime(2026, 3, 2, tzinfo=UTC)
    for text in ("2026-03-02T08:00:00", "yesterday", "", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(InvalidInput) as caught:
            parse_instant(text, field="captured_at")
        assert caught.value.field == "captured_at"
        assert caught.value.remedy
    with pytest.raises(ValueError, match="naive"):
        utc(datetime(2026, 3, 2))  # noqa: DTZ001 - the point of the test
    assert math.isclose(utc(T0).timestamp(), T0.timestamp())
