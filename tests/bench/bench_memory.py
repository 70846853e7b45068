"""Whether memory stays flat over frames of mixed sizes."""

from __future__ import annotations

import os
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from service.vision import Frame, Gallery, analyse_frame, decode, encode_jpeg, load_pack
from tests.bench.bench_vision import Line, pack_folder
from tests.bench.frames import ward_frame

_SIZES = ((1920, 1080), (1280, 720), (2560, 1440), (640, 480), (1080, 1920), (960, 544))
_SETTLED = 0.25
"""Share of the run after which everything that is kept once is kept: sessions' arenas, caches by size."""
_MOST_GROWTH = 8.0


def rows(frames: int = 240) -> list[Line]:
    """Resident memory after a settled start and at the end of `frames` frames, decoded and analysed.

    Six sizes in turn, and five sets of beds in turn (each bed alone, then all four), so that 30 kinds of frame meet.
    """
    pack = load_pack(pack_folder())
    nobody = Gallery.empty(pack.embedding_dimension)
    ward = ward_frame(0, {0: 0, 2: 1})
    pictures = [encode_jpeg(Frame(_sized(ward.frame.pixels, size)), 85) for size in _SIZES]
    settled, at = 0.0, min(max(int(_SETTLED * frames), 2 * len(_SIZES)), frames)
    beds = [(zone,) for zone in ward.zones] + [tuple(ward.zones)]
    for number, (picture, zones) in enumerate(islice(zip(cycle(pictures), cycle(beds), strict=False), frames)):
        analyse_frame(decode(picture), zones, {}, nobody, pack)
        if number + 1 == at:
            settled = resident_mib()
    return [
        Line(f"memory after {at} frames of mixed sizes", settled, "MiB"),
        Line(f"growth over the next {frames - at}", resident_mib() - settled, "MiB", _MOST_GROWTH),
    ]


def resident_mib() -> float:
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _sized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
