"""One listener for several facilities: who is meant, who may speak for whom, what becomes of strangers' messages."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from service.access import SYSTEM, Actor
from service.admissions import (
    InboundMessage,
    MllpServer,
    Routes,
    UnclaimedMessage,
    claim_message,
    mutual_tls,
    parse_clients,
    parse_routes,
    routed,
    waiting_messages,
)
from service.facilities import facility_by_code
from service.kit.errors import Conflict, InvalidInput
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from tests.admissions.feed import adt
from tests.admissions.test_mllp import OPTIONS, _authority, _certificate, echo, exchange
from tests.builders import EPOCH, create_bed, create_facility, create_ward


def says(facility: str, visit: str, receiving: str = "X") -> bytes:
    text = adt("A01", at=EPOCH, visit=visit, patient=f"P{visit}", place="N1^^01")
    return text.replace("|HIS|HOSPITAL|WARDWATCH|X|", f"|HIS|{facility}|WARDWATCH|{receiving}|").encode()


def writer(names: Collection[str]) -> Actor:
    return replace(SYSTEM, name="/".join(["adt-listen", *sorted(names)]))


@pytest.fixture
def two(context: Context) -> Context:
    """The hospitals `east` and `west`, each with ward N1 and bed 01."""
    with context.database.transaction() as session:
        for code in ("east", "west"):
            place = create_facility(session, code=code, clock="replay", watermark=EPOCH + timedelta(days=5))
            create_bed(session, create_ward(session, place, code="N1"), code="01")
    return context


def play(
    context: Context, routes: Routes, what: Callable[[MllpServer], object], tls: ssl.SSLContext | None = None
) -> None:
    async def run() -> None:
        options = replace(OPTIONS, tls=tls, allowed=() if tls else OPTIONS.allowed)
        server = MllpServer(options, echo, None, routed(context, routes, writer))
        await server.start()
        try:
            await what(server)  # type: ignore[misc]
        finally:
            await server.stop(seconds=5)

    asyncio.run(run())


def kept(context: Context) -> list[tuple[str, str, str]]:
    with context.database.reading() as session:
        codes = {code: facility_by_code(session, code).id for code in ("east", "west")}
        rows = session.exec(select(InboundMessage).order_by(InboundMessage.id)).all()  # type: ignore[arg-type]
    names = {facility_id: code for code, facility_id in codes.items()}
    return [(names[row.facility_id], row.admission_no, row.state) for row in rows]


def waiting(context: Context) -> tuple[UnclaimedMessage, ...]:
    with context.database.reading() as session:
        return waiting_messages(session)


def test_messages_go_to_the_facility_of_their_sender(two: Context) -> None:
    routes = Routes(parse_routes(["H-EAST=east", "H-WEST=west", "GROUP/W=west", "GROUP/E=east", "/ONLY=east"]))

    async def what(server: MllpServer) -> None:
        frames = [
            says("H-EAST", "V1"),
            says("H-WEST", "V2"),
            says("GROUP", "V3", "W"),
            says("GROUP", "V4", "E"),
            says("ANYBODY", "V5", "ONLY"),
            says("H-WEST^1.2.3^ISO", "V6", "ONLY"),  # of two that fit, the one that names the sender
        ]
        for answer in await exchange(server.port, frames):
            assert b"\rMSA|AA|" in answer, answer

    play(two, routes, what)
    assert [(place, visit) for place, visit, _ in kept(two)] == [
        ("east", "V1"),
        ("west", "V2"),
        ("west", "V3"),
        ("east", "V4"),
        ("east", "V5"),
        ("west", "V6"),
    ]


def test_an_unknown_sender_is_refused_kept_and_can_be_claimed(two: Context) -> None:
    async def what(server: MllpServer) -> None:
        strange = says("H-NORTH", "V9")
        first, again, garbage, good = await exchange(server.port, [strange, strange, b"hello", says("H-EAST", "V1")])
        for answer in (first, again):
            assert b"\rMSA|AR|" in answer
            assert b"MSH^1^4" in answer
            assert b"'H-NORTH'" in answer
        assert b"\rMSA|AR|" in garbage
        assert b"\rMSA|AA|" in good

    play(two, Routes(parse_routes(["H-EAST=east"])), what)
    assert kept(two) == [("east", "V1", "applied")]
    found = {row.sending_facility: row for row in waiting(two)}
    assert {name: row.attempts for name, row in found.items()} == {"H-NORTH": 2, "": 1}
    assert b"V9" not in (found["H-NORTH"].sealed or b"")
    with two.database.transaction() as session:
        place = facility_by_code(session, "west")
        outcome = claim_message(two, session, place, found["H-NORTH"].id, actor=SYSTEM).outcome
        assert outcome.state == "applied"
        with pytest.raises(Conflict):
            claim_message(two, session, place, found["H-NORTH"].id, actor=SYSTEM)
    assert ("west", "V9", "applied") in kept(two)
    assert [row.sending_facility for row in waiting(two)] == [""]
    with two.database.reading() as session:
        actions = [row.action for row in session.exec(select(LedgerEntry))]
    assert actions.count("message.unclaimed") == 2  # said again, it is counted: nobody fills the ledger by repeating
    assert "message.claimed" in actions


def test_a_certificate_speaks_only_for_its_own_facilities(two: Context, tmp_path: Path) -> None:
    ours = _authority(tmp_path, "ours")
    server_files = _certificate(tmp_path, "localhost", ours)
    own = {name: _certificate(tmp_path, name, ours) for name in ("his-east", "his-both", "his-new")}
    routes = Routes(
        parse_routes(["H-EAST=east", "H-WEST=west"]), parse_clients(["his-east=east", "his-both=east,west"])
    )

    def client(name: str) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=tmp_path / "ours.pem")
        made.check_hostname = False
        made.load_cert_chain(*own[name])
        return made

    async def what(server: MllpServer) -> None:
        frames = {name: [says("H-EAST", f"E-{name}"), says("H-WEST", f"W-{name}")] for name in own}
        for name, expected in (
            ("his-east", [b"AA", b"AR"]),
            ("his-both", [b"AA", b"AA"]),
            ("his-new", [b"AR", b"AR"]),
        ):
            answers = await exchange(server.port, frames[name], client(name))
            assert [answer.partition(b"\rMSA|")[2][:2] for answer in answers] == expected, name
            if b"AR" in expected:
                assert name.encode() in answers[-1]

    play(two, routes, what, mutual_tls(*server_files, tmp_path / "ours.pem"))
    assert [visit for _, visit, _ in kept(two)] == ["E-his-east", "E-his-both", "W-his-both"]
    assert sorted(row.client for row in waiting(two)) == ["his-east", "his-new", "his-new"]
    with two.database.reading() as session:
        senders = {row.sender for row in session.exec(select(InboundMessage))}
    assert senders == {"system:adt-listen/his-east", "system:adt-listen/his-both"}


@pytest.mark.parametrize("text", ["", "=", "A", "A=", "=east", "/=east", " =east"])
def test_a_map_that_maps_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_routes([text])
    assert refused.value.field == "map"


def test_a_sender_mapped_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="mapped twice"):
        parse_routes(["A=east", "A=west"])
    assert len(parse_routes(["A=east", "A=east"])) == 1


@pytest.mark.parametrize("text", ["", "=", "his", "his=", "=east", "his=,"])
def test_a_certificate_bound_to_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_clients([text])
    assert refused.value.field == "tls_client"
