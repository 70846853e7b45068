"""When a picture in a file was taken: by its name, else by its EXIF, else by the file's time of change."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from io import BytesIO

_NAME = re.compile(
    r"^(?:(?P<camera>.+)_)?(?P<stamp>[0-9]{8}T[0-9]{6})(?:\.?(?P<fraction>[0-9]{1,6}))?Z(?:_(?P<part>[0-9]+))?$"
)
_EXIF_SUBFOLDER = 0x8769
_EXIF_TAKEN, _EXIF_OFFSET, _EXIF_FRACTION = 0x9003, 0x9011, 0x9291
_OFFSET = re.compile(r"^([+-])([0-9]{2}):([0-9]{2})$")


@dataclass(frozen=True, slots=True)
class NamedInstant:
    """What a file's name says. `camera`: none if the name begins with the instant."""

    camera: str | None
    captured_at: datetime


def from_name(stem: str) -> NamedInstant | None:
    """`<camera>_20260302T081500Z`, with a fraction and a running number if need be; none for any other name."""
    match = _NAME.match(stem)
    if match is None:
        return None
    try:
        instant = datetime.strptime(match["stamp"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    microseconds = int((match["fraction"] or "0").ljust(6, "0"))
    return NamedInstant(match["camera"], instant + timedelta(microseconds=microseconds))


def from_exif(data: bytes, zone: tzinfo | None) -> datetime | None:
    """EXIF's time of taking. A time without its own offset is read in `zone`, or not at all: a guess moves evidence."""
    if b"Exif" not in data[:65_536] and b"eXIf" not in data:
        return None
    from PIL import Image  # only here: most cameras name their files

    try:
        with Image.open(BytesIO(data)) as picture:
            tags = picture.getexif().get_ifd(_EXIF_SUBFOLDER)
    except (OSError, ValueError, SyntaxError, KeyError, struct.error, Image.DecompressionBombError):
        return None
    text, offset = tags.get(_EXIF_TAKEN), tags.get(_EXIF_OFFSET)
    try:
        local = datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        fraction = str(tags.get(_EXIF_FRACTION, "")).strip("\0 ")[:6]
        if fraction.isascii() and fraction.isdigit():
            local = local.replace(microsecond=int(fraction.ljust(6, "0")))
        own = _OFFSET.match(str(offset).strip("\0 "))
        if own is not None:
            ahead = timedelta(hours=int(own[2]), minutes=int(own[3]))
            return (local - ahead if own[1] == "+" else local + ahead).replace(tzinfo=UTC)
        return None if zone is None else local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def from_modified(modified_ns: int) -> datetime:
    """The file's time of change, seconds and microseconds of UTC."""
    return datetime.fromtimestamp(modified_ns // 1_000_000_000, UTC) + timedelta(
        microseconds=modified_ns % 1_000_000_000 // 1000
    )
