"""The outer structure of JPEG, PNG and WebP files: is all of it there, is it one picture. No pixel is decoded.

Decoders hide a missing end (libjpeg paints the rest grey and goes on), so completeness is read from the structure.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""What ends entropy coded data. One search: a walk in Python took twice the time of the decoding itself."""


def is_complete(data: bytes) -> bool:
    """Whether the file holds its picture to the end. Bytes after the end are allowed and ignored."""
    if data.startswith(b"\xff\xd8"):
        return jpeg_scan_end(data) is not None
    if data.startswith(PNG_SIGNATURE):
        return any(kind == b"IEND" for kind, _, _ in _png_chunks(data))
    return len(data) >= 12 and len(data) >= 8 + int(struct.unpack_from("<I", data, 4)[0])


def is_animated(data: bytes) -> bool:
    """Whether a PNG or WebP file announces an animation."""
    if data.startswith(PNG_SIGNATURE):
        return any(kind == b"acTL" for kind, _, _ in _png_chunks(data))
    return data[12:16] == b"VP8X" and len(data) > 20 and bool(data[20] & 0x02)


def jpeg_scan_end(data: bytes) -> int | None:
    """The offset of the end marker that closes the last scan, or `None` when the file ends before it.

    Segments are walked by their lengths, so the end marker of a thumbnail inside a comment is not taken for it.
    """
    position, scans = 2, 0
    while position + 2 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xD9:
            return position if scans else None
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if position + 4 > len(data):
            return None
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
        if marker == 0xDA:
            scans += 1
            position = _skip_entropy_coded(data, position)
    return None


def png_exif(data: bytes) -> bytes:
    """The content of a PNG file's eXIf chunk, empty when there is none."""
    return next((data[at : at + size] for kind, at, size in _png_chunks(data) if kind == b"eXIf"), b"")


def _skip_entropy_coded(data: bytes, position: int) -> int:
    """The next marker that is neither a stuffed byte nor a restart; the length of the file when there is none."""
    found = _MARKER.search(data, position)
    return found.start() if found else len(data)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, offset of the content, its size) of each chunk that lies wholly in the file, up to IEND."""
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        size = int(struct.unpack_from(">I", data, position)[0])
        kind = data[position + 4 : position + 8]
        if position + 12 + size > len(data):
            return
        yield kind, position + 8, size
        if kind == b"IEND":
            return
        position += 12 + size


def png_rows_are_complete(data: bytes, most: int) -> bool:
    """Whether a PNG file's compressed rows reach their own end (RFC 1950: a closed zlib stream).

    Inflates in bounded pieces that are thrown away at once, and stops after `most` bytes: a bomb costs no more than an
    honest picture of the largest size. Damaged rows count as complete: decoding reports damage.
    """
    stream, produced = zlib.decompressobj(), 0
    for kind, at, size in _png_chunks(data):
        part = data[at : at + size] if kind == b"IDAT" else b""
        while part and not stream.eof:
            try:
                produced += len(stream.decompress(part, 1 << 20))
            except zlib.error:
                return True
            if produced > most:
                return True
            part = stream.unconsumed_tail
    return stream.eof
