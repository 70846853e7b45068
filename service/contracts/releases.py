"""Releases of the agent: what a bundle holds, who vouches for it, and how a server offers one to its boxes.

A bundle is a ZIP archive: `manifest.json`, `manifest.sig`, and below `files/` what goes onto the box. The signature
(Ed25519, by a key whose public half is put on the box at its installation) is over version, platform and the
manifest's SHA-256; the manifest holds every file's. A server can hand a bundle on, but not make one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field

from service.contracts.messages import Answer, read_message
from service.contracts.statements import Sha256
from service.kit.errors import InvalidInput

DOMAIN = "wardwatch-release/1"
"""First line of what is signed, so that a signature of anything else is never taken for a release's."""
ANY_PLATFORM = "any"
MANIFEST, SIGNATURE, FILES = "manifest.json", "manifest.sig", "files/"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_FILES = 20_000
MAX_BYTES = 512 * 1024 * 1024
"""Of all files unpacked: the agent is 1 MB of Python; with every package it needs, some 400 MB."""

_PART = re.compile(r"[A-Za-z0-9._+-]{1,128}")
Version = Annotated[str, Field(strict=True, pattern=r"^\d{1,6}(\.\d{1,6}){1,3}$", max_length=32)]
Platform = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9_.-]{1,48}$")]
SignatureText = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9+/]{86}==$")]


class ReleaseFile(Answer):
    """One file of a bundle. `size` in bytes."""

    sha256: Sha256
    size: Annotated[int, Field(strict=True, ge=0, le=MAX_BYTES)]


class ReleaseManifest(Answer):
    """What a bundle says of itself."""

    format: Literal[1]
    version: Version
    platform: Platform
    files: dict[str, ReleaseFile] = Field(max_length=MAX_FILES)


class ReleaseOffer(Answer):
    """A release that a box may fetch from its server. It can be judged before it is fetched."""

    version: str
    platform: str = Field(default=ANY_PLATFORM, description="`any`, or what the release was built for.")
    sha256: str = Field(description="Of the bundle's file.")
    size: int = Field(ge=1, description="Of the bundle's file, bytes.")
    manifest_sha256: str = Field(description="Of the manifest in it.")
    signature: str = Field(description="Ed25519 over version, platform and manifest_sha256, one a line; Base64.")
    path: str = Field(description="Where on this server to fetch it.")


@dataclass(frozen=True, slots=True)
class BundleHead:
    """A bundle's manifest and who vouches for it; its files are not read yet."""

    manifest: ReleaseManifest
    manifest_bytes: bytes
    signature: str

    @property
    def manifest_sha256(self) -> str:
        """Of the manifest's bytes."""
        return hashlib.sha256(self.manifest_bytes).hexdigest()


def signed_text(version: str, platform: str, manifest_sha256: str) -> bytes:
    """What a release key signs: one value a line."""
    return "\n".join((DOMAIN, version, platform, manifest_sha256)).encode()


def is_release_signed(version: str, platform: str, manifest_sha256: str, signature: str, public_key: bytes) -> bool:
    """Whether the Ed25519 key (32 bytes) vouches for the release."""
    try:
        raw = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, signed_text(version, platform, manifest_sha256))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def version_order(version: str) -> tuple[int, ...]:
    """By which versions compare: 1.10 is newer than 1.9, and 1.0 is 1.0.0. What is no version comes before all."""
    numbers = re.match(r"\d{1,6}(\.\d{1,6})*", version)
    parts = [int(part) for part in numbers.group().split(".")] if numbers else []
    return tuple((parts + [0] * 4)[:4])


def is_safe_name(name: str) -> bool:
    """Whether `name` stays below the folder it is put into, on every system: relative, plain, no dots for folders."""
    parts = name.split("/")
    return 1 <= len(parts) <= 16 and all(_PART.fullmatch(part) and part not in (".", "..") for part in parts)


def read_bundle_head(path: Path) -> BundleHead:
    """The manifest of the bundle at `path`, whose archive holds just what it names. Raises `InvalidInput`.

    Nothing is unpacked, and nobody's signature is checked yet.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_FILES + 2:
                raise _bad("it holds too many files")
            sizes = {info.filename: info.file_size for info in infos}
            if len(sizes) != len(infos):
                raise _bad("it holds a name twice")
            manifest_bytes = _read_small(archive, MANIFEST, MAX_MANIFEST_BYTES)
            signature = _read_small(archive, SIGNATURE, 256).decode("ascii").strip()
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError) as error:
        raise _bad(f"{path.name} is no whole archive ({type(error).__name__})") from None
    manifest = read_message(ReleaseManifest, manifest_bytes, field="bundle")
    unsafe = next((name for name in manifest.files if not is_safe_name(name)), None)
    if unsafe is not None:
        raise _bad(f"a file would lie outside its folder: {unsafe[:80]!r}")
    wanted = {FILES + name: file.size for name, file in manifest.files.items()}
    if sum(wanted.values()) > MAX_BYTES:
        raise _bad(f"it is larger than {MAX_BYTES} bytes when unpacked")
    if wanted != {name: size for name, size in sizes.items() if name not in (MANIFEST, SIGNATURE)}:
        raise _bad("its files are not those of its manifest")
    return BundleHead(manifest, manifest_bytes, signature)


def _read_small(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        with archive.open(name) as file:
            data = file.read(limit + 1)
    except KeyError:
        raise _bad(f"it holds no {name}") from None
    if len(data) > limit:
        raise _bad(f"its {name} is too large")
    return data


def _bad(message: str) -> InvalidInput:
    return InvalidInput(message, field="bundle", remedy="take the bundle again, as it was released")
