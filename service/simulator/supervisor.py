"""A server process that is watched: when it dies it is started again, and that is said."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 30.0
_CALM_SECONDS = 0.2
_MOST_RESTARTS = 20


class ServerProcess:
    """`command` with `environment`, its output appended to `log`. `tell` hears of every restart."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, tell: Callable[[str], None]
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log
        self._tell = tell
        self._stopping = threading.Event()
        self.restarts = 0
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process's id, of the one that runs now."""
        return self._process.pid

    @property
    def gave_up(self) -> bool:
        """Whether it died too often to be started again."""
        return self.restarts > _MOST_RESTARTS

    def stop(self) -> None:
        """Ends the server in order, after what it is at."""
        self._stopping.set()
        self._watcher.join()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self) -> None:
        """Returns when somebody stops it, or when it will not stay up."""
        self._watcher.join()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program, a list, no shell
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the one who watches; it then stops the server in order
            )

    def _watch(self) -> None:
        while not self._stopping.wait(_CALM_SECONDS):
            status = self._process.poll()
            if status is None:
                continue
            self.restarts += 1
            if self.gave_up:
                self._tell(f"the server ended with status {status} again and is not restarted; see {self._log}")
                return
            self._tell(f"the server ended with status {status}; it is started again")
            self._process = self._start()
