"""Starts the agent that is current, watches a new version on trial, and brings the one before it back.

`python -m edge_agent.update.launcher --home DIR [--release-key FILE] [--probation SECONDS] camera --config FILE`: what
stands behind is the agent's own command line. It runs from the installation, never from a slot, and needs the standard
library alone. With `--release-key` a slot is started only if that key, which the agent cannot change, vouches for it
now; and each agent is the last one of its launcher: the system ends whatever an agent left running, and starts anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.update.health import HEALTH_FILE, HOME, RELEASE_KEY, RESTART_STATUS, RUN, VERSION
from edge_agent.update.slots import BASE, CRASHED, UNPROVEN, Home

PROBATION_SECONDS = 600.0
"""Ten minutes: a server that restarts, a camera that boots, ten heartbeats."""
STOP_SECONDS = 45.0
"""An agent that was told to end finishes its post (30 s at most); then it is killed, which loses nothing."""
PAUSE_SECONDS = 1.0
_STEP_SECONDS = 0.1
_USAGE = "--home DIR [--release-key FILE] [--probation SECONDS]"


@dataclass(frozen=True, slots=True)
class Options:
    """`probation`: seconds in which a version on trial must be seen healthy. `release_key`: none: versions are taken by
    the key in their own folder, which the agent could replace."""

    home: Path
    probation: float
    command: tuple[str, ...]
    release_key: Path | None = None


class Launcher:
    """One box's supervisor. `run` returns the status with which the last agent ended."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._home = Home(options.home, self._is_vouched_for if options.release_key else None)
        self._options = options
        self._say = say
        self._stop = threading.Event()

    def stop(self) -> None:
        """End the agent, then this. Safe in a signal handler."""
        self._stop.set()

    def run(self) -> int:
        """Start, watch, start again, until told to stop or until an agent that is not on trial ends by itself."""
        while True:
            trusts = self._options.release_key is None or self._asks() == 0
            slot = self._home.settle() if trusts else BASE
            pointed = slot if trusts else self._home.current()
            on_trial = trusts and self._home.state().trial is not None
            if on_trial:
                self._home.count_start()
            run = secrets.token_hex(8)
            (self._options.home / HEALTH_FILE).unlink(missing_ok=True)
            version = self._home.version_of(slot)
            self._say(f"starting {version or 'the installed version'}{' on trial' if on_trial else ''}")
            child = subprocess.Popen(  # noqa: S603 - our own program, a list, no shell
                [sys.executable, "-P", "-m", "edge_agent", *self._options.command],
                env=self._environment(slot, run),
                preexec_fn=_die_with_parent,
            )
            status = self._watch(child, slot, run, pointed, on_trial=on_trial)
            if status is not None:
                return status
            if self._options.release_key is not None:
                return RESTART_STATUS
            self._stop.wait(PAUSE_SECONDS if on_trial else 0.0)

    def _watch(
        self, child: subprocess.Popen[bytes], slot: str, run: str, pointed: str, *, on_trial: bool
    ) -> int | None:
        """Until the child ended; its status if this is the end, none to start again.

        `pointed`: the slot to which the link points: `slot`, unless none could be trusted.
        """
        until = time.monotonic() + self._options.probation
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._ended(child.wait(_STEP_SECONDS), on_trial=on_trial)
            if self._stop.is_set():
                _end(child)
                return 0
            if on_trial and self._is_healthy(run):
                self._home.accept()
                on_trial = False
                self._say(f"{self._home.version_of(slot)} is healthy: kept")
            elif on_trial and time.monotonic() > until:
                self._say(f"{self._home.version_of(slot)} is not healthy within {self._options.probation:g} s")
                self._home.fail(UNPROVEN)
                _end(child)
                return None
            elif self._home.current() != pointed:
                self._say("another version was put in")
                _end(child)
                return None

    def _ended(self, status: int, *, on_trial: bool) -> int | None:
        if self._stop.is_set():
            return 0
        if status == RESTART_STATUS:
            return None
        if on_trial:
            self._say(f"the version on trial ended with status {status}")
            trial = self._home.state().trial
            if trial is not None and trial.starts >= 3:
                self._home.fail(CRASHED)
            return None
        return status

    def _is_healthy(self, run: str) -> bool:
        try:
            return (self._options.home / HEALTH_FILE).read_text(encoding="ascii").strip() == run
        except (OSError, UnicodeDecodeError):
            return False

    def _is_vouched_for(self, slot: Path) -> bool:
        status = self._asks(slot)
        if status != 0:
            self._say(f"{slot.name} is not started: the release key does not vouch for it")
        return status == 0

    def _asks(self, *slot: Path) -> int:
        """In a process of its own, of the installation: its memory is given back, and the launcher stays small."""
        command = [sys.executable, "-P", "-s", "-m", "edge_agent.update.trust", str(self._options.release_key)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run([*command, *map(str, slot)], env=environment, check=False).returncode  # noqa: S603

    def _environment(self, slot: str, run: str) -> dict[str, str]:
        values = {**os.environ, HOME: str(self._options.home), RUN: run, VERSION: self._home.version_of(slot)}
        if self._options.release_key is not None:
            values[RELEASE_KEY] = str(self._options.release_key)
        if slot:
            # Byte code is not written beside the sources: nothing in a slot is ever half written.
            values |= {"PYTHONPATH": str(self._home.code(slot)), "PYTHONDONTWRITEBYTECODE": "1"}
        return values


def _die_with_parent() -> None:
    """In the child, on Linux: an agent whose launcher was killed ends too, and leaves its spool to the next one."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _tell(text: str) -> None:
    sys.stderr.write(f"launcher: {text}\n")


def parse(arguments: list[str]) -> Options | None:
    """The launcher's own options and the agent's command; none if they make no sense."""
    home, key, probation, rest = None, None, PROBATION_SECONDS, list(arguments)
    with contextlib.suppress(ValueError, IndexError):
        while rest and rest[0] in ("--home", "--probation", "--release-key"):
            if rest[0] == "--home":
                home = Path(rest[1]).resolve()
            elif rest[0] == "--release-key":
                key = Path(rest[1]).absolute()
            else:
                probation = float(rest[1])
            rest = rest[2:]
        if home is not None and rest and probation > 0:
            return Options(home, probation, tuple(rest), key)
    return None


def main() -> int:
    """The launcher's entry."""
    options = parse(sys.argv[1:])
    if options is None:
        sys.stderr.write(f"usage: python -m edge_agent.update.launcher {_USAGE} camera …\n")
        return 2
    options.home.mkdir(parents=True, exist_ok=True)
    handle = os.open(options.home / "launcher.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.stderr.write(f"wardwatch-edge: a launcher works in {options.home} already — stop it first\n")
        return 1
    launcher = Launcher(options, _tell)
    signal.signal(signal.SIGTERM, lambda *_: launcher.stop())
    signal.signal(signal.SIGINT, lambda *_: launcher.stop())
    return launcher.run()


if __name__ == "__main__":
    sys.exit(main())
