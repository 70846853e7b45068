"""A picture between a source and the spool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


NORMAL = 0
ROLL_CALL = 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a picture was taken, apart from the wall clock. `offset_ms`: server's time minus the device's then, if it
    was known. `run` names the process, `monotonic` (seconds) is its steady clock: what it learns later corrects too."""

    offset_ms: int | None
    run: str
    monotonic: float


@dataclass(frozen=True, slots=True)
class Origin:
    """What makes a picture of a folder or a file recognisable after a restart.

    `name`: the file's name, for a video with the frame's number. `size` (bytes) and `modified_ns` (since 1970) tell an
    unchanged file without reading it.
    """

    name: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """`data`: the encoded picture, as it will be posted. `captured_at`: aware. `origin`: none for a live camera.

    `stamp`: for a live camera, what is needed to correct `captured_at`, which is by the device's clock. `priority`:
    what has more gives way later when the spool is full. `more`: another one is at hand, so that both may be made
    durable together.
    """

    data: bytes
    captured_at: datetime
    origin: Origin | None = None
    stamp: Stamp | None = None
    priority: int = NORMAL
    more: bool = False


def media_type(data: bytes) -> str:
    """The type by the first bytes; `application/octet-stream` for what is no picture, which the server then refuses."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"
