"""Secrets: the master keys of an installation, sealing with them, and hashes of random tokens."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.kit.errors import WardwatchError

_MAGIC = b"WW1"
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_SALT_BYTES = 16
_NONCE_BYTES = 12
_HEADER_BYTES = len(_MAGIC) + _KEY_ID_BYTES + _SALT_BYTES + _NONCE_BYTES


class SealBroken(WardwatchError):
    """Sealed bytes that were changed, moved, or sealed with a key that is not here."""

    code = "seal-broken"
    status = 500
    title_en = "Sealed data cannot be opened"
    title_zh = "加密数据无法打开"


class KeyUnusable(WardwatchError):
    """A key file that does not hold a key."""

    code = "key-unusable"
    status = 500
    title_en = "A key cannot be used"
    title_zh = "密钥不可用"


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """The installation's master keys, newest first. The newest seals; any of them opens.

    A sealed value is `WW1 ‖ key id (4) ‖ salt (16) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag`. Each value is sealed
    under its own key, HKDF-SHA256 (RFC 5869) of the master key with a random salt, so that the number of values under
    one master key is not bounded by the 96-bit nonce (NIST SP 800-38D, section 8.3). `context` is authenticated with
    it: a value copied to another row or file does not open there.
    """

    keys: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) != _KEY_BYTES for key in self.keys):
            raise KeyUnusable("a master key has 256 bits", remedy="restore the keys folder from a backup")

    @classmethod
    def load_or_create(cls, folder: Path) -> KeyRing:
        """The keys in `folder` (`master-*.key`); the first one is made when there is none. Raises `KeyUnusable`."""
        paths = sorted(folder.glob("master-*.key"), reverse=True) if folder.is_dir() else []
        if not paths:
            paths = [_create(folder / "master-0001.key")]
        return cls(tuple(_read(path) for path in paths))

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """`plaintext` encrypted for `context`, under the newest key."""
        master = self.keys[0]
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        header = _MAGIC + _key_id(master) + salt + nonce
        return header + AESGCM(_derive(master, salt)).encrypt(nonce, plaintext, header + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What `seal` was given. Raises `SealBroken`."""
        if len(sealed) < _HEADER_BYTES or not sealed.startswith(_MAGIC):
            raise SealBroken("this was not sealed by wardwatch", remedy="restore it from a backup")
        header = sealed[:_HEADER_BYTES]
        key_id = header[len(_MAGIC) : len(_MAGIC) + _KEY_ID_BYTES]
        salt, nonce = header[-_NONCE_BYTES - _SALT_BYTES : -_NONCE_BYTES], header[-_NONCE_BYTES:]
        for master in self.keys:
            if _key_id(master) == key_id:
                try:
                    return AESGCM(_derive(master, salt)).decrypt(
                        nonce, sealed[_HEADER_BYTES:], header + context.encode()
                    )
                except InvalidTag:
                    raise SealBroken("it was changed or moved", remedy="restore it from a backup") from None
        raise SealBroken("the key that sealed it is not here", remedy="restore the keys folder from a backup")

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """256 bits for `purpose` from each master key (HKDF-SHA256), newest first: seeds of signing keys, which then
        are backed up and replaced together with the ring."""
        info = f"wardwatch/derived/1/{purpose}".encode()
        return tuple(HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(key) for key in self.keys)


def new_secret() -> str:
    """A random secret of 256 bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 of a random secret, in hexadecimal. Not for passwords: those are guessable and need Argon2id."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _derive(master: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=b"wardwatch/seal/1").derive(master)


def _key_id(master: bytes) -> bytes:
    return hashlib.sha256(b"wardwatch/key-id/1" + master).digest()[:_KEY_ID_BYTES]


def _create(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pending = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    # A link, not a rename: when two processes start at once, the second must not replace the first one's key.
    with contextlib.suppress(FileExistsError):
        os.link(pending, path)
    pending.unlink()
    _sync_folder(path.parent)
    return path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise KeyUnusable(f"{path.name} holds no key", remedy="restore the keys folder from a backup")
    return key
