"""Pictures for people to look at: every face but one made unrecognisable."""

from __future__ import annotations

import cv2
import numpy as np

from service.vision.decode import Frame, Pixels
from service.vision.errors import ImageError
from service.vision.faces import suppress, whole
from service.vision.pack import Pack
from service.vision.reading import PixelBox
from service.vision.search import ALL_ANGLES, find_at_angles

_CELLS = 6
"""Mosaic cells across a face: too few for a face to be recognised by people or by models."""


def blur_faces(frame: Frame, keep: PixelBox | None, pack: Pack) -> Frame:
    """A copy of `frame` in which every face is a mosaic, except the one that `keep` covers by more than half.

    Faces are sought at four angles and at the finder's lowest threshold: a blurred pillow costs nothing, a visitor's
    face does. `keep` is x1, y1, x2, y2 in pixels.
    """
    found = find_at_angles(frame.pixels, whole(frame.pixels), ALL_ANGLES, pack.finder)
    pixels = frame.pixels.copy()
    for index in suppress(found.boxes, found.scores, 0.5):
        box = _grown(found.boxes[index].tolist(), 0.25)
        if keep is None or _covered(found.boxes[index].tolist(), keep) < 0.5:
            _mosaic(pixels, box)
    return Frame(pixels)


def encode_jpeg(frame: Frame, quality: int = 85) -> bytes:
    """`frame` as a JPEG file without any metadata. `quality` 1..100. Raises `ImageError` if OpenCV cannot."""
    done, data = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise ImageError("the picture cannot be written as JPEG", remedy="check its size")
    return data.tobytes()


def _mosaic(pixels: Pixels, box: PixelBox) -> None:
    x1, y1, x2, y2 = (round(v) for v in box)
    height, width = pixels.shape[:2]
    part = pixels[max(0, y1) : min(height, y2), max(0, x1) : min(width, x2)]
    if not part.size:
        return
    coarse = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(coarse, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_NEAREST)


def _grown(box: PixelBox, share: float) -> PixelBox:
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * share, (y2 - y1) * share
    return x1 - dx, y1 - dy, x2 + dx, y2 + dy


def _covered(box: PixelBox, keep: PixelBox) -> float:
    """The share of `box` that lies in `keep`."""
    low, high = np.maximum(box[:2], keep[:2]), np.minimum(box[2:], keep[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    area = (box[2] - box[0]) * (box[3] - box[1])
    return common / area if area > 0 else 0.0
