"""Bytes to pixels, with limits checked on the header before anything is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.vision import containers
from service.vision.errors import (
    ImageCorrupt,
    ImageEmpty,
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImageUnsupported,
    TooManyPixels,
)

Pixels = NDArray[np.uint8]
"""(h, w, 3) uint8, BGR as OpenCV has it, upright by its EXIF orientation."""

_ORIENTATION_TAG = 0x0112
_COLOUR_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "P", "PA", "RGB", "RGBA", "RGBX"})
_ACCEPTED = "send a still JPEG, PNG or WebP picture in grey or RGB"


class ImageFormat(StrEnum):
    """The formats that are read; everything else is refused."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest and smallest picture that is read. Sides in pixels, before turning."""

    max_bytes: int = 8 * 1024 * 1024
    max_pixels: int = 12_000_000
    max_side: int = 8192
    min_side: int = 16


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a picture's header says. `width` and `height` are those of the upright picture."""

    format: ImageFormat
    width: int
    height: int
    orientation: int = 1
    """EXIF orientation, 1..8."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture: `pixels` (h, w, 3) uint8 BGR. Raises `ValueError` for any other array."""

    pixels: Pixels

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"a frame is (h, w, 3) uint8, not {self.pixels.shape} {self.pixels.dtype}")

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.pixels.shape[0])


DEFAULT_LIMITS = ImageLimits()


def probe(data: bytes, limits: ImageLimits = DEFAULT_LIMITS, *, field: str = "image") -> ImageInfo:
    """What the header says, after the limits and the file's outer structure have been checked; no pixel is decoded.

    Raises `ImageEmpty`, `ImageTooLarge`, `ImageUnsupported`, `TooManyPixels`, `ImageTooSmall`, `ImageTruncated` or
    `ImageCorrupt`, each naming `field`.
    """
    if not data:
        raise ImageEmpty("the picture has no bytes", field=field, remedy=_ACCEPTED)
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"{len(data)} bytes, at most {limits.max_bytes} are read", field=field, remedy="send a smaller picture"
        )
    kind = _sniff(data, field)
    header = _read_header(data, kind, field)
    _check_size(header.width, header.height, limits, field)
    if kind is not ImageFormat.JPEG and containers.is_animated(data):
        raise ImageUnsupported("an animated picture has no single moment", field=field, remedy=_ACCEPTED)
    if not containers.is_complete(data):
        raise ImageTruncated("the file ends before the picture does", field=field, remedy="send the file again")
    if header.orientation >= 5:
        return ImageInfo(kind, header.height, header.width, header.orientation)
    return header


def decode(data: bytes, limits: ImageLimits = DEFAULT_LIMITS, *, field: str = "image") -> Frame:
    """The upright picture. What follows the picture in the file (a polyglot's second half) is never looked at;
    16-bit samples become 8-bit, transparency is dropped, grey becomes BGR.

    Raises what `probe` raises, and `ImageCorrupt` or `ImageTruncated` for damage that only decoding shows.
    """
    info = probe(data, limits, field=field)
    if info.format is ImageFormat.PNG and not containers.png_rows_are_complete(data, most=9 * limits.max_pixels):
        raise ImageTruncated("the picture's lower part is missing", field=field, remedy="send the file again")
    pixels = _decode_pixels(data)
    if pixels is None or pixels.size == 0:
        raise ImageCorrupt("the picture cannot be decoded", field=field, remedy="send the file again")
    if {pixels.shape[0], pixels.shape[1]} != {info.height, info.width}:
        raise ImageCorrupt("header and pixels disagree about the size", field=field, remedy="send the file again")
    if info.format is ImageFormat.JPEG and _is_filled_up(data, pixels):
        raise ImageTruncated("the picture's lower part is missing", field=field, remedy="send the file again")
    return Frame(_turn_upright(pixels, info.orientation))


def _sniff(data: bytes, field: str) -> ImageFormat:
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data.startswith(containers.PNG_SIGNATURE):
        return ImageFormat.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if any(magic.startswith(data) for magic in (b"\xff\xd8\xff", containers.PNG_SIGNATURE, b"RIFF")):
        raise ImageTruncated("the file ends inside its first bytes", field=field, remedy="send the file again")
    raise ImageUnsupported("not a JPEG, PNG or WebP file", field=field, remedy=_ACCEPTED)


def _read_header(data: bytes, kind: ImageFormat, field: str) -> ImageInfo:
    """Size and orientation as stored. Pillow reads headers lazily: no pixel memory is taken here."""
    try:
        with Image.open(io.BytesIO(data), formats=[kind.value.upper()]) as picture:
            mode, (width, height) = picture.mode, picture.size
            # PNG keeps EXIF in a chunk that Pillow may only reach by decoding everything: read it ourselves.
            exif = containers.png_exif(data) if kind is ImageFormat.PNG else picture.info.get("exif", b"")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooManyPixels("the header announces a decompression bomb", field=field, remedy=_ACCEPTED) from None
    except Exception as error:  # Pillow's plug-ins raise whatever their parsing meets in hostile bytes
        if not containers.is_complete(data):
            raise ImageTruncated("the file ends inside its header", field=field, remedy="send the file again") from None
        raise ImageCorrupt(
            f"the header cannot be read ({type(error).__name__})", field=field, remedy="send the file again"
        ) from None
    if mode not in _COLOUR_MODES:
        raise ImageUnsupported(f"colour mode {mode} is not read", field=field, remedy=_ACCEPTED)
    return ImageInfo(kind, width, height, _orientation(exif))


def _orientation(exif: object) -> int:
    """The EXIF orientation, 1 when it is missing, damaged or out of range."""
    if not isinstance(exif, bytes) or not exif:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        value = tags.get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged comment is no reason to lose the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _check_size(width: int, height: int, limits: ImageLimits, field: str) -> None:
    size = f"{width}x{height} pixels"
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise TooManyPixels(
            f"{size}, at most {limits.max_pixels} with sides up to {limits.max_side} are read",
            field=field,
            remedy="send a smaller picture",
        )
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(f"{size}, at least {limits.min_side} a side", field=field, remedy="send a larger picture")


def _decode_pixels(data: bytes) -> Pixels | None:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[return-value]
    except cv2.error:
        return None


def _is_filled_up(data: bytes, pixels: Pixels) -> bool:
    """Whether a JPEG with an end marker stops early: libjpeg then repeats its last colour down to the bottom, and says
    nothing.

    A bottom in one colour is common and innocent (a caption bar), so the file is decoded again without the last bytes
    of its scan: an innocent picture changes at the bottom, a cut one where it was cut.
    """
    band = pixels[-8:]
    if len(pixels) < 64 or not (band == band[-1:, -1:]).all():
        return False
    end = containers.jpeg_scan_end(data)
    again = _decode_pixels(data[: end - 12] + b"\xff\xd9") if end else None
    if again is None or again.shape != pixels.shape:
        return False
    changed = np.flatnonzero((again != pixels).reshape(len(pixels), -1).any(axis=1))
    return bool(len(changed)) and int(changed[0]) < len(pixels) - 64


def _turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the EXIF orientation (Exif 2.32, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
