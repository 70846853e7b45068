"""Who is who in one frame: nobody lies in two beds at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NONE = -1


def assign(gain: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each row the column that makes the total gain greatest, every column used at most once.

    `gain`: (rows, columns), any real numbers; only gains above 0 are taken, a row without one gets `NONE`. Returns
    (rows,). The method is the shortest augmenting path with potentials (Jonker and Volgenant, Computing 38, 1987).
    """
    rows, columns = gain.shape
    if not rows or not columns:
        return np.full(rows, NONE, np.intp)
    # One private column of cost 0 a row stands for "nobody".
    cost = np.concatenate([-np.maximum(gain, 0.0), np.zeros((rows, rows))], axis=1).astype(np.float64)
    owner = np.full(columns + rows, NONE, np.intp)
    row_price, column_price = np.zeros(rows), np.zeros(columns + rows)
    for row in range(rows):
        _augment(row, cost, owner, row_price, column_price)
    result = np.full(rows, NONE, np.intp)
    for column in range(columns):
        if owner[column] != NONE and gain[owner[column], column] > 0:
            result[owner[column]] = column
    return result


def _augment(
    row: int,
    cost: NDArray[np.float64],
    owner: NDArray[np.intp],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
) -> None:
    """Give `row` a column, moving others along the cheapest alternating path. Changes the last three in place."""
    width = cost.shape[1]
    distance, previous = np.full(width, np.inf), np.full(width, NONE, np.intp)
    done, current, column = np.zeros(width, bool), row, NONE
    reached, base = [], 0.0
    while True:
        through = base + cost[current] - row_price[current] - column_price
        better = ~done & (through < distance)
        distance[better], previous[better] = through[better], column
        column = int(np.argmin(np.where(done, np.inf, distance)))
        base = float(distance[column])
        if owner[column] == NONE:
            break
        done[column] = True
        reached.append(column)
        current = int(owner[column])
    row_price[row] += base
    for passed in reached:
        row_price[owner[passed]] += base - distance[passed]
        column_price[passed] -= base - distance[passed]
    while column != NONE:
        before = int(previous[column])
        owner[column] = row if before == NONE else owner[before]
        column = before
