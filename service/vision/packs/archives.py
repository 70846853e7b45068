"""Reading archives that come from outside: chosen members, or everything into a folder, never outside it."""

from __future__ import annotations

import errno
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from service.vision.packs.errors import ArchiveDamaged, ArchiveUnsafe
from service.vision.packs.files import disk_errors

MAX_FILES = 1000
MAX_UNPACKED_BYTES = 4 << 30
"""The largest insightface pack unpacks to about 1.4 GB."""

_BLOCK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, NotImplementedError)


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP (a wheel too) or a tar, whatever its name."""
    with _damage(path):
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def read_members(archive: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The bytes of the members `names`. Raises `ArchiveDamaged` when one is missing or the archive is cut."""
    wanted = set(names)
    found: dict[str, bytes] = {}
    with _damage(archive):
        for name, _, stream in _entries(archive):
            if name in wanted and stream is not None:
                found[name] = stream.read()
            if len(found) == len(wanted):
                break
    if missing := sorted(wanted - set(found)):
        raise ArchiveDamaged(f"{archive.name} has no member {missing[0]}", remedy="get the archive again")
    return found


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks regular files into `folder`. Raises `ArchiveUnsafe` before it would write outside, follow a link
    or fill the disk, and `ArchiveDamaged`; what is in `folder` then is of no use."""
    written = 0
    with disk_errors(folder), _damage(archive):
        for count, (name, regular, stream) in enumerate(_entries(archive)):
            target = folder.joinpath(*_safe_parts(archive, name))
            if count >= MAX_FILES or not regular:
                what = "links, devices or encrypted files" if not regular else f"more than {MAX_FILES} files"
                raise ArchiveUnsafe(f"{archive.name} holds {what} ({name[:80]})", remedy="pack the files plainly")
            if stream is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as copy:
                while block := stream.read(_BLOCK):
                    written += len(block)
                    if written > MAX_UNPACKED_BYTES:
                        raise ArchiveUnsafe(f"{archive.name} unpacks to too much", remedy="import a smaller pack")
                    copy.write(block)


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\x00" in name
    if unsafe:
        raise ArchiveUnsafe(
            f"{archive.name} would write outside its folder ({name[:80]!r})", remedy="do not trust this file"
        )
    return path.parts


def _entries(archive: Path) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    """(name, is a regular file or folder, stream of a file) of every member, one pass."""
    if zipfile.is_zipfile(archive):
        yield from _zip_entries(archive)
    else:
        yield from _tar_entries(archive)


def _zip_entries(archive: Path) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            regular = kind in (0, stat.S_IFREG, stat.S_IFDIR) and not entry.flag_bits & 0x1
            if entry.is_dir() or not regular:
                yield entry.filename, regular, None
                continue
            with opened.open(entry) as stream:
                yield entry.filename, True, stream


def _tar_entries(archive: Path) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    with tarfile.open(archive, "r:*") as opened:
        for entry in opened:
            yield entry.name, entry.isfile() or entry.isdir(), opened.extractfile(entry) if entry.isfile() else None


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ArchiveDamaged(
            f"{archive.name} is cut or damaged ({str(error)[:80]})", remedy="get the archive again"
        ) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveUnsafe(f"{archive.name} holds a name twice", remedy="pack the files plainly") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ArchiveUnsafe(f"{archive.name} holds an endless name", remedy="pack the files plainly") from error
        if error.errno is not None:
            raise
        # gzip and tar report a broken stream as an OSError without a number.
        raise ArchiveDamaged(f"{archive.name} is cut or damaged ({error})", remedy="get the archive again") from error
