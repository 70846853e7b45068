"""A kiosk with its agent, and the stand-in server it talks to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from edge_agent.kiosk.run import Kiosk
from edge_agent.kiosk.settings import KioskSettings
from service.vision import Pack
from tests.edge_agent.kiosk.pharmacy import NOW, Pharmacy, serving
from tests.vision.conftest import FOLDER, real_pack

__all__ = ["real_pack"]


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW + timedelta(minutes=10)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def pharmacy(real_pack: Pack) -> Iterator[Pharmacy]:
    with serving(Pharmacy(pack=real_pack)) as server:
        yield server


@pytest.fixture
def kiosk_settings(tmp_path: Path, pharmacy: Pharmacy) -> KioskSettings:
    token = tmp_path / "token"
    token.write_text("a-token-of-the-kiosk\n")
    token.chmod(0o600)
    return KioskSettings(
        server=pharmacy.url,
        data=tmp_path / "kiosk",
        token_file=token,
        kiosk="k1",
        port=_free_port(),
        models=FOLDER,
        name="仁和药房",
        refresh_seconds=3600,
        timeout_seconds=20,
    )


@dataclass
class Page:
    """The page's side of the agent, without a browser."""

    client: httpx.Client
    kiosk: Kiosk
    clock: HandClock

    def post(self, path: str, body: object = None, session: str = "") -> httpx.Response:
        headers = {"X-Kiosk-Session": session}
        if isinstance(body, bytes):
            return self.client.post(path, content=body, headers={**headers, "Content-Type": "image/jpeg"})
        return self.client.post(path, json=body or {}, headers=headers)

    def begin(self) -> str:
        return str(self.post("/api/begin").json()["session"])


@pytest.fixture
def page(kiosk_settings: KioskSettings) -> Iterator[Page]:
    clock = HandClock()
    kiosk = Kiosk(kiosk_settings, clock)
    kiosk.courier.start = lambda: None  # type: ignore[method-assign] # errands are run by hand
    kiosk.courier.stop = lambda: None  # type: ignore[method-assign]
    thread = threading.Thread(target=kiosk.serve, daemon=True)
    thread.start()
    headers = {"X-Kiosk-Key": kiosk.server.key}
    with httpx.Client(base_url=kiosk.server.address.rstrip("/"), headers=headers, timeout=60) as client:
        yield Page(client, kiosk, clock)
    kiosk.stop()
    thread.join(10)
    assert not thread.is_alive()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
