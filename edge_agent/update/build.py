"""Makes a release's bundle: the agent's own code, and the packages it needs anew, under one signature."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.contracts.releases import ANY_PLATFORM, FILES, MANIFEST, SIGNATURE, is_safe_name, signed_text
from service.kit.errors import InvalidInput

ROOMS = ("edge_agent", "service/kit", "service/contracts", "service/vision")
"""What runs on a box."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_bundle(
    root: Path, version: str, private: Ed25519PrivateKey, wheels: Sequence[Path] = (), platform: str = ANY_PLATFORM
) -> bytes:
    """The bundle of the code below `root` and of unpacked `wheels`, byte for byte the same for the same input.

    With a wheel that holds compiled code, `platform` says for which boxes. Raises `InvalidInput`.
    """
    files = dict(_code(root))
    for wheel in wheels:
        files.update(_unpacked(wheel))
    unsafe = next((name for name in files if not is_safe_name(name)), None)
    if unsafe is not None:
        raise InvalidInput(f"{unsafe!r} is no name for a file of a bundle", field="files", remedy="rename it")
    if platform == ANY_PLATFORM and any(name.endswith((".so", ".pyd")) for name in files):
        raise InvalidInput("compiled code is not for any platform", field="platform", remedy="name the platform")
    about = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in files.items()}
    document = {"format": 1, "version": version, "platform": platform, "files": about}
    manifest = json.dumps(document, sort_keys=True).encode()
    signature = private.sign(signed_text(version, platform, hashlib.sha256(manifest).hexdigest()))
    parts = {MANIFEST: manifest, SIGNATURE: base64.b64encode(signature)}
    return pack(parts | {FILES + name: data for name, data in sorted(files.items())})


def pack(parts: dict[str, bytes]) -> bytes:
    """A ZIP archive of `parts`, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def new_key(path: Path) -> str:
    """A new release key at `path`, readable by its owner only; returns its public half, 32 bytes in Base64."""
    private = Ed25519PrivateKey.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", field="key", remedy="name a file that is not there") from None
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(private.private_bytes_raw()) + b"\n")
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def load_key(path: Path) -> Ed25519PrivateKey:
    """The release key in a file of `new_key`. Raises `InvalidInput`."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes().strip(), validate=True))
    except (OSError, ValueError):
        raise InvalidInput(
            f"{path} holds no release key", field="key", remedy="make one: wardwatch releases key"
        ) from None


def _code(root: Path) -> Iterator[tuple[str, bytes]]:
    yield "service/__init__.py", (root / "service" / "__init__.py").read_bytes()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.is_symlink():
                yield path.relative_to(root).as_posix(), path.read_bytes()


def _unpacked(wheel: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, archive.read(info)
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{wheel}: {error}", field="wheel", remedy="give a wheel file") from None
