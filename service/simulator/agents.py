"""The real camera agents as processes, each with a folder that takes the place of a lens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from edge_agent.device_key import DeviceKey
from edge_agent.errors import SpoolUnusable
from edge_agent.spool_report import read_status
from service.simulator.credentials import write_secret
from service.simulator.errors import AgentEnded
from service.simulator.relay import Relay

_SETTLED_SECONDS = 10
_STOP_SECONDS = 15.0


class CameraBox:
    """One camera's agent with its folder, spool and key or token below `home`, behind its own relay."""

    def __init__(
        self, camera: str, token: str, relay: Relay, home: Path, device: str = "", models: Path | None = None
    ) -> None:
        """`device`: the text of a paired key file, instead of the token. `models`: the pack with which a paired box
        reads its pictures itself; none: it sends them."""
        self.camera = camera
        self.relay = relay
        self.dropped = 0
        self._home = home / camera
        self._folder = self._home / "lens"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spool = self._home / "spool.db"
        self._is_paired = bool(device)
        self._models = models if device else None
        write_secret(self._home / ("device.key" if device else "token"), device or token)
        self._log = (self._home / "agent.log").open("ab")
        self._process = self._start()

    def drop(self, picture: Path, at: datetime) -> None:
        """Puts a picture before the lens: named by its instant, complete from the moment it is there. `picture` lies on
        the same file system and is moved."""
        settled = time.time() - _SETTLED_SECONDS
        os.utime(picture, (settled, settled))
        picture.rename(self._folder / f"{self.camera}_{at.astimezone(UTC):%Y%m%dT%H%M%S}Z.jpg")
        self.dropped += 1

    def undelivered(self) -> int:
        """Pictures that the server does not have yet. Raises `AgentEnded` when nobody will bring them."""
        if self._process.poll() is not None:
            raise AgentEnded(
                f"the agent of {self.camera} ended with status {self._process.returncode}",
                remedy=f"see {self._home / 'agent.log'}",
            )
        try:
            found = read_status(self._spool, self.camera)
        except SpoolUnusable:
            return self.dropped
        if not found:
            return self.dropped
        status = found[0]
        if status.refused:
            raise AgentEnded(
                f"the server refused {status.refused} pictures of {self.camera}",
                remedy=f"see wardwatch-edge spool ls --spool {self._spool}",
            )
        return self.dropped - status.counters.get("captured", 0) + status.waiting

    @property
    def server(self) -> str:
        """The server as the box names it, and signs for it."""
        return self.relay.address

    def line(self) -> httpx.BaseTransport | None:
        """How the box's own requests reach the server; none: straight."""
        return None

    def key(self) -> DeviceKey | None:
        """What the box signs with; none when it has a token."""
        return DeviceKey.load(self._home / "device.key") if self._is_paired else None

    def stop(self) -> None:
        """Ends the agent; what it spooled stays."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _credentials(self) -> dict[str, str]:
        if not self._is_paired:
            return {"--token-file": str(self._home / "token")}
        key = {"--key": str(self._home / "device.key")}
        if self._models is None:
            return key
        return key | {"--config-every": "1", "--matching": "local", "--models": str(self._models)}

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge_agent", "camera"]
        options = {
            "--server": self.relay.address,
            **self._credentials(),
            "--camera": self.camera,
            "--source": f"folder:{self._folder}",
            "--spool": str(self._spool),
            "--after": "delete",
            "--retry-max": "1",
        }
        arguments = [part for option in options.items() for part in option]
        return subprocess.Popen(  # noqa: S603 - our own program, a list, no shell
            [*command, *arguments, "--follow"], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
