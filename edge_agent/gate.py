"""Which of the pictures a camera shows are worth sending: something moved, and it can be seen. Never fewer than one a
cadence, whatever the gate thinks: an empty bed does not move either."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

STILL_BELOW = 3.0
"""Mean difference of grey levels (0 to 255) of the most changed of 12 x 16 cells. Noise of a dim ward stays below; a
turned head, a hand or a curtain is far above."""
DARK_BELOW = 8.0
"""Mean grey level: nothing can be told from a darker picture."""
_CELLS = (12, 16)


class Passed(StrEnum):
    """What the gate says. All but `SEND` are counted as `gated.<value>`."""

    SEND = "send"
    STILL = "still"
    DARK = "dark"


class Gate:
    """Of one camera. Keeps the last picture sent, as 12 x 16 mean grey levels: nobody can be told from them."""

    def __init__(self) -> None:
        self._sent: NDArray[np.float32] | None = None

    def judge(self, pixels: NDArray[np.uint8], *, due: bool) -> Passed:
        """`pixels`: (h, w, 3) uint8. `due`: the guaranteed cadence asks for a picture; then it passes."""
        cells = _grey_cells(pixels)
        if not due:
            if float(cells.mean()) < DARK_BELOW:
                return Passed.DARK
            if self._sent is not None and float(np.abs(cells - self._sent).max()) < STILL_BELOW:
                return Passed.STILL
        self._sent = cells
        return Passed.SEND


def _grey_cells(pixels: NDArray[Any]) -> NDArray[np.float32]:
    rows, columns = _CELLS
    height, width = pixels.shape[0] // rows * rows, pixels.shape[1] // columns * columns
    if not height or not width:
        return np.full(_CELLS, float(pixels.mean()) if pixels.size else 0.0, np.float32)
    cut = pixels[:height, :width]
    cells = cut.reshape(rows, height // rows, columns, width // columns, -1)
    # Every fourth pixel each way: the mean of a cell does not need them all.
    return np.asarray(cells[:, ::4, :, ::4].mean(axis=(1, 3, 4), dtype=np.float32), np.float32)
