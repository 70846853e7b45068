"""How a running agent tells its launcher that it is well: the contract between versions. Standard library only."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from edge_agent.logs import log

HOME, RUN, VERSION = "WARDWATCH_EDGE_HOME", "WARDWATCH_EDGE_RUN", "WARDWATCH_EDGE_VERSION"
"""Set by the launcher: the folder of versions, this start's random name, and the version that was started."""
RELEASE_KEY = "WARDWATCH_EDGE_RELEASE_KEY"
"""And the release key's file, where that lies outside the folder, out of the agent's reach."""
HEALTH_FILE = "healthy"
RESTART_STATUS = 75
"""The agent ends so when another version was put in: EX_TEMPFAIL of sysexits.h."""

SPOOL, CONFIG, ACCEPTED = "spool", "config", "accepted"


class Proof:
    """The spool opened, a configuration fetched, a picture or heartbeat accepted: then the launcher is told, once."""

    def __init__(self, needs: frozenset[str] = frozenset({SPOOL, CONFIG, ACCEPTED})) -> None:
        self._missing = set(needs)
        self._lock = threading.Lock()
        self._home, self._run = os.environ.get(HOME, ""), os.environ.get(RUN, "")

    def saw(self, what: str) -> None:
        """One of them happened."""
        with self._lock:
            if not self._missing:
                return
            self._missing.discard(what)
            if self._missing or not self._home or not self._run:
                return
        try:
            path = Path(self._home) / HEALTH_FILE
            pending = path.with_name(f".{HEALTH_FILE}.new")
            pending.write_text(self._run, encoding="ascii")
            pending.replace(path)
        except OSError as error:
            log(logging.ERROR, "the launcher cannot be told that this version is well", error=str(error))
