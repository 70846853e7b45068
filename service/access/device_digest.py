"""Hashes the body of a signed request while it passes, so that a picture is neither kept twice nor read twice."""

from __future__ import annotations

import hashlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATE = "body_sha256"


class BodyDigest:
    """`digest` is of the whole body once `complete`: after an endpoint's body was parsed, before its rule is asked."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0
        self.complete = False

    def take(self, message: Message) -> None:
        """One message of the request."""
        if message["type"] == "http.request":
            body = message.get("body", b"")
            self._hash.update(body)
            self.size += len(body)
            self.complete = not message.get("more_body", False)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what has passed."""
        return self._hash.digest()


class SignedBodies:
    """ASGI middleware: for requests with a signature, leaves a `BodyDigest` in the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or not any(name == b"signature-input" for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        passing = BodyDigest()
        scope.setdefault("state", {})[STATE] = passing

        async def hashing() -> Message:
            message = await receive()
            passing.take(message)
            return message

        await self._app(scope, hashing, send)
