"""Keys and sealing."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from service.platform.crypto import KeyRing, KeyUnusable, SealBroken, hash_secret, new_secret


def test_what_is_sealed_opens_in_its_context_only(tmp_path: Path) -> None:
    keys = KeyRing.load_or_create(tmp_path)
    sealed = keys.seal(b"a face template", "template:1")
    assert b"face" not in sealed
    assert keys.open(sealed, "template:1") == b"a face template"
    with pytest.raises(SealBroken):
        keys.open(sealed, "template:2")


@pytest.mark.parametrize("position", [0, 3, 10, 30, -1])
def test_a_changed_byte_is_noticed(tmp_path: Path, position: int) -> None:
    keys = KeyRing.load_or_create(tmp_path)
    sealed = bytearray(keys.seal(b"picture", "blob:1"))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        keys.open(bytes(sealed), "blob:1")


def test_the_same_bytes_seal_differently(tmp_path: Path) -> None:
    keys = KeyRing.load_or_create(tmp_path)
    assert keys.seal(b"picture", "x") != keys.seal(b"picture", "x")


def test_a_second_start_reads_the_first_key_and_an_older_key_still_opens(tmp_path: Path) -> None:
    sealed = KeyRing.load_or_create(tmp_path).seal(b"kept", "x")
    assert KeyRing.load_or_create(tmp_path).open(sealed, "x") == b"kept"
    other = KeyRing.load_or_create(tmp_path / "other")
    (tmp_path / "other" / "master-0001.key").rename(tmp_path / "master-0002.key")
    both = KeyRing.load_or_create(tmp_path)
    assert both.keys[0] == other.keys[0]
    assert both.open(sealed, "x") == b"kept"


def test_a_key_that_is_gone_is_named_as_the_cause(tmp_path: Path) -> None:
    sealed = KeyRing.load_or_create(tmp_path / "one").seal(b"kept", "x")
    with pytest.raises(SealBroken, match="key"):
        KeyRing.load_or_create(tmp_path / "two").open(sealed, "x")


def test_the_key_file_is_the_owners_alone_and_a_broken_one_stops(tmp_path: Path) -> None:
    KeyRing.load_or_create(tmp_path)
    path = tmp_path / "master-0001.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("changeme")
    with pytest.raises(KeyUnusable):
        KeyRing.load_or_create(tmp_path)


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    rings: list[KeyRing] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        rings.append(KeyRing.load_or_create(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ring.keys for ring in rings}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["master-0001.key"]


def test_secrets_have_256_bits_and_hash_to_hexadecimal() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) >= 43
    assert hash_secret("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
