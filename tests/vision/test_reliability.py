"""Brier score and reliability against values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit.statistics import Rate, wilson
from service.vision.evaluate import reliability

HALVES = (0.0, 0.5, 1.0)


def test_four_beds_by_hand() -> None:
    """.1 and .3 (one of them true) below the half, .5 and 1 (both true) above: squares .01, .49, .25 and 0."""
    found = reliability([(0.1, False), (0.3, True), (0.5, True), (1.0, True)], HALVES)
    assert found.cases == 4
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.25 + 0.0) / 4)
    assert found.share == 0.75
    assert found.brier_of_share == pytest.approx(0.75 * 0.25)
    below, above = found.bands
    assert (below.low, below.high, below.observed) == (0.0, 0.5, Rate(1, 2))
    assert below.stated == pytest.approx(0.2)
    assert (above.low, above.high, above.stated, above.observed) == (0.5, 1.0, 0.75, Rate(2, 2))
    assert found.error == pytest.approx((2 * 0.3 + 2 * 0.25) / 4)


@pytest.mark.parametrize(("true", "off"), [(90, False), (85, False), (99, True), (70, True)])
def test_a_band_is_off_when_what_it_states_lies_outside_the_interval(true: int, off: bool) -> None:
    band = reliability([(0.9, k < true) for k in range(100)], HALVES).bands[1]
    assert (band.observed.low, band.observed.high) == wilson(true, 100)
    assert band.off is off


def test_without_a_probability_nothing_is_said() -> None:
    found = reliability([], HALVES)
    assert (found.cases, found.brier, found.share, found.brier_of_share, found.error) == (0, None, None, None, None)
    assert [(band.stated, band.observed, band.off) for band in found.bands] == [(None, Rate(0, 0), False)] * 2


@pytest.mark.parametrize("chance", [-0.01, 1.01, float("nan")])
def test_what_is_no_probability_is_refused(chance: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability([(chance, True)])


@pytest.mark.parametrize("edges", [(0.1, 1.0), (0.0, 0.9), (0.0, 0.5, 0.5, 1.0)])
def test_bands_cover_every_probability_once(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        reliability([(0.5, True)], edges)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_every_case_lies_in_one_band_that_holds_its_mean(stated: list[tuple[float, bool]]) -> None:
    found = reliability(stated)
    assert sum(band.observed.trials for band in found.bands) == len(stated) == found.cases
    assert sum(band.observed.hits for band in found.bands) == sum(true for _, true in stated)
    for band in found.bands:
        assert band.stated is None or band.low - 1e-9 <= band.stated <= band.high + 1e-9
