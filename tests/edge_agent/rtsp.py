"""A small RTSP camera: JPEG over RTP (RFC 2435) inside the connection (RFC 2326, 10.12), with a password."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import cv2
import numpy as np

USER, PASSWORD = "viewer", "s3cret:hunter22"


def picture(number: int) -> np.ndarray:
    """96 x 64 pixels, grey; the shade tells the number."""
    return np.full((64, 96, 3), 40 + number % 40 * 5, np.uint8)


def _segments(jpeg: bytes) -> tuple[bytes, bytes]:
    """The two quantisation tables, 128 bytes, and the scan without its end mark."""
    tables, at = {}, 2
    while True:
        marker, length = struct.unpack(">HH", jpeg[at : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xFFDB:
            while body:
                tables[body[0]] = body[1:65]
                body = body[65:]
        if marker == 0xFFDA:
            return tables[0] + tables[1], jpeg[at:-2]


class RtspCamera:
    """Streams 20 pictures a second to whoever knows the password. `connections` counts those who played.

    `shows` gives picture i, whose sides are multiples of 8; of these `distinct` are encoded once and shown in turn.
    """

    def __init__(self, shows: Callable[[int], np.ndarray] = picture, distinct: int = 40) -> None:
        self._shows, self._distinct = shows, distinct
        self._encoded: dict[int, tuple[bytes, bytes, int, int]] = {}
        self.connections = 0
        self.sent: list[tuple[int, float]] = []
        """Number and time (seconds since 1970) of each picture, when its last byte was on its way."""
        self.played_at = 0.0
        self.refused = 0
        self.on = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        self.drop()

    def drop(self) -> None:
        """Cut every connection, as when the power goes."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                if not self.on:
                    connection.close()
                    continue
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as requests:
            while True:
                line = requests.readline().decode()
                if not line:
                    return
                method, address, _ = line.split()
                headers = {}
                while (header := requests.readline().decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                reply = f"CSeq: {headers['cseq']}\r\nSession: 1\r\n"
                if method != "OPTIONS" and headers.get("authorization") != expected:
                    self.refused += 1
                    challenge = 'WWW-Authenticate: Basic realm="camera"\r\n'
                    connection.sendall(f"RTSP/1.0 401 Unauthorized\r\n{reply}{challenge}\r\n".encode())
                    continue
                body = ""
                if method == "DESCRIBE":
                    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=c\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:v\r\n"
                    reply += f"Content-Base: {address}/\r\nContent-Type: application/sdp\r\n"
                if method == "OPTIONS":
                    reply += "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
                if method == "SETUP":
                    reply += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                connection.sendall(f"RTSP/1.0 200 OK\r\n{reply}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                if method == "PLAY":
                    self.connections += 1
                    self.played_at = time.time()
                    self._play(connection.sendall)

    def _encode(self, number: int) -> tuple[bytes, bytes, int, int]:
        if number not in self._encoded:
            shown = self._shows(number)
            _, encoded = cv2.imencode(".jpg", shown)
            self._encoded[number] = (*_segments(encoded.tobytes()), shown.shape[1], shown.shape[0])
        return self._encoded[number]

    def _play(self, send: Callable[[bytes], None]) -> None:
        packet, number = 0, 0
        while True:
            tables, scan, width, height = self._encode(number % self._distinct)
            for at in range(0, len(scan), 1000):
                piece = scan[at : at + 1000]
                last = at + 1000 >= len(scan)
                rtp = struct.pack(">BBHII", 0x80, 26 | (0x80 if last else 0), packet & 0xFFFF, number * 4500, 7)
                head = struct.pack(">I", at) + struct.pack("BBBB", 1, 255, width // 8, height // 8)
                if at == 0:
                    head += struct.pack(">BBH", 0, 0, 128) + tables
                payload = rtp + head + piece
                send(b"$\0" + struct.pack(">H", len(payload)) + payload)
                packet += 1
            self.sent.append((number, time.time()))
            number += 1
            time.sleep(0.05)
