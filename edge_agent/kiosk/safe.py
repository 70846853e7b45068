"""What the kiosk keeps is sealed: the register's copy and the queue name patients."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.device_key import write_private
from edge_agent.errors import KioskStoreUnusable

_NONCE = 12
_KEY = 32


class Safe:
    """AES-256-GCM with a key of this kiosk's own, in a file that only its owner reads.

    It keeps a stolen disk image without the file, or a copied database, from being read; not the machine itself.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_private(path, secrets.token_bytes(_KEY))
        key = path.read_bytes()
        if len(key) != _KEY:
            raise KioskStoreUnusable(
                f"{path} is no key", field="data", remedy="put the key back, or remove the kiosk's data folder"
            )
        self._cipher = AESGCM(key)
        self._key = key

    def name_of(self, text: str) -> str:
        """A stable name for `text` that does not tell it to whoever lacks the key."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Sealed for one `purpose`; it opens for no other."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed. Raises `KioskStoreUnusable` when it was changed, or sealed with another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError):
            raise KioskStoreUnusable(
                "what the kiosk kept does not open with its key", field="data", remedy="see docs/kiosk.md, Mending"
            ) from None
