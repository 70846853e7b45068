"""Who this device is to the server: a key with which it signs, or, until it is paired, a token."""

from __future__ import annotations

import base64
from collections.abc import Generator
from datetime import datetime
from pathlib import Path

import httpx

from edge_agent.device_clock import DeviceClock, ServerClock
from edge_agent.device_key import DeviceKey
from edge_agent.settings import AgentSettings
from edge_agent.signing import SigningAuth
from edge_agent.spool_capture import Signer
from edge_agent.token import TokenFile
from service.contracts import CaptureStatement, signed_bytes


class KeyFileAuth(SigningAuth):
    """Signs with the key in a file, and with another one from the moment it is put there."""

    def __init__(self, path: Path, clock: DeviceClock) -> None:
        """Raises `KeyUnusable`."""
        self._path = path
        self._mark = path.stat().st_mtime_ns if path.exists() else 0
        super().__init__(DeviceKey.load(path), ServerClock(clock), clock.heard)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """As `SigningAuth`, with the file's key of this moment."""
        mark = self._path.stat().st_mtime_ns if self._path.exists() else self._mark
        if mark != self._mark:
            self.use(DeviceKey.load(self._path))
            self._mark = mark
        yield from super().auth_flow(request)


class _BearerAuth(httpx.Auth):
    def __init__(self, token: TokenFile) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.value()}"
        yield request


class Identity:
    """`credentials` are the sender's. A device with a token signs nothing."""

    def __init__(self, credentials: TokenFile | KeyFileAuth) -> None:
        self.credentials = credentials

    @property
    def signs(self) -> bool:
        """Whether there is a key."""
        return isinstance(self.credentials, KeyFileAuth)

    def auth(self) -> httpx.Auth:
        """For a request that is no picture."""
        return self.credentials if isinstance(self.credentials, KeyFileAuth) else _BearerAuth(self.credentials)

    def signer(self, camera: str) -> Signer | None:
        """Signs capture statements of `camera`; none without a key."""
        if not isinstance(self.credentials, KeyFileAuth):
            return None
        auth = self.credentials

        def sign(sequence: int, sha256: str, captured_at: datetime, previous: str, nonce: str) -> CaptureStatement:
            key = auth.key
            text = signed_bytes(camera, sha256, captured_at, sequence, previous, nonce, key.key_id)
            return CaptureStatement(
                camera=camera,
                sha256=sha256,
                captured_at=captured_at,
                sequence=sequence,
                previous=previous,
                nonce=nonce,
                key_id=key.key_id,
                signature=base64.b64encode(key.sign(text)).decode(),
            )

        return sign


def open_identity(settings: AgentSettings, clock: DeviceClock) -> Identity:
    """From the settings' key or token file. Raises `KeyUnusable` or `TokenUnusable`."""
    if settings.key_file is not None:
        return Identity(KeyFileAuth(settings.key_file, clock))
    if settings.token_file is None:
        raise ValueError("the settings name neither")  # their own check forbids it
    token = TokenFile(settings.token_file)
    token.value()
    return Identity(token)
