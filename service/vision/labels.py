"""Codes printed on labels: what the QR codes in a picture say."""

from __future__ import annotations

import cv2

from service.vision.decode import Frame, Pixels

_SIDES = (1600, 800, 2400)
"""Long sides in pixels at which codes are sought. OpenCV's finder loses codes that are very large or very small; a
phone's picture with a label of a tenth of its width is read at one of these."""


def read_codes(frame: Frame) -> tuple[str, ...]:
    """The texts of the QR codes in `frame`, without doubles, in alphabetical order. A code that cannot be read whole
    says nothing: the format's own check sums decide."""
    # At every size: of two labels one may be read sooner, and a neighbour's must not stand for the bed's own.
    return tuple(sorted(set[str]().union(*(_codes_at(frame.pixels, side) for side in _SIDES))))


def _codes_at(pixels: Pixels, side: int) -> set[str]:
    scale = side / max(pixels.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=way), cv2.COLOR_BGR2GRAY)
    try:
        done, texts, _, _ = cv2.QRCodeDetector().detectAndDecodeMulti(grey)
    except cv2.error:  # OpenCV gives up on some patterns that only resemble a code
        return set()
    return {text for text in texts if text} if done else set()
