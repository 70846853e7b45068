"""The kiosk's calls to the server. Each ends in an answer, a refusal, or the knowledge that nobody answered."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from edge_agent.device_key import DeviceKey
from edge_agent.errors import EdgeError
from edge_agent.kiosk.settings import KioskSettings
from edge_agent.logs import one_line
from edge_agent.signing import SigningAuth
from edge_agent.token import TokenFile
from service.contracts import (
    ChallengeRequest,
    DelegationClaim,
    DelegationClaimed,
    KioskCache,
    ProvisionalPurchase,
    PurchaseChallenge,
    PurchaseMeta,
    PurchaseVerdict,
    Reconciliation,
    ReviewState,
    read_message,
)
from service.kit.errors import InvalidInput

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A county's delegations, some 200 bytes each."""
_AWAY = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_AWAY_AS_A_WHOLE = frozenset({429, 502, 503, 507})
"""Overload, a restart, a full disk: it would answer any request so. Others may be this request's own fault."""


class Unreachable(EdgeError):
    """Nobody answered, or the server as a whole cannot work now: what can be done offline is done offline. `answered`:
    it did answer, that it failed at this request."""

    code = "kiosk-server-away"
    title_en = "The server does not answer"
    title_zh = "服务器无应答"

    def __init__(self, message: str, *, remedy: str, answered: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.answered = answered


class ServerRefused(EdgeError):
    """The server understood and said no. `status` and `kind`: of its problem document."""

    code = "kiosk-server-refused"
    title_en = "The server refused"
    title_zh = "服务器拒绝了请求"

    def __init__(self, status: int, kind: str, words: str) -> None:
        super().__init__(f"{status} {words}", remedy="see docs/kiosk.md, Mending")
        self.refusal, self.kind = status, kind


@dataclass(frozen=True, slots=True)
class FreshCopy:
    """A copy of the register with its ETag."""

    copy: KioskCache
    etag: str


A = TypeVar("A", bound=BaseModel)


class ServerLink:
    """The one way to the server. Shared by threads."""

    def __init__(self, settings: KioskSettings, transport: httpx.BaseTransport | None = None) -> None:
        self._server, self._kiosk = settings.server, settings.kiosk
        self._token = TokenFile(settings.token_file) if settings.token_file is not None else None
        auth = SigningAuth(DeviceKey.load(settings.key_file)) if settings.key_file is not None else None
        verify: ssl.SSLContext | bool = True
        if settings.ca_file is not None:
            verify = ssl.create_default_context(cafile=str(settings.ca_file))
        self._client = httpx.Client(
            auth=auth, timeout=settings.timeout_seconds, verify=verify, transport=transport, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def challenge(self) -> PurchaseChallenge:
        """A fresh challenge. Raises `Unreachable`, `ServerRefused`."""
        request = ChallengeRequest(kiosk=self._kiosk)
        return self._json("/api/v1/purchase-challenges", request, PurchaseChallenge)

    def verify(self, meta: PurchaseMeta, images: Sequence[bytes]) -> PurchaseVerdict:
        """The verdict. Raises `Unreachable`, `ServerRefused`."""
        return self._multipart("/api/v1/purchase-verifications", meta, images, PurchaseVerdict)

    def reconcile(self, purchase: ProvisionalPurchase, images: Sequence[bytes]) -> Reconciliation:
        """What the server would have said. Raises `Unreachable`, `ServerRefused`."""
        return self._multipart("/api/v1/purchase-reconciliations", purchase, images, Reconciliation)

    def claim(self, claim: DelegationClaim) -> DelegationClaimed:
        """Register a delegation for review. Raises `Unreachable`, `ServerRefused`."""
        return self._json("/api/v1/delegation-claims", claim, DelegationClaimed)

    def review(self, review_id: str) -> ReviewState:
        """How a manual review stands. Raises `Unreachable`, `ServerRefused`."""
        if not review_id.isalnum():
            raise ServerRefused(404, "not-found", "no such review")
        response = self._send("GET", f"/api/v1/purchase-reviews/{review_id}/state")
        return _read(response, ReviewState)

    def copy(self, etag: str | None) -> FreshCopy | None:
        """A newer copy of the register, `None` if `etag` is still the newest. Raises `Unreachable`, `ServerRefused`."""
        headers = {} if etag is None else {"If-None-Match": etag}
        response = self._send("GET", "/api/v1/kiosks/me/cache", headers=headers)
        if response.status_code == 304:
            return None
        return FreshCopy(_read(response, KioskCache), response.headers.get("etag", ""))

    def _json(self, path: str, message: BaseModel, kind: type[A]) -> A:
        body = message.model_dump_json(exclude_none=True)
        return _read(self._send("POST", path, content=body, headers={"Content-Type": "application/json"}), kind)

    def _multipart(self, path: str, meta: BaseModel, images: Sequence[bytes], kind: type[A]) -> A:
        files: list[tuple[str, tuple[str | None, bytes, str]]] = [
            ("images", (f"{index}.jpg", image, "image/jpeg")) for index, image in enumerate(images)
        ]
        files.append(("meta", (None, meta.model_dump_json(exclude_none=True).encode(), "application/json")))
        return _read(self._send("POST", path, files=files), kind)

    def _send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **content: Any) -> httpx.Response:
        told = {"Accept": "application/json, application/problem+json", **(headers or {})}
        if self._token is not None:
            told["Authorization"] = f"Bearer {self._token.value()}"
        try:
            response = self._client.request(method, self._server + path, headers=told, **content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            slow = isinstance(error, httpx.ReadTimeout)
            raise Unreachable(
                one_line(f"{type(error).__name__}: {error}"), remedy="look at the network", answered=slow
            ) from None
        if response.status_code in _AWAY:
            raise Unreachable(
                f"the server answers {response.status_code}",
                remedy="it will be tried again",
                answered=response.status_code not in _AWAY_AS_A_WHOLE,
            )
        if response.status_code >= 400:
            raise _refusal(response)
        return response


def _read(response: httpx.Response, kind: type[A]) -> A:
    """Only wardwatch's own words count: a hotel's login page also answers 200."""
    if response.status_code >= 300 or len(response.content) > MAX_ANSWER_BYTES:
        raise Unreachable(f"something else answers ({response.status_code})", remedy="look at --server")
    try:
        return read_message(kind, response.content)
    except InvalidInput:
        raise Unreachable("what answers is no wardwatch server", remedy="look at --server") from None


def _refusal(response: httpx.Response) -> ServerRefused:
    try:
        problem = json.loads(response.content[:65536])
        kind = str(problem.get("type", "")).rpartition("/")[2]
        words = "; ".join(str(problem[name]) for name in ("title", "detail", "remedy") if problem.get(name))
    except (ValueError, TypeError, AttributeError):
        kind, words = "", "not the words of a wardwatch server"
    return ServerRefused(response.status_code, kind, one_line(words))
