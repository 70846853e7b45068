"""Encrypted files."""

from __future__ import annotations

import errno
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from time_machine import TimeMachineFixture

from service.platform.blobs import BlobMissing, BlobStore, StorageFull
from service.platform.crypto import KeyRing, SealBroken


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", KeyRing.load_or_create(tmp_path / "keys"))


def test_what_is_put_is_got_and_is_not_readable_on_the_disk(store: BlobStore) -> None:
    key = store.put(b"\xff\xd8 a picture of a ward")
    assert store.get(key) == b"\xff\xd8 a picture of a ward"
    files = [path for path in store.root.rglob("*") if path.is_file()]
    assert [path.name for path in files] == [key]
    assert b"ward" not in files[0].read_bytes()
    assert files[0].stat().st_mode & 0o077 == 0


def test_a_deleted_blob_is_missing_and_deleting_twice_is_fine(store: BlobStore) -> None:
    key = store.put(b"x")
    store.delete(key)
    store.delete(key)
    with pytest.raises(BlobMissing):
        store.get(key)
    assert store.put(b"y")


def test_a_file_under_another_name_does_not_open(store: BlobStore) -> None:
    one, two = store.put(b"one"), store.put(b"two")
    files = {path.name: path for path in store.root.rglob("*") if path.is_file()}
    files[two].write_bytes(files[one].read_bytes())
    with pytest.raises(SealBroken):
        store.get(two)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 32 + "\n"])
def test_a_key_that_is_none_is_missing(store: BlobStore, key: str) -> None:
    with pytest.raises(BlobMissing):
        store.get(key)


def test_a_full_disk_has_its_own_error_and_leaves_nothing(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull) as raised:
        store.put(b"x")
    assert raised.value.status == 507
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_putting_and_deleting_at_once_loses_nothing(store: BlobStore) -> None:
    failures: list[BaseException] = []

    def churn() -> None:
        try:
            for number in range(40):
                data = f"picture {number}".encode()
                key = store.put(data)
                assert store.get(key) == data
                store.delete(key)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_an_emptied_folder_of_earlier_hours_goes_with_its_last_blob(
    store: BlobStore, time_machine: TimeMachineFixture
) -> None:
    time_machine.move_to(datetime(2026, 3, 2, 8, tzinfo=UTC))
    old = store.put(b"old")
    time_machine.move_to(datetime(2026, 3, 5, 8, tzinfo=UTC))
    new = store.put(b"new")
    store.delete(old)
    store.delete(new)
    assert [path.name for path in store.root.iterdir()] == [new[:6]]
