"""SOAP 1.2 to one ONVIF camera (ONVIF Core 5, WS-Security UsernameToken 1.1). The camera is no friend: what it answers
is small, declares nothing, and never leads to another address; what it is told of the password is a digest.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx

from edge_agent.errors import EdgeError, SettingsInvalid
from edge_agent.logs import one_line, redact

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_ENCODING = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
MAX_BYTES = 256 * 1024
"""Of an answer. GetCapabilities of a large camera is 12 kB."""
_DEEPEST = 64
_LONGEST_SECONDS = 20.0
"""For one answer, however slowly it drips."""


class CameraRefused(EdgeError):
    """An ONVIF camera that does not answer, or not as it must."""

    code = "edge-onvif-refused"
    title_en = "The camera's ONVIF service does not do that"
    title_zh = "摄像头的 ONVIF 服务未执行该操作"


class _Sips(httpx.SyncByteStream):
    """A body that ends with an error when it is too large, or too slow."""

    def __init__(self, body: httpx.SyncByteStream) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        size, until = 0, time.monotonic() + _LONGEST_SECONDS
        for chunk in self._body:
            size += len(chunk)
            if size > MAX_BYTES or time.monotonic() > until:
                raise httpx.ReadError("the camera answers too much")
            yield chunk

    def close(self) -> None:
        self._body.close()


class _Bounded(httpx.HTTPTransport):
    """Of every answer, also of a 401 that is read before the password's digest is sent: little, and nothing packed,
    of which a few bytes may be hundreds of megabytes."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if answer.headers.get("Content-Encoding", "identity") != "identity" or not isinstance(
            answer.stream, httpx.SyncByteStream
        ):
            answer.close()
            raise httpx.DecodingError("the camera answers in another encoding", request=request)
        answer.stream = _Sips(answer.stream)
        return answer


class OnvifCamera:
    """One camera's services, all at the host and port of the address that a person wrote."""

    def __init__(
        self,
        address: str,
        user: str = "",
        password: str = "",
        *,
        timeout_seconds: float = 5.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`address`: of the device service, without credentials. Raises `SettingsInvalid`."""
        parts = _parts(address)
        self._origin, self._path = parts
        self._user, self._password, self._now = user, password, now
        self._ahead = timedelta(0)
        self._knows_clock = False
        # Some cameras ask for HTTP digest besides; it says no more of the password than the token does.
        self._client = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            auth=httpx.DigestAuth(user, password) if user else None,
            transport=_Bounded(),
        )

    @property
    def path(self) -> str:
        """Of the device service."""
        return self._path

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def ask(self, path: str, body: str) -> ET.Element:
        """The answer's body to a request, signed with the user's token. Raises `CameraRefused`."""
        if self._user and not self._knows_clock:
            self._learn_clock()
        return self._post(path, body, self._token() if self._user else "")

    def path_of(self, address: str | None) -> str:
        """The path of an address that the camera names; its host is never asked. Raises `CameraRefused`."""
        try:
            parts = urlsplit((address or "").strip())
            path = parts.path + (f"?{parts.query}" if parts.query else "")
        except ValueError:
            path = ""
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path or len(path) > 500:
            raise CameraRefused("the camera names no address of that service", remedy="look whether ONVIF is on")
        return path

    def _learn_clock(self) -> None:
        """Tokens are refused by a camera whose clock is off by some seconds: they are dated by its own (Core 5.9.1)."""
        body = self._post(self._path, f'<d:GetSystemDateAndTime xmlns:d="{DEVICE}"/>', "")
        at = body.find(f".//{{{SCHEMA}}}UTCDateTime")
        if at is not None:
            names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
            try:
                fields = [int(at.findtext(f".//{{{SCHEMA}}}{name}", "")) for name in names]
                year, month, day, hour, minute, second = fields
                self._ahead = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - self._now()
            except (ValueError, OverflowError):
                self._ahead = timedelta(0)
        self._knows_clock = True

    def _token(self) -> str:
        nonce = os.urandom(16)
        created = (self._now() + self._ahead).strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hashlib.sha1(nonce + created.encode() + self._password.encode(), usedforsecurity=False).digest()
        return (
            f'<s:Security xmlns:s="{_SECURITY}" xmlns:u="{_UTILITY}" e:mustUnderstand="1"><s:UsernameToken>'
            f"<s:Username>{escape(self._user)}</s:Username>"
            f'<s:Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</s:Password>'
            f'<s:Nonce EncodingType="{_ENCODING}">{base64.b64encode(nonce).decode()}</s:Nonce>'
            f"<u:Created>{created}</u:Created></s:UsernameToken></s:Security>"
        )

    def _post(self, path: str, body: str, header: str) -> ET.Element:
        envelope = (
            f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{ENVELOPE}"><e:Header>{header}</e:Header>'
            f"<e:Body>{body}</e:Body></e:Envelope>"
        )
        try:
            with self._client.stream(
                "POST",
                self._origin + path,
                content=envelope.encode(),
                headers={"Content-Type": "application/soap+xml; charset=utf-8", "Accept-Encoding": "identity"},
            ) as answer:
                status = answer.status_code
                data = answer.read()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            self._knows_clock = False
            raise CameraRefused(f"no answer: {type(error).__name__}", remedy="look after address and network") from None
        return _body_of(data, status)


def _parts(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or parts.username or not address.isprintable():
        raise SettingsInvalid(
            f"{redact(address)[:80]!r} is no address of an ONVIF service",
            field="onvif",
            remedy="write http://host/onvif/device_service; user and password go into the credentials file",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}", parts.path or "/onvif/device_service"


def _body_of(data: bytes, status: int) -> ET.Element:
    root = read_xml(data)
    body = root.find(f"{{{ENVELOPE}}}Body") if root is not None else None
    if body is None:
        raise CameraRefused(f"the camera answers {status} and no SOAP", remedy="look whether ONVIF is on")
    fault = body.find(f"{{{ENVELOPE}}}Fault")
    if fault is not None or status >= 400:
        texts = [] if fault is None else [one_line(text, 80) for text in fault.itertext() if text.strip()]
        said = "; ".join(texts[:4]) or f"status {status}"
        raise CameraRefused(f"the camera refuses: {said}", remedy="look whether this user may change the picture")
    return body


def read_xml(data: bytes) -> ET.Element | None:
    """A small document without declarations, or none: what is dangerous in XML begins with `<!`."""
    if len(data) > MAX_BYTES or b"<!" in data.replace(b"\0", b""):
        return None
    try:
        root = ET.fromstring(data)  # noqa: S314 - what is dangerous in XML begins with what was just refused
    except (ET.ParseError, ValueError, LookupError):
        return None
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for element in level for child in element]
        if not level:
            return root
    return None
