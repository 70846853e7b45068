"""Puts source, spool and sender together: one thread captures, one sends, and a dead server stops only the second."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.errors import SpoolDamaged, SpoolFull, SpoolUnusable
from edge_agent.frames import CapturedFrame
from edge_agent.logs import log
from edge_agent.sender import Sender, SenderOptions
from edge_agent.settings import AgentSettings
from edge_agent.sources import Source, SourceKind, SourceOptions, open_source, parse_address
from edge_agent.sources.folder import FolderOptions
from edge_agent.spool import DropOldest, HoldSource, OverflowPolicy, Spool
from edge_agent.token import TokenFile
from service.kit.errors import WardwatchError

LIVE_SEQUENCE_EPOCH = 1_704_067_200
"""2024-01-01 as seconds since 1970. A live camera's new spool counts from the seconds since then, so that a replaced
disk does not use the sequences of the old one again."""
REPORT_SECONDS = 60.0
FULL_PAUSE_SECONDS = 0.2
DISK_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. `waiting` and `refused`: pictures left in the spool. `problem`: none if all went well."""

    waiting: int
    refused: int
    problem: WardwatchError | None = None


class Agent:
    """One camera's agent. `run` returns when stopped, or when there is nothing left to do."""

    def __init__(self, settings: AgentSettings) -> None:
        """Raises `WardwatchError` for what a person must mend before anything can begin."""
        self._settings = settings
        self._address = parse_address(settings.source, settings.source_credentials)
        self._token = TokenFile(settings.token_file)
        self._token.value()
        self._stop = threading.Event()
        self._capture_stop = threading.Event()
        self._exhausted = threading.Event()
        self._problem: WardwatchError | None = None

    def stop(self) -> None:
        """End soon: the post that is under way is finished, what is spooled stays spooled. Safe in a signal handler."""
        self._capture_stop.set()
        self._stop.set()

    def run(self) -> Ending:
        """Capture and send."""
        settings = self._settings
        live = self._address.kind in (SourceKind.USB, SourceKind.STREAM)
        first = max(0, int(time.time()) - LIVE_SEQUENCE_EPOCH) if live else 0
        with (
            only_one(settings.spool, settings.camera),
            Spool(settings.spool, settings.camera, overflow_policy(settings, live=live), first_sequence=first) as spool,
        ):
            if spool.rescued_from is not None:
                log(logging.ERROR, "the spool was damaged; what could be read is kept", aside=str(spool.rescued_from))
                spool.count("spool_rescued")
            options = source_options(settings)
            with closing(open_source(self._address, options, spool.knows, spool.count)) as source:
                return self._work(spool, source)

    def _work(self, spool: Spool, source: Source) -> Ending:
        spool.note("agent", f"running: {self._address.shown}")
        log(logging.INFO, "started", camera=self._settings.camera, source=self._address.shown)
        sender = Sender(spool, self._token, sender_options(self._settings), self._stop)
        capturing = threading.Thread(target=self._guard, args=(lambda: self._capture(spool, source),), name="capture")
        sending = threading.Thread(target=self._guard, args=(sender.run,), name="send")
        capturing.start()
        sending.start()
        try:
            self._watch(spool, sender)
        finally:
            self.stop()
            capturing.join()
            sending.join()
        room = spool.room()
        spool.note("agent", "stopped" if self._problem is None else f"stopped: {self._problem.line()}")
        log(logging.INFO, "stopped", camera=self._settings.camera, waiting=room.waiting_frames)
        return Ending(room.waiting_frames, room.refused_frames, self._problem)

    def _guard(self, work: Callable[[], None]) -> None:
        """Run a thread's work; what it dies of ends the agent, so that its supervisor starts it again."""
        try:
            work()
        except WardwatchError as error:
            self._problem = self._problem or error
            self.stop()
        except Exception as error:
            logging.getLogger("wardwatch.edge").exception("the agent fails")
            self._problem = self._problem or SpoolUnusable(
                f"{type(error).__name__}: {error}", remedy="start the agent again; report this if it comes back"
            )
            self.stop()

    def _watch(self, spool: Spool, sender: Sender) -> None:
        """In the main thread, where signals arrive: report now and then, and notice that all is done."""
        reported = time.monotonic()
        patience = self._settings.give_up_after_seconds
        while not self._stop.wait(0.05):
            if self._settings.until_empty and self._exhausted.is_set() and spool.room().waiting_frames == 0:
                return
            now = time.monotonic()
            if patience is not None and now - sender.progressed_at > patience:
                self._problem = SpoolUnusable(
                    f"nothing could be sent for {patience:g} s; {spool.room().waiting_frames} pictures wait",
                    remedy="see wardwatch-edge status, mend the cause, and start again: nothing is lost",
                )
                return
            if now - reported >= REPORT_SECONDS:
                reported = now
                room = spool.room()
                log(
                    logging.INFO,
                    "at work",
                    camera=self._settings.camera,
                    waiting=room.waiting_frames,
                    waiting_bytes=room.waiting,
                    refused=room.refused_frames,
                )

    def _capture(self, spool: Spool, source: Source) -> None:
        for frame in source.frames(self._capture_stop):
            if not self._spool_frame(spool, source, frame):
                return
            source.done_with(frame)
            if frame.origin is not None and not self._is_kept(frame):
                spool.forget(frame.origin)
        if not self._capture_stop.is_set():
            self._exhausted.set()
            log(logging.INFO, "the source is exhausted", camera=self._settings.camera)

    def _is_kept(self, frame: CapturedFrame) -> bool:
        """Whether the file is still in its folder, so that a restart would meet it again."""
        if self._address.kind is not SourceKind.FOLDER or frame.origin is None:
            return True
        return (Path(self._address.value) / frame.origin.name).exists()

    def _spool_frame(self, spool: Spool, source: Source, frame: CapturedFrame) -> bool:
        """Make `frame` durable, however long it takes a source that keeps it; false when told to stop meanwhile."""
        told = False
        while not self._capture_stop.is_set():
            try:
                spool.put(frame)
                return True
            except SpoolFull as error:
                if not told:
                    log(logging.WARNING, "the spool is full; the source waits", reason=error.message)
                pause = FULL_PAUSE_SECONDS
            except (SpoolDamaged, SpoolUnusable):
                raise
            except sqlite3.OperationalError as error:
                log(logging.ERROR, "the spool cannot be written: look at the disk", error=str(error))
                if not source.keeps:
                    self._count_lost(spool)
                    return True
                pause = DISK_PAUSE_SECONDS
            told = True
            self._capture_stop.wait(pause)
        return False

    def _count_lost(self, spool: Spool) -> None:
        try:
            spool.count("dropped.disk_failing")
        except sqlite3.OperationalError:
            log(logging.ERROR, "a picture of the camera is lost: the disk takes nothing", camera=self._settings.camera)


@contextmanager
def only_one(spool: Path, camera: str) -> Iterator[None]:
    """Hold the camera's place at its spool; the system gives it back when the process dies. Raises `SpoolUnusable`."""
    safe = "".join(c if c.isalnum() or c in "-." else f"%{ord(c):x}" for c in camera)
    path = spool.with_name(f"{spool.name}.{safe}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise SpoolUnusable(
            f"{path}: {error}", field="spool", remedy="give a spool file in a writable folder on a local disk"
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SpoolUnusable(
                f"another agent works for camera {camera} with {spool}", field="spool", remedy="stop it first"
            ) from None
        yield
    finally:
        os.close(handle)


def overflow_policy(settings: AgentSettings, *, live: bool) -> OverflowPolicy:
    """What happens when the spool is full."""
    max_bytes = settings.max_spool_mb * 1024 * 1024
    if settings.overflow == "drop-oldest" or (settings.overflow == "auto" and live):
        return DropOldest(max_bytes)
    return HoldSource(max_bytes)


def source_options(settings: AgentSettings) -> SourceOptions:
    """What the sources need to know of the settings."""
    return SourceOptions(
        folder=FolderOptions(
            camera=settings.camera,
            follow=settings.follow,
            after=settings.after,
            zone=ZoneInfo(settings.timezone) if settings.timezone else None,
            max_bytes=settings.max_image_bytes,
        ),
        started_at_text=settings.start,
        cadence_seconds=settings.cadence_seconds,
        quality=settings.jpeg_quality,
        timeout_seconds=min(settings.timeout_seconds, 30.0),
    )


def sender_options(settings: AgentSettings) -> SenderOptions:
    """What the sender needs to know of the settings."""
    return SenderOptions(
        server=settings.server,
        camera=settings.camera,
        ca_file=settings.ca_file,
        timeout_seconds=settings.timeout_seconds,
        retry_first_seconds=min(0.5, settings.retry_max_seconds),
        retry_max_seconds=settings.retry_max_seconds,
    )
