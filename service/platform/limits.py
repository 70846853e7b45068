"""The outermost layer of a request: its id, limits on its body, headers of its answer, its count and its log line."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.kit.ids import new_id
from service.platform import metrics
from service.platform.http import language, problem_response, unexpected_problem
from service.platform.problems import BodyTooLarge, problem_of

_log = logging.getLogger("service.access_log")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The largest body, in bytes, of paths that match `pattern` from their beginning."""

    pattern: re.Pattern[str]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits by path, the first match counts; `default` for all others."""

    default: int
    by_path: Sequence[BodyLimit] = ()

    def of(self, path: str) -> int:
        """The limit for `path`."""
        return next((limit.max_bytes for limit in self.by_path if limit.pattern.match(path)), self.default)


class _Exceeded(Exception):
    """Stops whoever reads a body that has become too large."""


class Gatekeeper:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, limits: BodyLimits, *, https: bool = False) -> None:
        self._app = app
        self._limits = limits
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._limits.of(scope["path"]), self._https)
        try:
            if exchange.announces_too_much():
                await exchange.refuse_body()
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            if not exchange.exceeded and not isinstance(error, _Exceeded):
                _log.exception("unexpected error", extra={"request_id": exchange.request_id})
            if exchange.started:
                raise
            if not exchange.exceeded:
                await exchange.answer_unexpected()
        finally:
            if exchange.exceeded and not exchange.started:
                await exchange.refuse_body()
            exchange.record()


class _Exchange:
    """One request and its answer on their way through the gate."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int, https: bool) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limit, self._https = limit, https
        self._received = 0
        self._status = 0
        self._began = time.perf_counter()
        self._headers = Headers(scope=scope)
        asked = self._headers.get("x-request-id", "")
        self.request_id = asked if _REQUEST_ID.match(asked) else new_id()
        self.started = False
        self.exceeded = False
        scope.setdefault("state", {})["request_id"] = self.request_id

    def announces_too_much(self) -> bool:
        """Whether the Content-Length is above the limit, before a byte of the body is read."""
        length = self._headers.get("content-length", "")
        self.exceeded = length.isdigit() and int(length[:20]) > self._limit
        return self.exceeded

    async def receive(self) -> Message:
        """The next message; counts the body, also one that comes in chunks of no announced length."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                self.exceeded = True
                raise _Exceeded
        return message

    async def send(self, message: Message) -> None:
        """Passes the answer on with its headers. Once the body was too large, only `refuse_body` answers."""
        if self.exceeded and not self.started:
            return
        await self._pass_on(message)

    async def refuse_body(self) -> None:
        """Answers 413 and closes the connection: the rest of the body is not read."""
        error = BodyTooLarge(
            f"the body is larger than {self._limit} bytes",
            remedy="send less at once",
            message_zh=f"请求内容超过 {self._limit} 字节",
            remedy_zh="请减小每次发送的内容",
            headers={"Connection": "close"},
        )
        request = Request(self._scope)
        response = problem_response(request, problem_of(error, language(request)), {"Connection": "close"})
        await response(self._scope, self._receive, self._pass_on)

    async def answer_unexpected(self) -> None:
        """Answers 500 without a word about the cause."""
        await unexpected_problem(Request(self._scope))(self._scope, self._receive, self._pass_on)

    def record(self) -> None:
        """Counts and logs the exchange, by route and never by path: a path may hold a patient's number."""
        route = getattr(self._scope.get("route"), "path", None) or "-"
        seconds = time.perf_counter() - self._began
        method = self._scope["method"] if self._scope["method"].isalpha() else "-"
        metrics.requests_total.labels(method, route, str(self._status)).inc()
        metrics.request_seconds.labels(method, route).observe(seconds)
        if route not in _QUIET:
            fields = {"request_id": self.request_id, "method": method, "route": route, "status": self._status}
            _log.info("request", extra=fields | {"milliseconds": round(seconds * 1000, 1)})

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._status = message["status"]
            self._set_headers(MutableHeaders(scope=message))
        await self._send(message)

    def _set_headers(self, headers: MutableHeaders) -> None:
        headers["X-Request-Id"] = self.request_id
        headers["Content-Security-Policy"] = _CONTENT_POLICY
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        if self._https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not self._scope["path"].startswith("/static/"):
            # Answers name patients; nothing between here and the reader may keep them.
            headers.setdefault("Cache-Control", "no-store")
