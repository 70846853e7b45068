"""What a sender may get wrong in a small way: told the field, kept from the record, and nothing else lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.access import SYSTEM
from service.admissions import MllpServer, answerer, charges_of, patient_by_no
from service.facilities import facility_by_code
from service.kit.errors import NotFound
from service.platform.context import Context
from tests.admissions.feed import adt, header, stamp, swap
from tests.admissions.test_all_triggers import FEED
from tests.admissions.test_hl7 import HOUR, Hospital, hospital, picture
from tests.admissions.test_mllp import OPTIONS, exchange
from tests.admissions.test_samples import beds, bills, record, sender
from tests.admissions.test_undated_fhir import DAY, FIRST, encounter
from tests.builders import EPOCH

__all__ = ["hospital", "sender"]

ADMIT = adt("A01", at=EPOCH, visit="W1", patient="PW1", place="N1^^01", control="SAME")


def bill(kind: str, *segments: str) -> str:
    lines = [header("DFT" if kind == "P03" else "ORM", kind, EPOCH, f"b{abs(hash(segments))}")]
    lines += [f"EVN|{kind}|{stamp(EPOCH)}", "PID|1||PW1^^^HIS^PI", "PV1|1|I|N1^^01" + "|" * 16 + "W1", *segments]
    return "\r".join(lines) + "\r"


def charge(number: str, rest: str) -> str:
    return f"FT1|1|{number}||{stamp(EPOCH)}||{rest}"


def later(message: str, at: timedelta) -> str:
    return message.replace(stamp(EPOCH), stamp(EPOCH + at))


REFUSED: dict[str, tuple[str, str, str]] = {
    "two visits in one admission": (ADMIT + "PV1|2|I|N1^^02" + "|" * 16 + "W9\r", "PV1^1^", "comes more than once"),
    "two patients in one admission": (ADMIT + "PID|2||PW9^^^HIS^PI\r", "PID^1^", "comes more than once"),
    "a swap into one bed": (
        swap(("W1", "PW1", "N1^^02"), ("W2", "PW2", "N1^^02"), at=EPOCH + HOUR),
        "PV1^1^3",
        "the same bed",
    ),
    "a leave of thirty years": (
        adt("A21", at=EPOCH + HOUR, visit="W1", patient="PW1", back=EPOCH + timedelta(days=30 * 366)),
        "PV2^1^47",
        "correct the year",
    ),
    "a death that is still to come": (
        ADMIT.replace("|19500131|F", "|19500131|F" + "|" * 21 + "20990101"),
        "PID^1^29",
        "lies in the future",
    ),
    "an order control that is none": (bill("O01", "ORC|ZZ|O1"), "ORC^1^1", "send NW for a new order"),
    "a transaction type that is none": (bill("P03", charge("C1", "XX|B01|||1|5")), "FT1^1^6", "send CG for a charge"),
    "a sum beyond all bounds": (
        bill("P03", charge("C1", "CG|B01|||999999999||999999999")),
        "FT1^1^12",
        "is not an amount",
    ),
    "a sum finer than anything": (
        bill("P03", charge("C1", "CG|B01|||1|0.000000000001")),
        "FT1^1^11",
        "at most 6 decimals",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hl7_that_is_a_little_wrong_is_told_where(context: Context, sender: TestClient, name: str) -> None:
    message, where, words = REFUSED[name]
    answer = sender.post("/api/v1/adt/hl7v2", content=message.encode())
    assert (answer.status_code, "\rMSA|AR|" in answer.text) == (200, True), answer.text
    assert f"\rERR||{where}|" in answer.text, answer.text
    assert words in answer.text
    assert "MSA|AA|" in sender.post("/api/v1/adt/hl7v2", content=ADMIT.encode()).text
    assert beds(context, "W1") == [("N1-01", "02 08:00")]
    assert bills(context, "W1") == ([], [])


def test_one_control_id_with_other_content_is_another_message(context: Context, sender: TestClient) -> None:
    for body in (ADMIT, ADMIT.replace("W1", "W2").replace("N1^^01", "N1^^02")):
        assert "MSA|AA|SAME" in sender.post("/api/v1/adt/hl7v2", content=body.encode()).text
    assert (beds(context, "W1")[0][0], beds(context, "W2")[0][0]) == ("N1-01", "N1-02")


def test_nothing_of_something_costs_nothing_and_a_credit_is_one_with_either_sign(
    context: Context, sender: TestClient
) -> None:
    """By hand: none at 10 is 0; a credit of 10, once with a sign and once without, is -10; -2 at 10 is -20."""
    sender.post("/api/v1/adt/hl7v2", content=ADMIT.encode())
    lines = [
        charge("C1", "CG|B01|||0||10|BED"),
        charge("C2", "CD|B01|||1|-10||BED"),
        charge("C3", "CD|B01|||1|10||BED"),
        charge("C4", "CG|B01|||-2||10|BED"),
    ]
    assert "MSA|AA|" in sender.post("/api/v1/adt/hl7v2", content=bill("P03", *lines).encode()).text
    assert sorted(bills(context, "W1")[1]) == ["bed -10", "bed -10", "bed -20", "bed 0"]


def test_charges_in_a_file_have_the_same_bounds(context: Context, sender: TestClient) -> None:
    sender.post("/api/v1/adt/hl7v2", content=ADMIT.encode())
    rows = [
        "K1,W1,bed,B,2026-03-02 09:00,1,1e-30",
        "K2,W1,bed,B,2026-03-02 09:00,1,1e12",
        "K3,W1,bed,B,2026-03-02 09:00,0,40",
    ]
    table = "\n".join(["charge_no,admission_no,kind,code,service_at,quantity,amount", *rows])
    report = sender.post("/api/v1/imports/charges", params={"facility": "demo"}, content=table.encode()).json()
    assert [(row["status"], [one["column"] for one in row["errors"]]) for row in report["rows"]] == [
        ("rejected", ["amount"]),
        ("rejected", ["amount"]),
        ("created", []),
    ]


def test_no_search_for_messages_is_an_error(sender: TestClient) -> None:
    for name in ("trigger", "admission_no", "before"):
        answer = sender.get("/api/v1/messages", params={name: "\x00"})
        assert (answer.status_code, answer.json()) == (200, [])


def test_the_whole_feed_over_a_socket_is_what_the_ward_saw(context: Context, hospital: Hospital) -> None:
    """Every promised trigger over MLLP, with each of the three line ends, leads to what it leads to otherwise."""
    with context.database.reading() as session:
        from service.facilities import Facility

        code = session.get_one(Facility, hospital.facility_id).code

    async def send() -> list[bytes]:
        server = MllpServer(OPTIONS, answerer(context, code, replace(SYSTEM, name="adt-listen")))
        await server.start()
        try:
            ends = ("\r", "\n", "\r\n")
            frames = [message.replace("\r", ends[at % 3]).encode() for at, message in enumerate(FEED)]
            return await exchange(server.port, frames)
        finally:
            await server.stop(seconds=5)

    answers = asyncio.run(send())
    assert [b"\rMSA|AA|" in answer for answer in answers] == [True] * len(FEED)
    assert hospital.beds_of("V1") == [("01", 0.0, 13.0), ("02", 13.0, 48.0)]
    assert hospital.beds_of("V2") == [("02", 1.0, 13.0), ("01", 13.0, None)]
    assert [one[0] for one in picture(hospital)] == ["V1", "V2", "V4"]  # type: ignore[index]


STAY = encounter("in-progress", FIRST)


def patient(number: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"value": number}]} | more


def order(**more: Any) -> dict[str, Any]:
    plain = {"identifier": [{"value": "S1"}], "status": "active", "intent": "order", "code": {"text": "CT"}}
    refers = {"subject": {"identifier": {"value": "P9"}}, "encounter": {"identifier": {"value": "Z9"}}}
    return {"resourceType": "ServiceRequest", "authoredOn": DAY.format(3, "08:00")} | plain | refers | more


def priced(**more: Any) -> dict[str, Any]:
    plain = {"identifier": [{"value": "C9"}], "status": "billable", "code": {"text": "bed"}}
    refers = {"subject": {"identifier": {"value": "P9"}}, "context": {"identifier": {"value": "Z9"}}}
    return {"resourceType": "ChargeItem", "occurrenceDateTime": DAY.format(3, "08:00")} | plain | refers | more


FHIR_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an IMP of another system": (STAY | {"class": {"system": "http://h.example/x", "code": "IMP"}}, "Encounter.class"),
    "born in the future": (patient("G1", birthDate="2099-01-01"), "Patient.birthDate"),
    "dies in the future": (patient("G1", deceasedDateTime="2099-01-01"), "Patient.deceasedDateTime"),
    "a use that is none": (
        patient("G1", identifier=[{"use": "oldest", "value": "G1"}]),
        "Patient.identifier[0].use",
    ),
    "a priority that is none": (order(priority="hurry"), "ServiceRequest.priority"),
    "a mode that is none": (
        {"resourceType": "Location", "identifier": [{"value": "N1-01"}], "mode": "both"},
        "Location.mode",
    ),
}


@pytest.mark.parametrize("name", FHIR_REFUSED)
def test_fhir_that_is_a_little_wrong_is_told_where(context: Context, sender: TestClient, name: str) -> None:
    body, where = FHIR_REFUSED[name]
    kind = body["resourceType"]
    assert sender.put("/fhir/r4/Encounter/z9", json=STAY).status_code == 200
    body = {one: value for one, value in body.items() if one != "id"}
    answer = sender.post(f"/fhir/r4/{kind}", json=body)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (422, [where]), answer.text
    with context.database.reading() as session, pytest.raises(NotFound):
        patient_by_no(session, facility_by_code(session, "demo").id, "G1")


def test_a_number_that_was_given_up_is_not_the_persons(context: Context, sender: TestClient) -> None:
    numbers = [{"use": "old", "value": "OLD1"}, {"use": "usual", "value": "NEW1"}]
    assert sender.post("/fhir/r4/Patient", json=patient("", identifier=numbers, gender="male")).status_code == 201
    with context.database.reading() as session:
        place = facility_by_code(session, "demo").id
        assert patient_by_no(session, place, "NEW1").sex == "male"
        with pytest.raises(NotFound):
            patient_by_no(session, place, "OLD1")


def test_a_patient_inside_the_encounter_is_found(context: Context, sender: TestClient) -> None:
    inside = patient("PC8") | {"id": "p"}
    body = STAY | {"contained": [inside], "subject": {"reference": "#p"}}
    assert sender.put("/fhir/r4/Encounter/z9", json=body).status_code == 200
    assert record(context, "Z9").patient_no == "PC8"
    nobody = STAY | {"contained": [inside], "subject": {"reference": "#q"}}
    assert sender.put("/fhir/r4/Encounter/z9", json=nobody).status_code == 422


@pytest.mark.parametrize(
    "no_order", [{"status": "draft"}, {"intent": "plan"}, {"intent": "proposal"}, {"doNotPerform": True}]
)
def test_what_nobody_asked_for_is_no_order(context: Context, sender: TestClient, no_order: dict[str, Any]) -> None:
    sender.put("/fhir/r4/Encounter/z9", json=STAY)
    assert sender.post("/fhir/r4/ServiceRequest", json=order(**no_order)).status_code == 201
    assert (
        sender.post("/fhir/r4/ChargeItem", json=priced(status="planned", priceOverride={"value": 9})).status_code == 201
    )
    assert bills(context, "Z9") == ([], [])


def test_none_of_something_is_no_charge(context: Context, sender: TestClient) -> None:
    """0 at 40 is 0; 3 at 0.1 is 0.3, also as JSON's numbers have it."""
    stay = {name: value for name, value in STAY.items() if name != "period"}
    stay |= {"class": [{"coding": [{"code": "IMP"}]}], "actualPeriod": STAY["period"]}
    assert sender.put("/fhir/r5/Encounter/z9", json=stay).status_code == 200
    for number, quantity, price in (("C1", 0, 40), ("C2", 1, 0.1 + 0.2)):
        body = priced(identifier=[{"value": number}], quantity={"value": quantity})
        body |= {"encounter": body.pop("context"), "unitPriceComponent": {"type": "base", "amount": {"value": price}}}
        answer = sender.post("/fhir/r5/ChargeItem", json=body)
        assert answer.status_code == 201, answer.text
    assert sorted(bills(context, "Z9")[1]) == ["bed 0", "bed 0.300000"]


def entry(body: dict[str, Any], **request: Any) -> dict[str, Any]:
    return {"resource": body, "request": {"method": "POST", "url": body["resourceType"]} | request}


BAD_ENTRIES: dict[str, Callable[[], Any]] = {
    "a number": lambda: 7,
    "nothing": lambda: {},
    "a type that is not taken": lambda: entry({"resourceType": "Observation", "status": "final"}),
    "a bundle": lambda: entry({"resourceType": "Bundle", "type": "batch"}),
    "no request": lambda: {"resource": patient("BB")},
    "a request that is a list": lambda: {"resource": patient("BB"), "request": [1]},
    "a request that deletes": lambda: entry(patient("BB"), method="DELETE", url="Patient/x"),
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_one_bad_entry_costs_a_batch_that_entry_and_a_transaction_all(
    context: Context, sender: TestClient, name: str
) -> None:
    entries = [entry(patient("B1")), BAD_ENTRIES[name](), entry(patient("B2"))]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    refused = sender.post("/fhir/r4", json=bundle)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1]")
    answer = sender.post("/fhir/r4", json=bundle | {"type": "batch"})
    assert answer.status_code == 200, answer.text
    responses = [one["response"] for one in answer.json()["entry"]]
    assert [one["status"][:3] for one in responses] == ["201", "422", "201"]
    [issue] = responses[1]["outcome"]["issue"]
    assert issue["expression"][0].startswith("Bundle.entry[1]")
    with context.database.reading() as session:
        place = facility_by_code(session, "demo").id
        assert {patient_by_no(session, place, number).patient_no for number in ("B1", "B2")} == {"B1", "B2"}
    # What was refused is kept, and replaying it is refused in turn.
    [kept] = sender.get("/api/v1/messages", params={"state": "rejected"}).json()
    assert sender.post(f"/api/v1/messages/{kept['id']}/replay").status_code == 200


def test_fhir_tells_who_attends_who_admitted_and_how_it_is_paid(context: Context, sender: TestClient) -> None:
    people = [("ATND", "D0477"), ("ENT", "C0007")]
    parts = [
        {"type": [{"coding": [{"code": code}]}], "individual": {"identifier": {"value": number}}}
        for code, number in people
    ]
    account = [{"display": "按床日"}]
    assert (
        sender.put("/fhir/r4/Encounter/z9", json=STAY | {"participant": parts, "account": account}).status_code == 200
    )
    body = priced(account=[{"identifier": {"value": "DRG"}}], enterer={"identifier": {"value": "C0008"}})
    body |= {"priceOverride": {"value": 40}, "performer": [{"actor": {"identifier": {"value": "D0478"}}}]}
    assert sender.post("/fhir/r4/ChargeItem", json=body).status_code == 201
    stay = record(context, "Z9")
    assert (stay.attending_doctor, stay.admitting_clerk, stay.payment_method) == ("D0477", "C0007", "per_diem")
    with context.database.reading() as session:
        [line] = charges_of(session, [stay.admission_id])[stay.admission_id]
    assert (line.payment_method, line.doctor, line.clerk) == ("drg", "D0478", "C0008")


def test_a_replay_takes_nothing_of_the_year_9999(context: Context, sender: TestClient) -> None:
    sender.post("/api/v1/adt/hl7v2", content=ADMIT.encode())
    url = "/api/v1/admissions/W1/discharge?facility=demo"
    answer = sender.post(url, json={"at": "9999-12-31T23:59:59Z"})
    assert (answer.status_code, answer.json()["field"]) == (409, "at"), answer.text
    assert record(context, "W1").discharged_at is None
    assert sender.post(url, json={"at": DAY.format(4, "08:00")}).status_code == 200
