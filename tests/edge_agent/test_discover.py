"""Discovery against a camera that answers on loopback, and against packets that wish the box ill."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from edge_agent.discover import MAX_PACKET, discover, read_answer

ASKED = "0195565e-3b7e-7c3a-9d6f-1b2a4c5d6e01"


def answer(asked: str, services: str = "http://192.0.2.7/onvif/device_service", scopes: str = "") -> bytes:
    """As cameras send it, prefixes and all."""
    scopes = scopes or (
        "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Ward%20cam "
        "onvif://www.onvif.org/hardware/IPC-100 onvif://www.onvif.org/location/ward%2F1"
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:wsdd="http://schemas.xmlsoap.org/ws/2005/04/discovery"><SOAP-ENV:Header>'
        f"<wsa:RelatesTo>uuid:{asked}</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body><wsdd:ProbeMatches>"
        "<wsdd:ProbeMatch><wsdd:Types>dn:NetworkVideoTransmitter</wsdd:Types>"
        f"<wsdd:Scopes>{scopes}</wsdd:Scopes><wsdd:XAddrs>{services}</wsdd:XAddrs></wsdd:ProbeMatch>"
        "</wsdd:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


class Camera:
    """Answers a probe as it is told."""

    def __init__(self, says: Callable[[str], list[bytes]]) -> None:
        self._says = says
        self.asked: list[bytes] = []
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._line.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                packet, sender = self._line.recvfrom(65536)
            except OSError:
                return
            self.asked.append(packet)
            found = re.search(rb"MessageID>uuid:([0-9a-f-]+)<", packet)
            for reply in self._says(found.group(1).decode() if found else ""):
                self._line.sendto(reply, sender)

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def camera() -> Iterator[Callable[[Callable[[str], list[bytes]]], Camera]]:
    made: list[Camera] = []

    def make(says: Callable[[str], list[bytes]]) -> Camera:
        made.append(Camera(says))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_camera_that_answers_is_found_once(camera: Callable[..., Camera]) -> None:
    lens = camera(lambda asked: [answer(asked), answer(asked), answer(ASKED), b"\0" * 40, b"x" * (MAX_PACKET + 1)])
    (found,) = discover(2.0, lens.address)
    assert (found.address, found.name, found.hardware, found.place) == ("127.0.0.1", "Ward cam", "IPC-100", "ward/1")
    assert found.services == ("http://192.0.2.7/onvif/device_service",)
    assert b"NetworkVideoTransmitter" in lens.asked[0]


def test_nobody_there_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert discover(0.5, silent.getsockname()) == ()


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<",
        b"GET / HTTP/1.1\r\n\r\n",
        answer("another question"),
        answer(ASKED, services="file:///etc/passwd javascript:alert(1) http://[::1 http://"),
        answer(ASKED).replace(b'<?xml version="1.0" encoding="utf-8"?>', BOMB.encode()),
        answer(ASKED)
        .decode()
        .replace('encoding="utf-8"', 'encoding="utf-16"')
        .replace("?>", "?>" + BOMB[21:])
        .encode("utf-16"),
        answer(ASKED).replace(b"utf-8", b"klingon"),
        b"<a>" * 4000,
    ],
)
def test_a_packet_that_is_no_answer_finds_nothing(packet: bytes) -> None:
    assert read_answer(packet, "192.0.2.9", ASKED) == ()


def test_what_a_camera_says_cannot_draw_on_the_terminal() -> None:
    (found,) = read_answer(answer(ASKED, scopes="onvif://www.onvif.org/name/%1B%5B2Jx%0Ay"), "192.0.2.9", ASKED)
    assert found.name == "[2Jx y"
