"""The API of places: who sees what, drawing zones, driving a replay's clock, and what a camera is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from service.platform.context import Context
from service.platform.tables import Job
from tests.builders import (
    bearer,
    create_bed,
    create_camera,
    create_device_token,
    create_facility,
    create_token,
    create_ward,
    create_zone,
)

EXAMPLE = Path(__file__).parents[2] / "fixtures" / "layouts" / "two-wards.yaml"
SQUARE = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]


@pytest.fixture
def admin(context: Context, client: TestClient) -> TestClient:
    """A program with every right over places at the facility `demo`, and nowhere else."""
    with context.database.transaction() as session:
        facility = create_facility(session, "demo", name="Demo")
        create_facility(session, "other", name="Other")
        scopes = ["facility:read", "facility:write", "clock:drive"]
        client.headers.update(bearer(create_token(session, facility, scopes)))
    return client


def test_a_layout_is_loaded_as_yaml_and_as_json(admin: TestClient) -> None:
    loaded = admin.post("/api/v1/facilities", content=EXAMPLE.read_bytes())
    body = {"facility": {"code": "demo"}, "wards": [{"code": "W1", "name": "Renamed"}]}
    changed = admin.post("/api/v1/facilities", json=body)
    assert loaded.json()["created"] == {"ward": 2, "bed": 7, "camera": 2, "zone": 6}
    assert changed.json()["updated"] == {"ward": 1}
    detail = admin.get("/api/v1/facilities/demo").json()
    assert [ward["name"] for ward in detail["wards"]] == ["Renamed", "Surgery 2"]


def test_another_facility_is_neither_seen_nor_changed(admin: TestClient) -> None:
    for code in ("other", "nowhere"):
        assert admin.get(f"/api/v1/facilities/{code}").status_code == 404
        assert admin.post("/api/v1/facilities", json={"facility": {"code": code}}).status_code == 403
        assert admin.post(f"/api/v1/facilities/{code}/wards", json={"code": "w"}).status_code == 404
    unknown, foreign = (admin.get(f"/api/v1/facilities/{code}").json() for code in ("nowhere", "other"))
    assert unknown["detail"].replace("nowhere", "other") == foreign["detail"]
    assert [place["code"] for place in admin.get("/api/v1/facilities").json()] == ["demo"]


def test_a_ward_is_built_piece_by_piece(admin: TestClient) -> None:
    ward = admin.post("/api/v1/facilities/demo/wards", json={"code": "W9", "name": "Ninth"}).json()
    bed = admin.post(f"/api/v1/wards/{ward['id']}/beds", json={"code": "1", "hospital_code": "H-1"})
    camera = admin.post(f"/api/v1/wards/{ward['id']}/cameras", json={"code": "c"}).json()
    zones = admin.put(f"/api/v1/cameras/{camera['id']}/zones", json={"zones": [{"bed": "1", "polygon": SQUARE}]})
    taken = admin.post(f"/api/v1/wards/{ward['id']}/beds", json={"code": "2", "hospital_code": "H-1"})
    detail = admin.get(f"/api/v1/wards/{ward['id']}").json()
    assert bed.status_code == 201
    assert zones.status_code == 200
    assert taken.status_code == 409
    assert taken.json()["field"] == "hospital_code"
    assert [bed["hospital_code"] for bed in detail["beds"]] == ["H-1"]
    assert detail["cameras"][0]["zones"][0]["bed"] == "1"


@pytest.mark.parametrize(
    ("zone", "field"),
    [
        ({"bed": "404", "polygon": SQUARE}, "zones[0].bed"),
        ({"bed": "1", "polygon": SQUARE, "head_edge": 4}, "zones[0].head_edge"),
        ({"bed": "1", "polygon": SQUARE[:2]}, "zones.0.polygon"),
        ({"bed": "1", "polygon": [[0, 0], [9, 0], [1, 1]]}, "zones.0.polygon"),
    ],
)
def test_a_bad_zone_names_its_field(admin: TestClient, zone: dict[str, object], field: str) -> None:
    ward = admin.post("/api/v1/facilities/demo/wards", json={"code": "W"}).json()
    admin.post(f"/api/v1/wards/{ward['id']}/beds", json={"code": "1"})
    camera = admin.post(f"/api/v1/wards/{ward['id']}/cameras", json={"code": "c"}).json()
    answer = admin.put(f"/api/v1/cameras/{camera['id']}/zones", json={"zones": [zone]})
    assert answer.status_code == 422
    assert answer.json()["field"] == field


def test_zones_are_not_drawn_into_the_past(admin: TestClient) -> None:
    ward = admin.post("/api/v1/facilities/demo/wards", json={"code": "W"}).json()
    admin.post(f"/api/v1/wards/{ward['id']}/beds", json={"code": "1"})
    camera = admin.post(f"/api/v1/wards/{ward['id']}/cameras", json={"code": "c"}).json()
    path = f"/api/v1/cameras/{camera['id']}/zones"
    other = [[x + 0.1, y] for x, y in SQUARE]
    third = [[x + 0.2, y] for x, y in SQUARE]
    admin.put(path, json={"zones": [{"bed": "1", "polygon": SQUARE}]})
    admin.put(path, json={"zones": [{"bed": "1", "polygon": other}], "valid_from": "2026-03-02T00:00:00Z"})
    late = admin.put(path, json={"zones": [{"bed": "1", "polygon": third}], "valid_from": "2026-03-01T00:00:00Z"})
    assert late.status_code == 409
    assert late.json()["field"] == "valid_from"


def test_a_replay_is_driven_forward_only(context: Context, client: TestClient) -> None:
    with context.database.transaction() as session:
        replay = create_facility(session, "replay", clock="replay")
        live = create_facility(session, "live")
        tokens = {place.code: create_token(session, place, ["clock:drive"]) for place in (replay, live)}

    def drive(code: str, to: str) -> tuple[int, dict[str, object]]:
        answer = client.post(f"/api/v1/facilities/{code}/watermark", json={"to": to}, headers=bearer(tokens[code]))
        return answer.status_code, answer.json()

    assert drive("replay", "2026-03-02T08:00:00+08:00")[1]["moved"] is True
    assert drive("replay", "2026-03-02T00:00:00Z")[1]["moved"] is False
    assert drive("replay", "2026-03-01T23:59:59Z")[0] == 409
    assert drive("replay", "2026-03-03T00:00:00Z")[0] == 200
    assert drive("live", "2026-03-03T00:00:00Z")[0] == 409
    assert drive("replay", "2026-03-03T00:00:00")[0] == 422
    with context.database.reading() as session:
        jobs = session.exec(select(Job).where(Job.kind == "presence.advance")).all()
    # Two moves, one waiting job: it reads the watermark when it runs.
    assert [job.payload for job in jobs] == [{"facility_id": replay.id}]


def test_a_camera_is_told_its_zones_and_only_once(context: Context, client: TestClient) -> None:
    with context.database.transaction() as session:
        ward = create_ward(session, create_facility(session, "h"), "w")
        bed = create_bed(session, ward, "07")
        camera, blind = create_camera(session, ward, "c1"), create_camera(session, ward, "c2")
        create_zone(session, camera, bed)
        headers = bearer(create_device_token(session, camera))
        others = bearer(create_device_token(session, blind))
    answer = client.get("/api/v1/devices/me/config", headers=headers)
    again = client.get("/api/v1/devices/me/config", headers=headers | {"If-None-Match": answer.headers["ETag"]})
    other = client.get("/api/v1/devices/me/config", headers=others)
    body = answer.json()
    assert [zone["bed_code"] for zone in body["zones"]] == ["07"]
    assert body["camera"]["code"] == "c1"
    assert (again.status_code, again.content) == (304, b"")
    assert other.json()["zones"] == []
    assert other.headers["ETag"] != answer.headers["ETag"]


def test_a_token_without_a_camera_has_no_configuration(context: Context, client: TestClient) -> None:
    with context.database.transaction() as session:
        token = create_token(session, create_facility(session), ["config:read"])
    answer = client.get("/api/v1/devices/me/config", headers=bearer(token))
    assert answer.status_code == 404
    assert "--camera" in answer.json()["remedy"]


@pytest.mark.parametrize("name", ["%00", "a%0Ab", "%F0%9F%92%A9", "x" * 300])
def test_strange_names_are_not_found(admin: TestClient, name: str) -> None:
    for path in (f"facilities/{name}", f"wards/{name}", f"wards/{name}/beds", f"wards?facility={name}"):
        assert admin.get(f"/api/v1/{path}").status_code in (404, 422)


def test_the_far_end_of_time_is_an_error_not_a_crash(admin: TestClient) -> None:
    body = {"to": "9999-12-31T23:59:59-12:00"}
    assert admin.post("/api/v1/facilities/demo/watermark", json=body).status_code in (409, 422)


def test_a_layout_with_two_mistakes_names_both(admin: TestClient) -> None:
    layout = {
        "facility": {"code": "h", "name": "H", "kind": "castle"},
        "wards": [{"code": "W", "beds": [{"cod": "1"}]}],
    }
    answer = admin.post("/api/v1/facilities", json=layout)
    assert answer.status_code == 422
    named = {error["field"] for error in answer.json()["errors"]}
    assert {"facility.kind", "wards[0].beds[0].code"} <= named
