"""Pictures in the spool are sealed: whoever takes the disk without the key file sees nobody."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.errors import SpoolUnusable

MAGIC = b"WWS1"
_NONCE = 12
_KEY_BYTES = 32


class SpoolSeal:
    """AES-256-GCM. A sealed picture is `WWS1 ‖ nonce (12) ‖ ciphertext and tag`, bound to its camera and sequence."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def open(cls, path: Path) -> SpoolSeal:
        """The key in `path`, made when there is none. Raises `SpoolUnusable`."""
        try:
            if not path.exists():
                _create(path)
            key = path.read_bytes()
        except OSError as error:
            raise SpoolUnusable(
                f"{path}: {error}", field="spool_key", remedy="give a file in a writable folder"
            ) from None
        if len(key) != _KEY_BYTES:
            raise SpoolUnusable(
                f"{path} holds no key", field="spool_key", remedy="restore it: nothing opens without it"
            )
        return cls(key)

    def seal(self, data: bytes, camera: str, sequence: int) -> bytes:
        """`data`, sealed."""
        nonce = os.urandom(_NONCE)
        return MAGIC + nonce + self._cipher.encrypt(nonce, data, _about(camera, sequence))

    def unseal(self, stored: bytes, camera: str, sequence: int) -> bytes | None:
        """What was sealed; what an older agent stored unsealed, as it is; none for what was changed or is foreign."""
        if not stored.startswith(MAGIC):
            return stored
        head = len(MAGIC) + _NONCE
        try:
            return self._cipher.decrypt(stored[len(MAGIC) : head], stored[head:], _about(camera, sequence))
        except InvalidTag:
            return None


def _about(camera: str, sequence: int) -> bytes:
    return f"wardwatch-spool/1\n{camera}\n{sequence}".encode()


def _create(path: Path) -> None:
    """Made whole, then linked: of two agents that start at once, the second takes the first's key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(pending, path)
    pending.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
