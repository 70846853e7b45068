"""Walks every route of the application as nobody, as people of another facility, and as a device.

A new route fails here until it has a rule; one with a path of its own kind until `World.path_values` knows an id for
it; one with a body until its OpenAPI example (or `BODIES`) makes a request that only authorization can refuse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import Session

from service.access import PUBLIC_ROUTES, Permission, Role
from service.access.tables import UserAccount
from service.admissions.tables import InboundMessage, LeaveOfAbsence, OffWardActivity
from service.app import create_app
from service.facilities.release_tables import AgentRelease
from service.facilities.tables import Bed, Facility
from service.occupancy.tables import (
    BedCheck,
    DirectedCheck,
    DirectedLook,
    LoggedPause,
    PresenceCheck,
    Reverification,
    RollCall,
    RollCallDraw,
)
from service.operation.openapi import document, rule_of
from service.pharmacy.tables import (
    Delegate,
    Delegation,
    IdentityExemption,
    PharmacySite,
    Purchase,
    PurchaseReview,
)
from service.platform.context import Context
from service.platform.settings import Settings
from service.screening.tables import Finding
from service.sightings.tables import Snapshot, ZoneReading
from tests.builders import (
    EPOCH,
    bearer,
    browser,
    create_admission,
    create_bed,
    create_camera,
    create_device_token,
    create_facility,
    create_patient,
    create_user,
    create_ward,
    create_zone,
)

Method = tuple[str, str]
PICTURE = b"\xff\xd8\xff\xe0 not really a picture"

# Routes of which anybody logged in may see the same: nothing of a facility is in them.
OF_NOBODY: frozenset[Method] = frozenset(
    {
        ("GET", "/api/openapi.json"),
        ("GET", "/api/v1/sessions/current"),
        ("DELETE", "/api/v1/sessions/current"),
        ("POST", "/logout"),
        ("GET", "/fhir/r4/metadata"),
        ("GET", "/fhir/r5/metadata"),
    }
)


@dataclass(frozen=True)
class World:
    """Two hospitals. `marks` are texts by which anything of the second one is recognised."""

    path_values: dict[str, str]
    query: dict[str, str]
    bodies: dict[Method, dict[str, Any]]
    marks: frozenset[str]
    viewer: UserAccount
    admin: UserAccount
    staff: UserAccount
    device: str
    own_viewer: UserAccount


def _routes(app: FastAPI) -> list[tuple[str, RouteContext]]:
    found = []
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or {"GET"}):
            if method not in ("HEAD", "OPTIONS"):
                found.append((method, route))
    return found


def _name(method: str, route: RouteContext) -> Method:
    return method, str(route.path_format or route.path)


@pytest.fixture
def world(context: Context) -> World:
    with context.database.transaction() as session:
        return _build(session)


def _build(session: Session) -> World:
    here = create_facility(session, code="here", name="Here")
    there = create_facility(session, code="zz-there", name="Zz There", clock="replay", watermark=EPOCH)
    own_bed = create_bed(session, create_ward(session, here, code="w-here"), code="b-here")
    own_camera = create_camera(session, create_ward(session, here), code="c-here")
    create_admission(session, bed=own_bed, admission_no="A-here")
    ward = create_ward(session, there, code="zz-ward")
    bed = create_bed(session, ward, code="zz-bed", hospital_code="zz-hospital-bed")
    camera = create_camera(session, ward, code="zz-camera")
    zone = create_zone(session, camera, bed)
    patient = create_patient(session, there, "zz-patient")
    admission = create_admission(session, bed=bed, patient=patient, admission_no="zz-admission")
    rows = _facts(there, bed, camera.id, zone.id, admission.id, patient.id) | _purchase_facts(there)
    for row in rows.values():
        session.add(row)
        session.flush()
    rows["reverification"] = _looked(session, there, rows["directed"])
    rows["pause"] = _paused(session, bed, rows["reverification"])
    ids = {name: str(row.id) for name, row in rows.items() if hasattr(row, "id")}
    marks = {there.id, ward.id, bed.id, camera.id, zone.id, patient.id, admission.id, *ids.values()}
    return World(
        path_values={
            "code": there.code,
            "facility_code": there.code,
            "ward_id": ward.id,
            "bed_id": bed.id,
            "camera_id": camera.id,
            "admission_id": admission.id,
            "admission_no": admission.admission_no,
            "patient_no": patient.patient_no,
            "staff_no": "zz-staff",
            "username": "zz-nurse",
            "message_id": ids["message"],
            "resource_id": "zz-resource",
            "leave_id": ids["leave"],
            "activity_id": ids["activity"],
            "snapshot_id": ids["snapshot"],
            "reading_id": ids["reading"],
            "check_id": ids["directed"],
            "look_id": rows["reverification"].look_id,
            "release_id": _released(session, there, camera.id),
            "finding_id": ids["finding"],
            "roll_call_id": ids["roll_call"],
            "group_id": "zz-group",
            "pause_id": ids["pause"],
            "draw_id": ids["draw"],
            "bed_check_id": ids["bed_check"],
            "reverification_id": ids["reverification"],
            "delegate_no": "zz-delegate",
            "delegation_id": ids["delegation"],
            "exemption_id": ids["exemption"],
            "purchase_id": ids["purchase"],
            "review_id": ids["purchase_review"],
        },
        query={
            "facility": there.code,
            "ward": ward.id,
            "bed": bed.id,
            "from": EPOCH.isoformat(),
            "to": (EPOCH + timedelta(days=1)).isoformat(),
        },
        bodies=_bodies(there.code, camera.id),
        marks=frozenset(
            marks
            | {"zz-there", "Zz There", "zz-ward", "zz-bed", "zz-camera", "zz-patient", "zz-admission"}
            | {"zz-delegate", "zz-register", "zz-nurse"}
        ),
        viewer=create_user(session, role=Role.VIEWER, facility=here),
        admin=create_user(session, role=Role.ADMIN, facility=here),
        staff=create_user(session, role=Role.WARD_STAFF, facility=here),
        device=create_device_token(session, own_camera),
        own_viewer=create_user(session, role=Role.VIEWER, facility=there),
    )


def _facts(there: Facility, bed: Bed, camera: str, zone: str, admission: str, patient: str) -> dict[str, Any]:
    snapshot = Snapshot(
        facility_id=there.id,
        camera_id=camera,
        sequence=1,
        sha256="0" * 64,
        media_type="image/jpeg",
        byte_count=1,
        captured_at=EPOCH,
        received_at=EPOCH,
        state="analysed",
    )
    common = {"facility_id": there.id, "admission_id": admission}
    return {
        "snapshot": snapshot,
        "reading": ZoneReading(
            snapshot_id=snapshot.id,
            facility_id=there.id,
            camera_id=camera,
            bed_id=bed.id,
            zone_id=zone,
            captured_at=EPOCH,
            state="patient",
            confidence=1.0,
            expected_patient_id=patient,
            recognised_patient_id=patient,
        ),
        "check": PresenceCheck(
            **common,
            ward_id=bed.ward_id,
            bed_id=bed.id,
            due_at=EPOCH,
            window_start=EPOCH,
            window_end=EPOCH,
            outcome="not_seen",
            policy_version="1",
            computed_at=EPOCH,
        ),
        "directed": DirectedCheck(
            **common,
            bed_id=bed.id,
            due_at=EPOCH,
            cause="not_seen",
            deadline_at=EPOCH + timedelta(hours=6),
            opened_at=EPOCH,
            recorded_at=EPOCH,
        ),
        "finding": Finding(
            **common,
            subject_id=admission,
            rule="phantom_admission",
            rule_version="1",
            severity="high",
            event_at=EPOCH,
            raised_at=EPOCH,
            updated_at=EPOCH,
        ),
        **_counted(there, bed, common),
        "message": InboundMessage(
            facility_id=there.id,
            channel="hl7-http",
            sha256="0" * 64,
            received_at=EPOCH,
            recorded_at=EPOCH,
            state="applied",
        ),
        "leave": LeaveOfAbsence(
            admission_id=admission,
            from_at=EPOCH,
            expected_return_at=EPOCH + timedelta(hours=8),
            approved_by="Dr Wang",
            signed_at=EPOCH,
            recorded_at=EPOCH,
        ),
        "activity": OffWardActivity(
            admission_id=admission, kind="theatre", from_at=EPOCH, recorded_by="li.na", recorded_at=EPOCH
        ),
    }


def _purchase_facts(there: Facility) -> dict[str, Any]:
    register = {"facility_id": there.id, "register_code": "zz-register"}
    entered = {"recorded_by": "system", "recorded_at": EPOCH}
    delegate = Delegate(**register, **entered, delegate_no="zz-delegate")
    purchase = Purchase(
        **register,
        request_id="zz-request",
        request_digest="0" * 64,
        patient_no="zz-patient",
        buyer="patient",
        service_at=EPOCH,
        recorded_at=EPOCH,
        verdict="manual_review",
        state="waiting",
        policy_version="1",
    )
    return {
        "site": PharmacySite(**register, updated_at=EPOCH),
        "delegate": delegate,
        "delegation": Delegation(
            **register, **entered, delegate_id=delegate.id, patient_no="zz-patient", valid_from=EPOCH
        ),
        "exemption": IdentityExemption(
            **register, **entered, person_kind="patient", person_no="zz-patient", reason="no hands"
        ),
        "purchase": purchase,
        "purchase_review": PurchaseReview(
            facility_id=there.id, purchase_id=purchase.id, opened_at=EPOCH, deadline_at=EPOCH, fallback="refused"
        ),
    }


def _counted(there: Facility, bed: Bed, common: dict[str, Any]) -> dict[str, Any]:
    window = {"due_at": EPOCH, "window_start": EPOCH, "window_end": EPOCH}
    return {
        "roll_call": RollCall(
            facility_id=there.id,
            group_id="zz-group",
            kind="surprise",
            scope="region",
            scope_key="facility",
            opens_at=EPOCH,
            frozen_until=EPOCH,
            closes_at=EPOCH,
            called_by="user:somebody",
            recorded_at=EPOCH,
        ),
        "draw": RollCallDraw(
            facility_id=there.id,
            first_day=EPOCH.date(),
            last_day=EPOCH.date(),
            starts_at=EPOCH,
            ends_at=EPOCH + timedelta(days=1),
            timezone="Asia/Shanghai",
            wards=["zz-ward"],
            terms={},
            commitment="0" * 64,
            sealed_seed=b"",
            committed_by="user:somebody",
            committed_at=EPOCH,
        ),
        "bed_check": BedCheck(
            facility_id=there.id,
            ward_id=bed.ward_id,
            bed_id=bed.id,
            outcome="unregistered_person",
            computed_at=EPOCH,
            **window,
        ),
    }


def _released(session: Session, there: Facility, camera_id: str) -> str:
    """A version of the agent that is offered to the second hospital's camera alone."""
    row = AgentRelease(
        version="9.0.0",
        platform="any",
        sha256="0" * 64,
        size=1,
        manifest_sha256="0" * 64,
        signature="",
        blob_key="0" * 32,
        facility_id=there.id,
        camera_id=camera_id,
        added_by="system",
        added_at=EPOCH,
    )
    session.add(row)
    session.flush()
    return row.id


def _looked(session: Session, there: Facility, directed: DirectedCheck) -> Reverification:
    look = DirectedLook(
        directed_check_id=directed.id,
        person_id=create_user(session, role=Role.WARD_STAFF, facility=there, username="zz-nurse").id,
        role="ward_staff",
        looked_at=EPOCH,
        result="found",
        method="handheld",
        recorded_at=EPOCH,
    )
    session.add(look)
    session.flush()
    again = Reverification(
        facility_id=there.id,
        admission_id=directed.admission_id,
        look_id=look.id,
        reason="sample",
        asked_at=EPOCH,
        deadline_at=EPOCH + timedelta(hours=6),
    )
    session.add(again)
    session.flush()
    return again


def _paused(session: Session, bed: Bed, again: Reverification) -> LoggedPause:
    person = session.get_one(DirectedLook, again.look_id).person_id
    row = LoggedPause(
        facility_id=bed.facility_id,
        ward_id=bed.ward_id,
        bed_id=bed.id,
        starts_at=EPOCH,
        ends_at=EPOCH + timedelta(minutes=30),
        limit_at=EPOCH + timedelta(minutes=30),
        person_id=person,
        recorded_at=EPOCH,
    )
    session.add(row)
    session.flush()
    return row


def _bodies(code: str, camera_id: str) -> dict[Method, dict[str, Any]]:
    layout = f"facility:\n  code: {code}\n  name: Taken over\n"
    meta = {"camera_id": camera_id, "captured_at": EPOCH.isoformat(), "sequence": 1}
    enrol = {"reference": "id_card_picture", "consent": {"status": "given", "given_at": EPOCH.isoformat()}}
    return {
        ("POST", "/api/v1/facilities"): {"content": layout, "headers": {"Content-Type": "application/yaml"}},
        ("POST", "/api/v1/imports/census"): {
            "content": "patient_no,admission_no,bed,admitted_at\n",
            "headers": {"Content-Type": "text/csv"},
        },
        ("POST", "/api/v1/directed-checks/{check_id}/handheld-looks"): {
            "files": {"picture": ("a.jpg", PICTURE, "image/jpeg")},
            "data": {"nonce": "ABC234", "identified_by": "wristband"},
        },
        ("POST", "/api/v1/imports/enrolments"): {"files": {"file": ("a.zip", b"PK", "application/zip")}},
        ("POST", "/api/v1/snapshots"): {
            "files": {"image": ("a.jpg", PICTURE, "image/jpeg")},
            "data": {"meta": json.dumps(meta)},
        },
        ("POST", "/api/v1/edge-crops"): {
            "files": {"image": ("a.png", PICTURE, "image/png")},
            "data": {"meta": json.dumps({"request_id": "0" * 32})},
        },
        ("POST", "/api/v1/delegates/{delegate_no}/enrolments"): {
            "files": {"photos": ("a.jpg", PICTURE, "image/jpeg")},
            "data": {"consent_at": EPOCH.isoformat()},
        },
        ("POST", "/api/v1/staff/{staff_no}/enrolments"): {
            "files": {"photos": ("a.jpg", PICTURE, "image/jpeg")},
            "data": {"meta": json.dumps({"consent_at": EPOCH.isoformat()})},
        },
        ("POST", "/api/v1/patients/{patient_no}/enrolments"): {
            "files": {"photos": ("a.jpg", PICTURE, "image/jpeg")},
            "data": {"meta": json.dumps(enrol)},
        },
    }


def _example(spec: dict[str, Any], name: Method) -> dict[str, Any]:
    """The request that the OpenAPI document gives as an example."""
    method, path = name
    operation = spec["paths"].get(path, {}).get(method.lower(), {})
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    examples = schema.get("examples")
    return {"json": examples[0]} if examples else {}


def _call(
    client: TestClient, world: World, spec: dict[str, Any], method: str, route: RouteContext, **more: Any
) -> Response:
    name = _name(method, route)
    missing = [key for key in route.param_convertors if key not in world.path_values]
    assert not missing, f"{name} has path parameters that this test has no other facility's value for: {missing}"
    request = dict(world.bodies.get(name) or _example(spec, name))
    headers = request.pop("headers", {}) | more.pop("headers", {})
    path = name[1].format(**world.path_values)
    return client.request(method, path, params=world.query, headers=headers, follow_redirects=False, **request, **more)


def _guarded(app: FastAPI) -> Iterator[tuple[str, RouteContext]]:
    for method, route in _routes(app):
        if _name(method, route) not in PUBLIC_ROUTES:
            yield method, route


def test_every_route_has_a_rule_or_is_public_by_name(app: FastAPI) -> None:
    without = [
        _name(method, route)
        for method, route in _guarded(app)
        if not hasattr(route.original_route, "dependant") or rule_of(route) is None
    ]
    assert without == []


def test_no_public_name_stands_for_a_route_that_is_gone_or_that_has_a_rule(app: FastAPI) -> None:
    routes = {_name(method, route): route for method, route in _routes(app)}
    assert routes.keys() >= PUBLIC_ROUTES
    ruled = [name for name in PUBLIC_ROUTES if hasattr(routes[name], "dependant") and rule_of(routes[name])]
    assert ruled == []


def test_a_route_without_a_rule_would_be_found(app: FastAPI) -> None:
    @app.get("/api/v1/forgotten")
    def forgotten() -> None:
        return None

    with pytest.raises(AssertionError):
        test_every_route_has_a_rule_or_is_public_by_name(app)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wwt_wrong"}, {"Cookie": "wardwatch_session=wrong"}])
def test_nobody_gets_in_anywhere(client: TestClient, app: FastAPI, world: World, headers: dict[str, str]) -> None:
    spec = document(app)
    answers = {
        _name(method, route): _call(client, world, spec, method, route, headers=headers).status_code
        for method, route in _guarded(app)
    }
    assert {name: status for name, status in answers.items() if status != 401} == {}
    assert len(answers) > 20


def _trespasses(
    client: TestClient, world: World, app: FastAPI, *, allowed: frozenset[Permission] | None = None
) -> list[str]:
    """What is wrong with the answers to a caller who has nothing to do with the second hospital."""
    spec, wrong = document(app), []
    for method, route in _guarded(app):
        name = _name(method, route)
        if name in OF_NOBODY:
            continue
        rule = rule_of(route)
        answer = _call(client, world, spec, method, route)
        shown = world.marks - set(world.query.values())
        if method == "GET" and "{" not in name[1]:
            # A page may repeat what it was asked; asked for nothing, it must not name anything of theirs at all.
            bare = client.get(name[1], follow_redirects=False)
            if bare.status_code == 200 and any(mark in bare.text for mark in world.marks):
                wrong.append(f"{name}: shows {sorted(mark for mark in world.marks if mark in bare.text)}")
        shown = {mark for mark in shown if mark in answer.text}
        expected = {401, 403, 404}
        if method == "GET" and "{" not in name[1]:
            expected |= {200}  # a list of one's own, which must show nothing of theirs
        if _is_anothers_camera(answer):
            continue
        if answer.status_code not in expected:
            wrong.append(f"{name}: {answer.status_code} {answer.text[:300]}")
        elif shown and answer.status_code == 200:
            wrong.append(f"{name}: shows {sorted(shown)}")
        if allowed is not None and rule is not None and rule.permissions and not allowed & set(rule.permissions):
            if answer.status_code != 403:
                wrong.append(f"{name}: {answer.status_code} instead of 403")
    return wrong


def _is_anothers_camera(answer: Response) -> bool:
    # A box must tell a wrong camera (keep the picture, tell the operator) from a wrong address (try again).
    # A sale is found by its token alone: one that nobody signed says nothing of anybody.
    nothing_said = ("/problems/camera-unknown", "/problems/purchase-token-invalid")
    return answer.status_code == 422 and answer.json()["type"] in nothing_said


@pytest.mark.parametrize("who", ["viewer", "staff", "admin"])
def test_people_of_another_facility_see_and_change_nothing(
    app: FastAPI, context: Context, world: World, who: str
) -> None:
    with browser(app, context, getattr(world, who)) as client:
        assert _trespasses(client, world, app) == []


def test_a_device_may_post_pictures_and_read_its_settings_and_nothing_else(app: FastAPI, world: World) -> None:
    scopes = frozenset({Permission.SNAPSHOTS_POST, Permission.CONFIG_READ})
    with TestClient(app, headers=bearer(world.device)) as client:
        assert _trespasses(client, world, app, allowed=scopes) == []


def test_a_viewer_changes_nothing_at_their_own_facility(app: FastAPI, context: Context, world: World) -> None:
    spec = document(app)
    with browser(app, context, world.own_viewer) as client:
        answers = {
            _name(method, route): _call(client, world, spec, method, route).status_code
            for method, route in _guarded(app)
            if method != "GET" and _name(method, route) not in OF_NOBODY
        }
    assert {name: status for name, status in answers.items() if status != 403} == {}


def test_the_walk_finds_what_a_viewer_of_that_facility_sees(app: FastAPI, context: Context, world: World) -> None:
    """The walk itself can fail: for somebody who belongs there, it shows plenty."""
    with browser(app, context, world.own_viewer) as client:
        wrong = _trespasses(client, world, app)
    shown = " ".join(wrong)
    for path in ("/api/v1/wards/{ward_id}", "/api/v1/facilities/{code}", "/api/v1/findings/{finding_id}"):
        assert path in shown


def test_openapi_names_a_rule_and_problems_for_every_guarded_operation(settings: Settings) -> None:
    spec = document(create_app(settings))
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            name = f"{method} {path}"
            assert operation.get("summary"), name
            assert operation.get("description"), name
            if (method.upper(), path) in PUBLIC_ROUTES:
                assert operation["security"] == [], name
            else:
                assert operation["security"], name
                assert operation["responses"]["401"]["content"].keys() == {"application/problem+json"}, name
