"""Which of the pictures a camera shows are worth sending: something moved, and it can be seen. Never fewer than one a
cadence, whatever the gate thinks: an empty bed does not move either."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.pace import Pace
from edge_agent.sources.base import Count
from edge_agent.sources.opencv import cv2
from service.kit.clock import Clock

STILL_BELOW = 3.0
"""Mean difference of grey levels (0 to 255) of the most changed of 12 x 16 cells. Noise of a dim ward stays below; a
turned head, a hand or a curtain is far above."""
DARK_BELOW = 8.0
"""Mean grey level: nothing can be told from a darker picture."""
BLURRED_BELOW = 0.028
"""Mean absolute Laplacian over the spread of grey values, of the picture 320 pixels across: the server's own limit for
a view out of focus. Of 33 ward photographs the least is .064; blurred by a sixtieth of their width, at most .023."""
_CELLS = (12, 16)
_WIDTH = 320


class Passed(StrEnum):
    """What the gate says. All but `SEND` are counted as `gated.<value>`."""

    SEND = "send"
    STILL = "still"
    DARK = "dark"
    BLURRED = "blurred"
    UNREADABLE = "unreadable"


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
            if sharpness(pixels) < BLURRED_BELOW:
                return Passed.BLURRED
        self._sent = cells
        return Passed.SEND


class Chooser:
    """Looks at one live camera more often than pictures are due, and says which of them go out."""

    def __init__(self, pace: Pace, look_seconds: float | None, count: Count, clock: Clock) -> None:
        """`look_seconds`: between two looks; none: each picture is one that is due, and goes out."""
        self._pace, self._look, self._count, self._clock = pace, look_seconds, count, clock
        self._gate = Gate()
        self._promised = 0.0

    @property
    def chooses(self) -> bool:
        """Whether `passes` need be asked."""
        return self._look is not None

    @property
    def between(self) -> float:
        """Seconds between two looks, without jitter."""
        cadence = self._pace.cadence_seconds
        return cadence if self._look is None else min(self._look, cadence)

    def pause(self) -> float:
        """Seconds to the next look."""
        pause = self._pace.pause(self._clock.now())
        return pause if self._look is None else min(pause, self._look)

    def passes(self, pixels: NDArray[np.uint8] | None, *, summoned: bool) -> bool:
        """Whether the picture goes out: one a cadence does, and each that a roll call asks for. Others are counted.

        `pixels`: (h, w, 3) uint8; none: the picture cannot be decoded.
        """
        if not self.chooses:
            return True
        now = time.monotonic()
        due = summoned or now >= self._promised
        if pixels is None:
            passed = Passed.SEND if due else Passed.UNREADABLE
        else:
            passed = self._gate.judge(pixels, due=due)
        if passed is not Passed.SEND:
            self._count(f"gated.{passed.value}")
            return False
        self._promised = now + self._pace.pause(self._clock.now())
        return True


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """Edges over contrast of a picture, (h, w, 3) uint8, looked at 320 pixels across; 0 for one without any pixel."""
    if not pixels.size:
        return 0.0
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if pixels.ndim == 3 else pixels
    if grey.shape[1] > _WIDTH:
        height = max(1, round(grey.shape[0] * _WIDTH / grey.shape[1]))
        grey = cv2.resize(grey, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(grey, (5, 95))
    edges = float(np.abs(cv2.Laplacian(grey, cv2.CV_16S)).mean())
    return edges / (float(high - low) / 2 + 1.0)


def _grey_cells(pixels: NDArray[Any]) -> NDArray[np.float32]:
    rows, columns = _CELLS
    height, width = pixels.shape[0] // rows * rows, pixels.shape[1] // columns * columns
    if not height or not width:
        return np.full(_CELLS, float(pixels.mean()) if pixels.size else 0.0, np.float32)
    cut = pixels[:height, :width]
    cells = cut.reshape(rows, height // rows, columns, width // columns, -1)
    # Every fourth pixel each way: the mean of a cell does not need them all.
    return np.asarray(cells[:, ::4, :, ::4].mean(axis=(1, 3, 4), dtype=np.float32), np.float32)
