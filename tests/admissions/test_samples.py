"""The sample files: each is sent as a hospital would send it, and the stays that come of it are computed by hand."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from service.access import Permission
from service.admissions import (
    AdmissionRecord,
    InboundMessage,
    admission_by_no,
    admission_record,
    charges_of,
    orders_of,
)
from service.facilities import facility_by_code, load_layout
from service.facilities.tables import Bed
from service.platform.context import Context
from tests.builders import bearer, create_token

ROOT = Path(__file__).parents[2]
HL7 = sorted((ROOT / "fixtures/hl7").glob("*.hl7"))


@pytest.fixture
def sender(context: Context, client: TestClient) -> TestClient:
    """The system of the demo hospital, with a token that may write admissions; event time stands at 20 March 2026."""
    layout = (ROOT / "fixtures/layouts/two-wards.yaml").read_text().replace("clock: live", "clock: replay")
    with context.database.transaction() as session:
        load_layout(session, layout, datetime.fromisoformat("2026-03-01T00:00:00+08:00"))
        place = facility_by_code(session, "demo")
        place.watermark = datetime.fromisoformat("2026-03-20T00:00:00+08:00")
        secret = create_token(session, place, [Permission.ADMISSIONS_WRITE, Permission.FACILITY_READ])
    client.headers.update(bearer(secret))
    return client


def record(context: Context, number: str) -> AdmissionRecord:
    with context.database.reading() as session:
        place = facility_by_code(session, "demo")
        return admission_record(session, admission_by_no(session, place.id, number).id)


def beds(context: Context, number: str) -> list[tuple[str, str]]:
    with context.database.reading() as session:
        names = {bed.id: bed.hospital_code for bed in session.exec(select(Bed))}
    return [(names[one.bed_id], local(one.interval.start)) for one in record(context, number).assignments]


def local(moment: datetime) -> str:
    return (moment + timedelta(hours=8)).strftime("%d %H:%M")


def bills(context: Context, number: str) -> tuple[list[str], list[str]]:
    admission_id = record(context, number).admission_id
    with context.database.reading() as session:
        orders = [f"{one.kind} {one.code}" for one in orders_of(session, [admission_id])[admission_id]]
        charges = [f"{one.kind} {one.amount}" for one in charges_of(session, [admission_id])[admission_id]]
    return orders, charges


@pytest.mark.parametrize("seed", [None, 7, 8])
def test_the_hl7_samples_in_order_and_shuffled(context: Context, sender: TestClient, seed: int | None) -> None:
    files = list(HL7)
    if seed is not None:
        random.Random(seed).shuffle(files)
    for path in files:
        answer = sender.post("/api/v1/adt/hl7v2", content=path.read_bytes())
        assert "MSA|AA|" in answer.text, f"{path.name}: {answer.text}"
    first, second = record(context, "ZY2026030101"), record(context, "ZY2026030102")
    # Moved on the 4th at 10:00, taken back; swapped at 14:00; the discharge of the 6th was taken back.
    assert beds(context, "ZY2026030101") == [("N1-01", "02 08:00"), ("N1-02", "04 14:00")]
    assert beds(context, "ZY2026030102") == [("N1-02", "02 09:30"), ("N1-01", "04 14:00")]
    assert first.discharged_at is None
    assert [(local(one.interval.start), local(one.interval.end)) for one in first.leaves] == [("03 09:00", "03 17:30")]
    assert [(one.kind, local(one.interval.start), local(one.interval.end)) for one in second.off_ward] == [
        ("theatre", "05 09:00", "05 12:30")
    ]
    assert (first.diagnosis_code, first.payment_method, first.admitting_clerk) == ("I10", "per_diem", "0007")
    assert (second.category, second.admission_type, second.patient_no) == ("emergency", "emergency", "P000901")
    assert bills(context, "ZY2026030102") == (["examination CT01"], ["bed 40.00", "examination 280.00"])


def send(sender: TestClient, release: str, name: str) -> None:
    body = json.loads((ROOT / f"fixtures/fhir/{release}/{name}.json").read_text())
    answer = sender.put(f"/fhir/{release}/{body['resourceType']}/{body['id']}", json=body)
    assert answer.status_code == 200, answer.text


def test_the_r4_samples(context: Context, sender: TestClient) -> None:
    for name in ("patient", "location", "encounter-admitted"):
        send(sender, "r4", name)
    assert beds(context, "ZY2026030201") == [("N1-01", "02 09:00")]
    # Out of order on purpose: the newest version counts, and the leave is told by an older one as well.
    for name in (
        "encounter-finished",
        "encounter-on-leave",
        "encounter-back-and-moved",
        "service-request",
        "charge-item",
    ):
        send(sender, "r4", name)
    stay = record(context, "ZY2026030201")
    assert beds(context, "ZY2026030201") == [("N1-01", "02 09:00"), ("N1-03", "03 18:00")]
    assert stay.discharged_at is not None
    assert local(stay.discharged_at) == "06 10:00"
    assert [(local(one.interval.start), local(one.interval.end)) for one in stay.leaves] == [("03 09:30", "03 17:40")]
    assert (stay.discharge_disposition, stay.attending_doctor, stay.diagnosis_code) == ("home", "0417", "I10")
    assert bills(context, "ZY2026030201") == (["examination CT01"], ["bed 40.5"])


def test_the_r4_transaction_resolves_its_own_references(context: Context, sender: TestClient) -> None:
    body = (ROOT / "fixtures/fhir/r4/bundle-transaction.json").read_text()
    answer = sender.post("/fhir/r4", content=body)
    assert answer.status_code == 200, answer.text
    assert [one["response"]["status"] for one in answer.json()["entry"]] == ["201 Created", "201 Created"]
    assert record(context, "ZY2026030202").patient_no == "P000202"


def test_a_transaction_is_all_or_nothing_and_a_batch_is_not(context: Context, sender: TestClient) -> None:
    body = json.loads((ROOT / "fixtures/fhir/r4/bundle-transaction.json").read_text())
    body["entry"][0]["resource"]["location"][0]["location"]["identifier"]["value"] = "N1-99"
    answer = sender.post("/fhir/r4", json=body)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == [
        "Bundle.entry[0].resource",
        "Encounter.location[0].location",
    ]
    with context.database.reading() as session:
        kept = session.exec(select(InboundMessage)).all()
    assert [(one.trigger, one.state) for one in kept] == [("Encounter.create", "dead_letter")]
    answer = sender.post("/fhir/r4", json=body | {"type": "batch"})
    assert [one["response"]["status"][:3] for one in answer.json()["entry"]] == ["422", "201"]


def test_the_r5_samples(context: Context, sender: TestClient) -> None:
    send(sender, "r5", "charge-item")
    send(sender, "r5", "encounter-discharged")
    stay = record(context, "ZY2026030301")
    assert (stay.category, stay.discharge_disposition, stay.diagnosis_code) == (
        "emergency",
        "left_against_advice",
        "K35",
    )
    assert [(one.kind, local(one.interval.start)) for one in stay.off_ward] == [("theatre", "03 09:00")]
    assert bills(context, "ZY2026030301") == ([], ["nursing 25.0"])


ENCOUNTER = json.loads((ROOT / "fixtures/fhir/r4/encounter-admitted.json").read_text())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"status": "busy"}, "Encounter.status"),
        ({"class": {"code": "HOTEL"}}, "Encounter.class"),
        ({"period": {"start": "2026-03-02"}}, "Encounter.period.start"),
        ({"period": {}}, "Encounter.period.start"),
        ({"period": {"start": "9026-03-02T00:00:00Z"}}, "Encounter.period.start"),
        ({"subject": {"reference": "Patient/nobody"}}, "Encounter.subject"),
        ({"location": [{"location": {"reference": "Location/nowhere"}}]}, "Encounter.location[0].location"),
        ({"location": [{"status": "gone", "location": {"display": "x"}}]}, "Encounter.location[0].status"),
        ({"unheard": 1}, "Encounter.unheard"),
        ({"identifier": [{"value": "a b"}]}, "Encounter.identifier.value"),
        ({"status": "finished"}, "Encounter.period.end"),
    ],
)
def test_a_faulty_encounter_is_answered_with_its_expression(
    sender: TestClient, change: dict[str, object], where: str
) -> None:
    send(sender, "r4", "patient")
    send(sender, "r4", "location")
    answer = sender.put("/fhir/r4/Encounter/e201", json=ENCOUNTER | change)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.json()["issue"][0]["expression"] == [where]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b"{",
        b"\xff\xfe",
        b'{"resourceType":"Encounter","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Encounter","status":NaN}',
        json.dumps({"resourceType": "Bundle", "type": "batch", "entry": []}).encode(),
    ],
)
def test_hostile_bodies_are_refused(sender: TestClient, body: bytes) -> None:
    for address in ("/fhir/r4/Encounter", "/fhir/r5/Encounter", "/fhir/r4", "/fhir/r5"):
        assert sender.post(address, content=body).status_code == 422, address


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_in_a_bundle_is_refused(sender: TestClient, kind: str) -> None:
    inner = {"resourceType": "Bundle", "type": "batch", "entry": []}
    entry = {"resource": inner, "request": {"method": "POST", "url": "Bundle"}}
    answer = sender.post("/fhir/r4", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})
    document = answer.json()
    if kind == "batch":
        (told,) = (item["response"] for item in document["entry"])
        assert told["status"] == "422 Unprocessable Entity"
        document = told["outcome"]
    assert document["issue"][0]["expression"] == ["Bundle.entry[0].resource"]


def test_a_state_that_comes_back_without_a_date_is_no_duplicate(context: Context, sender: TestClient) -> None:
    send(sender, "r4", "patient")
    send(sender, "r4", "location")
    there = {name: value for name, value in ENCOUNTER.items() if name != "meta"}
    for body in (there, there | {"status": "cancelled"}, there):
        assert sender.put("/fhir/r4/Encounter/e201", json=body).status_code == 200
    with context.database.reading() as session:
        states = [one.state for one in session.exec(select(InboundMessage)) if one.trigger == "Encounter.update"]
    assert states == ["applied"] * 3


def test_the_capability_statement_names_what_is_taken(sender: TestClient) -> None:
    statement = sender.get("/fhir/r4/metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    assert {one["type"] for one in statement["rest"][0]["resource"]} >= {"Encounter", "Patient", "Location"}


def test_the_csv_samples(context: Context, sender: TestClient) -> None:
    def post(name: str, what: str, **more: str) -> dict[str, object]:
        data = (ROOT / f"fixtures/csv/{name}.csv").read_bytes()
        answer = sender.post(f"/api/v1/imports/{what}", content=data, params={"facility": "demo"} | more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # Orders before the stays they belong to: kept, and found when the census comes.
    early = post("orders", "orders")
    assert (early["created"], early["rejected"]) == (3, 1)
    assert post("census-full", "census")["created"] == 3
    assert post("charges", "charges", dry_run="true")["created"] == 3
    assert bills(context, "ZY2026030001") == (["examination CT01", "medication M0002"], [])
    charged = post("charges", "charges")
    assert (charged["created"], charged["rejected"]) == (3, 1)
    assert post("charges", "charges")["unchanged"] == 3
    assert bills(context, "ZY2026030001")[1] == ["bed 40.00", "examination 280.00", "examination -280.00"]
    assert bills(context, "ZY2026030002")[0] == []
    stay = record(context, "ZY2026030003")
    assert (stay.course, stay.payment_method) == ("dialysis", "fee_for_service")


def test_messages_are_listed_shown_and_replayed_by_those_who_may(context: Context, sender: TestClient) -> None:
    sender.post("/api/v1/adt/hl7v2", content=HL7[0].read_bytes())
    [listed] = sender.get("/api/v1/messages").json()
    assert (listed["state"], listed["trigger"], "text" in listed) == ("applied", "A01", False)
    shown = sender.get(f"/api/v1/messages/{listed['id']}").json()
    assert shown["text"].startswith("MSH|")
    assert shown["effects"][0]["effect"].startswith("admitted")
    replayed = sender.post(f"/api/v1/messages/{listed['id']}/replay").json()
    assert (replayed["state"], replayed["note"]) == ("applied", "")
    assert sender.get("/api/v1/messages/unknown").status_code == 404


def test_as_of_by_api(sender: TestClient) -> None:
    sender.post("/api/v1/adt/hl7v2", content=HL7[0].read_bytes())
    where = "/api/v1/admissions/ZY2026030101"
    known = sender.get(where, params={"facility": "demo", "as_of": "2026-03-20T00:00:00+08:00"})
    assert known.json()["assignments"][0]["bed"] == "N1-01"
    before = sender.get(where, params={"facility": "demo", "as_of": "2026-03-19T00:00:00+08:00"})
    assert before.status_code == 404
