"""A hospital's network: a certificate of its own authority, and a proxy on the way. Real TLS on loopback."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge_agent.errors import SettingsInvalid
from edge_agent.settings import load_settings
from edge_agent.spool_report import read_status
from tests.edge_agent.conftest import TOKEN, fill_folder, wait_for
from tests.edge_agent.older_server import OldServer


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certify(folder: Path, address: str = "127.0.0.1") -> tuple[Path, Path, Path]:
    """A hospital's own authority and a certificate of it: PEM files of the authority, the certificate and its key."""
    now, keys = datetime.now(UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    builders = []
    for key, subject in zip(keys, ("hospital authority", "ward server"), strict=True):
        builder = x509.CertificateBuilder(_name("hospital authority"), _name(subject), key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builders.append(builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9)))
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    authority = (
        builders[0]
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key()), critical=False)
        .sign(keys[0], hashes.SHA256())
    )
    certificate = (
        builders[1]
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
        .sign(keys[0], hashes.SHA256())
    )
    paths = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(authority.public_bytes(Encoding.PEM))
    paths[1].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[2].write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


class Proxy:
    """Forwards what follows a CONNECT, and remembers every byte that came from the agent."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seen = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.seen += head
            method, target, _ = head.split(b"\r\n")[0].decode().split()
            self.asked.append(f"{method} {target}")
            if method != "CONNECT":
                client.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = target.partition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()
                self._pump(client, server, True)

    def _pump(self, source: socket.socket, target: socket.socket, outward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if outward:
                    self.seen += data
                target.sendall(data)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[OldServer, int, Path]]:
    """A server with a private certificate, its port, and the authority's file."""
    ca, certificate, key = _certify(tmp_path)
    behind = OldServer()
    config = uvicorn.Config(
        behind.app(), host="127.0.0.1", port=0, log_level="error", ssl_certfile=str(certificate), ssl_keyfile=str(key)
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, 60)
    yield behind, int(server.servers[0].sockets[0].getsockname()[1]), ca
    server.should_exit = True
    thread.join(30)


def _agent(tmp_path: Path, port: int, token_file: Path, *more: str) -> subprocess.Popen[str]:
    folder = tmp_path / "in"
    fill_folder(folder, 3)
    command = [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", f"https://127.0.0.1:{port}", "--camera", "cam1"),
        *("--token-file", str(token_file), "--source", f"folder:{folder}", "--spool", str(tmp_path / "s.db")),
        *("--until-empty", "--retry-max", "0.5", *more),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_behind_a_private_authority(tls: tuple[OldServer, int, Path], tmp_path: Path, token_file: Path) -> None:
    behind, port, ca = tls
    agent = _agent(tmp_path, port, token_file, "--ca-file", str(ca))
    said, _ = agent.communicate(timeout=120)
    assert agent.returncode == 0, said
    assert len(behind.pictures) == 3


def test_a_certificate_of_nobody_known_stops_sending_and_loses_nothing(
    tls: tuple[OldServer, int, Path], tmp_path: Path, token_file: Path
) -> None:
    behind, port, _ = tls
    agent = _agent(tmp_path, port, token_file)
    try:
        wait_for(lambda: (tmp_path / "s.db").exists() and "CERTIFICATE" in _sender(tmp_path), 60)
    finally:
        agent.terminate()
        agent.communicate(timeout=60)
    assert read_status(tmp_path / "s.db")[0].waiting == 3
    assert behind.pictures == {}


def _sender(tmp_path: Path) -> str:
    found = read_status(tmp_path / "s.db")
    return found[0].sender.upper() if found else ""


def test_through_a_proxy_which_reads_nothing(
    tls: tuple[OldServer, int, Path], tmp_path: Path, token_file: Path
) -> None:
    behind, port, ca = tls
    proxy = Proxy()
    agent = _agent(tmp_path, port, token_file, "--ca-file", str(ca), "--proxy", f"http://127.0.0.1:{proxy.port}")
    said, _ = agent.communicate(timeout=120)
    proxy.close()
    assert agent.returncode == 0, said
    assert len(behind.pictures) == 3
    assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{port}"}
    assert len(proxy.seen) > 1000
    assert TOKEN.encode() not in proxy.seen
    assert b"JFIF" not in proxy.seen


def test_the_environments_proxy_is_not_asked(
    tls: tuple[OldServer, int, Path], tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind, port, ca = tls
    proxy = Proxy()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    agent = _agent(tmp_path, port, token_file, "--ca-file", str(ca))
    said, _ = agent.communicate(timeout=120)
    proxy.close()
    assert agent.returncode == 0, said
    assert (len(behind.pictures), proxy.asked) == (3, [])


@pytest.mark.parametrize(
    ("server", "proxy"),
    [
        ("http://ward:8765", "http://proxy:3128"),
        ("https://ward", "socks5://proxy:1080"),
        ("https://ward", "proxy:3128"),
        ("https://ward", "http://proxy:x"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(tmp_path: Path, server: str, proxy: str) -> None:
    flags = {"server": server, "proxy": proxy, "token_file": tmp_path / "t", "camera": "c", "spool": tmp_path / "s"}
    with pytest.raises(SettingsInvalid):
        load_settings(None, {**flags, "source": "usb:0"})
