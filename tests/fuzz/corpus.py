"""Hostile pictures, made when the tests run: nothing of the kind lies in the repository. Each with what it must get."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from service.vision import (
    ImageCorrupt,
    ImageEmpty,
    ImageError,
    ImageTooSmall,
    ImageTruncated,
    ImageUnsupported,
    TooManyPixels,
)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def noise(width: int = 96, height: int = 64) -> Image.Image:
    """A picture with something in every pixel."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    """A PNG that says of itself what it is told to say."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_SIGNATURE + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header announces another size."""
    data = bytearray(encoded(noise(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_exif(exif: bytes) -> bytes:
    """A good JPEG with these bytes as its EXIF block."""
    good = encoded(noise(), "JPEG")
    body = b"Exif\x00\x00" + exif
    return good[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + good[2:]


def ifd(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """A little-endian TIFF directory at offset 8: (tag, type, count, value)."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def zipped() -> bytes:
    """A ZIP with a page in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return stream.getvalue()


JPEG, PNG, WEBP = encoded(noise(), "JPEG"), encoded(noise(), "PNG"), encoded(noise(), "WEBP", lossless=True)
TALL = encoded(noise(96, 256), "JPEG")
ROWS = (b"\0" + b"\x55" * 192) * 64
PACKED = chunk(b"IDAT", zlib.compress(ROWS))
MOVING = [noise(96, 64).rotate(9)]
ZEROS = zlib.compress(b"\0" * (64 << 20))  # 64 MiB in 64 KiB

REFUSED: dict[str, tuple[bytes, type[ImageError]]] = {
    "nothing": (b"", ImageEmpty),
    "one pixel": (encoded(noise(1, 1), "PNG"), ImageTooSmall),
    "one column": (encoded(noise(1, 500), "WEBP"), ImageTooSmall),
    "65,535 wide jpeg": (jpeg_of_size(65_535, 16), TooManyPixels),
    "65,535 high jpeg": (jpeg_of_size(16, 65_535), TooManyPixels),
    "65,535 wide png": (png(65_535, 16, b"\0" * 100), TooManyPixels),
    "2^31 wide png": (png(2**31 - 1, 2**31 - 1, b""), TooManyPixels),
    "png bomb": (png(30_000, 30_000, b"\0" * (1 << 20)), TooManyPixels),
    "png of no width": (png(0, 64, b""), ImageCorrupt),
    "jpeg of no height": (jpeg_of_size(96, 0), ImageCorrupt),
    "cmyk": (encoded(noise().convert("CMYK"), "JPEG"), ImageUnsupported),
    "lab": (encoded(noise().convert("LAB"), "TIFF"), ImageUnsupported),
    "float": (encoded(noise().convert("F"), "TIFF"), ImageUnsupported),
    "animated webp": (
        encoded(noise(), "WEBP", save_all=True, append_images=MOVING),
        ImageUnsupported,
    ),
    "animated png": (encoded(noise(), "PNG", save_all=True, append_images=MOVING), ImageUnsupported),
    "gif": (encoded(noise().convert("P"), "GIF"), ImageUnsupported),
    "ico": (encoded(noise(32, 32), "ICO"), ImageUnsupported),
    "pdf before a jpeg": (b"%PDF-1.7\n" + JPEG, ImageUnsupported),
    "zip before a png": (zipped() + PNG, ImageUnsupported),
    "script": (b"<svg onload=alert(1)>", ImageUnsupported),
    "elf": (b"\x7fELF" + b"\0" * 200, ImageUnsupported),
    "truncated jpeg": (JPEG[:-400], ImageTruncated),
    "truncated png": (PNG[:-400], ImageTruncated),
    "truncated webp": (WEBP[:-400], ImageTruncated),
    "png without pixels": (
        PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)),
        ImageTruncated,
    ),
    "a bomb in a text chunk": (png(64, 64, ROWS, extra=chunk(b"zTXt", b"Comment\0\0" + ZEROS)), ImageCorrupt),
    "a bomb in a colour profile": (png(64, 64, ROWS, extra=chunk(b"iCCP", b"icc\0\0" + ZEROS)), ImageCorrupt),
    "png of unknown depth": (png(64, 64, b"\0" * 20_000, depth=7), ImageCorrupt),
    "png of unknown colour": (png(64, 64, b"\0" * 20_000, colour=5), ImageCorrupt),
}
"""Known by their header or their outer structure: an upload is refused at once."""

UNREADABLE: dict[str, tuple[bytes, type[ImageError]]] = {
    "jpeg cut and closed again": (TALL[: len(TALL) // 2] + b"\xff\xd9", ImageTruncated),
    "jpeg of another height": (jpeg_of_size(96, 640), ImageTruncated),
    "jpeg without its tables": (JPEG.replace(b"\xff\xdb", b"\xff\xec"), ImageCorrupt),
    "png of too few rows": (png(64, 64, b"\0" * 193), ImageCorrupt),
    "png of no rows": (png(64, 64, b""), ImageCorrupt),
    "png whose rows have no end": (
        png(64, 64, ROWS).replace(PACKED, chunk(b"IDAT", zlib.compress(ROWS)[:-8])),
        ImageTruncated,
    ),
    "png of damaged rows": (PNG[:200] + b"\xaa" * 400 + PNG[600:], ImageCorrupt),
    "png of an unknown filter": (png(64, 64, (b"\x09" + b"\x55" * 192) * 64), ImageCorrupt),
    "webp of damaged pixels": (WEBP[:25] + b"\xff" * 400 + WEBP[425:], ImageCorrupt),
}
"""Good on the outside: an upload is accepted, and what it is comes out when it is decoded."""

READ: dict[str, bytes] = {
    "16 bit grey": encoded(Image.fromarray(np.full((64, 64), 40_000, np.uint16)), "PNG"),
    "16 bit colour": png(64, 64, (b"\0" + b"\x12\x34" * 192) * 64, depth=16),
    "palette": encoded(noise().convert("P"), "PNG"),
    "one bit": encoded(noise().convert("1"), "PNG"),
    "transparent": encoded(noise().convert("RGBA"), "WEBP"),
    "grey with transparency": encoded(noise().convert("LA"), "PNG"),
    "progressive": encoded(noise(), "JPEG", progressive=True),
    "exif: orientation 4,294,967,295": with_exif(ifd([(0x0112, 4, 1, 2**32 - 1)])),
    "exif: orientation as text": with_exif(ifd([(0x0112, 2, 4, 0x41414141)])),
    "exif: a directory that points at itself": with_exif(ifd([(0x0112, 3, 1, 1)], following=8)),
    "exif: a billion values beyond the end": with_exif(ifd([(0x0112, 3, 10**9, 0x7FFFFFFF)])),
    "exif: 65,535 entries of which none is there": with_exif(b"II*\x00\x08\x00\x00\x00\xff\xff"),
    "exif: cut off": with_exif(b"II*"),
    "exif: rubbish": with_exif(b"\xff" * 60),
    "jpeg, then a zip": JPEG + zipped(),
    "jpeg, then a page": JPEG + b"<script>alert(1)</script>",
    "png, then an executable": PNG + b"MZ" + b"\0" * 300,
}
"""Odd but harmless: read as the picture that they are, whatever else they carry."""
