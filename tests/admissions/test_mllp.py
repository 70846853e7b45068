"""MLLP over real sockets: frames, answers, many lines at once, hostile bytes, mutual TLS, a stop that loses nothing."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.access import SYSTEM
from service.admissions import (
    ListenOptions,
    MllpServer,
    active_admissions,
    answerer,
    mutual_tls,
    networks,
    refuser,
)
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.platform.context import Context
from tests.admissions.feed import adt
from tests.builders import EPOCH, create_bed, create_facility, create_ward

OPTIONS = ListenOptions(port=0, idle_seconds=5.0, frame_seconds=1.0, max_frame=64 * 1024)


def echo(data: bytes) -> bytes:
    return b"ACK:" + data


async def exchange(port: int, frames: list[bytes], tls: ssl.SSLContext | None = None) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    answers = []
    for frame in frames:
        writer.write(b"\x0b" + frame + b"\x1c\x0d")
        await writer.drain()
        answers.append((await asyncio.wait_for(reader.readuntil(b"\x1c\x0d"), 20))[1:-2])
    writer.close()
    return answers


async def closed_after(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:  # closed with bytes of ours unread
        return b""
    finally:
        writer.close()


def serving(
    options: ListenOptions, play: Callable[[MllpServer], object], answer: Callable[[bytes], bytes] = echo
) -> None:
    async def run() -> None:
        server = MllpServer(options, answer)
        await server.start()
        try:
            await play(server)
        finally:
            await server.stop(seconds=5)

    asyncio.run(run())


def test_a_whole_hospital_over_many_lines_at_once(context: Context) -> None:
    with context.database.transaction() as session:
        place = create_facility(session, clock="replay", watermark=EPOCH + timedelta(days=1))
        ward = create_ward(session, place, code="N1")
        for number in range(12):
            create_bed(session, ward, code=f"{number:02}")

    async def play(server: MllpServer) -> None:
        lines = [
            [adt("A01", at=EPOCH, visit=f"V{n}", patient=f"P{n}", place=f"N1^^{n:02}").encode(), b"nonsense"]
            for n in range(12)
        ]
        for good, bad in await asyncio.gather(*(exchange(server.port, line) for line in lines)):
            assert b"\rMSA|AA|" in good
            assert b"\rMSA|AR|" in bad

    serving(OPTIONS, play, answerer(context, place.code, replace(SYSTEM, name="adt-listen")))
    with context.database.reading() as session:
        assert len(active_admissions(session, place.id, Interval(EPOCH, EPOCH + timedelta(hours=1)))) == 12


def test_hostile_lines_are_closed_and_the_others_go_on() -> None:
    async def play(server: MllpServer) -> None:
        assert await closed_after(server.port, b"GET / HTTP/1.1\r\n\r\n") == b""
        assert await closed_after(server.port, b"\x0b" + b"A" * 200_000) == b""
        # Half a frame, and silence: the place is not held for ever.
        assert await closed_after(server.port, b"\x0bMSH|half") == b""
        assert await exchange(server.port, [b"MSH|x"]) == [b"ACK:MSH|x"]

    serving(OPTIONS, play)


def test_a_frame_that_is_too_large_is_told_so_before_the_line_closes(context: Context) -> None:
    with context.database.transaction() as session:
        place = create_facility(session)
    head = b"MSH|^~\\&|HIS|HOSPITAL|WARDWATCH|X|20260301080000+0800||ADT^A01^ADT_A01|big-7|P|2.5.1\r"

    async def run() -> None:
        refuse = refuser(context, place.code, OPTIONS.max_frame)
        server = MllpServer(OPTIONS, echo, refuse)
        await server.start()
        try:
            # Nothing of it stays unread, or the answer would be lost with the connection.
            for end in (b"\x1c\x0d", b""):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"\x0b" + head + b"NTE|" + b"A" * 800_000 + end)
                await writer.drain()
                got = await asyncio.wait_for(reader.readuntil(b"\x1c\x0d"), 10)
                assert b"\rMSA|AR|big-7|" in got
                assert b"larger than 65536 bytes" in got
                assert await asyncio.wait_for(reader.read(), 10) == b""
                writer.close()
            nameless = await closed_after(server.port, b"\x0b" + b"A" * 200_000 + b"\x1c\x0d")
            assert b"\rMSA|AR||" in nameless
            assert await exchange(server.port, [b"MSH|x"]) == [b"ACK:MSH|x"]
        finally:
            await server.stop(seconds=5)

    asyncio.run(run())


def test_a_frame_in_crumbs_and_two_frames_in_one_bite() -> None:
    async def play(server: MllpServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for byte in b"\x0bone\x1c\x0d":
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(b"\r\n\x0btwo\x1c\x0d\x0bthree\x1c\x0d")
        got = [await asyncio.wait_for(reader.readuntil(b"\x1c\x0d"), 5) for _ in range(3)]
        assert got == [b"\x0bACK:" + word + b"\x1c\x0d" for word in (b"one", b"two", b"three")]
        writer.close()

    serving(OPTIONS, play)


def test_an_address_that_is_not_allowed_gets_nothing() -> None:
    async def play(server: MllpServer) -> None:
        assert await closed_after(server.port, b"\x0bMSH\x1c\x0d") == b""

    serving(replace(OPTIONS, allowed=networks(("10.9.8.0/24",))), play)


def test_more_connections_than_allowed_are_turned_away() -> None:
    async def play(server: MllpServer) -> None:
        _, first = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(0.1)
        assert await closed_after(server.port, b"") == b""
        first.close()

    serving(replace(OPTIONS, max_connections=1), play)


def test_stopping_lets_the_answer_under_way_be_sent() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(data: bytes) -> bytes:
        begun.set()
        may_end.wait(10)
        return b"done"

    async def run() -> None:
        server = MllpServer(OPTIONS, slow)
        await server.start()
        asking = asyncio.ensure_future(exchange(server.port, [b"MSH"]))
        await asyncio.to_thread(begun.wait, 10)
        stopping = asyncio.ensure_future(server.stop(seconds=5))
        may_end.set()
        assert await asking == [b"done"]
        await stopping

    asyncio.run(run())


def test_without_tls_and_without_addresses_it_does_not_start() -> None:
    with pytest.raises(InvalidInput, match="neither mutual TLS nor"):
        asyncio.run(MllpServer(replace(OPTIONS, allowed=()), echo).start())


def test_mutual_tls_lets_in_only_those_with_a_certificate_of_the_authority(tmp_path: Path) -> None:
    ours, theirs = _authority(tmp_path, "ours"), _authority(tmp_path, "theirs")
    server_files, good, bad = (
        _certificate(tmp_path, "localhost", ours),
        _certificate(tmp_path, "his", ours),
        _certificate(tmp_path, "stranger", theirs),
    )
    options = replace(OPTIONS, allowed=(), tls=mutual_tls(*server_files, tmp_path / "ours.pem"))

    def client(files: tuple[Path, Path] | None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=tmp_path / "ours.pem")
        made.check_hostname = False
        if files:
            made.load_cert_chain(*files)
        return made

    async def play(server: MllpServer) -> None:
        assert await exchange(server.port, [b"MSH"], client(good)) == [b"ACK:MSH"]
        for stranger in (None, bad):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await exchange(server.port, [b"MSH"], client(stranger))

    serving(options, play)


def test_tls_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="TLS files"):
        mutual_tls(tmp_path / "a", tmp_path / "b", tmp_path / "c")


Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _authority(folder: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _builder(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
    signed = certificate.sign(key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return signed, key


def _certificate(folder: Path, name: str, authority: Authority) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    signed = _builder(name, str(issuer), key).sign(authority[1], hashes.SHA256())
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
