"""The network between a camera's box and the server: a loopback relay that can be cut, and that notes which picture
the server took under which id."""

from __future__ import annotations

import re
import socket
import threading
from datetime import datetime

_CHUNK = 1 << 16
_TAKEN_AT = re.compile(rb'"captured_at":\s*"([^"]{10,40})"')
_SNAPSHOT = re.compile(rb'"snapshot_id":\s*"([0-9a-f]{32})"')
_LOOK_BACK = 128
"""Bytes of the last piece that may hold the beginning of a match."""


class Relay:
    """Forwards TCP connections on a port of its own to the server, until cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._closing = False
        self._snapshots: dict[datetime, str] = {}
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def address(self) -> str:
        """Where the box finds the server."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return self._is_cut

    def snapshots(self) -> dict[datetime, str]:
        """Ids of the pictures that passed, by when they were taken."""
        with self._lock:
            return dict(self._snapshots)

    def cut(self) -> None:
        """Breaks every connection; new ones are refused."""
        with self._lock:
            self._is_cut = True
            broken = list(self._open)
        for connection in broken:
            _shut(connection)

    def mend(self) -> None:
        """Lets connections pass again."""
        self._is_cut = False

    def close(self) -> None:
        """Ends the relay."""
        self._closing = True
        _shut(self._listener)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closing:
            try:
                box, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                _shut(box)
                box.close()
                continue
            threading.Thread(target=self._connect, args=(box,), name="relay-connection", daemon=True).start()

    def _connect(self, box: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=5.0)
            server.settimeout(None)
        except OSError:
            box.close()
            return
        with self._lock:
            self._open |= {box, server}
        posted = _Posted()
        up = threading.Thread(target=self._pump, args=(box, server, posted.sent), name="relay-up", daemon=True)
        up.start()
        self._pump(server, box, lambda data: self._note(posted, data))
        up.join()
        with self._lock:
            self._open -= {box, server}
        box.close()
        server.close()

    def _pump(self, source: socket.socket, target: socket.socket, look: object) -> None:
        assert callable(look)  # noqa: S101 - two bound methods of ours
        try:
            while data := source.recv(_CHUNK):
                look(data)
                target.sendall(data)
        except OSError:
            pass
        finally:
            _shut(source)
            _shut(target)

    def _note(self, posted: _Posted, data: bytes) -> None:
        snapshot_id = posted.answered(data)
        if snapshot_id is not None and posted.taken_at is not None:
            with self._lock:
                self._snapshots[posted.taken_at] = snapshot_id


class _Posted:
    """One connection's last post: HTTP/1.1 without pipelining, so an answer belongs to the post before it."""

    def __init__(self) -> None:
        self.taken_at: datetime | None = None
        self._up = b""
        self._down = b""

    def sent(self, data: bytes) -> None:
        """Looks for the instant in what the box sends."""
        match = _TAKEN_AT.search(self._up + data)
        if match is not None:
            self.taken_at = datetime.fromisoformat(match[1].decode("ascii", "replace"))
        self._up = data[-_LOOK_BACK:] if match is None else b""

    def answered(self, data: bytes) -> str | None:
        """Looks for the id in what the server answers."""
        match = _SNAPSHOT.search(self._down + data)
        self._down = data[-_LOOK_BACK:] if match is None else b""
        return None if match is None else match[1].decode("ascii")


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
