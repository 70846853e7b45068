"""Two folders for two versions of the agent, and one link that says which runs.

A box that dies at any step starts again with a whole version: a slot is filled while nothing points at it, what is
about to be tried is written down before the link moves, and the link moves in one step. Standard library only: the
launcher, which stays while versions come and go, needs no more than this file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SLOTS = ("slot-a", "slot-b")
BASE = ""
"""In place of a slot: the agent of the installation itself, to which the box falls back when both slots are bad."""
MANIFEST = "manifest.json"
CODE = "files"
MAX_STARTS = 3
"""A version on trial may die so often before the one before it comes back."""
RETRY_SECONDS = 86_400.0
MAX_TRIALS = 3
"""A version that had no chance to prove itself (the server was away) is tried again a day later, so often."""

CRASHED, UNPROVEN, DAMAGED = "crashed", "not healthy in time", "damaged on the disk"


@dataclass(frozen=True, slots=True)
class Trial:
    """A version that has still to prove itself. `bundle`: SHA-256 of its manifest. `ending`: why it goes back."""

    slot: str
    version: str
    bundle: str
    previous: str
    starts: int = 0
    ending: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A version that went back: why, how often, and when last (seconds since 1970)."""

    version: str
    reason: str
    times: int
    at: float


@dataclass(frozen=True, slots=True)
class State:
    """`floor`: the newest version that proved itself; older ones are refused. `failures` by manifest's SHA-256."""

    trial: Trial | None = None
    floor: str = ""
    failures: dict[str, Failure] = field(default_factory=dict)
    report: str = ""


class Home:
    """A box's folder of versions: `slot-a`, `slot-b`, `current` -> one of them, `state.json`, `release.pub`."""

    def __init__(self, path: Path, vouched: Callable[[Path], bool] | None = None) -> None:
        """`vouched`: whether a slot is a release's, asked before it is started; none: its own manifest is believed."""
        self.path = path
        self._vouched = vouched

    # --- what is there ----------------------------------------------------------------------------------------------

    def current(self) -> str:
        """The slot that runs, or `BASE`."""
        with contextlib.suppress(OSError):
            target = os.readlink(self.path / "current")
            if target in SLOTS:
                return target
        return BASE

    def version_of(self, slot: str) -> str:
        """As its manifest says; empty for `BASE` and for what cannot be read."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads((self.path / slot / MANIFEST).read_bytes())["version"]) if slot else ""
        return ""

    def code(self, slot: str) -> Path:
        """The folder of `slot` from which Python imports."""
        return self.path / slot / CODE

    def is_whole(self, slot: str) -> bool:
        """Whether every file of `slot` is as its manifest says, and the manifest is vouched for."""
        folder = self.path / slot
        try:
            files = json.loads((folder / MANIFEST).read_bytes())["files"]
            whole = all(_sha256(folder / CODE / name) == about["sha256"] for name, about in files.items())
            return whole and (self._vouched is None or self._vouched(folder))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def state(self) -> State:
        """What is written down; nothing if that was lost: the link alone then says what runs."""
        try:
            document: dict[str, Any] = json.loads((self.path / "state.json").read_bytes())
            trial = document.get("trial")
            return State(
                Trial(**trial) if trial else None,
                str(document.get("floor", "")),
                {key: Failure(**value) for key, value in document.get("failures", {}).items()},
                str(document.get("report", ""))[:64],
            )
        except (OSError, ValueError, TypeError, AttributeError):
            return State()

    def may_try(self, bundle: str, now: float | None = None) -> bool:
        """Whether a version may be taken by itself: not one that failed, but again, later, one that had no chance."""
        failure = self.state().failures.get(bundle)
        if failure is None:
            return True
        later = (time.time() if now is None else now) - failure.at >= RETRY_SECONDS
        return failure.reason in (UNPROVEN, DAMAGED) and failure.times < MAX_TRIALS and later

    # --- a new version ----------------------------------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One at a time puts in a version. Raises `BlockingIOError` while another does."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path / "update.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(handle)

    def idle_slot(self) -> str:
        """The one that does not run. While a version is on trial there is none to spare: see `State.trial`."""
        return next(slot for slot in SLOTS if slot != self.current())

    def empty_slot(self, slot: str) -> Path:
        """A new folder beside `slot`, to be filled and then put in by `put_in`."""
        fresh = self.path / f"{slot}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        return fresh

    def put_in(self, slot: str, version: str, bundle: str) -> None:
        """The filled folder becomes `slot`, on trial, and runs from the next start on."""
        fresh, place = self.path / f"{slot}.new", self.path / slot
        sync_tree(fresh)
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
        sync_folder(self.path)
        state = self.state()
        failures = {key: value for key, value in state.failures.items() if key != bundle or value.reason == UNPROVEN}
        trial = Trial(slot, version, bundle, self.current())
        self._write(replace(state, trial=trial, failures=failures, report=f"{version} on trial"))
        self._point(slot)

    # --- how it does ------------------------------------------------------------------------------------------------

    def settle(self) -> str:
        """Before a start: finishes what a death interrupted, goes back where that is due. Returns what to start."""
        state, current = self.state(), self.current()
        trial = state.trial
        if trial is not None and trial.ending:
            return self._go_back(state, trial)
        if trial is not None and trial.slot != current:
            self._write(replace(state, trial=None, report=f"{trial.version} was not put in whole"))
            trial = None
        if current != BASE and not self.is_whole(current):
            lost = trial or Trial(current, self.version_of(current), "", self._other_whole(current))
            return self._go_back(self._ending(lost, DAMAGED), self.state().trial or lost)
        if trial is not None and trial.starts >= MAX_STARTS:
            return self._go_back(self._ending(trial, CRASHED), replace(trial, ending=CRASHED))
        return current

    def count_start(self) -> None:
        """A version on trial is about to start: written down before, so that it counts even if the box dies of it."""
        state = self.state()
        if state.trial is not None:
            self._write(replace(state, trial=replace(state.trial, starts=state.trial.starts + 1)))

    def accept(self) -> None:
        """The version on trial proved itself."""
        state = self.state()
        if state.trial is not None:
            failures = {key: value for key, value in state.failures.items() if key != state.trial.bundle}
            report = f"{state.trial.version} in use"
            self._write(State(None, state.trial.version, failures, report))

    def fail(self, reason: str) -> None:
        """The version on trial goes back at the next start."""
        state = self.state()
        if state.trial is not None:
            self._ending(state.trial, reason)

    def _ending(self, trial: Trial, reason: str) -> State:
        state = replace(self.state(), trial=replace(trial, ending=reason))
        self._write(state)
        return state

    def _go_back(self, state: State, trial: Trial) -> str:
        target = trial.previous if trial.previous == BASE or self.is_whole(trial.previous) else BASE
        self._point(target)
        before = state.failures.get(trial.bundle)
        reason = state.trial.ending if state.trial else trial.ending
        failure = Failure(trial.version, reason, (before.times if before else 0) + 1, time.time())
        failures = {**state.failures, trial.bundle: failure} if trial.bundle else state.failures
        failures = dict(sorted(failures.items(), key=lambda item: item[1].at)[-16:])
        self._write(State(None, state.floor, failures, f"{trial.version} rolled back: {reason}"[:64]))
        return target

    def _other_whole(self, slot: str) -> str:
        return next((other for other in SLOTS if other != slot and self.is_whole(other)), BASE)

    def _point(self, slot: str) -> None:
        link, pending = self.path / "current", self.path / "current.new"
        if slot == BASE:
            link.unlink(missing_ok=True)
        else:
            pending.unlink(missing_ok=True)
            pending.symlink_to(slot)
            pending.replace(link)
        sync_folder(self.path)

    def _write(self, state: State) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "state.json", json.dumps(asdict(state), indent=1).encode())


def write_whole(path: Path, data: bytes) -> None:
    """`data` durably at `path`, or what was there before."""
    pending = path.with_name(f".{path.name}.new")
    with pending.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    pending.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Names in the folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """Every folder below; files are synced as they are written."""
    for folder, _, _ in os.walk(path):
        sync_folder(Path(folder))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
