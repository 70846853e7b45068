"""What the server at the other end understands: one version older refuses fields that it does not know."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping

from edge_agent.logs import log

OPTIONAL: Mapping[str, frozenset[str]] = {
    "meta": frozenset({"statement", "clock_offset_ms"}),
    "heartbeat": frozenset(
        {"dropped", "versions", "clock_offset_ms", "temperature_c", "captured", "camera_away", "oldest_waiting_at"}
    ),
}
"""Fields without which a message is still worth sending. The others every server has always known."""
STATEMENTS = "statements"
"""A server that names this among what it accepts takes statements after their pictures."""
_UNKNOWN = "Extra inputs are not permitted"


class Dialect:
    """Shared by the thread that posts pictures and the one that talks; learned anew at each start."""

    def __init__(self) -> None:
        self._without: dict[str, frozenset[str]] = {kind: frozenset() for kind in OPTIONAL}
        self._accepts: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def without(self, kind: str) -> frozenset[str]:
        """The fields of a `meta` or `heartbeat` that this server refused as unknown."""
        return self._without[kind]

    def accepts(self, what: str) -> bool:
        """Whether the server's configuration says so."""
        return what in self._accepts

    def hear(self, accepts: Iterable[str]) -> None:
        """What the server says that it accepts: what it refused before, it may have been updated to know."""
        with self._lock:
            self._accepts = frozenset(accepts)
            self._without = {kind: fields - self._accepts for kind, fields in self._without.items()}

    def learn(self, kind: str, status: int, body: bytes) -> bool:
        """From a refusal: whether it was for fields that can be left out from now on."""
        if status not in (400, 422):
            return False
        unknown = unknown_fields(body) & OPTIONAL[kind]
        with self._lock:
            fresh = unknown - self._without[kind]
            if fresh:
                self._without[kind] |= fresh
        if fresh:
            log(logging.WARNING, "the server is older and does not know", of=kind, fields=", ".join(sorted(fresh)))
        return bool(fresh)

    def forget(self, kind: str) -> None:
        """The server wants what was left out: it was updated, and its configuration not heard yet."""
        with self._lock:
            self._without[kind] = frozenset()


def unknown_fields(body: bytes) -> frozenset[str]:
    """The last parts of the fields that a problem document (RFC 9457) says are unknown."""
    try:
        document = json.loads(body)
        told = document.get("errors") or [{"field": document.get("field"), "message": document.get("detail")}]
        pairs = [(str(each.get("field") or ""), str(each.get("message") or "")) for each in told]
    except (ValueError, RecursionError, AttributeError, TypeError):
        return frozenset()
    return frozenset(field.rpartition(".")[2] for field, message in pairs if message.startswith(_UNKNOWN))
