"""Files: hashes, durable writes, and disk errors with words."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.vision.packs.errors import NoSpace, WrongHash

_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def require_hash(data: bytes, expected: str, what: str, remedy: str) -> None:
    """Raises `WrongHash` unless `data` has the sha256 `expected`."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise wrong_hash(what, expected, actual, remedy)


def wrong_hash(what: str, expected: str, actual: str, remedy: str) -> WrongHash:
    """The error for a file that is not the pinned one."""
    return WrongHash(f"{what} has sha256 {actual[:12]}…, expected {expected[:12]}…", remedy=remedy)


def write_durably(path: Path, data: bytes) -> None:
    """Writes and syncs a file that nobody reads yet. Raises `NoSpace`."""
    with disk_errors(path), path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Makes every file below `folder` survive a power cut."""
    for path in folder.rglob("*"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turns a full or read-only disk, or a file where a folder should be, into `NoSpace`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"the disk is full: {where.name} cannot be written", remedy="free about 500 MB and run it again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise NoSpace(f"{where} cannot be written", remedy="choose a folder that you may write to") from error
        raise
