"""The part of a frame in which a bed is read, and a commitment to its pixels that survives the blurring of a visitor.

The crop is cut in tiles. The commitment is a hash over the tiles' hashes: whoever shows the crop may leave a tile's
pixels out (or blur them) and give its hash instead, and still nobody can pass off another picture of the bed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from service.vision.decode import Frame, Pixels
from service.vision.errors import ImageError
from service.vision.reading import FloatArray, PixelBox, Zone

TILE = 32
"""Side of a tile, pixels. A face in a bed covers some ten of them; the rest of the crop stays provable."""
_MARGIN = 0.3
"""Around the zone's box, a share of its longer side: more than the overhang and the margins within which
`service.vision.analyse` looks for faces, so that they are found in the crop as in the frame."""
_DOMAIN = b"wardwatch-crop/1"


@dataclass(frozen=True, slots=True, eq=False)
class BedCrop:
    """`pixels`: (h, w, 3) uint8 BGR. `origin`: x and y of its first pixel in the frame. `zone`: the bed's, in
    the crop's own fractions."""

    pixels: Pixels
    origin: tuple[int, int]
    zone: Zone


def crop_rect(zone: Zone, width: int, height: int) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 in pixels of a frame of that size: the zone's box with its margin, inside the frame."""
    points = np.asarray(zone.polygon, np.float64) * [width, height]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    x1, y1 = (int(v) for v in np.clip(np.floor(low - margin), 0, [width - 1, height - 1]))
    x2, y2 = (int(v) for v in np.clip(np.ceil(high + margin), [x1 + 1, y1 + 1], [width, height]))
    return x1, y1, x2, y2


def bed_crop(frame: Frame, zone: Zone) -> BedCrop:
    """The crop of `zone` out of a whole frame."""
    x1, y1, x2, y2 = crop_rect(zone, frame.width, frame.height)
    pixels = np.ascontiguousarray(frame.pixels[y1:y2, x1:x2])
    return BedCrop(pixels, (x1, y1), zone_in_crop(zone, frame.width, frame.height))


def zone_in_crop(zone: Zone, width: int, height: int) -> Zone:
    """The zone of a frame of that size in fractions of its crop; what lies outside the frame stays at the edge."""
    x1, y1, x2, y2 = crop_rect(zone, width, height)
    points = np.asarray(zone.polygon, np.float64) * [width, height] - [x1, y1]
    fractions: FloatArray = np.clip(points / [x2 - x1, y2 - y1], 0, 1).astype(np.float32)
    return Zone(zone.zone_id, fractions, zone.head_edge)


def tile_hashes(pixels: Pixels) -> list[str]:
    """SHA-256 of each tile, row by row, in hexadecimal."""
    return [hashlib.sha256(np.ascontiguousarray(tile).tobytes()).hexdigest() for tile in _tiles(pixels)]


def commitment(width: int, height: int, hashes: Sequence[str]) -> str:
    """What is signed of a crop of that size, in hexadecimal."""
    digest = hashlib.sha256(_DOMAIN + f"\n{width}x{height}/{TILE}\n".encode())
    for one in hashes:
        digest.update(bytes.fromhex(one))
    return digest.hexdigest()


def commitment_of(pixels: Pixels) -> str:
    """The commitment to (h, w, 3) uint8 pixels as they are."""
    return commitment(pixels.shape[1], pixels.shape[0], tile_hashes(pixels))


def changed_tiles(original: Pixels, shown: Pixels) -> dict[int, str]:
    """Of each tile in which `shown` differs: its index and the hash of the original. Same shapes."""
    return {
        index: hashlib.sha256(np.ascontiguousarray(true).tobytes()).hexdigest()
        for index, (true, seen) in enumerate(zip(_tiles(original), _tiles(shown), strict=True))
        if not np.array_equal(true, seen)
    }


def holds(shown: Pixels, covered: Mapping[int, str], signed: str) -> bool:
    """Whether `shown` is what was committed to, but for the tiles in `covered`, whose original hashes it names."""
    hashes = tile_hashes(shown)
    if any(not 0 <= index < len(hashes) for index in covered):
        return False
    merged = [covered.get(index, own) for index, own in enumerate(hashes)]
    return commitment(shown.shape[1], shown.shape[0], merged) == signed


def covered_share(shown: Pixels, covered: Mapping[int, str], box: PixelBox | None) -> float:
    """The share of `box` (pixels of the crop; none: the whole crop) that lies in covered tiles."""
    mask = np.zeros(shown.shape[:2], bool)
    columns = -(-shown.shape[1] // TILE)
    for index in covered:
        y, x = index // columns * TILE, index % columns * TILE
        mask[y : y + TILE, x : x + TILE] = True
    if box is not None:
        x1, y1, x2, y2 = (max(0, round(v)) for v in box)
        mask = mask[y1:y2, x1:x2]
    return float(mask.mean()) if mask.size else 1.0


def proven(shown: Pixels, covered: Iterable[int]) -> Pixels:
    """`shown` with every covered tile in its mean colour: whatever stands there is nobody's promise, and a face that is
    put there is no face of the picture."""
    found, wanted = shown.copy(), frozenset(covered)
    for index, tile in enumerate(_tiles(found)):
        if index in wanted:
            tile[:] = tile.mean(axis=(0, 1)).astype(np.uint8)
    return found


def encode_png(pixels: Pixels) -> bytes:
    """Lossless, so that the tiles' hashes hold on the other side. Raises `ImageError`."""
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise ImageError("the crop cannot be written as PNG", remedy="check its size")
    return data.tobytes()


def _tiles(pixels: Pixels) -> Iterator[Pixels]:
    for y in range(0, pixels.shape[0], TILE):
        for x in range(0, pixels.shape[1], TILE):
            yield pixels[y : y + TILE, x : x + TILE]
