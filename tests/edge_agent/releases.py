"""Bundles for tests: real ones of the agent's code, and small ones that behave as a test says."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.update.build import pack
from edge_agent.update.slots import Home
from service.contracts.releases import ANY_PLATFORM, FILES, MANIFEST, SIGNATURE, signed_text

KEY = Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()

WELL = """
import os, pathlib, time
home = pathlib.Path(os.environ["WARDWATCH_EDGE_HOME"])
with (home / "starts").open("a") as log:
    log.write(os.environ["WARDWATCH_EDGE_VERSION"] + "\\n")
(home / ".h").write_text(os.environ["WARDWATCH_EDGE_RUN"])
(home / ".h").rename(home / "healthy")
time.sleep(600)
"""
SICK = WELL.split('(home / ".h")')[0] + "time.sleep(600)\n"
DEAD = WELL.split('(home / ".h")')[0] + "raise SystemExit(1)\n"


def parts(
    version: str, files: dict[str, bytes], platform: str = ANY_PLATFORM, key: Ed25519PrivateKey = KEY
) -> dict[str, bytes]:
    """What stands in a bundle, rightly signed."""
    about = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in files.items()}
    manifest = json.dumps({"format": 1, "version": version, "platform": platform, "files": about}).encode()
    signature = key.sign(signed_text(version, platform, hashlib.sha256(manifest).hexdigest()))
    named = {FILES + name: data for name, data in files.items()}
    return {MANIFEST: manifest, SIGNATURE: base64.b64encode(signature), **named}


def small(version: str, main: str = WELL, platform: str = ANY_PLATFORM) -> bytes:
    """A bundle whose agent is `main`."""
    files = {"edge_agent/__init__.py": b"", "edge_agent/__main__.py": main.encode()}
    return pack(parts(version, files, platform))


def box(path: Path) -> Home:
    """A box's folder of versions, as the installation leaves it."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "release.pub").write_text(PUBLIC + "\n")
    return Home(path)
