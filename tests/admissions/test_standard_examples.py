"""The standards' own examples: each is taken, or refused with the field and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.admissions import patient_by_no
from service.facilities import facility_by_code
from service.platform.context import Context
from tests.admissions.test_samples import beds, bills, record, sender
from tests.admissions.test_undated_fhir import encounter

__all__ = ["sender"]

ROOT = Path(__file__).parents[2] / "fixtures"
FHIR = ROOT / "fhir/standard"


def send(sender: TestClient, name: str) -> tuple[int, list[str], str]:
    """Puts an example; the status, the element at fault (or nothing), and all texts."""
    body = json.loads((FHIR / f"{name}.json").read_text())
    release = name.partition("/")[0]
    answer = sender.put(f"/fhir/{release}/{body['resourceType']}/{body['id']}", json=body)
    issues = answer.json()["issue"]
    return answer.status_code, issues[0].get("expression", []), " ".join(issue["diagnostics"] for issue in issues)


def put(sender: TestClient, release: str, body: dict[str, Any]) -> None:
    answer = sender.put(f"/fhir/{release}/{body['resourceType']}/{body['id']}", json=body)
    assert answer.status_code == 200, answer.text


def patient(logical_id: str, number: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "identifier": [{"value": number}]}


def test_every_example_has_its_test() -> None:
    names = sorted(str(path.relative_to(FHIR)).removesuffix(".json") for path in FHIR.glob("r*/*.json"))
    assert names == sorted([*TAKEN, *REFUSED])


TAKEN = {
    "r4/patient-f201": "accepted",
    "r4/location-1": "no bed: kept as a name of a place",
    "r4/location-amb": "no bed: kept as a name of a place",
    "r4/encounter-xcda": "no inpatient encounter: nothing to record",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_says_what_it_did(sender: TestClient, name: str) -> None:
    status, _, text = send(sender, name)
    assert (status, TAKEN[name] in text) == (200, True), text


REFUSED = {
    # Who it is about has to be known, or named by a number.
    "r4/encounter-f203": ("Encounter.subject", "send the Patient first"),
    "r5/encounter-colonoscopy": ("Encounter.subject", "send the Patient first"),
    "r5/encounter-emerg": ("Encounter.subject", "send the Patient first"),
    "r4/chargeitem-example": ("ChargeItem.context", "send the Encounter first"),
    "r5/chargeitem-example": ("ChargeItem.encounter", "send the Encounter first"),
    # An order for nobody's stay.
    "r4/servicerequest-di": ("ServiceRequest.encounter", "refer to the Encounter"),
    "r5/servicerequest-di": ("ServiceRequest.encounter", "refer to the Encounter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_the_element_and_the_remedy(sender: TestClient, name: str) -> None:
    where, remedy = REFUSED[name]
    status, expression, text = send(sender, name)
    assert (status, expression, remedy in text) == (422, [where], True), text


def test_a_stay_of_dates_alone_is_refused_when_its_patient_is_known(context: Context, sender: TestClient) -> None:
    assert send(sender, "r4/patient-f201")[0] == 200
    with context.database.reading() as session:
        known = patient_by_no(session, facility_by_code(session, "demo").id, "123456789")
    assert (known.sex, str(known.birth_date), known.display_name) == ("male", "1960-03-13", "")
    status, expression, text = send(sender, "r4/encounter-f203")
    assert (status, expression) == (422, ["Encounter.period.start"])
    assert "'2013-03-11' has no time of day" in text
    put(sender, "r5", patient("glossy", "P0007"))
    assert send(sender, "r5/encounter-colonoscopy")[:2] == (422, ["Encounter.actualPeriod.start"])


def test_a_place_that_only_has_a_name_is_named_in_the_refusal(sender: TestClient) -> None:
    put(sender, "r5", patient("example", "P0001"))
    status, expression, text = send(sender, "r5/encounter-emerg")
    assert (status, expression) == (422, ["Encounter.location[0].location"])
    assert "'Emergency Waiting Room'" in text
    assert "hospital_code of the layout" in text


@pytest.mark.parametrize("release", ["r4", "r5"])
def test_the_charge_finds_its_stay_when_that_is_sent(context: Context, sender: TestClient, release: str) -> None:
    assert send(sender, f"{release}/chargeitem-example")[0] == 422
    place = ("N1-01", "2017-01-20T08:00:00+08:00")
    stay = encounter("in-progress", place) | {"id": "example", "period": {"start": place[1]}}
    put(sender, "r4", stay)
    [waiting] = sender.get("/api/v1/messages", params={"state": "dead_letter"}).json()
    assert sender.post(f"/api/v1/messages/{waiting['id']}/replay").json()["state"] == "applied"
    assert bills(context, "Z9") == ([], ["other 40"])


def test_the_shape_of_the_hl7_example_lacks_a_visit_number(context: Context, sender: TestClient) -> None:
    answer = sender.post("/api/v1/adt/hl7v2", content=(ROOT / "hl7/standard/a01-in-shape.hl7").read_bytes())
    assert "MSA|AR|S0001|" in answer.text
    assert "ERR||PV1^1^19|101^" in answer.text
    answer = sender.post("/api/v1/adt/hl7v2", content=(ROOT / "hl7/standard/a01-with-visit.hl7").read_bytes())
    assert "MSA|AA|S0001" in answer.text, answer.text
    assert beds(context, "V700001") == [("N1-01", "02 11:23")]
    stay = record(context, "V700001")
    assert (stay.patient_no, stay.attending_doctor, stay.diagnosis_code) == ("P700001", "0477", "1550")
