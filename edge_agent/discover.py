"""`wardwatch-edge discover`: which ONVIF cameras answer in this network (WS-Discovery 1.1, section 5; ONVIF Core 7.3).

One question by UDP multicast, and the answers read as what they are: packets that anybody may have sent. Nothing that
they name is opened.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_agent.errors import SourceUnusable
from edge_agent.logs import one_line
from edge_agent.words import say

MULTICAST = ("239.255.255.250", 3702)
MAX_PACKET, MAX_CAMERAS = 16_384, 500
_WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{addressing}" xmlns:d="{wsd}" '
    'xmlns:n="http://www.onvif.org/ver10/network/wsdl"><e:Header><a:MessageID>uuid:{id}</a:MessageID>'
    "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></e:Header>"
    "<e:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
)


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """What a camera says of itself. `address`: whence the answer came. `services`: where its ONVIF services are."""

    address: str
    name: str
    hardware: str
    place: str
    services: tuple[str, ...]


def discover(seconds: float, target: tuple[str, int] = MULTICAST, interface: str = "") -> tuple[FoundCamera, ...]:
    """The cameras that answer within `seconds`, each once. Raises `SourceUnusable` when nothing can be sent."""
    asked, found = str(uuid.uuid4()), dict[tuple[str, ...], FoundCamera]()
    question = _PROBE.format(addressing=_ADDRESSING, wsd=_WSD, id=asked).encode()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
            line.bind((interface, 0))
            if interface:
                line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
            line.sendto(question, target)
            for packet, sender in _answers(line, time.monotonic() + seconds):
                for camera in read_answer(packet, sender, asked):
                    found.setdefault((camera.address, *camera.services), camera)
                if len(found) >= MAX_CAMERAS:
                    break
    except OSError as error:
        raise SourceUnusable(
            f"the network cannot be asked: {error}", field="interface", remedy="give this box's own IPv4 address there"
        ) from None
    return tuple(sorted(found.values(), key=lambda camera: (camera.address, camera.services)))


def _answers(line: socket.socket, until: float) -> Iterator[tuple[bytes, str]]:
    while (left := until - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            packet, sender = line.recvfrom(MAX_PACKET + 1)
        except TimeoutError:
            return
        if len(packet) <= MAX_PACKET:
            yield packet, str(sender[0])


def read_answer(packet: bytes, sender: str, asked: str) -> tuple[FoundCamera, ...]:
    """The cameras in an answer to the question `asked`; none for anything else. Declarations are never expanded."""
    if b"<!" in packet.replace(b"\0", b""):  # DOCTYPE, ENTITY, CDATA: no answer needs them
        return ()
    try:
        root = ET.fromstring(packet)  # noqa: S314 - what is dangerous in XML begins with what was just refused
    except (ET.ParseError, ValueError, LookupError):
        return ()
    if root.findtext(f".//{{{_ADDRESSING}}}RelatesTo", "").strip().lower().removeprefix("urn:") != f"uuid:{asked}":
        return ()
    cameras = []
    for match in root.iter(f"{{{_WSD}}}ProbeMatch"):
        texts = match.findtext(f"{{{_WSD}}}XAddrs", "").split()
        services = tuple(one_line(text) for text in texts[:8] if urlsplit_is_http(text))
        scopes = match.findtext(f"{{{_WSD}}}Scopes", "").split()[:64]
        if services:
            cameras.append(
                FoundCamera(
                    sender, _scope(scopes, "name"), _scope(scopes, "hardware"), _scope(scopes, "location"), services
                )
            )
    return tuple(cameras[:8])


def urlsplit_is_http(text: str) -> bool:
    """Whether `text` is an address of the web."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _scope(scopes: list[str], kind: str) -> str:
    """The last part of `onvif://www.onvif.org/<kind>/<value>`."""
    start = f"onvif://www.onvif.org/{kind}/"
    return next((one_line(unquote(text[len(start) :]), 80) for text in scopes if text.startswith(start)), "")


def command(
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long to wait for answers.")] = 4.0,
    interface: Annotated[str, typer.Option(help="This box's own IPv4 address in the cameras' network.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the ONVIF cameras of this network. Their streams' addresses stand in the cameras' own pages or manuals."""
    found = discover(seconds, interface=interface)
    if as_json:
        typer.echo(json.dumps([asdict(camera) for camera in found], ensure_ascii=False))
        return
    table = Table("address", "name", "hardware", "place", "services")
    for camera in found:
        table.add_row(*(Text(text) for text in (camera.address, camera.name, camera.hardware, camera.place)))
    nobody = say("no camera answers; it must allow ONVIF discovery, on this very network")
    Console().print(table if found else nobody)
