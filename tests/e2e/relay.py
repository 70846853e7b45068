"""A line between agent and server that can be cut, that can swallow answers, and that remembers what went over it."""

from __future__ import annotations

import socket
import threading


class Line:
    """Listens on its own port, forwards to another one."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.cut = False
        self.swallow = 0
        self.recorded = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_now(self) -> None:
        self.cut = True
        for each in list(self._open):
            _close(each)

    def close(self) -> None:
        self.cut_now()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.cut:
            _close(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            server.settimeout(None)
        except OSError:
            _close(client)
            return
        self._open |= {client, server}
        threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
        self._pump(server, client, False)

    def _pump(self, source: socket.socket, target: socket.socket, to_server: bool) -> None:
        try:
            while data := source.recv(65536):
                if to_server and data.startswith(b"GET /api/v1/devices/me/config"):
                    self.recorded = data
                if not to_server and self.swallow and data.startswith(b"HTTP/1.1 202"):
                    self.swallow -= 1  # the server has it, the agent never hears so
                    break
                target.sendall(data)
        except OSError:
            pass
        _close(source)
        _close(target)
        self._open -= {source, target}


def _close(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    each.close()
