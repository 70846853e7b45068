"""Room kept back on the disk, so that a spool on a full one can still give something up: deleting writes too."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 16 * 1024 * 1024
"""SQLite's log before it is written back (8 MB), and as much again for the file to grow into meanwhile."""


class Reserve:
    """A file beside the spool that holds nothing. It is made where there is room, and given up when there is none."""

    def __init__(self, spool: Path, size: int = RESERVE_BYTES) -> None:
        self._path = spool.with_name(spool.name + ".reserve")
        self._size = size

    def keep(self) -> None:
        """Take the room, if it can be had."""
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            return
        try:
            os.posix_fallocate(handle, 0, self._size)
        except (OSError, AttributeError):  # no room, or a system that cannot promise any
            self.give_up()
        finally:
            os.close(handle)

    def give_up(self) -> None:
        """Give the room back to the disk."""
        with contextlib.suppress(OSError):
            self._path.unlink()
