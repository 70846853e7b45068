"""Placing a pack: all of it or nothing, and by one process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.vision.packs.errors import PackBusy
from service.vision.packs.files import disk_errors, sync_folder
from service.vision.packs.progress import Progress

WORK = ".work"
"""Folder inside a pack for what is not finished; git and `list_packs` do not see it."""
WAIT_S = 900.0
_POLL_S = 0.2


@contextmanager
def locked(folder: Path, progress: Progress, wait_s: float = WAIT_S) -> Iterator[None]:
    """Holds the pack folder for this process. Raises `PackBusy` when another holds it for `wait_s` seconds.

    The lock belongs to an open file, so a killed process releases it. Whatever a killed one left half-made is
    removed.
    """
    work = folder / WORK
    with disk_errors(folder):
        work.mkdir(parents=True, exist_ok=True)
        handle = os.open(work / "lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        _acquire(handle, folder, progress, wait_s)
        for leftover in work.glob("stage-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, folder: Path, progress: Progress, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise PackBusy(
                    f"another process is preparing {folder.name}", remedy="wait until it ends, then run it again"
                ) from None
            progress("wait for another process", 0, 0)
            time.sleep(_POLL_S)


@contextmanager
def stage(folder: Path) -> Iterator[Path]:
    """A temporary folder on the pack's own file system, gone afterwards."""
    with disk_errors(folder):
        temporary = Path(tempfile.mkdtemp(prefix="stage-", dir=folder / WORK))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_in(names: list[str], staged: Path, folder: Path) -> None:
    """Renames finished files from `staged` into `folder`, in order, and syncs the folder.

    Name the manifest last: a pack verifies against its manifest, so a stop between two renames leaves a pack
    that is not there yet, never one that is wrong unnoticed.
    """
    with disk_errors(folder):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, folder / name)
        sync_folder(folder)
