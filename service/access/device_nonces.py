"""Nonces that the server gives to devices: one in a capture statement shows that the picture is not older than it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from service.platform.crypto import KeyRing

_MAC_HEX = 24


def issue_nonce(keys: KeyRing, device_id: str, now: datetime) -> str:
    """A nonce for `device_id`: the second it was made and a code that only this installation can make. Not kept."""
    second = str(int(now.timestamp()))
    return f"{second}.{_code(keys.keys[0], device_id, second)}"


def nonce_issued_at(keys: KeyRing, device_id: str, nonce: str) -> datetime | None:
    """When this installation gave the nonce to `device_id`; none if it did not."""
    second, dot, code = nonce.partition(".")
    if not dot or not (second.isascii() and second.isdigit() and len(second) < 12):
        return None
    if any(hmac.compare_digest(code, _code(key, device_id, second)) for key in keys.keys):
        return datetime.fromtimestamp(int(second), UTC)
    return None


def _code(key: bytes, device_id: str, second: str) -> str:
    own = hashlib.sha256(b"wardwatch/device-nonce/1" + key).digest()
    return hmac.new(own, f"{device_id}.{second}".encode(), hashlib.sha256).hexdigest()[:_MAC_HEX]
