"""Where a bulk's pictures come from: a folder or a ZIP, both made by strangers. Nothing is written to disk."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from service.enrolment.errors import BulkUnreadable, PhotoMissing, PhotoUnsafe

MAX_ENTRIES = 20_000
MAX_TABLE_BYTES = 5 * 1024 * 1024
MAX_TOTAL_BYTES = 4 * 1024 * 1024 * 1024
"""Read from one ZIP, counted as it is unpacked: headers may lie, and entries may overlap."""
MAX_RATIO = 100
"""Unpacked over packed. JPEG and PNG hardly shrink; beyond this the entry is a bomb."""
_RATIO_MATTERS = 1024 * 1024
_NO_FOLLOW = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class PhotoSource(Protocol):
    """Named files."""

    def table(self) -> bytes:
        """The one CSV file at the top. Raises `BulkUnreadable` when there is none, or more than one."""
        ...

    def read(self, name: str) -> bytes:
        """The file called `name`. Raises `PhotoMissing` or `PhotoUnsafe`."""
        ...


@contextmanager
def open_source(source: Path | BinaryIO, *, max_photo_bytes: int) -> Iterator[PhotoSource]:
    """A folder or a ZIP file. Raises `BulkUnreadable` for anything else."""
    if isinstance(source, Path) and source.is_dir():
        yield FolderSource(source, max_photo_bytes)
        return
    if isinstance(source, Path) and not source.is_file():
        raise _unreadable(
            f"there is no {source.name!r}", "give a folder or a ZIP file", "文件不存在", "请指定文件夹或 ZIP"
        )
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError):
        raise _unreadable(
            "this is neither a folder nor a ZIP file",
            "pack the pictures and the table as ZIP",
            "不是文件夹或 ZIP",
            "请打包为 ZIP",
        ) from None
    with archive:
        yield ZipSource(archive, max_photo_bytes)


class FolderSource:
    """Files below one folder. Links are not followed: one could name any file of the server."""

    def __init__(self, root: Path, max_photo_bytes: int) -> None:
        self._root = root
        self._limit = max_photo_bytes

    def table(self) -> bytes:
        """The one CSV file in the folder itself."""
        names = sorted(
            path.name for path in self._root.iterdir() if path.suffix.lower() == ".csv" and not path.is_symlink()
        )
        return self._read((_only_table(names),), MAX_TABLE_BYTES)

    def read(self, name: str) -> bytes:
        """The plain file called `name`, relative to the folder."""
        return self._read(safe_parts(name), self._limit)

    def _read(self, parts: tuple[str, ...], limit: int) -> bytes:
        held = [os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)]
        try:
            for part in parts[:-1]:
                held.append(os.open(part, _NO_FOLLOW | os.O_DIRECTORY, dir_fd=held[-1]))
            held.append(os.open(parts[-1], _NO_FOLLOW | os.O_NONBLOCK, dir_fd=held[-1]))
            if not stat.S_ISREG(os.fstat(held[-1]).st_mode):
                raise _unsafe(parts[-1])
            with os.fdopen(os.dup(held[-1]), "rb") as file:
                return _limited(file.read(limit + 1), limit, parts[-1])
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(parts[-1]) from None
        except OSError:  # ELOOP: a link; anything else that cannot be opened is as little a photograph
            raise _unsafe(parts[-1]) from None
        finally:
            for descriptor in held:
                os.close(descriptor)


class ZipSource:
    """Entries of a ZIP file, unpacked in memory one at a time.

    Raises `BulkUnreadable` on opening for an archive that cannot be trusted as a whole: too many entries, two with one
    name, names that lead upwards.
    """

    def __init__(self, archive: zipfile.ZipFile, max_photo_bytes: int) -> None:
        self._archive = archive
        self._limit = max_photo_bytes
        self._left = MAX_TOTAL_BYTES
        self._entries: dict[tuple[str, ...], zipfile.ZipInfo] = {}
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise _unreadable(f"more than {MAX_ENTRIES} files", "split the ZIP", f"超过 {MAX_ENTRIES} 个文件", "请拆分")
        for entry in entries:
            if not entry.is_dir():
                self._add(entry)

    def table(self) -> bytes:
        """The one CSV file at the top, or in the one folder that everything lies in."""
        tables = [parts for parts in self._entries if parts[-1].lower().endswith(".csv")]
        shallowest = min((len(parts) for parts in tables), default=0)
        names = ["/".join(parts) for parts in tables if len(parts) == shallowest and not parts[-1].startswith("._")]
        parts = tuple(_only_table(names).split("/"))
        self._base = parts[:-1]
        return self._unpack(self._entries[parts], MAX_TABLE_BYTES)

    _base: tuple[str, ...] = ()

    def read(self, name: str) -> bytes:
        """The entry called `name`, relative to the table."""
        parts = safe_parts(name)
        entry = self._entries.get(self._base + parts) or self._entries.get(parts)
        if entry is None:
            raise _missing(parts[-1])
        return self._unpack(entry, self._limit)

    def _add(self, entry: zipfile.ZipInfo) -> None:
        try:
            parts = safe_parts(_entry_name(entry))
        except PhotoUnsafe:
            raise _unreadable(
                "an entry's name leads out of the archive",
                "pack plain files with relative names",
                "压缩包内文件名指向外部",
                "请使用相对路径重新打包",
            ) from None
        if parts in self._entries:
            raise _unreadable(
                f"two entries are called {parts[-1][:80]!r}",
                "give every file its own name",
                f"压缩包内有重名文件 {parts[-1][:80]!r}",
                "请确保文件名唯一",
            )
        self._entries[parts] = entry

    def _unpack(self, entry: zipfile.ZipInfo, limit: int) -> bytes:
        name = entry.filename[-80:]
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 0x1:
            raise _unsafe(name)
        if entry.file_size > _RATIO_MATTERS and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
            raise _unsafe(name)
        try:
            with self._archive.open(entry) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
            raise _unsafe(name) from None
        self._left -= len(data)
        if self._left < 0:
            raise _unreadable("unpacks to more than 4 GiB", "split the ZIP", "解压后超过 4 GiB", "请拆分压缩包")
        return _limited(data, limit, name)


def safe_parts(name: str) -> tuple[str, ...]:
    """The name's folders and file name. Raises `PhotoUnsafe` for one that is absolute or leads upwards."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = tuple(part for part in path.parts if part != ".")
    if not parts or path.is_absolute() or any(part == ".." or ":" in part or "\0" in part for part in parts):
        raise _unsafe(name[-80:])
    return parts


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """The entry's name. Without the UTF-8 flag, Chinese Windows packs names in its own code page, not in CP437."""
    if entry.flag_bits & 0x800 or entry.filename.isascii():
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename


def _only_table(names: list[str]) -> str:
    if len(names) != 1:
        raise _unreadable(
            f"{len(names)} CSV files at the top, one is needed",
            "put one table beside the pictures",
            f"顶层有 {len(names)} 个 CSV 文件，应为 1 个",
            "请将唯一的表格与照片放在一起",
        )
    return names[0]


def _limited(data: bytes, limit: int, name: str) -> bytes:
    if len(data) > limit:
        raise PhotoUnsafe(
            f"{name!r} has more than {limit} bytes",
            field="file",
            remedy="use a smaller picture",
            message_zh=f"{name!r} 超过 {limit} 字节",
            remedy_zh="请使用较小的照片",
        )
    return data


def _missing(name: str) -> PhotoMissing:
    return PhotoMissing(
        f"{name[-80:]!r} is not there",
        field="file",
        remedy="add it, or correct the name in the table",
        message_zh=f"缺少文件 {name[-80:]!r}",
        remedy_zh="请补充文件或更正表中文件名",
    )


def _unsafe(name: str) -> PhotoUnsafe:
    return PhotoUnsafe(
        f"{name[-80:]!r} is not a plain file inside the folder or ZIP",
        field="file",
        remedy="use plain files with relative names; no links, no encryption",
        message_zh=f"{name[-80:]!r} 不是普通文件",
        remedy_zh="请使用相对路径的普通文件，不得为链接或加密文件",
    )


def _unreadable(message: str, remedy: str, message_zh: str, remedy_zh: str) -> BulkUnreadable:
    return BulkUnreadable(message, remedy=remedy, field="source", message_zh=message_zh, remedy_zh=remedy_zh)
