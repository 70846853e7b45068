"""Error rates and areas against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit.statistics import Rate
from service.vision.evaluate import area_under_curve, face_report
from service.vision.evaluate.faces import pair_similarities
from service.vision.evaluate.metrics import false_matches, false_non_matches, separation, threshold_at
from tests.vision.fakes import fake_pack


def test_a_similarity_at_the_threshold_is_a_match() -> None:
    scores = np.array([0.39, 0.40, 0.41])
    assert false_non_matches(scores, 0.40) == Rate(1, 3)
    assert false_matches(scores, 0.40) == Rate(2, 3)


def test_the_threshold_at_a_rate_lets_exactly_as_many_through() -> None:
    impostor = np.arange(2000) / 2000  # 0, .0005, ... .9995; 1e-3 of 2000 is two pairs
    at = threshold_at(impostor, 1e-3)
    assert false_matches(impostor, at).hits == 2
    assert at == pytest.approx(1997 / 2000)
    # Fewer than a thousand pairs: none may match.
    assert false_matches(impostor[:999], threshold_at(impostor[:999], 1e-3)).hits == 0


def test_area_by_hand() -> None:
    # Pairs (positive, negative): (.9,.5) win, (.9,.1) win, (.5,.5) tie, (.5,.1) win: 3.5 of 4.
    area = area_under_curve([0.9, 0.5], [0.5, 0.1])
    assert area.value == pytest.approx(3.5 / 4)
    assert area.low < 3.5 / 4 < area.high
    assert area_under_curve([0.9], []).value is None
    assert (area_under_curve([], []).low, area_under_curve([], []).high) == (0.0, 1.0)


def test_the_interval_of_an_area_is_hanley_and_mcneils_at_its_ends() -> None:
    # At the lower end t: (A - t) / SE(t) = 1.96, with SE written out from the paper for 30 and 20 beds.
    area = area_under_curve(list(np.linspace(0.3, 1.0, 30)), list(np.linspace(0.0, 0.7, 20)))
    assert area.value is not None
    t, n, m = area.low, 30, 20
    q1, q2 = t / (2 - t), 2 * t * t / (1 + t)
    error = math.sqrt((t * (1 - t) + (n - 1) * (q1 - t * t) + (m - 1) * (q2 - t * t)) / (n * m))
    assert (area.value - t) / error == pytest.approx(1.959964, abs=1e-4)


def test_a_perfect_area_is_not_certain() -> None:
    few, many = area_under_curve([1.0] * 5, [0.0] * 5), area_under_curve([1.0] * 500, [0.0] * 500)
    assert few.value == many.value == few.high == 1.0
    assert few.low < many.low < 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_swapping_the_classes_mirrors_the_area(positive: list[float], negative: list[float]) -> None:
    one, other = area_under_curve(positive, negative), area_under_curve(negative, positive)
    assert one.value is not None
    assert other.value is not None
    assert one.value + other.value == pytest.approx(1.0)
    assert 0.0 <= one.low <= one.value <= one.high <= 1.0


def test_separation_by_hand() -> None:
    # Means .8 and .2, variances .01 and .03: .6 / sqrt(.02).
    genuine = np.array([0.7, 0.9])
    impostor = np.array([0.2 - math.sqrt(0.03), 0.2 + math.sqrt(0.03)])
    assert separation(genuine, impostor) == pytest.approx(0.6 / math.sqrt(0.02))
    assert separation(genuine[:1], impostor) is None


def test_a_report_by_hand() -> None:
    # Two people. a1, a2: cosine .6; b1, b2: cosine .3; a1-b1 0, a1-b2 0, a2-b1 .8 x 0 = 0, a2-b2 0.8 x s.
    a1, a2 = np.array([1, 0, 0, 0]), np.array([0.6, 0.8, 0, 0])
    b1, b2 = np.array([0, 0, 1, 0]), np.array([0, 0.5, 0.3, math.sqrt(1 - 0.25 - 0.09)])
    templates = [(n, v.astype(np.float32)) for n, v in (("a", a1), ("a", a2), ("b", b1), ("b", b2))]
    genuine, impostor = pair_similarities(templates)
    assert sorted(genuine.round(6)) == [0.3, 0.6]
    assert sorted(impostor.round(6)) == [0.0, 0.0, 0.0, 0.4]
    report = face_report(templates, failures=1, threshold=0.4 - 1e-6, pack=fake_pack())
    assert (report.fnmr_at_threshold, report.fmr_at_threshold) == (Rate(1, 2), Rate(1, 4))
    assert report.failure_to_enrol == Rate(1, 5)
    # No impostor may match: just above .4, which the genuine .6 still passes and .3 does not.
    assert report.fnmr_at_fmr == Rate(1, 2)
    assert report.threshold_at_fmr == pytest.approx(0.4, abs=1e-6)
    values = report.to_json()
    assert (values["pairs_genuine"], values["pairs_impostor"]) == (2, 4)
    assert values["fnmr_at_fmr_1e-3"] == 0.5
    assert {"fnmr_at_fmr_1e-3_low", "fmr_at_threshold_high", "failure_to_enrol_low"} <= set(values)


def test_no_templates_are_a_report_of_nothing() -> None:
    report = face_report([], failures=3, threshold=0.4, pack=fake_pack())
    assert report.failure_to_enrol == Rate(3, 3)
    assert report.to_json()["fnmr_at_threshold"] is None
    assert report.to_json()["fnmr_at_threshold_high"] == 1.0
