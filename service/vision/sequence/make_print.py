"""From a frame to its print: about two milliseconds for 1080p on one core."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Frame, Pixels
from service.vision.reading import Zone
from service.vision.sequence.prints import NOISE, NOISE_GRID, STRUCTURE, THUMBNAIL, ZONE, Light, ViewPrint, ZonePrint
from service.vision.warp import Reduced, reduced

Floats = NDArray[np.float32]
Cells = NDArray[np.uint8]

_ROWS_HASHED = 16
"""Every 16th row: 130,000 pixels, of which a live sensor changes thousands from frame to frame."""
_SHARPNESS_WIDTH = 320
_SHARES = (1, 5, 10, 50, 95, 99)


def make_print(frame: Frame, zones: Sequence[Zone], small: Reduced | None = None) -> ViewPrint:
    """The print of `frame`. `small`: the frame's reduced copy, when the caller has one already."""
    pixels = frame.pixels
    copy = (small or reduced(pixels)).pixels
    grey = np.asarray(cv2.cvtColor(copy, cv2.COLOR_BGR2GRAY), np.uint8)
    light = _light(grey, copy)
    smooth = np.asarray(cv2.blur(grey, (5, 5)), np.uint8)
    edges = _edges(smooth)
    layers = np.asarray(cv2.merge([smooth, edges]), np.uint8)
    noise, level = _noise(pixels)
    return ViewPrint(
        width=frame.width,
        height=frame.height,
        layout=layout_of(zones),
        light=light,
        sharpness=_sharpness(grey, light),
        texture=_texture(edges),
        thumbnail=_cells(grey, THUMBNAIL),
        structure=_structure(edges),
        noise=noise,
        noise_level=level,
        noise_hash=_hash(pixels),
        zones=tuple(_zone(zone, layers) for zone in zones),
    )


def layout_of(zones: Sequence[Zone]) -> bytes:
    """8 bytes that change when a zone is added, moved or turned."""
    digest = hashlib.sha256()
    for zone in zones:
        digest.update(zone.zone_id.encode() + b"\x00" + bytes([zone.head_edge]) + zone.polygon.tobytes())
    return digest.digest()[:8]


def _hash(pixels: Pixels) -> bytes:
    """Of every 16th row and of the size: a hash of all pixels would take longer than everything else here."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels[::_ROWS_HASHED]).tobytes())
    digest.update(repr(pixels.shape).encode())
    return digest.digest()[:8]


def _light(grey: Pixels, colour: Pixels) -> Light:
    filled = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    marks = [int(np.searchsorted(filled, share / 100 * filled[-1])) for share in _SHARES]
    # Averaged over an eighth of the side, so that the noise of three channels is no colour; every third pixel will do.
    spots = _cells(np.ascontiguousarray(colour[::3, ::3]), (9, 16)).astype(np.int16)
    p01, p05, p10, p50, p95, p99 = marks
    return Light(p01, p05, p10, p50, p95, p99, colour=round(float((spots.max(axis=2) - spots.min(axis=2)).mean())))


def _cells(picture: Pixels, shape: tuple[int, int]) -> Pixels:
    """`picture` in as many cells, each the mean of its middle. A box blur and a pick cost a tenth of an exact mean."""
    if min(picture.shape[0] / shape[0], picture.shape[1] / shape[1]) >= 6:  # a quarter of the pixels will do
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        return _cells(np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8), shape)
    height, width = picture.shape[:2]
    blurred = cv2.blur(picture, (max(1, width // shape[1]) | 1, max(1, height // shape[0]) | 1))
    rows = ((np.arange(shape[0]) + 0.5) * height / shape[0]).astype(np.intp)
    columns = ((np.arange(shape[1]) + 0.5) * width / shape[1]).astype(np.intp)
    return np.ascontiguousarray(blurred[rows[:, None], columns[None, :]])


def _sharpness(grey: Pixels, light: Light) -> float:
    """As the check of single frames measures it (mean absolute Laplacian over spread, of the frame 320 across), so that
    its threshold holds here."""
    scale = min(1.0, _SHARPNESS_WIDTH / grey.shape[1])
    if scale < 1:
        grey = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    edges = cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S))
    return float(np.float32(cv2.mean(edges)[0] / (light.spread + 1.0)))


def _edges(smooth: Pixels) -> Pixels:
    """Edge strength 0..255: half the sum of both absolute Sobel derivatives."""
    across = cv2.Sobel(smooth, cv2.CV_16S, 1, 0)
    down = cv2.Sobel(smooth, cv2.CV_16S, 0, 1)
    return np.asarray(cv2.addWeighted(cv2.convertScaleAbs(across), 0.5, cv2.convertScaleAbs(down), 0.5, 0), np.uint8)


def _texture(edges: Pixels) -> float:
    """The edge strength that 3% of the pixels exceed: outlines of furniture, which a blurred lens takes away and noise
    does not make up for."""
    filled = np.cumsum(cv2.calcHist([edges], [0], None, [256], [0, 256]).ravel())
    return float(np.searchsorted(filled, 0.97 * filled[-1]))


def _structure(edges: Pixels) -> Cells:
    """Edge strength over that of the surroundings: a lamp that makes a corner brighter cancels."""
    cells = _cells(np.asarray(cv2.convertScaleAbs(edges, alpha=4.0), np.uint8), STRUCTURE).astype(np.float32) / 4.0
    around = cv2.blur(cells, (11, 11)) + 0.5 * float(cells.mean()) + 0.5
    return np.clip(np.round(4.0 * cells / around), 0, 15).astype(np.uint8)


def _noise(pixels: Pixels) -> tuple[NDArray[np.int8], float]:
    """At 384 spots of the full picture: four times what the mean of 2 x 2 green pixels differs from that of the 8 x 8
    around; and the median over the spots of the mean absolute difference of neighbouring pixels."""
    height, width = pixels.shape[:2]
    rows, columns = NOISE_GRID
    tall, wide = height // rows, width // columns
    if tall < 8 or wide < 8:  # a tiny picture: enlarged, its pixels repeat, and so does its noise
        larger = cv2.resize(pixels, (8 * columns, 8 * rows), interpolation=cv2.INTER_NEAREST)
        return _noise(np.asarray(larger, np.uint8))
    grid = pixels[: tall * rows, : wide * columns, 1].reshape(rows, tall, columns, wide)
    y, x = tall // 2 - 4, wide // 2 - 4
    blocks = np.ascontiguousarray(grid[:, y : y + 8, :, x : x + 8].transpose(1, 3, 0, 2)).reshape(8, 8, NOISE)
    values = blocks.astype(np.int16)
    inner = values[3:5, 3:5].sum(axis=(0, 1), dtype=np.int16)
    residual = inner - values.sum(axis=(0, 1), dtype=np.int16) // 16
    steps = np.abs(values[2:6, 3:6] - values[2:6, 2:5]).mean(axis=(0, 1))
    return np.clip(residual, -127, 127).astype(np.int8), float(np.float32(np.median(steps)))


def _zone(zone: Zone, layers: Pixels) -> ZonePrint:
    """`layers`: (h, w, 2) uint8, smoothed grey and edge strength."""
    rows, columns = ZONE
    size = np.array([layers.shape[1], layers.shape[0]], np.float32)
    corners = upright_corners(zone.polygon * size, zone.head_edge)
    # Twice as fine as the print, then averaged: warping straight to 12 x 16 would read single pixels.
    width, height = 2 * columns, 2 * rows
    right, bottom = width - 0.5, height - 0.5
    target = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    fine = cv2.warpPerspective(layers, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cells = cv2.resize(fine.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    (grey_mean, edge_mean), (grey_spread, _) = (part.ravel() for part in cv2.meanStdDev(cells))
    look = (cells[:, :, 0] - grey_mean) * (3.0 / (grey_spread + 4.0))
    relief = cells[:, :, 1] * (4.0 / (edge_mean + 1.0))
    return ZonePrint(
        zone.zone_id,
        np.rint(np.clip(look, -8, 7)).astype(np.int8),
        np.rint(np.clip(relief, 0, 15)).astype(np.uint8),
    )


def upright_corners(polygon: Floats, head_edge: int) -> Floats:
    """(4, 2): the bed's corners in order around it, the two of the head end first. A polygon that is no quadrangle
    becomes the smallest rectangle around it, turned so that the head edge lies at its first side."""
    if len(polygon) == 4:
        return np.roll(polygon, -head_edge, axis=0).astype(np.float32)
    box = np.asarray(cv2.boxPoints(cv2.minAreaRect(polygon.astype(np.float32))), np.float32)
    head = (polygon[head_edge] + polygon[(head_edge + 1) % len(polygon)]) / 2
    sides = (box + np.roll(box, -1, axis=0)) / 2
    first = int(np.argmin(np.linalg.norm(sides - head, axis=1)))
    return np.roll(box, -first, axis=0)
