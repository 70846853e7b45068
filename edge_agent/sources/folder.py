"""Pictures that something else writes into a folder: a camera by FTP, a recorder, the simulator."""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from pathlib import Path

from edge_agent.errors import SourceUnusable
from edge_agent.frames import CapturedFrame, Origin
from edge_agent.logs import log
from edge_agent.sources.base import Count, Known
from edge_agent.sources.instants import NamedInstant, from_exif, from_modified, from_name

SUFFIXES = (".jpg", ".jpeg", ".png")
UNFINISHED = re.compile(r"(?i)^\.|^~|\.(?:tmp|temp|part|partial|filepart|crdownload|download|swp)(?:\.|$)|~$")
SETTLED_SECONDS = 30.0
"""How long a file without its end mark must stay unchanged before it is taken as it is: slow uploads pause, but that a
camera sends broken pictures must show."""
MOVED_FOLDER = "spooled"


class AfterSpooling(StrEnum):
    """What becomes of a file once it is durable in the spool."""

    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """How a folder is read. `zone`: for EXIF times without an offset; `poll_seconds`: between looks when following."""

    camera: str
    follow: bool = False
    after: AfterSpooling = AfterSpooling.KEEP
    zone: tzinfo | None = None
    max_bytes: int = 8 * 1024 * 1024
    poll_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    size: int
    modified_ns: int

    @property
    def order(self) -> list[str | int]:
        """By name, runs of digits as numbers: `_2` stands before `_10`."""
        return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", self.name))]


class FolderSource:
    """Files of a folder in the order of their names; subfolders are not entered."""

    keeps = True

    def __init__(self, folder: Path, options: FolderOptions, known: Known, count: Count) -> None:
        if not folder.is_dir():
            raise SourceUnusable(f"{folder} is no folder", field="source", remedy="create it, or name another")
        self._folder = folder
        self._options = options
        self._known = known
        self._count = count
        self._handled: dict[str, _Entry] = {}
        self._unchanged: dict[str, tuple[_Entry, float]] = {}  # and since when, on the monotonic clock

    def frames(self, stop: threading.Event) -> Iterator[CapturedFrame]:
        """Every complete picture once; then ends, or waits for more when following."""
        while not stop.is_set():
            before: CapturedFrame | None = None
            for entry in self._look():
                if stop.is_set():
                    return
                frame = self._take(entry)
                if frame is None:
                    continue
                if before is not None:
                    yield replace(before, more=True)
                before = frame
            if before is not None:
                yield before
            if not self._options.follow:
                return
            stop.wait(self._options.poll_seconds)

    def done_with(self, frame: CapturedFrame) -> None:
        """Move or delete the file, as the option says."""
        if frame.origin is None or self._options.after is AfterSpooling.KEEP:
            return
        path = self._folder / frame.origin.name
        try:
            if self._options.after is AfterSpooling.DELETE:
                path.unlink(missing_ok=True)
            else:
                self._move(path)
        except OSError as error:
            log(logging.ERROR, "a spooled file could not be put away", file=path.name, error=str(error))
            self._count("ignored.not_put_away")

    def close(self) -> None:
        """Nothing is held open."""

    def _move(self, path: Path) -> None:
        target = self._folder / MOVED_FOLDER
        target.mkdir(exist_ok=True)
        place, number = target / path.name, 1
        while place.exists():
            place, number = target / f"{path.stem}~{number}{path.suffix}", number + 1
        path.rename(place)

    def _look(self) -> list[_Entry]:
        """New complete files, by name. When following, a file that still changes waits for the next look."""
        try:
            found = {entry.name: entry for entry in self._list()}
        except OSError as error:
            if not self._options.follow:
                raise SourceUnusable(
                    f"{self._folder}: {error}", field="source", remedy="make the folder readable"
                ) from None
            log(logging.ERROR, "the folder cannot be read; trying again", error=str(error))
            return []
        for gone in self._handled.keys() - found.keys():
            del self._handled[gone]
        fresh = [entry for entry in found.values() if self._handled.get(entry.name) != entry]
        now = time.monotonic()
        before, self._unchanged = self._unchanged, {}
        for entry in fresh:
            known, since = before.get(entry.name, (entry, now))
            self._unchanged[entry.name] = (entry, since if known == entry else now)
        ready = [entry for entry in fresh if not self._options.follow or self._is_complete(entry, now)]
        return sorted(ready, key=lambda entry: (entry.order, entry.name))

    def _list(self) -> Iterator[_Entry]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if not entry.name.lower().endswith(SUFFIXES) or UNFINISHED.search(entry.name):
                    continue
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(about.st_mode):
                    yield _Entry(entry.name, about.st_size, about.st_mtime_ns)

    def _is_complete(self, entry: _Entry, now: float) -> bool:
        """Unchanged between two looks and with its end mark; or unchanged for long."""
        unchanged = now - self._unchanged[entry.name][1]
        if entry.size == 0 or unchanged <= 0:
            return False
        return unchanged >= SETTLED_SECONDS or _has_end_mark(self._folder / entry.name)

    def _take(self, entry: _Entry) -> CapturedFrame | None:
        """Read the file; none if it is passed over, which is counted by cause, and not looked at again unchanged."""
        named = from_name(os.path.splitext(entry.name)[0])
        self._handled[entry.name] = entry
        refusal = self._refusal(entry, named)
        if refusal is not None:
            self._pass_over(entry, *refusal)
            return None
        origin = Origin(entry.name, entry.size, entry.modified_ns)
        if self._known(origin):
            # Spooled by an earlier run that ended before it could put the file away.
            self.done_with(CapturedFrame(b"", from_modified(0), origin))
            return None
        try:
            data = _read_regular(self._folder / entry.name, self._options.max_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._pass_over(entry, "unreadable", str(error))
            return None
        captured_at = named.captured_at if named is not None else self._undeclared_instant(data, entry)
        return CapturedFrame(data, captured_at, origin)

    def _refusal(self, entry: _Entry, named: NamedInstant | None) -> tuple[str, str] | None:
        """Cause and reason, if the file is not to be read at all."""
        if named is not None and named.camera not in (None, self._options.camera):
            return "other_camera", f"its name says camera {named.camera}"
        if entry.size > self._options.max_bytes:
            return "too_large", f"more than {self._options.max_bytes} bytes"
        if entry.size == 0:
            return "empty", "it is empty"
        return None

    def _undeclared_instant(self, data: bytes, entry: _Entry) -> datetime:
        return from_exif(data, self._options.zone) or from_modified(entry.modified_ns)

    def _pass_over(self, entry: _Entry, cause: str, why: str) -> None:
        log(logging.WARNING, "a file is passed over", file=entry.name, cause=cause, why=why)
        self._count(f"ignored.{cause}")


def _read_regular(path: Path, limit: int) -> bytes:
    """The file's bytes, without following a link and without waiting at a pipe put there in the meantime."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path.name} is no regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"{path.name} grew over {limit} bytes")
    return data


def _has_end_mark(path: Path) -> bool:
    """Whether a JPEG or PNG ends as one should; recorders may add a few bytes behind."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(max(0, path.stat().st_size - 64))
            tail = file.read(64)
    except OSError:
        return False
    if head.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in tail
    return head.startswith(b"\x89PNG") and b"IEND" in tail
