"""Sealing for one box: HPKE (RFC 9180, base mode) with X25519, HKDF-SHA256 and AES-256-GCM.

The box has a second key for this beside the Ed25519 key that signs: one key for two algorithms is asking for trouble.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_INFO = "wardwatch-gallery/1"


def seal_for_box(data: bytes, public_key: str, device_id: str) -> str:
    """`data` sealed for the box's public key (32 bytes in Base64) and bound to its id; Base64. Raises `ValueError`."""
    key = X25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
    return base64.b64encode(_suite().encrypt(data, key, _about(device_id))).decode()


def open_for_box(sealed: str, private: X25519PrivateKey, device_id: str) -> bytes:
    """What was sealed. Raises `ValueError` for what was sealed for another box, or changed."""
    try:
        return bytes(_suite().decrypt(base64.b64decode(sealed, validate=True), private, _about(device_id)))
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise ValueError("it was not sealed for this box, or it was changed") from error


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _about(device_id: str) -> bytes:
    return f"{_INFO}\n{device_id}".encode()
