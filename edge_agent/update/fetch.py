"""Takes the version that the server offers: judged by its offer, fetched, judged again, put in."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from edge_agent.errors import BundleDamaged, BundleUnsigned, UpdateRefused
from edge_agent.logs import log, one_line
from edge_agent.update.bundle import base_version, install, judge, platform, release_key
from edge_agent.update.health import HOME
from edge_agent.update.slots import Home
from service.contracts.releases import ANY_PLATFORM, MAX_BYTES, ReleaseOffer, is_release_signed, version_order

INCOMING = "incoming.bundle"
AGAIN_SECONDS = 600.0
"""After a fetch that failed."""


class Updater:
    """Of an agent that a launcher started; without one it does nothing. One fetch at a time, in a thread of its own."""

    def __init__(
        self,
        client: Callable[[], httpx.Client],
        auth: Callable[[], httpx.Auth],
        server: str,
        restart: Callable[[], None],
    ) -> None:
        """`client` opens a connection of its own. `restart`: ends this agent, so that the launcher starts the new."""
        home = os.environ.get(HOME, "")
        self._home = Home(Path(home)) if home else None
        self._client, self._auth, self._server, self._restart = client, auth, server, restart
        self._thread: threading.Thread | None = None
        self._said = ""
        self._not_before = 0.0

    @property
    def is_on(self) -> bool:
        """Whether a launcher started this agent."""
        return self._home is not None

    def report(self) -> str:
        """What became of the last update, for the heartbeat; empty if there was none."""
        return self._home.state().report if self._home is not None else ""

    def hear(self, offers: Iterable[ReleaseOffer]) -> None:
        """What the server offers now. What does not fit this box is passed over, and said once."""
        busy = self._thread is not None and self._thread.is_alive()
        if self._home is None or busy or time.monotonic() < self._not_before:
            return
        fitting = [offer for offer in offers if offer.platform in (ANY_PLATFORM, platform())]
        offer = max(fitting, key=lambda each: version_order(each.version), default=None)
        if offer is None or version_order(offer.version) <= version_order(base_version()):
            return
        home = self._home
        try:
            judge(home, offer.version, offer.platform, offer.manifest_sha256, base_version())
            key = release_key(home)
            if not is_release_signed(offer.version, offer.platform, offer.manifest_sha256, offer.signature, key):
                raise BundleUnsigned("the offer's signature is not of this box's release key")
        except UpdateRefused as error:
            self._say(offer, error)
            return
        self._thread = threading.Thread(target=self._take, args=(home, offer), name="update", daemon=True)
        self._thread.start()

    def _take(self, home: Home, offer: ReleaseOffer) -> None:
        path = home.path / INCOMING
        self._not_before = time.monotonic() + AGAIN_SECONDS
        try:
            self._fetch(offer, path)
            version = install(home, path, base_version())
            log(logging.INFO, "another version is put in; starting it", version=version)
            self._restart()
        except (UpdateRefused, httpx.HTTPError, OSError) as error:
            self._say(offer, error)
        finally:
            path.unlink(missing_ok=True)

    def _fetch(self, offer: ReleaseOffer, path: Path) -> None:
        """The bundle at `path`. Raises `BundleDamaged` when it is not the one offered, `httpx.HTTPError`, `OSError`."""
        if offer.size > MAX_BYTES or not offer.path.startswith("/") or offer.path.startswith("//"):
            raise BundleDamaged("the offer is of no bundle for this box")
        digest, size = hashlib.sha256(), 0
        with (
            self._client() as client,
            client.stream("GET", self._server + offer.path, auth=self._auth()) as response,
            path.open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > offer.size:
                    break
                digest.update(chunk)
                file.write(chunk)
        if size != offer.size or digest.hexdigest() != offer.sha256:
            raise BundleDamaged("what came is not what was offered")

    def _say(self, offer: ReleaseOffer, error: Exception) -> None:
        text = one_line(f"{offer.version}: {error}")
        if text != self._said:
            self._said = text
            log(logging.WARNING, "an offered version is not taken", why=text)
