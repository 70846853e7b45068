"""What a count proves: the rate that is excluded from there on."""

from __future__ import annotations

import pytest

from service.kit.statistics import Rate, upper_bound


@pytest.mark.parametrize("trials", [1, 30, 903, 29_957])
def test_without_a_hit_it_is_the_rule_of_three(trials: int) -> None:
    assert upper_bound(Rate(0, trials)) == pytest.approx(1 - 0.05 ** (1 / trials), rel=1e-6)


def test_1e_4_takes_29_957_pairs_without_a_hit_and_one_pair_fewer_does_not_do() -> None:
    assert upper_bound(Rate(0, 29_957)) < 1e-4 < upper_bound(Rate(0, 29_955))


@pytest.mark.parametrize(("hits", "trials", "known"), [(2, 15_486, 4.065e-4), (1, 20, 0.21611), (5, 10, 0.77756)])
def test_with_hits_it_is_clopper_and_pearsons(hits: int, trials: int, known: float) -> None:
    assert upper_bound(Rate(hits, trials)) == pytest.approx(known, rel=1e-3)


def test_no_trials_and_nothing_but_hits_exclude_nothing() -> None:
    assert upper_bound(Rate(0, 0)) == upper_bound(Rate(3, 3)) == 1.0
