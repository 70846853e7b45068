"""Pinned source files: from the cache, from a mirror folder, else from the registry; by sha256 only."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from service.vision.packs.archives import read_members
from service.vision.packs.clients import download
from service.vision.packs.errors import PackMissing
from service.vision.packs.files import (
    disk_errors,
    require_hash,
    sha256_of,
    sync_folder,
    write_durably,
    wrong_hash,
)
from service.vision.packs.progress import Progress
from service.vision.packs.recipe import Package, Source

CACHE_VARIABLE = "WARDWATCH_CACHE_DIR"
_STALE_S = 24 * 3600.0
_AGAIN = "run it again; if it stays so, the registry's file was replaced"


def default_cache() -> Path:
    """Where downloads are kept: `$WARDWATCH_CACHE_DIR`, else `~/.cache/wardwatch`."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "wardwatch").expanduser()


def obtain(sources: Sequence[Source], cache: Path, progress: Progress, mirror: Path | None = None) -> dict[str, Path]:
    """sha256 -> cached file for every source, each verified in this call.

    The cache is addressed by content: `cache`/sources/<sha256>.<ending>. A cached file that rotted is thrown
    away and fetched anew. The mirror, a folder with the archives or the bare files, is asked before the registry; a
    wrong file there is an error, not skipped, since somebody put it there on purpose. Raises what `download`
    raises, `WrongHash`, `ArchiveDamaged`, `PackMissing`.
    """
    if mirror is not None and not mirror.is_dir():
        raise PackMissing(f"mirror {mirror} is not a folder", remedy="name the folder that holds the files")
    store = cache / "sources"
    with disk_errors(store):
        store.mkdir(parents=True, exist_ok=True)
        _sweep(store)
    missing = [source for source in sources if not _cached(store, source)]
    for package, group in groupby(sorted(missing, key=lambda source: str(source.package)), key=lambda s: s.package):
        wanted = list(group)
        for source, data in _fetch(package, wanted, store, progress, mirror):
            require_hash(data, source.sha256, source.member, _AGAIN)
            _keep(store, source, data)
    return {source.sha256: store / source.cached_name for source in sources}


def _sweep(store: Path) -> None:
    """Removes what a killed download left; a day old, so that nobody's running one is touched."""
    for leftover in (*store.glob("download-*"), *store.glob("partial-*")):
        if time.time() - leftover.lstat().st_mtime < _STALE_S:
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _cached(store: Path, source: Source) -> bool:
    path = store / source.cached_name
    if not path.is_file():
        return False
    if sha256_of(path) == source.sha256:
        return True
    path.unlink()
    return False


def _fetch(
    package: Package, sources: Sequence[Source], store: Path, progress: Progress, mirror: Path | None
) -> Iterable[tuple[Source, bytes]]:
    if mirror is not None:
        archive = mirror / package.archive
        if archive.is_file():
            return _from_archive(archive, package, sources)
        bare = {source: mirror / Path(source.member).name for source in sources}
        if all(path.is_file() for path in bare.values()):
            return [(source, path.read_bytes()) for source, path in bare.items()]
    folder = Path(tempfile.mkdtemp(prefix="download-", dir=store))
    try:
        with disk_errors(folder):
            return _from_archive(download(package, folder, progress), package, sources)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _from_archive(archive: Path, package: Package, sources: Sequence[Source]) -> list[tuple[Source, bytes]]:
    actual = sha256_of(archive)
    if actual != package.sha256:
        raise wrong_hash(archive.name, package.sha256, actual, "the archive is cut or not the pinned one; get it again")
    members = read_members(archive, [source.member for source in sources])
    return [(source, members[source.member]) for source in sources]


def _keep(store: Path, source: Source, data: bytes) -> None:
    """Under a temporary name first: a file that carries its hash as its name is complete."""
    with disk_errors(store):
        handle, name = tempfile.mkstemp(prefix="partial-", dir=store)
        os.close(handle)
        try:
            write_durably(Path(name), data)
            os.replace(name, store / source.cached_name)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_folder(store)
