"""The device's own Ed25519 key: made here, kept in a file that only its owner reads, and never sent anywhere."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import secrets
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from edge_agent.errors import KeyUnusable
from edge_agent.logs import log

MAX_BYTES = 8192


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A paired device: the ids the server gave it, and its private key. Its `repr` holds nothing secret."""

    device_id: str
    key_id: str
    kind: str
    name: str
    camera: str | None
    private: Ed25519PrivateKey

    @property
    def public_text(self) -> str:
        """The public half, 32 bytes in Base64."""
        return public_text(self.private)

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of `data`, 64 bytes."""
        return self.private.sign(data)

    def with_new(self, key_id: str, private: Ed25519PrivateKey) -> DeviceKey:
        """The same device with another key."""
        return replace(self, key_id=key_id, private=private)

    def save(self, path: Path) -> None:
        """Write the file, readable by its owner only, whole or not at all."""
        write_private(path, self.text().encode())

    def text(self) -> str:
        """What stands in the file. It is secret."""
        raw = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        document = {
            "device_id": self.device_id,
            "key_id": self.key_id,
            "kind": self.kind,
            "name": self.name,
            "camera": self.camera,
            "private_key": base64.b64encode(raw).decode(),
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def load(cls, path: Path) -> DeviceKey:
        """Read the file. Raises `KeyUnusable`."""
        try:
            about = path.stat()
            with path.open("rb") as file:
                document = json.loads(file.read(MAX_BYTES))
            raw = base64.b64decode(document["private_key"], validate=True)
            key = cls(
                device_id=str(document["device_id"]),
                key_id=str(document["key_id"]),
                kind=str(document["kind"]),
                name=str(document["name"]),
                camera=None if document.get("camera") is None else str(document["camera"]),
                private=Ed25519PrivateKey.from_private_bytes(raw),
            )
        except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else "it holds no device's key"
            raise KeyUnusable(
                f"{path}: {reason}", field="key_file", remedy="pair this device: wardwatch-edge pair"
            ) from None
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            log(logging.WARNING, "others on this machine can reach the device's key: chmod 600", file=str(path))
        return key


def public_text(private: Ed25519PrivateKey) -> str:
    """The public half of a key, 32 bytes in Base64."""
    return base64.b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def write_private(path: Path, data: bytes) -> None:
    """Write `data` to `path`, mode 0600, durable, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        pending.replace(path)
    except OSError as error:
        pending.unlink(missing_ok=True)
        raise KeyUnusable(f"{path}: {error}", field="key_file", remedy="name a file in a writable folder") from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
