"""The box's second key: X25519, for what the server seals for it. Made here, beside the signing key, never sent."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_agent.device_key import write_private
from edge_agent.errors import KeyUnusable


def box_key_path(key_file: Path) -> Path:
    """Where the sealing key of a device lies: beside its signing key."""
    return key_file.with_name(key_file.name + ".sealing")


def open_box_key(path: Path) -> X25519PrivateKey:
    """The key in `path`, made when there is none, readable by its owner only. Raises `KeyUnusable`."""
    try:
        if not path.exists():
            made = X25519PrivateKey.generate()
            write_private(path, base64.b64encode(made.private_bytes_raw()) + b"\n")
            return made
        return X25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes().strip(), validate=True))
    except (OSError, ValueError, binascii.Error) as error:
        raise KeyUnusable(
            f"{path} holds no key for sealing: {error}", field="key_file", remedy="remove it: another one is made"
        ) from None


def public_text(private: X25519PrivateKey) -> str:
    """The public half, 32 bytes in Base64."""
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()
