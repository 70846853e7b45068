"""The page's server: on this machine only, for one page, with the standard library.

A web framework would bring an event loop and a router for a dozen fixed routes of one customer; the edge agent is kept
free of them. What is guarded against is another page in the same browser, and other names for this address (DNS
rebinding): the host is checked, the origin of every request that changes something, and a key that only the page has.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from pydantic import BaseModel

from edge_agent.errors import KioskRequestInvalid
from edge_agent.kiosk.desk import Desk
from edge_agent.kiosk.forms import CardForm, CardOut, ClaimForm, DocumentsForm, PurchaseForm, ReviewForm, SessionOut
from edge_agent.kiosk.link import ServerRefused, Unreachable
from edge_agent.kiosk.readers import Reader
from edge_agent.logs import log, one_line
from service.contracts import read_message
from service.kit.errors import WardwatchError

MAX_JSON, MAX_FRAME = 64 * 1024, 2 * 1024 * 1024
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FILES = frozenset({"kiosk.css", "kiosk.js", "camera.js", "texts.js", "mark.svg"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), usb=(), serial=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Answer = Callable[["_Handler", bytes], BaseModel | None]


class KioskServer(ThreadingHTTPServer):
    """Serves the page on 127.0.0.1. `key`: what the page proves itself by; new at each start."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, desk: Desk, reader: Reader, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.desk, self.reader = desk, reader
        self.key = secrets.token_urlsafe(24)
        port = int(self.server_address[1])
        self.hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    @property
    def address(self) -> str:
        """Where the browser goes."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error worth a stack trace."""
        log(logging.DEBUG, "the page hung up")


class _Handler(BaseHTTPRequestHandler):
    server: KioskServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "wardwatch-kiosk", ""
    timeout = 30

    def do_GET(self) -> None:
        """The page, its parts, its state."""
        if not self._host_is_ours():
            return
        if self.path == "/":
            page = _file("index.html").replace(b"{{key}}", self.server.key.encode())
            self._send(HTTPStatus.OK, page, _TYPES["html"])
        elif self.path == "/api/state" and self._page_is_ours():
            self._json(HTTPStatus.OK, self.server.desk.state())
        elif self.path.removeprefix("/page/") in _FILES:
            name = self.path.removeprefix("/page/")
            self._send(HTTPStatus.OK, _file(name), _TYPES[name.rpartition(".")[2]])
        else:
            self._problem(HTTPStatus.NOT_FOUND, "not-found", "there is nothing here", "")

    def do_POST(self) -> None:
        """What the page asks for."""
        if not (self._host_is_ours() and self._page_is_ours()):
            return
        answer = _ROUTES.get(self.path)
        if answer is None:
            self._problem(HTTPStatus.NOT_FOUND, "not-found", "there is nothing here", "")
            return
        body = self._body(MAX_FRAME if self.path == "/api/frame" else MAX_JSON)
        if body is None:
            return
        try:
            self._json(HTTPStatus.OK, answer(self, body))
        except Unreachable as error:
            self._problem(HTTPStatus.SERVICE_UNAVAILABLE, error.code, error.message, error.remedy)
        except ServerRefused as error:
            self._problem(HTTPStatus.BAD_GATEWAY, error.kind or error.code, error.message, error.remedy)
        except WardwatchError as error:
            self._problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, error.message, error.remedy, error.field)
        except Exception as error:  # the page must hear that something broke, and nothing of what
            log(logging.ERROR, "a request of the page failed", error=one_line(f"{type(error).__name__}: {error}"))
            self._problem(HTTPStatus.INTERNAL_SERVER_ERROR, "broken", "something broke", "use the manual path")

    @property
    def session(self) -> str:
        """The visit that the page speaks of."""
        return self.headers.get("X-Kiosk-Session", "")

    def _host_is_ours(self) -> bool:
        if self.headers.get("Host", "") in self.server.hosts:
            return True
        self._problem(HTTPStatus.MISDIRECTED_REQUEST, "host", "this address has another name", "use 127.0.0.1")
        return False

    def _page_is_ours(self) -> bool:
        origin = self.headers.get("Origin")
        own = origin is None or origin in {f"http://{host}" for host in self.server.hosts}
        site = self.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        key = secrets.compare_digest(self.headers.get("X-Kiosk-Key", "").encode(), self.server.key.encode())
        if own and site and key:
            return True
        self._problem(HTTPStatus.FORBIDDEN, "not-the-page", "only the kiosk's own page may ask", "load the page again")
        return False

    def _body(self, most: int) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._problem(HTTPStatus.LENGTH_REQUIRED, "length", "the body's length is missing", "")
            return None
        if int(length) > most:
            self._problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"at most {most} bytes", "")
            return None
        return self.rfile.read(int(length))

    def _json(self, status: HTTPStatus, answer: BaseModel | None) -> None:
        body = b"{}" if answer is None else answer.model_dump_json().encode()
        self._send(status, body, "application/json")

    def _problem(self, status: HTTPStatus, code: str, detail: str, remedy: str, field: str | None = None) -> None:
        self.close_connection = True
        document = {"type": code, "status": status.value, "detail": detail, "remedy": remedy, "field": field}
        self._send(status, json.dumps(document).encode(), "application/problem+json")

    def _send(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they happen five times a second."""


def _file(name: str) -> bytes:
    return files("edge_agent.kiosk").joinpath("page", name).read_bytes()


def _begin(page: _Handler, body: bytes) -> BaseModel:
    return SessionOut(session=page.server.desk.begin())


def _wipe(page: _Handler, body: bytes) -> None:
    page.server.desk.wipe()


def _card(page: _Handler, body: bytes) -> BaseModel:
    return CardOut(number=page.server.reader(read_message(CardForm, body).text))


def _challenge(page: _Handler, body: bytes) -> BaseModel:
    return page.server.desk.challenge(page.session)


def _frame(page: _Handler, body: bytes) -> BaseModel:
    if page.headers.get_content_type() != "image/jpeg":
        raise KioskRequestInvalid("frames are JPEG", field="frame", remedy="send image/jpeg")
    return page.server.desk.frame(page.session, body)


def _verify(page: _Handler, body: bytes) -> BaseModel:
    return page.server.desk.verify(page.session, read_message(PurchaseForm, body))


def _documents(page: _Handler, body: bytes) -> BaseModel:
    return page.server.desk.documents(page.session, read_message(DocumentsForm, body))


def _claim(page: _Handler, body: bytes) -> BaseModel:
    return page.server.desk.claim(page.session, read_message(ClaimForm, body))


def _review(page: _Handler, body: bytes) -> BaseModel:
    return page.server.desk.review(page.session, read_message(ReviewForm, body).review_id)


_ROUTES: dict[str, Answer] = {
    "/api/begin": _begin,
    "/api/wipe": _wipe,
    "/api/card": _card,
    "/api/challenge": _challenge,
    "/api/frame": _frame,
    "/api/verify": _verify,
    "/api/documents": _documents,
    "/api/claim": _claim,
    "/api/review": _review,
}
