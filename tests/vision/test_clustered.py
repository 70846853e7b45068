"""Intervals of cases that hang together, against values worked out by hand and against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit.statistics import wilson
from service.vision.evaluate import clustered_rate, reliability


def test_cases_that_stand_alone_have_wilsons_interval() -> None:
    found = clustered_rate((k, k < 90) for k in range(100))
    assert (found.hits, found.trials, found.clusters) == (90, 100, 100)
    assert found.effective == pytest.approx(100, rel=0.02)
    assert (found.low, found.high) == pytest.approx(wilson(90, 100), abs=0.002)


def test_clusters_that_are_all_alike_within_count_once_each() -> None:
    """Ten beds with twenty pictures each, six of them wholly true. Between them: 10/9 x (6 x 8^2 + 4 x 12^2) / 200^2
    = .026667; alone .6 x .4 / 200 = .0012; the design effect is 22.2, more than the 20
    of twenty pictures that are all alike."""
    found = clustered_rate((bed, bed < 6) for bed in range(10) for _ in range(20))
    assert found.effective == pytest.approx(10)
    assert (found.low, found.high) == pytest.approx(wilson(6, 10))


def test_the_design_effect_by_hand() -> None:
    """Four beds of ten pictures with 9, 7, 5 and 3 hits: 4/3 x (3^2 + 1 + 1 + 3^2) / 40^2 = 1/60; alone .24 / 40 =
    .006; the effect is 25/9, so forty pictures amount to 14.4."""
    hits = (9, 7, 5, 3)
    found = clustered_rate((bed, k < hits[bed]) for bed in range(4) for k in range(10))
    assert found.effective == pytest.approx(14.4)
    assert (found.low, found.high) == pytest.approx(wilson(0.6 * 14.4, 14.4))


@pytest.mark.parametrize("true", [True, False])
def test_where_none_or_all_are_hits_a_cluster_is_one_draw(true: bool) -> None:
    """Sizes 30, 10, 10: 50 cases amount to 50 ^ 2 / (900 + 100 + 100)."""
    found = clustered_rate((bed, true) for bed, size in enumerate((30, 10, 10)) for _ in range(size))
    assert found.effective == pytest.approx(2500 / 1100)
    assert found.low == (wilson(2500 / 1100, 2500 / 1100)[0] if true else 0.0)
    assert found.high == (1.0 if true else wilson(0, 2500 / 1100)[1])


def test_without_a_case_nothing_is_known() -> None:
    found = clustered_rate([])
    assert (found.value, found.low, found.high, found.clusters) == (None, 0.0, 1.0, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
def test_clusters_never_make_anything_surer(cases: list[tuple[int, bool]]) -> None:
    found = clustered_rate(cases)
    assert 1.0 - 1e-9 <= found.effective <= len(cases) + 1e-9
    low, high = wilson(sum(hit for _, hit in cases), len(cases))
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9


def test_the_interval_holds_the_truth_where_the_simple_one_does_not() -> None:
    """400 times 40 beds, each with a chance of its own (Beta 2, 2: half of them are hits) and 25 pictures."""
    draw, held, simply = np.random.default_rng(7), 0, 0
    for _ in range(400):
        shares = draw.beta(2, 2, 40)
        hits = draw.binomial(25, shares)
        found = clustered_rate((bed, k < hits[bed]) for bed in range(40) for k in range(25))
        low, high = wilson(int(hits.sum()), 1000)
        held += found.low <= 0.5 <= found.high
        simply += low <= 0.5 <= high
    assert 0.92 <= held / 400 <= 0.985
    assert simply / 400 < 0.8


def test_a_band_is_judged_by_the_clustered_interval() -> None:
    """Twelve beds with fifty pictures each, in ten of them somebody: .7 is not off, although 500 of 600 are."""
    stated = [(0.7, bed < 10) for bed in range(12) for _ in range(50)]
    alone, together = (reliability(stated, (0.0, 1.0), c) for c in (None, [b for b in range(12) for _ in range(50)]))
    assert alone.bands[0].off
    assert not together.bands[0].off
    assert alone.bands[0].observed == together.bands[0].observed
    assert (alone.brier, alone.error) == pytest.approx((together.brier, together.error))
    assert together.clusters == 12


def test_the_bootstrap_draws_whole_beds() -> None:
    """Each bed's error is all or nothing, so the interval is about as wide as that of as many beds, not pictures."""
    stated = [(0.0, bed < 10) for bed in range(40) for _ in range(50)]
    found = reliability(stated, (0.0, 1.0), [bed for bed in range(40) for _ in range(50)])
    assert found.brier_interval is not None
    low, high = found.brier_interval
    assert found.brier == 0.25
    assert (low, high) == pytest.approx(wilson(10, 40), abs=0.035)
    assert found.error_interval == found.brier_interval
    again = reliability(stated, (0.0, 1.0), [bed for bed in range(40) for _ in range(50)])
    assert again == found


def test_every_case_has_its_cluster() -> None:
    with pytest.raises(ValueError, match="its cluster"):
        reliability([(0.5, True)], clusters=[1, 2])


def test_one_cluster_alone_has_no_interval() -> None:
    found = reliability([(0.5, True), (0.5, False)], clusters=["a", "a"])
    assert (found.brier_interval, found.error_interval, found.clusters) == (None, None, 1)
