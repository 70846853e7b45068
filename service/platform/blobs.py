"""Encrypted files: pictures, and whatever else is too large for the database."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path

from service.kit.errors import WardwatchError
from service.kit.ids import new_id
from service.platform.crypto import KeyRing

_KEY = re.compile(r"[0-9a-f]{32}\Z")
# The first six digits of a time-ordered id change every 4.7 hours: a folder holds a few thousand pictures at most.
_SHARD_DIGITS = 6
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BlobMissing(WardwatchError):
    """A blob that was purged, or never was."""

    code = "blob-missing"
    status = 404
    title_en = "The picture is no longer kept"
    title_zh = "图像已不再保存"


class StorageFull(WardwatchError):
    """The disk that holds the data folder is full."""

    code = "storage-full"
    status = 507
    title_en = "The storage is full"
    title_zh = "存储空间已满"


class BlobStore:
    """Sealed files under one folder, named by time-ordered ids. Safe to use from several threads and processes."""

    def __init__(self, root: Path, keys: KeyRing) -> None:
        self.root = root
        self._keys = keys

    def put(self, data: bytes) -> str:
        """Keeps `data` and returns its key. When this returns, the bytes are on the disk. Raises `StorageFull`."""
        key = new_id()
        path = self._path(key)
        try:
            self._write(path, self._keys.seal(data, f"blob:{key}"))
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull("no room for the picture", remedy="free space on the data folder's disk") from None
            raise
        return key

    def get(self, key: str) -> bytes:
        """The bytes kept under `key`. Raises `BlobMissing`, or `SealBroken` when the file was changed."""
        try:
            sealed = self._path(key).read_bytes()
        except FileNotFoundError:
            raise BlobMissing("the picture was purged", remedy="ask for a picture that is still kept") from None
        return self._keys.open(sealed, f"blob:{key}")

    def delete(self, key: str) -> None:
        """Removes what is kept under `key`; nothing happens when it is gone already."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        # Never the folder of these hours: another thread may be about to write into it.
        if path.parent.name < new_id()[:_SHARD_DIGITS]:
            with contextlib.suppress(OSError):  # not empty, or gone
                path.parent.rmdir()

    def _path(self, key: str) -> Path:
        if not _KEY.match(key):
            raise BlobMissing("this is not a blob's key")
        return self.root / key[:_SHARD_DIGITS] / key

    def _write(self, path: Path, sealed: bytes) -> None:
        pending = path.with_name(f".{path.name}.pending")
        try:
            descriptor = self._create(pending)
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            os.replace(pending, path)
        except BaseException:
            with contextlib.suppress(OSError):
                pending.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _create(self, pending: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            return os.open(pending, flags, 0o600)
        except FileNotFoundError:
            # The first picture of these hours.
            pending.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sync_folder(self.root)
            return os.open(pending, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
