"""OpenCV, imported in one place and told to be silent: its own messages would print a stream's password."""

from __future__ import annotations

import os
from typing import Any

# OpenCV and the FFmpeg in it read these when they are loaded. TCP: on a ward's Wi-Fi, UDP loses half a picture.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")

import cv2

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
cv2.setNumThreads(1)

ONE_THREAD = [cv2.CAP_PROP_N_THREADS, 1]
"""For `VideoCapture`: each further decoding thread holds pictures of its own, and is late by them."""


def encode_jpeg(pixels: Any, quality: int) -> bytes:
    """`pixels`: (h, w, 3) uint8 BGR, or (h, w) grey, as a JPEG. Raises `ValueError` for what cannot be encoded."""
    good, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise ValueError("the picture cannot be encoded")
    return bytes(encoded.tobytes())


__all__ = ["ONE_THREAD", "cv2", "encode_jpeg"]
