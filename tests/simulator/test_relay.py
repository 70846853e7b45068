"""The network that can be cut."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.simulator.relay import Relay

SNAPSHOT = "0195565e3b7e7c3a9d6f1b2a4c5d6e7f"


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers everything with what a snapshot's acceptance looks like, in two pieces."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(b'HTTP/1.1 202 Accepted\r\n\r\n{"snapshot_')
                connection.sendall(f'id":"{SNAPSHOT}","duplicate":false}}'.encode())

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def relay(echo: int) -> Iterator[Relay]:
    made = Relay("127.0.0.1", echo)
    yield made
    made.close()


def _connect(relay: Relay) -> socket.socket:
    port = int(relay.address.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=5.0)


def _answer(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"}"):
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    return received


def test_what_is_sent_arrives_and_the_answer_comes_back(relay: Relay) -> None:
    with _connect(relay) as connection:
        connection.sendall(b"hello")

        assert SNAPSHOT.encode() in _answer(connection)


def test_the_id_of_a_picture_is_noted_by_when_it_was_taken(relay: Relay) -> None:
    with _connect(relay) as connection:
        connection.sendall(b'{"camera_id":"c","captured_at":"2026-03-02T')
        connection.sendall(b'08:15:00Z","sequence":1}' + bytes(500))
        _answer(connection)

    deadline = time.monotonic() + 10  # it is noted after the answer has passed, in the relay's own thread
    while not relay.snapshots() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert relay.snapshots() == {datetime(2026, 3, 2, 8, 15, tzinfo=UTC): SNAPSHOT}


def test_a_cut_breaks_open_connections_and_refuses_new_ones_until_mended(relay: Relay) -> None:
    with _connect(relay) as connection:
        connection.sendall(b"hello")
        _answer(connection)
        relay.cut()
        assert _ends(connection)
    with _connect(relay) as refused:
        assert _ends(refused)

    relay.mend()
    with _connect(relay) as mended:
        mended.sendall(b"hello")
        assert SNAPSHOT.encode() in _answer(mended)


def test_a_server_that_is_away_shows_as_a_closed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    relay = Relay("127.0.0.1", port)
    try:
        with _connect(relay) as connection:
            assert _ends(connection)
    finally:
        relay.close()


def _ends(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
