"""Rates, boards, checks and looks over HTTP, by those who may and those who may not."""

from __future__ import annotations

import pytest

from service.platform.context import Context
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import Hospital, build, shots


@pytest.fixture
def hospital(context: Context) -> Hospital:
    """One morning: bed 0 verified, bed 1 empty, bed 2 a single doubtful frame, bed 3 unobserved."""
    hospital = build(context)

    def truth(bed, when):
        return ["P", "E", "U" if when.minute == 10 else "E", "X"][bed]

    for shot in shots("02 08:00", "02 10:00", truth, every=10):
        hospital.post(shot)
    hospital.work()
    hospital.advance(at("02 10:00"))
    hospital.work()
    return hospital


@pytest.fixture
def people(app, client, context, hospital):
    def make(role, facility="own"):
        with context.database.transaction() as session:
            place = hospital.facility if facility == "own" else builders.create_facility(session)
            user = builders.create_user(session, role=role, facility=place)
        return builders.browser(app, context, user)

    return make


def test_the_rate_comes_with_both_numbers_and_coverage(hospital, people):
    viewer = people("viewer")
    answer = viewer.get("/api/v1/in-bed-rate", params={"facility": hospital.facility.code, "by": "ward,day"})
    assert answer.status_code == 200, answer.text
    total = answer.json()["total"]
    # 09:00: verified 1, empty 1, not seen 1, unobserved 1 -> expected 3, low 1/3, high 2/3, coverage 3/4
    assert (total["low"]["hits"], total["high"]["hits"], total["expected"]) == (1, 2, 3)
    assert (total["coverage"], total["reportable"], total["meets_target"]) == (0.75, False, None)
    assert [row["day"] for row in answer.json()["rows"]] == ["2026-03-02"]


@pytest.mark.parametrize(
    "params",
    [{"from": "2026-03-02T00:00:00"}, {"by": "week"}, {"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"}],
)
def test_a_question_that_makes_no_sense_is_told_which_field(hospital, people, params):
    answer = people("viewer").get("/api/v1/in-bed-rate", params={"facility": hospital.facility.code} | params)
    assert (answer.status_code, bool(answer.json()["field"])) == (422, True)


def test_the_board_shows_each_bed(hospital, people):
    beds = people("viewer").get(f"/api/v1/wards/{hospital.beds[0].ward_id}/board").json()["beds"]
    states = {bed["bed_id"]: bed["state"] for bed in beds}
    assert [states[bed.id] for bed in hospital.beds] == ["patient", "empty", "empty", "unobserved"]


def test_nobody_of_another_facility_sees_anything(hospital, people):
    stranger = people("admin", "other")
    code = hospital.facility.code
    check = people("viewer").get("/api/v1/directed-checks", params={"facility": code}).json()[0]
    for path in (
        f"/api/v1/in-bed-rate?facility={code}",
        f"/api/v1/wards/{hospital.beds[0].ward_id}/board",
        f"/api/v1/presence-checks?facility={code}",
        f"/api/v1/directed-checks?facility={code}",
        f"/api/v1/directed-checks/{check['id']}",
        f"/api/v1/findings?facility={code}",
    ):
        assert stranger.get(path).status_code == 404, path
    look = {"result": "found", "method": "bedside"}
    assert stranger.post(f"/api/v1/directed-checks/{check['id']}/looks", json=look).status_code == 404


def test_a_nurse_answers_and_presence_follows(hospital, people):
    nurse = people("ward_staff")
    code = hospital.facility.code
    asked = nurse.get("/api/v1/directed-checks", params={"facility": code, "state": "open"}).json()
    assert sorted(item["cause"] for item in asked) == ["bed_empty", "blind_bed", "not_seen"]
    path = f"/api/v1/directed-checks/{asked[0]['id']}"
    look = {"result": "found", "method": "wristband", "looked_at": "2026-03-02T09:40:00+08:00"}
    assert people("viewer").post(f"{path}/looks", json=look).status_code == 403
    first = nurse.post(f"{path}/looks", json=look)
    assert (first.status_code, first.json()["role"]) == (201, "ward_staff")
    assert nurse.post(f"{path}/looks", json=look).json()["look_id"] == first.json()["look_id"]
    assert nurse.post(f"{path}/looks", json=look | {"result": "not_found"}).status_code == 409
    hospital.work()
    assert nurse.get(path).json()["state"] == "answered"
    found = nurse.get("/api/v1/presence-checks", params={"facility": code, "state": "present_alternative"}).json()
    assert [(item["admission_no"], item["method"]) for item in found] == [(asked[0]["admission_no"], "wristband")]


@pytest.mark.parametrize(
    ("looked_at", "status"),
    [("2026-03-02T08:59:00+08:00", 422), ("2026-03-02T10:01:00+08:00", 422), ("2026-03-02T10:00:00+08:00", 201)],
)
def test_a_look_lies_between_the_check_and_now(hospital, people, looked_at, status):
    nurse = people("ward_staff")
    asked = nurse.get("/api/v1/directed-checks", params={"facility": hospital.facility.code}).json()
    look = {"result": "found", "method": "bedside", "looked_at": looked_at}
    assert nurse.post(f"/api/v1/directed-checks/{asked[0]['id']}/looks", json=look).status_code == status


def test_after_the_deadline_a_request_is_closed_and_the_check_unanswered(hospital, people):
    nurse = people("ward_staff")
    code = hospital.facility.code
    hospital.advance(at("02 15:31"))
    hospital.work()
    asked = nurse.get("/api/v1/directed-checks", params={"facility": code}).json()
    assert {item["state"] for item in asked} == {"expired"}
    answer = nurse.post(
        f"/api/v1/directed-checks/{asked[0]['id']}/looks", json={"result": "found", "method": "bedside"}
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/directed-check-closed")
    assert sorted(state for state in hospital.outcomes().values()) == [
        "bed_empty",
        "present_verified",
        "unanswered",
        "unobserved",
    ]
