"""Nobody lies in two beds: the assignment against all assignments there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.vision.assign import NONE, assign

gains = st.tuples(st.integers(0, 5), st.integers(0, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.floats(-1, 1, width=16), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).map(lambda rows: np.array(rows, float).reshape(shape))
)


def best_total(gain: np.ndarray) -> float:
    """By trying every way to give each row a column or nothing."""
    rows, columns = gain.shape
    padded = np.concatenate([np.maximum(gain, 0), np.zeros((rows, rows))], axis=1)
    return max(
        (sum(padded[r, c] for r, c in enumerate(p)) for p in permutations(range(columns + rows), rows)), default=0
    )


@settings(max_examples=120, deadline=None)
@given(gains.filter(lambda g: g.shape[0] <= 4))
def test_no_other_assignment_is_better_and_nobody_is_used_twice(gain: np.ndarray) -> None:
    chosen = assign(gain)
    used = [c for c in chosen if c != NONE]
    assert len(used) == len(set(used))
    assert all(gain[r, c] > 0 for r, c in enumerate(chosen) if c != NONE)
    total = sum(gain[r, c] for r, c in enumerate(chosen) if c != NONE)
    assert abs(total - best_total(gain)) < 1e-9


@settings(max_examples=60, deadline=None)
@given(gains, st.randoms(use_true_random=False))
def test_the_total_does_not_depend_on_the_order_of_the_faces(gain: np.ndarray, random: object) -> None:
    order = list(range(len(gain)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def total(g: np.ndarray) -> float:
        return float(sum(g[r, c] for r, c in enumerate(assign(g)) if c != NONE))

    assert abs(total(gain) - total(gain[order])) < 1e-9


def test_the_greedy_choice_gives_way_to_the_better_total() -> None:
    # Greedy takes .8 and leaves the second face with nobody; .7 + .6 is more.
    assert assign(np.array([[0.8, 0.7], [0.6, 0.0]])).tolist() == [1, 0]


def test_five_faces_of_one_person_leave_four_without_a_name() -> None:
    assert sorted(assign(np.array([[0.5], [0.9], [0.6], [0.7], [0.8]])).tolist()) == [NONE, NONE, NONE, NONE, 0]
    assert assign(np.array([[0.5], [0.9]])).tolist() == [NONE, 0]
