"""MLLP (HL7 Minimal Lower Layer Protocol): frames of messages over TCP, each answered in turn.

A frame is 0x0B, the message, 0x1C 0x0D. A connection that sends anything else, or too much, is closed; others go on.
Whoever sends too much is told so first: a sender without an answer would send the same message for ever.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.admissions.hl7.routes import certificate_names
from service.kit.errors import InvalidInput
from service.platform import metrics

_START, _END = b"\x0b", b"\x1c\x0d"
_log = logging.getLogger(__name__)

connections = metrics.gauge("mllp_connections", "Open MLLP connections")
refused_connections_total = metrics.counter(
    "mllp_refused_connections_total", "MLLP connections that were closed, by reason", ["reason"]
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Answerer = Callable[[bytes], bytes]
"""Takes a message and returns its answer; called in a thread, one at a time for each connection."""
_DISCARD_FRAMES = 16
"""So many times the largest frame is read and thrown away after a refusal, that the sender may come to read it."""


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """Where to listen, and to whom. Without `tls`, only addresses in `allowed` are served, by default this machine."""

    host: str = "127.0.0.1"
    port: int = 2575
    allowed: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    tls: ssl.SSLContext | None = None
    max_frame: int = 1024 * 1024
    max_connections: int = 200
    idle_seconds: float = 300.0
    frame_seconds: float = 30.0
    """A frame that has begun must be complete by then: half a message must not hold a place for ever."""


def mutual_tls(certificate: Path, key: Path, client_authority: Path) -> ssl.SSLContext:
    """TLS 1.2 or later with a certificate of ours, for clients with one that `client_authority` signed.

    Raises `InvalidInput` when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(client_authority)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(
            f"the TLS files cannot be used: {error}",
            field="tls",
            remedy="give PEM files: --tls-cert, --tls-key, and the clients' authority as --tls-client-ca",
        ) from None
    return context


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Addresses or networks as written. Raises `InvalidInput`."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise InvalidInput(str(error), field="allow", remedy="write 10.1.2.3 or 10.1.2.0/24") from None


@dataclass(slots=True)
class MllpServer:
    """A listener. `start`, then `stop`: whoever is being answered gets the answer first."""

    options: ListenOptions
    answer: Answerer
    refuse: Answerer | None = None
    """Given the beginning of a frame that is too large: the answer before the line closes. None: no answer."""
    answer_of: Callable[[frozenset[str]], Answerer] | None = None
    """Makes the answerer of a line by the names in its client's certificate; None: `answer` is everybody's."""
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_listening(self) -> bool:
        """Whether `start` has come to its end."""
        return self._server is not None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            return self.options.port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begins to listen. Raises `InvalidInput` for an address beyond this machine without any protection."""
        if self.options.tls is None and not self.options.allowed:
            raise InvalidInput(
                "neither mutual TLS nor an allow-list of addresses",
                field="allow",
                remedy="give --allow ADDRESS, or --tls-cert, --tls-key and --tls-client-ca",
            )
        self._server = await asyncio.start_server(
            self._accept,
            self.options.host,
            self.options.port,
            ssl=self.options.tls,
            limit=self.options.max_frame + 16,
        )

    async def stop(self, seconds: float = 10.0) -> None:
        """Listens no more; lets answers under way be sent, then closes what is still open."""
        self._stopping.set()
        if self._server is not None:
            self._server.close()
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        reason = self._refusal(writer)
        if reason is not None or task is None:
            _log.warning("an MLLP connection was refused", extra={"reason": reason or "stopping"})
            refused_connections_total.labels(reason or "stopping").inc()
            writer.close()
            return
        self._open.add(task)
        connections.inc()
        try:
            await self._serve(reader, writer)
        except (ConnectionError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError) as error:
            _log.info("an MLLP connection ended", extra={"reason": type(error).__name__})
        except asyncio.LimitOverrunError:
            _log.warning("an MLLP frame was too large", extra={"limit": self.options.max_frame})
            refused_connections_total.labels("too_large").inc()
            await self._tell_too_large(reader, writer)
        finally:
            connections.dec()
            self._open.discard(task)
            writer.close()

    def _refusal(self, writer: asyncio.StreamWriter) -> str | None:
        if self._stopping.is_set():
            return "stopping"
        if len(self._open) >= self.options.max_connections:
            return "too_many"
        if self.options.tls is None or self.options.allowed:
            peer = writer.get_extra_info("peername")
            address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
            mapped = getattr(address, "ipv4_mapped", None)
            if not any((mapped or address) in network for network in self.options.allowed):
                return "address"
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        respond = self._answerer(writer)
        while not self._stopping.is_set():
            first = await self._next_byte(reader)
            if first in (b"\r", b"\n"):
                continue
            if first != _START:
                if first:
                    refused_connections_total.labels("no_frame").inc()
                return
            frame = await asyncio.wait_for(reader.readuntil(_END), self.options.frame_seconds)
            reply = await asyncio.to_thread(respond, frame[: -len(_END)])
            writer.write(_START + reply + _END)
            await asyncio.wait_for(writer.drain(), self.options.frame_seconds)

    def _answerer(self, writer: asyncio.StreamWriter) -> Answerer:
        if self.answer_of is None:
            return self.answer
        secured = writer.get_extra_info("ssl_object")
        return self.answer_of(certificate_names(secured.getpeercert() if secured is not None else None))

    async def _tell_too_large(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers a frame that is too large. What still comes of it is read: closing a line with bytes unread resets
        it, and the answer would be lost on the way."""
        if self.refuse is None:
            return
        try:
            async with asyncio.timeout(self.options.frame_seconds):
                beginning = await reader.read(self.options.max_frame)
                writer.write(_START + await asyncio.to_thread(self.refuse, beginning) + _END)
                await writer.drain()
                tail, left = beginning[-1:], _DISCARD_FRAMES * self.options.max_frame
                while left > 0:
                    more = await reader.read(65536)
                    if not more or _END in tail + more:
                        return
                    tail, left = more[-1:], left - len(more)
        except (ConnectionError, ssl.SSLError, TimeoutError) as error:
            _log.info("an MLLP connection ended", extra={"reason": type(error).__name__})

    async def _next_byte(self, reader: asyncio.StreamReader) -> bytes:
        """The next byte, or nothing: the other side has closed, is silent for too long, or we are to stop."""
        reading = asyncio.ensure_future(reader.read(1))
        stopping = asyncio.ensure_future(self._stopping.wait())
        waiting: set[asyncio.Future[Any]] = {reading, stopping}
        try:
            await asyncio.wait(waiting, timeout=self.options.idle_seconds, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else b""
        finally:
            for one in waiting:
                one.cancel()


async def serve_until(server: MllpServer, stopped: Awaitable[object]) -> None:
    """Listens until `stopped`, then ends gracefully."""
    await server.start()
    try:
        await stopped
    finally:
        await server.stop()
