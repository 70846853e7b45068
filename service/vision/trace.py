"""What is kept of a verified face so that a photograph in the bed can be told: no template, see
`service.vision.sequence.repeated_faces`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.sequence.repeated_faces import SIGNATURE_BITS, face_shape, face_signature

_SHAPE = struct.Struct("<10f")
TRACE_BYTES = _SHAPE.size + SIGNATURE_BITS // 8


@dataclass(frozen=True, slots=True)
class FaceTrace:
    """70 bytes: the five landmarks without position, size and turn, and a signature of 240 bits. Personal data: made of
    enrolled people's verified faces only. Raises `ValueError` for another length."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != TRACE_BYTES:
            raise ValueError(f"a face trace has {TRACE_BYTES} bytes, not {len(self.data)}")

    @property
    def shape(self) -> NDArray[np.float32]:
        """(5, 2) float32: eyes, nose, mouth corners; mean 0, length 1, eyes level."""
        return np.array(_SHAPE.unpack(self.data[: _SHAPE.size]), np.float32).reshape(5, 2)

    @property
    def signature(self) -> bytes:
        """30 bytes, see `face_signature`."""
        return self.data[_SHAPE.size :]


def trace_face(points: NDArray[np.float32], aligned: Pixels) -> FaceTrace:
    """The trace of a face from its five landmarks ((5, 2) pixels) and its aligned crop ((h, w, 3) uint8)."""
    return FaceTrace(_SHAPE.pack(*face_shape(points).ravel().tolist()) + face_signature(aligned))
