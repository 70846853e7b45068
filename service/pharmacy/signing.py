"""Purchase tokens: signed, short-lived, for one sale; whoever has the public key can check one without a network.

A token is a JWT (RFC 7519) signed with Ed25519 (`EdDSA`, RFC 8037). It names no person: a number of the purchase, the
pharmacy, what may be handed out, and until when.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.pharmacy.errors import TokenInvalid
from service.platform.crypto import KeyRing

ISSUER = "wardwatch"
AUDIENCE = "wardwatch:sale"
_PURPOSE = "purchase-token"
_ALGORITHM = "EdDSA"
_REQUIRED = ["iss", "aud", "jti", "sub", "iat", "exp", "facility", "verdict", "items"]


@dataclass(frozen=True, slots=True)
class PurchaseToken:
    """What a good token says. `items`: (drug code, quantity, days of supply)."""

    token_id: str
    purchase_id: str
    facility: str
    verdict: str
    items: tuple[tuple[str, str, int], ...]
    issued_at: datetime
    expires_at: datetime


def sign_token(
    keys: KeyRing,
    *,
    token_id: str,
    purchase_id: str,
    facility: str,
    verdict: str,
    items: Sequence[tuple[str, str, int]],
    issued_at: datetime,
    expires_at: datetime,
) -> str:
    """The token as compact text. The same arguments give the same token: Ed25519 is deterministic."""
    private = Ed25519PrivateKey.from_private_bytes(keys.derived(_PURPOSE)[0])
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "jti": token_id,
        "sub": purchase_id,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
        "facility": facility,
        "verdict": verdict,
        "items": [list(item) for item in items],
    }
    return jwt.encode(claims, private, _ALGORITHM, headers={"kid": key_id(private.public_key())})


def public_keys(keys: KeyRing) -> dict[str, Any]:
    """The public keys as a JWK set (RFC 7517), the newest first. One that was replaced stays as long as its tokens."""
    return {"keys": [_jwk(Ed25519PrivateKey.from_private_bytes(seed).public_key()) for seed in keys.derived(_PURPOSE)]}


def verify_token(token: str, jwk_set: Mapping[str, Any], *, at: datetime | None) -> PurchaseToken:
    """Checks a token with nothing but the public keys. `at`: the time of the sale; None: only who signed it is asked.
    Raises `TokenInvalid`."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        public = _key_called(jwk_set, kid)
        # The library compares with the machine's clock; a sale is judged by its own time, below.
        claims = jwt.decode(
            token,
            public,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
        )
        found = _read(claims)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, OSError) as error:
        raise _invalid("it was not signed by this service, or was changed", "凭证非本服务签发或已被篡改") from error
    if at is not None and not found.issued_at.timestamp() - 60 <= at.timestamp() < found.expires_at.timestamp():
        raise _invalid(
            f"it was good until {found.expires_at.isoformat(timespec='seconds')}",
            f"有效期至 {found.expires_at.isoformat(timespec='seconds')}",
        )
    return found


def key_id(public: Ed25519PublicKey) -> str:
    """The key's thumbprint (RFC 7638), first 16 characters."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": _x(public)}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())[:16]


def _read(claims: Mapping[str, Any]) -> PurchaseToken:
    return PurchaseToken(
        token_id=str(claims["jti"]),
        purchase_id=str(claims["sub"]),
        facility=str(claims["facility"]),
        verdict=str(claims["verdict"]),
        items=tuple((str(code), str(quantity), int(days)) for code, quantity, days in claims["items"]),
        issued_at=datetime.fromtimestamp(int(claims["iat"]), UTC),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
    )


def _key_called(jwk_set: Mapping[str, Any], kid: object) -> Ed25519PublicKey:
    for key in jwk_set["keys"]:
        if key.get("kid") == kid and key.get("kty") == "OKP" and key.get("crv") == "Ed25519":
            x = str(key["x"])
            return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    raise KeyError("no such key")


def _jwk(public: Ed25519PublicKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "alg": _ALGORITHM, "use": "sig", "kid": key_id(public), "x": _x(public)}


def _x(public: Ed25519PublicKey) -> str:
    return _base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _invalid(message: str, message_zh: str) -> TokenInvalid:
    return TokenInvalid(
        message,
        field="token",
        remedy="verify the purchase again at the kiosk; get the keys from GET /api/v1/purchase-keys",
        message_zh=message_zh,
        remedy_zh="请在终端重新核验；公钥见 GET /api/v1/purchase-keys",
    )
