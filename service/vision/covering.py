"""Whether something of another colour covers the face from the cheeks down: a mask on a photograph to be enrolled.

The mesh does not tell: it believes in masked faces (median .999 of 1). Two people enrolled with masks resemble each
other by their masks, and everybody who wears one resembles them.
"""

from __future__ import annotations

import cv2
import numpy as np

from service.vision.decode import Pixels

COVERED_FROM = 8.0
"""CIE a*b* distance from which the lower face is no skin like the nose's bridge. Of 52 photographs without a mask the
greatest was 7.1 (.95 quantile 5.5); of 45 painted with a surgical mask 43 lay above. Skin-coloured cloth and masks in
black and white are not told by colour."""
_BRIDGE = (slice(44, 58), slice(50, 62))
_LOWER = (
    (slice(62, 76), slice(26, 40)),
    (slice(62, 76), slice(72, 86)),
    (slice(84, 98), slice(44, 68)),
    (slice(98, 110), slice(46, 66)),
)
"""Cheeks, mouth, chin; rows and columns of the aligned 112 x 112 crop, whose eyes and mouth lie at fixed places."""


def lower_face_distance(aligned: Pixels) -> float:
    """How unlike the nose's bridge in colour (a*b* distance) cheeks, mouth and chin all are, the likest of the four.

    A beard or red lips change one of them, side light one cheek; a mask changes all. `aligned`: (112, 112, 3) BGR.
    """
    lab = cv2.cvtColor(aligned.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB)
    bridge = _colour(lab, _BRIDGE)
    return min(float(np.linalg.norm(_colour(lab, part) - bridge)) for part in _LOWER)


def _colour(lab: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    return np.asarray(np.median(lab[part].reshape(-1, 3)[:, 1:], axis=0))
