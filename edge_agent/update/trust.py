"""Whose word a box takes for its versions: a key that its agent cannot change, asked again at every start.

The launcher asks in a process of its own, from the installation: `python -P -m edge_agent.update.trust KEY SLOT` ends
with 0 when the key vouches for the whole slot. What the agent itself could have written is never an answer.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import os
import stat
import sys
from pathlib import Path

from edge_agent.errors import BundleUnsigned
from edge_agent.update.slots import CODE, MANIFEST
from service.contracts.messages import read_message
from service.contracts.releases import SIGNATURE, ReleaseManifest, is_release_signed
from service.kit.errors import InvalidInput

_KEY_BYTES = 32
_MOST_LINKS = 40
"""On the way to one file; Linux follows as many."""


def why_unguarded(path: Path, uid: int) -> str:
    """Why the user `uid` could replace the file at `path`; empty if it could not: neither the file nor a folder above
    it, or above a link on the way to it, is theirs, or open to a group or to all. In a folder with the sticky bit
    nobody replaces what others own.
    """
    if uid == 0:
        return "the agent runs as root, which may change every file"
    try:
        place = Path(os.path.realpath(path, strict=True))
        for each in _passed(path):
            about = each.lstat()
            # A link bears no rights of its own; whoever may write to its folder leads it elsewhere.
            shared = 0 if stat.S_ISLNK(about.st_mode) else about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            sticky = each != place and about.st_mode & stat.S_ISVTX
            if about.st_uid == uid:
                return f"{each} belongs to the agent's own user"
            if shared and not sticky:
                return f"{each} may be written by a group or by all"
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""


def _passed(path: Path) -> list[Path]:
    """Everything that is looked into on the way to the file at `path`: folders, links, where each link leads, the file.
    Raises `OSError`, also for a way without an end."""
    found: dict[Path, None] = {Path("/"): None}
    todo = list(Path(os.path.abspath(path)).parts[1:])
    at, links = Path("/"), 0
    while todo:
        name = todo.pop(0)
        step = at.parent if name == ".." else at / name
        found[step] = None
        if step.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = Path(os.readlink(step))
            todo = [*(target.parts[1:] if target.is_absolute() else target.parts), *todo]
            at = Path("/") if target.is_absolute() else at
        else:
            at = step
    return list(found)


def read_key(path: Path, *, guarded: bool) -> bytes:
    """The release key's public half, 32 bytes. Raises `BundleUnsigned`, also for one not `guarded` that must be."""
    try:
        raw = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error):
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise BundleUnsigned(
            f"{path} holds no release key",
            field="home",
            remedy="put the public half there that came with the installation",
        )
    reason = why_unguarded(path, os.geteuid()) if guarded else ""
    if reason:
        raise BundleUnsigned(
            f"{path} is no key to trust: {reason}",
            field="release_key",
            remedy="chown root: and chmod 0644 the file, 0755 its folder, and run the agent as a user of its own",
        )
    return raw


def is_vouched_for(slot: Path, key: bytes) -> bool:
    """Whether the release key signed the manifest in `slot`, and the slot holds just its files: no more, no links."""
    try:
        if slot.is_symlink() or (slot / CODE).is_symlink():
            return False
        manifest_bytes = (slot / MANIFEST).read_bytes()
        signature = (slot / SIGNATURE).read_text(encoding="ascii").strip()
        manifest = read_message(ReleaseManifest, manifest_bytes, field="manifest")
        manifest_sha256 = hashlib.sha256(manifest_bytes).hexdigest()
        if not is_release_signed(manifest.version, manifest.platform, manifest_sha256, signature, key):
            return False
        return _files(slot / CODE) == {name: about.sha256 for name, about in manifest.files.items()}
    except (OSError, UnicodeDecodeError, InvalidInput):
        return False


def _files(code: Path) -> dict[str, str]:
    """SHA-256 of every file below `code`, by its name; a link, or what is no file, has none that fits."""
    found = {}
    for folder, folders, names in os.walk(code):
        for name in (*folders, *names):
            path = Path(folder) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                with path.open("rb") as file:
                    found[str(path.relative_to(code))] = hashlib.file_digest(file, "sha256").hexdigest()
            elif not stat.S_ISDIR(mode):
                found[str(path.relative_to(code))] = ""
    return found


def main() -> int:
    """`KEY` alone: whether it may be trusted. `KEY SLOT`: whether it vouches for the slot."""
    try:
        key = read_key(Path(sys.argv[1]), guarded=True)
    except BundleUnsigned as error:
        sys.stderr.write(f"launcher: {error.line()}\n")
        return 2
    return 0 if len(sys.argv) < 3 or is_vouched_for(Path(sys.argv[2]), key) else 1


if __name__ == "__main__":
    sys.exit(main())
