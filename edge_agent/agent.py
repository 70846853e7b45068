"""Puts source, spool and sender together: one thread captures, one sends, and a dead server stops only the second."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge_agent.commands import ABILITY, Commander
from edge_agent.device_clock import DeviceClock
from edge_agent.dialect import Dialect
from edge_agent.errors import SpoolDamaged, SpoolFull, SpoolUnusable
from edge_agent.exposure import changer_of
from edge_agent.frames import CapturedFrame
from edge_agent.held import HeldFrames
from edge_agent.identity import open_identity
from edge_agent.logs import log
from edge_agent.pace import Pace
from edge_agent.pulse import Pulse, PulseOptions
from edge_agent.sender import Sender, SenderOptions, open_client
from edge_agent.settings import AgentSettings
from edge_agent.sources import Source, SourceAddress, SourceKind, SourceOptions, open_source, parse_address
from edge_agent.sources.base import Count, Known
from edge_agent.sources.folder import FolderOptions
from edge_agent.spool import DropOldest, HoldSource, OverflowPolicy, Spool
from edge_agent.spool_seal import SpoolSeal
from edge_agent.update.fetch import Updater
from edge_agent.update.health import ACCEPTED, CONFIG, SPOOL, Proof
from service.kit.errors import WardwatchError

if TYPE_CHECKING:
    from edge_agent.matching.local import LocalMatching

LIVE_SEQUENCE_EPOCH = 1_704_067_200
"""2024-01-01 as seconds since 1970. A live camera's new spool counts from the seconds since then, so that a replaced
disk does not use the sequences of the old one again."""
REPORT_SECONDS = 60.0
FULL_PAUSE_SECONDS = 0.2
DISK_PAUSE_SECONDS = 2.0
GROUP_FRAMES, GROUP_BYTES = 32, 4 * 1024 * 1024
"""Pictures at hand at once (a folder's backlog) become durable together. 4 MiB: memory stays what it was."""


SourceOpener = Callable[[SourceAddress, SourceOptions, Known, Count], Source]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. `waiting` and `refused`: pictures left in the spool. `problem`: none if all went well.

    `restart`: another version was put in, and the launcher should start it.
    """

    waiting: int
    refused: int
    problem: WardwatchError | None = None
    restart: bool = False


class Agent:
    """One camera's agent. `run` returns when stopped, or when there is nothing left to do."""

    def __init__(
        self, settings: AgentSettings, clock: DeviceClock | None = None, opener: SourceOpener = open_source
    ) -> None:
        """Raises `WardwatchError` for what a person must mend before anything can begin.

        `clock`: of the device. `opener`: opens the source that the settings name.
        """
        self._settings = settings
        self._address = parse_address(settings.source, settings.source_credentials)
        self._clock = clock or DeviceClock()
        self._opener = opener
        self._identity = open_identity(settings, self._clock)
        self._changer = changer_of(settings)
        self._pace = Pace(settings.cadence_seconds)
        self._held = HeldFrames()
        self._stop = threading.Event()
        self._capture_stop = threading.Event()
        self._exhausted = threading.Event()
        self._problem: WardwatchError | None = None
        self._restarting = False

    def _restart(self) -> None:
        self._restarting = True
        self.stop()

    def stop(self) -> None:
        """End soon: the post that is under way is finished, what is spooled stays spooled. Safe in a signal handler."""
        self._capture_stop.set()
        self._stop.set()

    def run(self) -> Ending:
        """Capture and send."""
        settings = self._settings
        live = self._address.kind in (SourceKind.USB, SourceKind.STREAM, SourceKind.SNAPSHOT)
        first = max(0, int(time.time()) - LIVE_SEQUENCE_EPOCH) if live else 0
        key = settings.spool_key or settings.spool.with_name(settings.spool.name + ".key")
        with (
            only_one(settings.spool, settings.camera),
            nullcontext(SpoolSeal.open(key)) as seal,  # after the spool's own folder was seen to be writable
            Spool(
                settings.spool,
                settings.camera,
                overflow_policy(settings, live=live),
                first_sequence=first,
                seal=seal,
                signer=self._identity.signer(settings.camera),
            ) as spool,
        ):
            if spool.rescued_from is not None:
                log(logging.ERROR, "the spool was damaged; what could be read is kept", aside=str(spool.rescued_from))
                spool.count("spool_rescued")
            options = source_options(settings, self._pace)
            with closing(self._opener(self._address, options, spool.knows, spool.count)) as source:
                return self._work(spool, source, seal)

    def _work(self, spool: Spool, source: Source, seal: SpoolSeal) -> Ending:
        spool.note("agent", f"running: {self._address.shown}")
        log(logging.INFO, "started", camera=self._settings.camera, source=self._address.shown)
        options = sender_options(self._settings, live=not source.keeps)
        updater = Updater(lambda: open_client(options), self._identity.auth, self._settings.server, self._restart)
        pulses = self._identity.signs or not source.keeps or updater.is_on
        proof = Proof(frozenset({SPOOL, ACCEPTED} | ({CONFIG} if pulses else set())))
        proof.saw(SPOOL)
        local = self._matching(spool, seal)
        dialect = Dialect()
        sender = Sender(
            spool,
            self._identity.credentials,
            options,
            self._stop,
            clock=self._clock,
            proof=proof,
            carrier=local,
            dialect=dialect,
        )
        capturing = threading.Thread(target=self._guard, args=(lambda: self._capture(spool, source),), name="capture")
        sending = threading.Thread(target=self._guard, args=(sender.run,), name="send")
        threads = [capturing, sending]
        abilities: Callable[[], dict[str, str]] = dict
        if self._identity.signs:  # a folder or a video cannot be changed, and says so: silence would be suspicious
            settings, auth = self._settings, self._identity.auth
            changer = None if source.keeps else self._changer
            marker = settings.spool.with_name(f"{settings.spool.name}.{safe_name(settings.camera)}.changed")
            commander = Commander(changer, settings.server, auth, self._clock, self._pace, unfinished=marker)
            abilities = lambda: {ABILITY: commander.ability}  # noqa: E731 - one line of state
            changing = partial(commander.run, self._stop, lambda: open_client(options))
            threads.append(threading.Thread(target=self._guard, args=(changing,), name="command"))
        if local is not None:
            asked = partial(local.run, self._stop, lambda: open_client(options))
            threads.append(threading.Thread(target=self._guard, args=(asked,), name="matching"))
        if pulses:
            pulse = Pulse(
                spool,
                open_client(options),
                self._identity.auth,
                pulse_options(self._settings),
                self._clock,
                self._pace,
                self._stop,
                proof=proof,
                updater=updater,
                dialect=dialect,
                abilities=abilities,
            )
            threads.append(threading.Thread(target=self._guard, args=(pulse.run,), name="pulse"))
        for thread in threads:
            thread.start()
        try:
            self._watch(spool, sender)
        finally:
            self.stop()
            for thread in threads:
                thread.join()
        room = spool.room()
        spool.note("agent", "stopped" if self._problem is None else f"stopped: {self._problem.line()}")
        log(logging.INFO, "stopped", camera=self._settings.camera, waiting=room.waiting_frames)
        return Ending(room.waiting_frames, room.refused_frames, self._problem, self._restarting)

    def _matching(self, spool: Spool, seal: SpoolSeal) -> LocalMatching | None:
        """Judges pictures here, where the settings say so. Raises `PackUnusable`, `KeyUnusable`, `KeptUnusable`."""
        settings = self._settings
        if settings.matching != "local" or settings.models is None or settings.key_file is None:
            return None
        from edge_agent.matching.local import LocalMatching  # with the models: 500 MiB that sending does not need

        return LocalMatching(
            models=settings.models,
            providers=settings.providers,
            identity=self._identity,
            clock=self._clock,
            spool=spool,
            seal=seal,
            key_file=settings.key_file,
            server=settings.server,
            keep=timedelta(hours=settings.keep_hours),
            keep_bytes=settings.keep_mb * 1024 * 1024,
            look_seconds=settings.config_seconds,
        )

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
        group: list[CapturedFrame] = []
        for taken in source.frames(self._capture_stop):
            # A folder's pictures carry the time that their names say; a camera's, what this clock reads.
            group.append(taken if source.keeps else self._clock.stamped(taken))
            self._pace.took()
            held = sum(len(frame.data) for frame in group)
            if taken.more and len(group) < GROUP_FRAMES and held < GROUP_BYTES:
                continue
            if not self._spool_group(spool, source, group):
                return
            for frame in group:
                source.done_with(frame)
                if frame.origin is not None and not self._is_kept(frame):
                    spool.forget(frame.origin)
            group.clear()
        if not self._capture_stop.is_set():
            self._exhausted.set()
            log(logging.INFO, "the source is exhausted", camera=self._settings.camera)

    def _is_kept(self, frame: CapturedFrame) -> bool:
        """Whether the file is still in its folder, so that a restart would meet it again."""
        if self._address.kind is not SourceKind.FOLDER or frame.origin is None:
            return True
        return (Path(self._address.value) / frame.origin.name).exists()

    def _spool_group(self, spool: Spool, source: Source, group: list[CapturedFrame]) -> bool:
        """Make all of `group` durable: together, so that the disk is waited for once, or one by one if that fails."""
        if len(group) > 1:
            with suppress(SpoolFull, sqlite3.OperationalError):
                self._held.release(spool)
                spool.put_all(group)
                return True
        return all(self._spool_frame(spool, source, frame) for frame in group)

    def _spool_frame(self, spool: Spool, source: Source, frame: CapturedFrame) -> bool:
        """Make `frame` durable, however long it takes a source that keeps it; false when told to stop meanwhile.

        A camera's picture that the disk does not take is held in memory, as long as there is room, and counted when
        there is none.
        """
        told = False
        while not self._capture_stop.is_set():
            try:
                self._held.release(spool)
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
                    self._held.hold(frame, spool)
                    return True
                pause = DISK_PAUSE_SECONDS
            told = True
            self._capture_stop.wait(pause)
        return False


def safe_name(camera: str) -> str:
    """The camera's code or id as a part of a file's name."""
    return "".join(c if c.isalnum() or c in "-." else f"%{ord(c):x}" for c in camera)


@contextmanager
def only_one(spool: Path, camera: str) -> Iterator[None]:
    """Hold the camera's place at its spool; the system gives it back when the process dies. Raises `SpoolUnusable`."""
    path = spool.with_name(f"{spool.name}.{safe_name(camera)}.lock")
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


def source_options(settings: AgentSettings, pace: Pace | None = None) -> SourceOptions:
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
        pace=pace,
        look_seconds=settings.look_seconds,
    )


def pulse_options(settings: AgentSettings) -> PulseOptions:
    """What the pulse needs to know of the settings."""
    return PulseOptions(settings.server, settings.camera, settings.heartbeat_seconds, settings.config_seconds)


def sender_options(settings: AgentSettings, *, live: bool = False) -> SenderOptions:
    """What the sender needs to know of the settings."""
    return SenderOptions(
        server=settings.server,
        camera=settings.camera,
        ca_file=settings.ca_file,
        timeout_seconds=settings.timeout_seconds,
        retry_first_seconds=min(0.5, settings.retry_max_seconds),
        retry_max_seconds=settings.retry_max_seconds,
        live_first=live,
        backfill_kbit_s=settings.backfill_kbit_s,
        proxy=settings.proxy,
    )
