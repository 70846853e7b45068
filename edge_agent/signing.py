"""Signs each request of a paired device (RFC 9421); refused as stale, it corrects itself by the server's clock."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from edge_agent.device_key import DeviceKey
from service.kit.clock import Clock, parse_instant, system_clock, utc
from service.kit.errors import InvalidInput

TAG = "wardwatch-device"
CLOCK_HEADER = "Wardwatch-Time"
LIFE = timedelta(seconds=300)
_COMPONENTS = ("@method", "@authority", "@path", "@query")

__all__ = ["CLOCK_HEADER", "DeviceKey", "SigningAuth"]


class SigningAuth(httpx.Auth):
    """`httpx.Client(auth=SigningAuth(key))`. Each attempt is signed afresh: new instant, new nonce."""

    requires_request_body = True

    def __init__(
        self, key: DeviceKey, clock: Clock = system_clock, on_server_time: Callable[[datetime], None] | None = None
    ) -> None:
        """`on_server_time` hears what the server's clock read when it refused a request as stale."""
        self._clock = clock
        self._on_server_time = on_server_time
        self._offset = timedelta(0)
        self._lock = threading.Lock()
        self.use(key)

    @property
    def key(self) -> DeviceKey:
        """The key that signs now."""
        return self._key

    def use(self, key: DeviceKey) -> None:
        """Sign with `key` from the next request on."""
        keys = MappingKeyResolver(public_keys={}, private_keys={key.key_id: key.private})
        with self._lock:
            self._key = key
            self._signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys)

    def set_offset(self, offset: timedelta) -> None:
        """The server's time minus this clock's."""
        self._offset = offset

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign; once more when the server says that the clock is off."""
        self.sign(request)
        response = yield request
        if response.status_code == 401 and (told := _server_time(response)) is not None:
            if self._on_server_time is not None:
                self._on_server_time(told)  # who owns the clock may set it right: then nothing is left to add
            self._offset = told - utc(self._clock.now())
            self.sign(request)
            yield request

    def sign(self, request: httpx.Request) -> None:
        """Put Content-Digest, Signature-Input and Signature into the headers, in place of any that are there."""
        for name in ("content-digest", "signature", "signature-input"):
            request.headers.pop(name, None)
        body = request.content
        created = utc(self._clock.now()) + self._offset
        covered = [*_COMPONENTS, *(("content-type",) if "content-type" in request.headers else ())]
        with self._lock:
            key, signer = self._key, self._signer
        options: dict[str, Any] = {"body": body} if body else {}
        signer.sign(
            request,
            key_id=key.key_id,
            created=created,
            expires=created + LIFE,
            nonce=secrets.token_urlsafe(18),
            label="ww",
            tag=TAG,
            covered_component_ids=covered,
            **options,
        )


def _server_time(response: httpx.Response) -> datetime | None:
    """What the server's clock reads, if the refusal says so."""
    try:
        return parse_instant(response.headers.get(CLOCK_HEADER, ""), field=CLOCK_HEADER).astimezone(UTC)
    except InvalidInput:
        return None
