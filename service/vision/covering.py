"""Whether something covers part of the face on a photograph to be enrolled: a mask, a sheet, a hand.

The mesh does not tell: it believes in masked faces (median .999 of 1). Two people enrolled with masks resemble each
other by their masks, and everybody who wears one resembles them. Two measures: the colour of the lower face, and
whether the template would be another one if an eye, or the mouth, were painted over. What is
covered already says nothing of the person, so painting it over changes little, whatever its colour.
"""

from __future__ import annotations

import cv2
import numpy as np

from service.vision.decode import Pixels
from service.vision.embed import Embedder
from service.vision.faces import FloatArray

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


_PARTS = (
    (slice(38, 64), slice(22, 54)),
    (slice(38, 64), slice(58, 90)),
    (slice(82, 104), slice(34, 78)),
)
"""The eye on the picture's left, the other eye, the mouth; rows and columns of the aligned crop."""
_FACE = (slice(30, 100), slice(25, 87))
"""Where the crop shows face and hardly any background."""
LEAST_SAID = (0.035, 0.035, 0.012)
"""What an eye, the other eye and the mouth say at least, by `part_changes`, measured with SFace on photographs of 11
people. Eyes that are seen: .068 at least; under a sheet, a blanket or a hand: 105 of 108 at most .029. Mouths
that are seen: .018 at least; covered: 89 of 90 at most .0113. The same in grey."""


def part_changes(aligned: Pixels, template: FloatArray, embedder: Embedder) -> tuple[float, ...]:
    """How much either eye and the mouth each say of the person: 1 less the cosine of `template` ((d,) unit, that
    of `aligned`) with the template of the same crop in which the part is painted over. `aligned`: (112, 112, 3) BGR."""
    painted = embedder.embed([_painted(aligned, part) for part in _PARTS])
    return tuple(1.0 - float(row @ template) for row in painted)


def is_partly_hidden(aligned: Pixels, template: FloatArray, embedder: Embedder) -> bool:
    """Whether an eye or the mouth says less of the person than it ever does when it is seen."""
    changes = part_changes(aligned, template, embedder)
    return any(change < least for change, least in zip(changes, LEAST_SAID, strict=True))


def _painted(aligned: Pixels, part: tuple[slice, slice]) -> Pixels:
    """The crop with the face's own median colour over `part`, soft at the edges: no edge that is a feature itself."""
    cover = np.zeros(aligned.shape[:2], np.float32)
    cover[part] = 1.0
    weight = np.asarray(cv2.GaussianBlur(cover, (0, 0), 2.0), np.float32)[..., None]
    colour = np.median(aligned[_FACE].reshape(-1, 3), axis=0).astype(np.float32)
    return np.asarray(np.clip(aligned + (colour - aligned) * weight, 0, 255), np.uint8)
