"""The API of stays, through the whole application."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from service.facilities import facility_by_code
from service.platform.context import Context
from tests.builders import EPOCH, bearer, create_admission, create_bed, create_facility, create_token, create_ward

CSV = "patient_no,admission_no,bed,admitted_at\nP1,A1,H1,2026-03-01 08:00\nP2,A2,H9,2026-03-01 08:00\n"


@pytest.fixture
def api(context: Context, client: TestClient) -> TestClient:
    """A hospital system's program at `demo`, with beds H1 and H2, and admission A0 in H2."""
    with context.database.transaction() as session:
        facility = create_facility(session, "demo")
        ward = create_ward(session, facility)
        create_bed(session, ward, hospital_code="H1")
        create_admission(session, bed=create_bed(session, ward, hospital_code="H2"), admission_no="A0")
        create_facility(session, "other")
        client.headers.update(bearer(create_token(session, facility, ["facility:read", "admissions:write"])))
    return client


def test_a_census_is_posted_tried_and_reported(api: TestClient) -> None:
    tried = api.post("/api/v1/imports/census?facility=demo&dry_run=true", content=CSV)
    done = api.post("/api/v1/imports/census?facility=demo", content=CSV)
    chinese = api.post("/api/v1/imports/census?facility=demo", content=CSV, headers={"Accept-Language": "zh-CN"})
    assert (tried.json()["created"], tried.json()["rejected"], tried.json()["dry_run"]) == (1, 1, True)
    assert (done.json()["created"], done.json()["dry_run"]) == (1, False)
    assert chinese.json()["unchanged"] == 1
    assert done.json()["rows"][1]["errors"][0]["message"] == "the facility has no bed 'H9'"
    assert chinese.json()["rows"][1]["errors"][0]["message"] == "本机构没有床位 'H9'"


def test_a_file_without_rows_is_a_problem(api: TestClient) -> None:
    answer = api.post("/api/v1/imports/census?facility=demo", content=b"a,b\n")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/table-unreadable")
    assert "admission_no" in answer.json()["detail"]


def test_a_stay_is_changed_and_read(api: TestClient) -> None:
    path = "/api/v1/admissions/A0"

    def post(tail: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        answer = api.post(f"{path}/{tail}?facility=demo", json=body)
        return answer.status_code, answer.json()

    at = [(EPOCH + timedelta(hours=h)).isoformat() for h in range(10)]
    assert post("transfers", {"bed": "H1", "at": at[2]})[0] == 200
    leave = post("leaves", {"from": at[3], "expected_return_at": at[6], "approved_by": "Dr. 1", "signed_at": at[3]})
    assert leave[0] == 201
    assert post(f"leaves/{leave[1]['id']}/return", {"at": at[5]})[1]["returned_at"] is not None
    assert post("off-ward-activities", {"kind": "imaging", "from": at[7], "to": at[8]})[0] == 201
    assert post("discharge", {"at": at[9]})[0] == 200
    stay = api.get(f"{path}?facility=demo").json()
    assert [item["bed"] for item in stay["assignments"]] == ["H2", "H1"]
    assert [item["kind"] for item in stay["off_ward_activities"]] == ["imaging"]
    assert stay["discharged_at"] is not None
    assert api.delete(f"{path}/discharge?facility=demo").json()["discharged_at"] is None


@pytest.mark.parametrize(
    ("tail", "body", "status", "field"),
    [
        ("transfers", {"bed": "H7", "at": "2026-03-02T01:00:00Z"}, 404, "bed"),
        ("transfers", {"bed": "H1", "at": "2026-03-02 01:00"}, 422, "at"),
        ("transfers", {"bed": "H\u0000", "at": "2026-03-02T01:00:00Z"}, 422, "bed"),
        ("transfers", {"bed": "H1", "at": "0001-01-01T00:00:00+14:00"}, 422, "at"),
        ("discharge", {"at": "2026-03-01T00:00:00Z"}, 409, "at"),
        ("discharge", {"at": "2099-03-01T00:00:00Z"}, 409, "at"),
        ("off-ward-activities", {"kind": "holiday", "from": "2026-03-02T01:00:00Z"}, 422, "kind"),
        ("leaves/nothing/return", {"at": "2026-03-02T01:00:00Z"}, 404, "leave"),
    ],
)
def test_a_wrong_change_names_its_field(
    api: TestClient, tail: str, body: dict[str, object], status: int, field: str
) -> None:
    answer = api.post(f"/api/v1/admissions/A0/{tail}?facility=demo", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_another_facility_is_not_found(api: TestClient) -> None:
    for path in ("admissions/A0?facility=other", "admissions/A0?facility=nowhere", "admissions/A%00?facility=demo"):
        assert api.get(f"/api/v1/{path}").status_code == 404
    assert api.post("/api/v1/imports/census?facility=other", content=CSV).status_code == 404


def test_a_reader_changes_nothing(context: Context, api: TestClient) -> None:
    with context.database.transaction() as session:
        reader = bearer(create_token(session, facility_by_code(session, "demo"), ["facility:read"]))
    for tail in ("discharge", "cancellation", "transfers"):
        answer = api.post(f"/api/v1/admissions/A0/{tail}?facility=demo", json={}, headers=reader)
        assert answer.status_code == 403
