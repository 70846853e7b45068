"""Messages that mean harm, or were made badly: each gets a precise answer, and the next one goes through."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.platform.context import Context
from tests.admissions.feed import adt
from tests.admissions.test_samples import record, sender
from tests.admissions.test_undated_fhir import DAY, FIRST, encounter
from tests.builders import EPOCH

__all__ = ["sender"]

GOOD = adt("A01", at=EPOCH, visit="VGOOD", patient="PGOOD", place="N1^^01")
PLAIN = adt("A01", at=EPOCH, visit="VH", patient="PH", place="N1^^02")
SLOW = 5.0
"""Seconds of the processor within which each is answered: a machine that others use as well does not count."""


def put(old: str, new: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    def make() -> bytes:
        assert old in PLAIN, old
        return PLAIN.replace(old, new, 1).encode(encoding)

    return make


def raw(data: bytes) -> Callable[[], bytes]:
    return lambda: data


MORE = "\rZZZ|"
# name: (message, MSA-1, the place that the answer names)
HL7: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a field of 900 kB": (put("|D0417|", "|" + "D" * 900_000 + "|"), "AA", ""),
    "a number of 900 kB": (put("|VH", "|" + "V" * 900_000), "AR", "PV1-19"),
    "nearly a megabyte of one sign": (put("|VH", "|VH|" + "^" * 1_000_000), "AR", "MSH"),
    "ten thousand repetitions": (put("PH^^^HIS^PI", "~".join(["PX^^^HIS^XX"] * 10_000) + "~PH^^^HIS^PI"), "AA", ""),
    "ten thousand components": (put("N1^^02", "N1^^02" + "^x" * 10_000), "AA", ""),
    "a hundred thousand fields": (put("|VH", "|VH" + "|" * 100_000), "AA", ""),
    "a thousand and one segments": (lambda: (PLAIN + "ZZZ|1\r" * 1001).encode(), "AR", "MSH"),
    "escapes without an end": (put("|D0417|", "|" + "\\X" + "4" * 5000 + "|"), "AA", ""),
    "escapes that repeat blanks": (put("|D0417|", "|\\.sp99999999\\|"), "AA", ""),
    "escapes that make control characters": (put("|D0417|", "|D\\X0B1C0D\\1|"), "AA", ""),
    "escaped separators in a number": (put("|VH", "|V\\F\\H"), "AR", "PV1-19"),
    "an escape that is a line break": (put("|VH", "|V\\X0D\\EVN"), "AR", "PV1-19"),
    "the separators are letters": (raw(b"MSHA^~\\&AHISA"), "AR", "MSH"),
    "the separators are all the same": (put("MSH|^~\\&|", "MSH|||||"), "AR", "MSH-2"),
    "the encoding characters are missing": (put("MSH|^~\\&|HIS", "MSH|HIS"), "AR", "MSH-2"),
    "one encoding character twice": (put("MSH|^~\\&|", "MSH|^~\\^|"), "AR", "MSH-2"),
    "a patient class that is none": (put("PV1|1|I|", "PV1|1|IN|"), "AR", "PV1-2"),
    "other encoding characters": (
        lambda: PLAIN.replace("^", "!").replace("MSH|!~\\&|", "MSH|!~\\&|").encode(),
        "AA",
        "",
    ),
    "the header alone": (lambda: PLAIN.split("\r")[0].encode(), "AR", "EVN"),
    "a header of nothing": (raw(b"MSH|^~\\&|||||||\r"), "AR", "MSH-9^1^1"),
    "MSH and no more": (raw(b"MSH"), "AR", "MSH"),
    "GB18030 and said so": (put("UNICODE UTF-8", "GB 18030-2000", "gb18030"), "AA", ""),
    "GB18030 and not said": (
        lambda: PLAIN.replace("|UNICODE UTF-8", "|").replace("D0417", "医七").encode("gb18030"),
        "AA",
        "",
    ),
    "GB18030 but called UTF-8": (lambda: PLAIN.replace("D0417", "医七").encode("gb18030"), "AR", "MSH-18"),
    "UTF-16": (lambda: PLAIN.encode("utf-16"), "AR", "MSH-18"),
    "an unknown character set": (put("UNICODE UTF-8", "KLINGON"), "AR", "MSH-18"),
    "a NUL in the middle": (put("|D0417|", "|D\x000417|"), "AR", "MSH"),
    "half a surrogate": (lambda: PLAIN.encode().replace(b"D0417", b"\xed\xa0\x80"), "AR", "MSH-18"),
    "text that runs backwards": (put("|VH", "|V\u202eH"), "AR", "PV1-19"),
    "the year 9999": (put("|20260302", "|99990302"), "AR", "MSH-7"),
    "the year 0000": (put("|20260302", "|00000302"), "AR", "MSH-7"),
    "a negative date": (put("|20260302", "|-20260302"), "AR", "MSH-7"),
    "the 30th of February": (put("|20260302", "|20260230"), "AR", "MSH-7"),
    "an offset of 99 hours": (put("+0800", "+9900"), "AR", "MSH-7"),
    "born in the year 1": (put("|19500131|", "|00010101|"), "AR", "PID-7"),
    "born in the future": (put("|19500131|", "|20991231|"), "AR", "PID-7"),
    "two messages in one": (lambda: (PLAIN + PLAIN).encode(), "AR", "MSH"),
    "a batch envelope": (lambda: ("FHS|^~\\&|\rBHS|^~\\&|\r" + PLAIN).encode(), "AR", "MSH"),
    "a formula in place of a number": (put("|VH", "|=cmd()"), "AR", "PV1-19"),
    "a control id of a megabyte less": (put("|A01-VH", "|" + "c" * 500_000), "AA", ""),
    "SQL": (put("PH^^^HIS^PI", "P');DROP TABLE patient;--^^^HIS^PI"), "AR", "PID-3"),
    "XML": (
        raw(b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><ADT_A01>&b;</ADT_A01>"),
        "AR",
        "MSH",
    ),
    "JSON": (raw(b'{"MSH": 1}'), "AR", "MSH"),
    "an MLLP frame inside": (lambda: b"\x0b" + PLAIN.encode() + b"\x1c\x0d", "AA", ""),
    "itself as the prior number": (
        raw((adt("A40", at=EPOCH).rpartition("PV1")[0] + "MRG|P1^^^HIS^PI\r").encode()),
        "AR",
        "MRG-1",
    ),
}


@pytest.mark.parametrize("name", HL7)
def test_hl7_that_means_harm(context: Context, sender: TestClient, name: str) -> None:
    make, code, where = HL7[name]
    began = time.process_time()
    answer = sender.post("/api/v1/adt/hl7v2", content=make())
    assert time.process_time() - began < SLOW
    assert (answer.status_code, f"\rMSA|{code}|" in answer.text) == (200, True), answer.text[:600]
    assert len(answer.content) < 10_000 + 4 * 200_000 * (name.startswith("a control id"))
    if where:
        segment, _, field = where.partition("-")
        assert f"\rERR||{segment}^1^{field}|" in answer.text, answer.text[:600]
    assert "MSA|AA|" in sender.post("/api/v1/adt/hl7v2", content=GOOD.encode()).text
    assert record(context, "VGOOD").patient_no == "PGOOD"


def chain(length: int) -> dict[str, Any]:
    """A transaction whose entries refer to each other in a circle."""
    entries = []
    for at in range(length):
        body = encounter("in-progress", FIRST) | {
            "identifier": [{"value": f"C{at}"}],
            "partOf": {"reference": f"urn:uuid:{(at + 1) % length}"},
        }
        del body["id"]
        entries.append(
            {"fullUrl": f"urn:uuid:{at}", "resource": body, "request": {"method": "POST", "url": "Encounter"}}
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def circle_of_links() -> dict[str, Any]:
    """Two patients, each said to replace the other."""
    entries = []
    for own, other in (("L1", "L2"), ("L2", "L1")):
        link = [{"other": {"identifier": {"value": other}}, "type": "replaces"}]
        body = {"resourceType": "Patient", "identifier": [{"value": own}], "link": link}
        entries.append({"resource": body, "request": {"method": "POST", "url": "Patient"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def nested(depth: int) -> str:
    return '{"resourceType":"Bundle","type":"batch","entry":[{"resource":' * depth + "{}" + "}]}" * depth


E = encounter("in-progress", FIRST)
AT = {"location": {"identifier": {"value": "N1-01"}}}
# name: (address, body, status, expression at fault)
FHIR: dict[str, tuple[str, Any, int, str]] = {
    "a circle of references": ("", chain(5), 200, ""),
    "a circle of merges": ("", circle_of_links(), 200, ""),
    "bundles in bundles": ("", nested(12), 200, "Bundle.entry[0].resource"),
    "bundles 400 deep": ("", nested(400), 422, ""),
    "501 entries": ("", {"resourceType": "Bundle", "type": "batch", "entry": [{}] * 501}, 422, "Bundle.entry"),
    "an entry of a batch that deletes": (
        "",
        {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"resource": E, "request": {"method": "DELETE", "url": "Encounter/z9"}}],
        },
        200,
        "Bundle.entry[0].request",
    ),
    "an entry that deletes": (
        "",
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"resource": E, "request": {"method": "DELETE", "url": "Encounter/z9"}}],
        },
        422,
        "Bundle.entry[0].request",
    ),
    "another type than the address": ("/Patient", E, 422, "resourceType"),
    "an instant without a zone": (
        "/Encounter",
        E | {"period": {"start": "2026-03-02T08:00:00"}},
        422,
        "Encounter.period.start",
    ),
    "the year 9999": ("/Encounter", E | {"period": {"start": "9999-12-31T23:59:59Z"}}, 422, "Encounter.period.start"),
    "before the common era": (
        "/Encounter",
        E | {"period": {"start": "-0044-03-15T12:00:00Z"}},
        422,
        "Encounter.period.start",
    ),
    "an offset of 99 hours": (
        "/Encounter",
        E | {"period": {"start": "2026-03-02T08:00:00+99:00"}},
        422,
        "Encounter.period.start",
    ),
    "an end before the start": (
        "/Encounter",
        encounter("finished", FIRST, end=DAY.format(1, "08:00")),
        422,
        "Encounter.period.end",
    ),
    "a last update in 2199": (
        "/Encounter",
        E | {"meta": {"lastUpdated": "2199-01-01T00:00:00Z"}},
        422,
        "Encounter.meta.lastUpdated",
    ),
    "a list where an object belongs": ("/Encounter", E | {"period": [1]}, 422, "Encounter.period"),
    "meta that is a number": ("/Encounter", E | {"meta": 7}, 422, "Encounter.meta"),
    "locations that are numbers": ("/Encounter", E | {"location": [1, 2]}, 422, "Encounter.location[0]"),
    "a number of 64 kB": (
        "/Encounter",
        E | {"identifier": [{"value": "9" * 65_536}]},
        422,
        "Encounter.identifier.value",
    ),
    "a number with a line break": (
        "/Encounter",
        E | {"identifier": [{"value": "Z\n9"}]},
        422,
        "Encounter.identifier.value",
    ),
    "ten thousand identifiers": (
        "/Encounter",
        E | {"identifier": [{"value": f"I{n}"} for n in range(10_000)]},
        422,
        "Encounter.identifier",
    ),
    "ten thousand places": (
        "/Encounter",
        E | {"location": [AT | {"period": {"start": DAY.format(3, "08:00")}}] * 10_000},
        422,
        "Encounter.location",
    ),
    "an amount without bounds": (
        "/ChargeItem",
        {
            "resourceType": "ChargeItem",
            "identifier": [{"value": "C1"}],
            "status": "billable",
            "code": {"text": "bed"},
            "subject": {"identifier": {"value": "P1"}},
            "context": {"identifier": {"value": "Z9"}},
            "occurrenceDateTime": DAY.format(3, "08:00"),
            "priceOverride": {"value": 1e300},
        },
        422,
        "ChargeItem.priceOverride",
    ),
    "two keys of one name": (
        "/Encounter",
        '{"resourceType":"Encounter","status":"busy","status":"planned"}',
        422,
        "Encounter.class",
    ),
    "GB18030": (
        "/Encounter",
        json.dumps(E | {"text": {"status": "generated", "div": "张"}}, ensure_ascii=False).encode("gb18030"),
        422,
        "",
    ),
    "half a surrogate": ("/Encounter", '{"resourceType":"Encounter","id":"\\ud800"}', 422, ""),
}


@pytest.mark.parametrize("name", FHIR)
def test_fhir_that_means_harm(context: Context, sender: TestClient, name: str) -> None:
    where, body, status, fault = FHIR[name]
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    began = time.process_time()
    answer = sender.post(f"/fhir/r4{where}", content=data)
    assert time.process_time() - began < SLOW
    assert answer.status_code == status, answer.text[:600]
    if fault:
        document = answer.json()
        if status == 200:  # a batch: each entry is answered by itself
            (entry,) = document["entry"]
            assert entry["response"]["status"].startswith("422"), answer.text[:600]
            document = entry["response"]["outcome"]
        assert fault in document["issue"][0]["expression"], answer.text[:600]
    good = encounter("in-progress", ("N1-03", DAY.format(2, "08:00"))) | {
        "identifier": [{"value": "GOOD"}],
        "id": "good",
    }
    assert sender.put("/fhir/r4/Encounter/good", json=good).status_code == 200
    assert record(context, "GOOD").patient_no == "P9"
