"""The server as the simulation's programs and people reach it: plain HTTP, patient while the server is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from service.simulator.credentials import Person
from service.simulator.errors import ServerAway, ServerRefused

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_AWAY = frozenset({429, 502, 503, 504, 507})

Answer = Any
"""Parsed JSON: what a caller takes from it, it checks."""


class Api:
    """One caller: a program with a token, or a person who logs in. Not shared between threads."""

    def __init__(
        self,
        server: str,
        *,
        token: str | None = None,
        person: Person | None = None,
        patience: float = 120.0,
        client: httpx.Client | None = None,
    ) -> None:
        self._server = server.rstrip("/")
        self._person = person
        self._patience = patience
        self._client = client or httpx.Client(timeout=60.0, trust_env=False)
        self._client.headers.update({"User-Agent": "wardwatch-simulate", "Accept-Language": "en"})
        if token is not None:
            self._client.headers["Authorization"] = f"Bearer {token}"
        self.waited_for_server = 0

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def get(self, path: str, **query: str | int) -> Answer:
        """GET, as parsed JSON. Raises `ServerAway`, `ServerRefused`."""
        return self.call("GET", path, params=query).json()

    def text(self, path: str) -> str:
        """GET, as text."""
        return self.call("GET", path).text

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: str | int) -> Answer:
        """POST of JSON, as parsed JSON. The server makes every such call of ours idempotent, so that it is repeated
        when the server goes away in the middle."""
        response = self.call("POST", path, json=dict(body or {}), params=query)
        return response.json() if response.content else None

    def upload(self, path: str, *, content: bytes, media_type: str, **query: str | int) -> Answer:
        """POST of a file as the body."""
        return self.call("POST", path, content=content, params=query, headers={"Content-Type": media_type}).json()

    def form(self, path: str, *, files: list[tuple[str, Any]], **query: str | int) -> Answer:
        """POST of a multipart form."""
        return self.call("POST", path, files=files, params=query).json()

    def call(self, method: str, path: str, *, accepted: frozenset[int] = frozenset(), **options: Any) -> httpx.Response:
        """One request, repeated while the server is away; statuses in `accepted` are answers like 2xx."""
        response = self._persist(
            lambda: self._client.request(method, self._server + path, **options), f"{method} {path}"
        )
        if response.status_code == 401 and self._person is not None:
            self._log_in(self._person)
            response = self._persist(
                lambda: self._client.request(method, self._server + path, **options), f"{method} {path}"
            )
        if response.is_success or response.status_code in accepted:
            return response
        raise ServerRefused(
            f"{method} {path}: {response.status_code} {_detail(response)}",
            remedy="see the server's log; are server and simulator of the same version?",
        )

    def _log_in(self, person: Person) -> None:
        body = {"username": person.username, "password": person.password}
        url = self._server + "/api/v1/sessions"
        response = self._persist(lambda: self._client.post(url, json=body), "log in")
        if not response.is_success:
            raise ServerRefused(
                f"{person.username} cannot log in: {response.status_code} {_detail(response)}",
                field="token_file",
                remedy="prepare the simulation again",
            )
        self._client.headers["X-CSRF-Token"] = str(response.json().get("csrf_token", ""))

    def _persist(self, send: Callable[[], httpx.Response], what: str) -> httpx.Response:
        until, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                response = send()
                if response.status_code not in _AWAY:
                    return response
                reason = str(response.status_code)
            except (httpx.TransportError, httpx.RemoteProtocolError) as error:
                reason = type(error).__name__
            self.waited_for_server += 1
            if time.monotonic() >= until:
                raise ServerAway(f"{what}: {reason}", remedy=f"start the server at {self._server}")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _detail(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return " ".join(str(problem.get(key, "")) for key in ("detail", "field", "remedy")).strip()[:400]
    except (ValueError, AttributeError):
        return response.text[:200]
