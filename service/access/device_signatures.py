"""Signatures of requests (RFC 9421, Ed25519): verified by the library, with what it leaves to us: whose key, how old,
for whom, and over what."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, InvalidSignature, MappingKeyResolver, algorithms
from starlette.requests import Request

from service.access.device_digest import STATE, BodyDigest
from service.access.device_errors import (
    DeviceRevoked,
    DeviceUnknown,
    RequestAltered,
    SignatureIncomplete,
    SignatureStale,
    WronglyAimed,
)
from service.access.device_tables import Device, DeviceKey

TAG = "wardwatch-device"
"""The application that the signature is for (RFC 9421, section 2.3): one made for another is none here."""
REQUIRED = ("@method", "@authority", "@path", "@query")
PARAMETERS = ("created", "expires", "nonce", "keyid", "tag")
CLOCK_HEADER = "Wardwatch-Time"
_NONCE_LENGTH = range(16, 65)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a signature says of itself, before anything of it is believed."""

    key_id: str
    nonce: str
    created: datetime
    expires: datetime


class _Headers:
    """The request's field lines, as the library reads them: all of them, in order."""

    def __init__(self, request: Request) -> None:
        self._lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]

    def items(self) -> Iterable[tuple[str, str]]:
        return self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._lines))


@dataclass(frozen=True, slots=True)
class _Message:
    method: str
    url: str
    headers: _Headers


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Left to `check_age`: by the server's clock, after the signature, with an answer that helps."""


def is_signed(request: Request) -> bool:
    """Whether the request claims to be signed."""
    return "signature-input" in request.headers


def read_claims(request: Request) -> Claims:
    """What the signature says. Raises `SignatureIncomplete` for one that leaves out what is mandatory."""
    try:
        parsed: Any = http_sf.parse(request.headers["signature-input"].encode("latin-1"), tltype="dictionary")
        members = [member for member in parsed.values() if isinstance(member[0], list) and member[1].get("tag") == TAG]
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise _incomplete("Signature-Input cannot be read") from None
    if len(members) != 1:
        raise _incomplete(f"there must be one signature with the tag {TAG}")
    components, parameters = members[0]
    for name in PARAMETERS:
        if name not in parameters:
            raise _incomplete(f"the parameter {name} is missing")
    created, expires, nonce, key_id = (parameters[name] for name in ("created", "expires", "nonce", "keyid"))
    if (
        type(created) is not int
        or type(expires) is not int
        or not isinstance(nonce, str)
        or not isinstance(key_id, str)
    ):
        raise _incomplete("a parameter is of the wrong type")
    if len(nonce) not in _NONCE_LENGTH or not nonce.isascii() or len(key_id) > 64:
        raise _incomplete("the nonce has 16 to 64 characters, the key id at most 64")
    covered = {item[0] for item in components if not item[1]}
    needed = {*REQUIRED, *(("content-digest",) if has_body(request) else ())}
    needed |= {"content-type"} if "content-type" in request.headers else set()
    if missing := sorted(needed - covered):
        raise _incomplete(f"{', '.join(missing)} must be signed too")
    try:
        return Claims(key_id, nonce, datetime.fromtimestamp(created, UTC), datetime.fromtimestamp(expires, UTC))
    except (ValueError, OverflowError, OSError):
        raise _incomplete("created and expires are seconds since 1970") from None


def has_body(request: Request) -> bool:
    """Whether anything follows the head."""
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def check_key(found: tuple[DeviceKey, Device] | None, now: datetime) -> tuple[DeviceKey, Device]:
    """Raises `DeviceUnknown` or `DeviceRevoked`."""
    if found is None:
        raise DeviceUnknown(
            "no device has this key",
            remedy="pair the device: wardwatch devices pair",
            message_zh="没有设备使用此密钥",
            remedy_zh="请用 wardwatch devices pair 配对设备",
        )
    key, device = found
    if device.revoked_at is not None or (key.valid_until is not None and key.valid_until <= now):
        raise DeviceRevoked(
            "the device or its key was put out of use",
            remedy="pair it anew, if it is the right box: wardwatch devices pair --replace",
            message_zh="该设备或其密钥已停用",
            remedy_zh="如设备无误，请重新配对：wardwatch devices pair --replace",
        )
    return key, device


def check_signature(request: Request, key: DeviceKey, public_origin: str | None) -> None:
    """Raises `RequestAltered`, or `WronglyAimed` for one that was signed for another origin than ours."""
    sent_to = f"{request.url.scheme}://{request.headers.get('host', '')}"
    origin = (public_origin or sent_to).rstrip("/")
    if not _verifies(request, origin, key):
        if urlsplit(sent_to).netloc != urlsplit(origin).netloc and _verifies(request, sent_to, key):
            raise WronglyAimed(
                f"it was signed for {urlsplit(sent_to).netloc[:100]}, this server is {urlsplit(origin).netloc}",
                remedy="set --server to the public origin, and WARDWATCH_PUBLIC_ORIGIN to what devices call",
                message_zh=f"请求签给 {urlsplit(sent_to).netloc[:100]}，而本服务器为 {urlsplit(origin).netloc}",
                remedy_zh="请将采集端 --server 与 WARDWATCH_PUBLIC_ORIGIN 设为同一地址",
            )
        raise _altered("method, address, headers or signature were changed")
    if has_body(request):
        _check_digest(request)


def check_age(claims: Claims, now: datetime, window: timedelta) -> None:
    """Raises `SignatureStale`, whose answer carries the server's clock in the header `Wardwatch-Time`."""
    fresh = claims.created <= now + window and now <= claims.expires and now - claims.created <= window
    if fresh and claims.expires - claims.created <= 2 * window:
        return
    reading = now.isoformat(timespec="milliseconds")
    raise SignatureStale(
        f"the server's clock reads {reading}; the signature is of {claims.created.isoformat()}",
        remedy="correct the clock by the answer's Wardwatch-Time and sign afresh",
        message_zh=f"服务器时间 {reading}，签名时间 {claims.created.isoformat()}",
        remedy_zh="请按应答头 Wardwatch-Time 校时后重新签名",
        headers={CLOCK_HEADER: reading},
    )


def _verifies(request: Request, origin: str, key: DeviceKey) -> bool:
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    url = origin + path.decode("latin-1").partition("?")[0] + (f"?{query.decode('latin-1')}" if query else "")
    keys = MappingKeyResolver(public_keys={key.id: _public(key)}, private_keys={})
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    try:
        verifier.verify(
            _Message(request.method, url, _Headers(request)), max_age=None, expect_tag=TAG, require_components=REQUIRED
        )
    except (InvalidSignature, ValueError, TypeError):
        return False
    except Exception as error:  # the library's own base error is no InvalidSignature
        if type(error).__module__.startswith("http_message_signatures"):
            return False
        raise
    return True


def _public(key: DeviceKey) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key))


def _check_digest(request: Request) -> None:
    passed = getattr(request.state, STATE, None)
    if not isinstance(passed, BodyDigest) or not passed.complete:
        raise _incomplete("this request takes no body")
    try:
        members: Any = http_sf.parse(request.headers["content-digest"].encode("latin-1"), tltype="dictionary")
        stated = members["sha-256"][0]
    except (ValueError, TypeError, KeyError, IndexError):
        raise _incomplete("Content-Digest must hold a sha-256") from None
    if stated != passed.digest:
        raise _altered("the body is not the one that was signed")


def _incomplete(message: str) -> SignatureIncomplete:
    return SignatureIncomplete(
        message,
        remedy="sign @method @authority @path @query content-type content-digest, with created expires nonce keyid tag",
        message_zh=f"签名不完整：{message}",
        remedy_zh="须签名 @method @authority @path @query content-type content-digest，带 created expires nonce tag",
    )


def _altered(message: str) -> RequestAltered:
    return RequestAltered(
        message,
        remedy="look at what stands between device and server: it must change neither address, type nor body",
        message_zh="请求内容与签名不符",
        remedy_zh="请检查设备与服务器之间的代理，不得改动地址、类型与内容",
    )
