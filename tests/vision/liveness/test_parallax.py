"""The measure of relief, on shapes whose relief is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.vision.liveness.parallax import Relief, _share, ratio

RNG = np.random.default_rng(5)
PLACES = RNG.uniform(-1.2, 1.2, (400, 2))
NOSE = -0.4 * np.exp(-((PLACES[:, 0] / 0.25) ** 2) - ((PLACES[:, 1] - 0.4) / 0.4) ** 2)


def test_a_bump_that_moves_is_measured_in_full_beside_any_sheet() -> None:
    # Turned by 20 degrees: a depth z moves by -z tan 20; the sheet adds a shear, a bow and a shift.
    x, y = PLACES.T
    sheet = np.stack([0.3 + 0.1 * y + 0.2 * x * x, -0.1 + 0.05 * x * y], axis=1)
    moved = sheet + np.outer(NOSE, [-math.tan(math.radians(20)), 0.0])
    share, noise = _share(PLACES, NOSE, moved)
    assert share == pytest.approx([-0.364, 0.0], abs=1e-3)
    assert noise < 1e-3


@pytest.mark.parametrize("bow", [0.0, 0.3, 1.0])
def test_a_sheet_however_bent_has_no_relief(bow: float) -> None:
    x, y = PLACES.T
    moved = np.stack([0.1 * x + bow * x * x, bow * 0.5 * y * y - 0.2 * x * y], axis=1)
    share, _ = _share(PLACES, NOSE, moved + RNG.normal(0, 0.005, moved.shape))
    assert np.abs(share).max() < 0.02


def test_all_turns_together_weighted_by_how_far_they_went() -> None:
    # (0.3 * 0.4 + 0.0 * 0.1) / (0.16 + 0.01) = 0.12 / 0.17
    far = Relief(np.array([0.3, 0.0]), np.array([0.4, 0.0]), 0.01, 300)
    near = Relief(np.array([0.0, 0.0]), np.array([0.0, 0.1]), 0.01, 300)
    assert ratio([far, near]) == pytest.approx(0.12 / 0.17)
    assert ratio([]) is None
