"""`folder:DIR`, `file:VIDEO`, `usb:N`, `rtsp://…`: a source as written, taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from edge_agent.errors import SettingsInvalid, SourceUnusable
from edge_agent.logs import keep_secret, redact

_STREAMS = ("rtsp", "rtsps", "http", "https")


class SourceKind(StrEnum):
    """What sort of source it is."""

    FOLDER = "folder"
    FILE = "file"
    USB = "usb"
    STREAM = "stream"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """`value`: a path, the number of a USB camera, or an address with credentials: never print it, print `shown`."""

    kind: SourceKind
    value: str = field(repr=False)

    @property
    def shown(self) -> str:
        """As it may be logged."""
        if self.kind is SourceKind.SNAPSHOT:
            return f"{self.kind}:{redact(self.value)}"
        return redact(self.value) if self.kind is SourceKind.STREAM else f"{self.kind}:{self.value}"


def parse_address(text: str, credentials: Path | None = None) -> SourceAddress:
    """Take `text` apart. `credentials`: a file with one line `user:password` for a stream.

    Raises `SettingsInvalid`, whose message never holds a password.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in _STREAMS:
        return _stream(text, credentials)
    if kind == "snapshot" and rest.startswith(("http://", "https://")):
        return SourceAddress(SourceKind.SNAPSHOT, _stream(rest, credentials).value)
    if kind in ("folder", "file") and rest:
        return SourceAddress(SourceKind(kind), rest)
    if kind == "usb" and rest.isascii() and rest.isdigit() and len(rest) <= 3:
        return SourceAddress(SourceKind.USB, rest)
    raise SettingsInvalid(
        f"{redact(text)[:80]!r} is no source",
        field="source",
        remedy="write folder:DIR, file:VIDEO, usb:0, rtsp://host/path or snapshot:http://host/picture.jpg",
    )


def _stream(text: str, credentials: Path | None) -> SourceAddress:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not text.isprintable() or " " in text:
        raise SettingsInvalid(
            f"{redact(text)[:80]!r} is no address of a stream", field="source", remedy="write rtsp://host:554/path"
        )
    if parts.password:
        keep_secret(parts.password)
    if credentials is not None:
        user, password = read_credentials(credentials)
        keep_secret(password)
        keep_secret(quote(password, safe=""))
        place = parts.netloc.rpartition("@")[2]
        parts = parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}")
    return SourceAddress(SourceKind.STREAM, urlunsplit(parts))


def read_credentials(path: Path) -> tuple[str, str]:
    """User and password of the file's one line. Raises `SourceUnusable`."""
    try:
        with path.open("r", encoding="utf-8") as file:
            line = file.readline(1024).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceUnusable(
            f"{path}: {error}", field="source_credentials", remedy="give a readable file with one line user:password"
        ) from None
    user, colon, password = line.partition(":")
    if not user or not colon:
        raise SourceUnusable(
            f"{path} holds no user:password", field="source_credentials", remedy="write one line user:password"
        )
    return user, password
