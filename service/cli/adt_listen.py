"""`wardwatch adt-listen`: HL7 v2 over MLLP, of one facility or of several."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from service.access import SYSTEM, Actor
from service.admissions import (
    ListenOptions,
    MllpServer,
    Routes,
    answerer,
    mutual_tls,
    networks,
    parse_clients,
    parse_routes,
    refuser,
    routed,
    serve_until,
)
from service.cli.console import answer, installation
from service.facilities import facility_by_code
from service.kit.errors import InvalidInput
from service.platform import logging
from service.platform.context import Context
from service.platform.settings import get_settings

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class _Whom:
    """Whose messages are taken: one facility's, or those that routes lead to."""

    facility: str
    routes: Routes | None

    @property
    def codes(self) -> tuple[str, ...]:
        return self.routes.facility_codes if self.routes is not None else (self.facility,)


def listen(
    facility: Annotated[str, typer.Option(help="Code of the facility that every message is about.")] = "",
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="SENDING=CODE",
            help="Instead of --facility, repeatable: which facility a message is about, by its sending facility "
            "(MSH-4); SENDING/RECEIVING=CODE or /RECEIVING=CODE looks at MSH-6 as well.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 2575,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Address or network that may connect; repeatable. Default without TLS: this machine."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Our certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    tls_client_ca: Annotated[Path | None, typer.Option(help="Authority that signed the clients' certificates.")] = None,
    tls_client: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CODE",
            help="With --map, repeatable: the certificate of that common or DNS name speaks for the facility "
            "(several: CODE,CODE).",
        ),
    ] = None,
    max_frame: Annotated[int, typer.Option(help="Largest message, bytes.", min=1024, max=16 * 1024 * 1024)] = 1048576,
    max_connections: Annotated[int, typer.Option(help="Connections at once.", min=1, max=10_000)] = 200,
) -> None:
    """Take HL7 v2 messages over MLLP, of one facility or of those of a map, and answer each, until stopped."""
    tls = _tls(tls_cert, tls_key, tls_client_ca)
    whom = _Whom(facility, _routes(facility, map_ or [], tls_client or [], has_tls=tls is not None))
    options = ListenOptions(host=host, port=port, tls=tls, max_frame=max_frame, max_connections=max_connections)
    if allow or tls is not None:
        options = replace(options, allowed=networks(tuple(allow or ())))
    settings = get_settings()
    logging.configure(settings.log_level)
    with installation(settings) as context:
        with context.database.reading() as session:
            for code in whom.codes:
                facility_by_code(session, code)
        asyncio.run(_listen(context, whom, options))


def _tls(certificate: Path | None, key: Path | None, authority: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None and authority is None:
        return None
    if certificate is None or key is None or authority is None:
        raise InvalidInput(
            "mutual TLS needs three files", field="tls", remedy="give --tls-cert, --tls-key and --tls-client-ca"
        )
    return mutual_tls(certificate, key, authority)


def _routes(facility: str, mapped: list[str], bound: list[str], *, has_tls: bool) -> Routes | None:
    """The routes of --map and --tls-client; None with --facility. Raises `InvalidInput`."""
    if bool(facility) == bool(mapped):
        raise InvalidInput(
            "whose messages are they?",
            field="facility",
            remedy="give --facility CODE, or --map SENDING=CODE for each facility; not both",
        )
    if bound and not (mapped and has_tls):
        raise InvalidInput(
            "certificates are bound to facilities of a map, with mutual TLS",
            field="tls_client",
            remedy="leave --tls-client out, or give --map and the three TLS files",
        )
    if not mapped:
        return None
    routes = Routes(parse_routes(mapped), parse_clients(bound) if has_tls else None)
    if routes.clients is None:
        return routes
    unspoken = set(routes.facility_codes) - {code for codes in routes.clients.values() for code in codes}
    strange = {code for codes in routes.clients.values() for code in codes} - set(routes.facility_codes)
    if unspoken or strange:
        names = ", ".join(sorted(unspoken or strange))
        raise InvalidInput(
            f"no certificate speaks for {names}" if unspoken else f"{names} is not in the map",
            field="tls_client",
            remedy="give --tls-client NAME=CODE for each facility of the map, and for no other",
        )
    return routes


def _writer(names: Collection[str]) -> Actor:
    """Who writes what comes over a line: the listener, with the name in the client's certificate."""
    name = sorted(names)[0][:_LONGEST_NAME] if names else ""
    return replace(SYSTEM, name=f"adt-listen/{name}" if name else "adt-listen")


async def _listen(context: Context, whom: _Whom, options: ListenOptions) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = MllpServer(
        options,
        answerer(context, whom.facility, _writer(())),
        refuser(context, whom.facility, options.max_frame),
        routed(context, whom.routes, _writer) if whom.routes is not None else None,
    )
    waiting = asyncio.ensure_future(stopped.wait())
    serving = asyncio.ensure_future(serve_until(server, waiting))
    while not server.is_listening and not serving.done():
        await asyncio.sleep(0.01)
    if not serving.done():
        answer({}, False, [f"listening on {options.host}:{server.port} for {', '.join(whom.codes)}"])
        typer.get_text_stream("stdout").flush()
    await serving
