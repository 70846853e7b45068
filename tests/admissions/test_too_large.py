"""HL7 over HTTP that is too large: the sender expects an ACK, and gets one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.admissions.feed import adt
from tests.admissions.test_samples import sender
from tests.builders import EPOCH

__all__ = ["sender"]

MEBIBYTE = 1024 * 1024
MESSAGE = adt("A01", at=EPOCH, visit="VL", patient="PL", place="N1^^02", control="large-1")


def crumbs(data: bytes) -> Iterator[bytes]:
    """In pieces, without an announced length."""
    for at in range(0, len(data), 65536):
        yield data[at : at + 65536]


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_it_is_refused_by_an_ack_and_not_kept(sender: TestClient, announced: bool, end: str) -> None:
    data = (MESSAGE + "NTE|1||" + "x" * 2 * MEBIBYTE).replace("\r", end).encode()
    answer = sender.post("/api/v1/adt/hl7v2", content=data if announced else crumbs(data))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/hl7-v2; charset=utf-8")
    assert "\rMSA|AR|large-1|" in answer.text
    assert f"the message is larger than {MEBIBYTE} bytes - split it" in answer.text
    assert f"消息超过 {MEBIBYTE} 字节" in answer.text
    assert sender.get("/api/v1/messages").json() == []
    assert "\rMSA|AA|large-1" in sender.post("/api/v1/adt/hl7v2", content=MESSAGE.encode()).text


def test_what_has_no_header_is_refused_as_well(sender: TestClient) -> None:
    answer = sender.post("/api/v1/adt/hl7v2", content=b"\x0b" + b"A" * (MEBIBYTE + 1))
    assert "\rMSA|AR||" in answer.text
    assert sender.post("/api/v1/adt/hl7v2", content=b"A" * MEBIBYTE).text.count("MSA|AR|") == 1


def test_who_may_not_write_is_not_listened_to(sender: TestClient) -> None:
    answer = sender.post("/api/v1/adt/hl7v2", content=b"A" * (MEBIBYTE + 1), headers={"Authorization": "Bearer no"})
    assert answer.status_code == 401


def test_thirty_two_times_too_much_is_not_read(sender: TestClient) -> None:
    answer = sender.post("/api/v1/adt/hl7v2", content=b"", headers={"Content-Length": str(33 * MEBIBYTE)})
    assert answer.status_code == 413
