"""The API of enrolment with the real model pack: real faces in, quality reports out, no picture kept."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import insightface
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from service.access import Role
from service.enrolment import gallery, opened_pack, reference_since
from service.facilities import Facility, facility_by_code
from service.platform.context import Context
from tests.builders import bearer, browser, create_facility, create_patient, create_token, create_user

CONSENT = {"status": "given", "given_at": "2026-03-02T08:00:00+08:00"}
# Boxes of three people in insightface's own sample picture, read off it: x1, y1, x2, y2. The third looks aside.
LEFT, MIDDLE, ASIDE = (53, 266, 171, 400), (463, 266, 577, 417), (900, 58, 1006, 198)


def sample() -> np.ndarray:
    """The sample picture: six people."""
    pixels = cv2.imread(str(Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"))
    assert pixels is not None
    return pixels


def portrait(box: tuple[int, int, int, int], *, scale: float = 1.0, light: float = 1.0) -> bytes:
    """One person as a JPEG file, with some room around the face."""
    x1, y1, x2, y2 = box
    room = int(0.6 * (x2 - x1))
    cut = sample()[max(0, y1 - room) : y2 + room, max(0, x1 - room) : x2 + room]
    cut = cv2.resize(cut, None, fx=scale, fy=scale)
    return jpeg(np.clip(cut.astype(np.float32) * light, 0, 255).astype(np.uint8))


def jpeg(pixels: np.ndarray) -> bytes:
    """The pixels as a JPEG file."""
    ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert ok
    return bytes(data.tobytes())


@pytest.fixture
def api(context: Context, client: TestClient) -> TestClient:
    """A program that enrols at `demo`, where P1 to P4 are known."""
    with context.database.transaction() as session:
        facility = create_facility(session, "demo")
        for number in range(1, 5):
            create_patient(session, facility, f"P{number}")
        create_patient(session, create_facility(session, "other"), "P1")
        client.headers.update(bearer(create_token(session, facility, ["enrolments:write"])))
    return client


def post(api: TestClient, number: str, *photos: bytes, facility: str = "demo", **meta: Any) -> Any:
    """Posts photographs with their meta; the answer."""
    files = [("photos", (f"{i}.jpg", photo, "image/jpeg")) for i, photo in enumerate(photos)]
    details = {"reference": "id_card_picture"} | meta
    return api.post(
        f"/api/v1/patients/{number}/enrolments?facility={facility}", files=files, data={"meta": json.dumps(details)}
    )


def demo(session: Session) -> Facility:
    """The facility."""
    return facility_by_code(session, "demo")


@pytest.mark.models
@pytest.mark.usefixtures("models_dir")
def test_faces_are_enrolled_and_can_be_told_apart(context: Context, api: TestClient) -> None:
    first = post(api, "P1", portrait(LEFT), consent=CONSENT)
    second = post(api, "P2", portrait(MIDDLE), consent=CONSENT)
    again = post(api, "P1", portrait(LEFT), consent=CONSENT)
    retake = post(api, "P1", portrait(LEFT, scale=0.8))
    assert [answer.json()["status"] for answer in (first, second, again, retake)] == [
        "accepted",
        "accepted",
        "unchanged",
        "accepted",
    ]
    assert first.json()["photos"][0]["quality"] > 0.5
    assert second.json()["look_alikes"] == []
    with context.database.reading() as session:
        faces = gallery(context, session, demo(session).id)
        assert len(reference_since(session, demo(session).id, pack_hash=opened_pack(context).pack_hash)) == 2
    assert len(faces.keys) == 2
    assert float(faces.vectors[0] @ faces.vectors[1]) < 0.40


@pytest.mark.models
@pytest.mark.usefixtures("models_dir")
def test_each_picture_is_told_what_is_wrong_with_it(api: TestClient) -> None:
    photos = [
        portrait(ASIDE),
        jpeg(sample()),
        jpeg(np.full((300, 300, 3), 128, np.uint8)),
        b"\xff\xd8\xff not a picture",
        b"GIF89a",
        portrait(LEFT)[:-2000],
    ]
    answer = post(api, "P1", *photos, consent=CONSENT)
    chinese = post(api, "P1", *photos, consent=CONSENT, reference="unproven")
    body = answer.json()
    assert (answer.status_code, body["accepted"]) == (200, False)
    codes = [{reason["code"] for reason in photo["reasons"]} for photo in body["photos"]]
    assert "turned_away" in codes[0]
    assert "several_faces" in codes[1]
    assert codes[2] == {"no_face"}
    assert [code & {"image_corrupt", "image_truncated", "image_unsupported"} != set() for code in codes[3:]] == [
        True
    ] * 3
    assert chinese.status_code == 200


@pytest.mark.models
@pytest.mark.usefixtures("models_dir")
def test_a_face_under_two_names_is_pointed_at(api: TestClient) -> None:
    post(api, "P1", portrait(LEFT), consent=CONSENT)
    body = post(api, "P2", portrait(LEFT, scale=0.9), consent=CONSENT).json()
    assert body["accepted"]
    assert "looks_like_another" in {reason["code"] for reason in body["warnings"]}
    assert body["look_alikes"][0]["patient_no"] == "P1"
    assert body["look_alikes"][0]["similarity"] > 0.8
    same_file = post(api, "P3", portrait(LEFT), consent=CONSENT).json()
    assert same_file["reasons"][0]["code"] == "photo_of_another_patient"


@pytest.mark.models
@pytest.mark.usefixtures("models_dir")
def test_a_zip_is_enrolled_row_by_row(api: TestClient) -> None:
    table = (
        "patient_no,file,reference,consent,consent_at\n"
        "P1,a.jpg,id_card_picture,given,2026-03-02 08:00\n"
        "P2,b.jpg,id_card_picture,given,2026-03-02 08:00\n"
        "P3,,,refused,2026-03-02 08:00\n"
        "P9,a.jpg,id_card_picture,given,2026-03-02 08:00\n"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (("table.csv", table.encode()), ("a.jpg", portrait(LEFT)), ("b.jpg", portrait(ASIDE))):
            archive.writestr(name, data)
    files = {"file": ("bulk.zip", buffer.getvalue(), "application/zip")}
    answer = api.post("/api/v1/imports/enrolments?facility=demo", files=files, headers={"Accept-Language": "zh"})
    body = answer.json()
    assert [row["status"] for row in body["rows"]] == ["accepted", "refused", "exempt", "refused"]
    assert body["rows"][1]["reasons"][0]["text"] == "头部偏转：请正视镜头。"
    assert (body["accepted"], body["exempt"], body["refused"]) == (1, 1, 2)


@pytest.mark.models
@pytest.mark.usefixtures("models_dir")
def test_no_picture_stays_behind(context: Context, api: TestClient) -> None:
    photo = portrait(LEFT)
    assert post(api, "P1", photo, consent=CONSENT).json()["accepted"]
    files = [path for path in context.settings.data_dir.rglob("*") if path.is_file()]
    assert files
    assert not any(photo[100:400] in path.read_bytes() for path in files)


@pytest.mark.models
@pytest.mark.usefixtures("models_dir")
def test_a_colleague_confirms(context: Context, app: FastAPI, api: TestClient) -> None:
    with context.database.transaction() as session:
        nurses = [create_user(session, role=Role.WARD_STAFF, facility=demo(session)) for _ in range(2)]
    first, second = (browser(app, context, nurse) for nurse in nurses)
    waiting = post(first, "P1", portrait(LEFT), reference="two_persons", consent=CONSENT).json()
    path = "/api/v1/patients/P1/enrolments/confirmation?facility=demo"
    assert (waiting["proven"], waiting["warnings"][0]["code"]) == (False, "awaits_second_person")
    assert api.post(path).status_code == 409  # a program is nobody's second person
    assert first.post(path).status_code == 409
    assert second.post(path).json() == {"confirmed": 1}
    record = second.get("/api/v1/patients/P1/enrolments?facility=demo").json()
    assert record["templates"][0]["proven"] is True
    assert "sealed" not in record["templates"][0]


def test_without_consent_nothing_is_looked_at(api: TestClient) -> None:
    body = post(api, "P1", b"whatever").json()
    assert [reason["code"] for reason in body["reasons"]] == ["consent_missing"]
    assert body["photos"] == []


def test_a_decision_is_recorded_and_read(api: TestClient) -> None:
    path = "/api/v1/patients/P1/consents?facility=demo"
    assert api.post(path, json=CONSENT).status_code == 201
    assert api.post(path, json=CONSENT | {"status": "withdrawn", "given_at": "2026-03-03T08:00:00Z"}).status_code == 201
    record = api.get("/api/v1/patients/P1/enrolments?facility=demo").json()
    assert record["consent"] == "withdrawn"
    assert [decision["status"] for decision in record["consents"]] == ["given", "withdrawn"]


@pytest.mark.parametrize(
    ("meta", "field"),
    [
        ("", "meta"),
        ("[]", "meta"),
        ('{"reference": "trust me"}', "meta.reference"),
        ('{"reference": "unproven", "extra": 1}', "meta.extra"),
        ('{"reference": "unproven", "consent": {"status": "given"}}', "meta.consent.given_at"),
        (
            '{"reference": "unproven", "consent": {"status": "given", "given_at": "2026-03-02T08:00:00"}}',
            "meta.consent",
        ),
    ],
)
def test_a_wrong_meta_names_its_field(api: TestClient, meta: str, field: str) -> None:
    files = {"photos": ("a.jpg", b"x", "image/jpeg")}
    answer = api.post("/api/v1/patients/P1/enrolments?facility=demo", files=files, data={"meta": meta})
    assert answer.status_code == 422
    assert answer.json()["field"].startswith(field)


def test_strangers_and_strange_numbers_are_not_found(api: TestClient) -> None:
    assert post(api, "P1", b"x", facility="other").status_code == 404
    assert post(api, "P77", b"x").status_code == 404
    assert post(api, "P%00", b"x").status_code == 404
    files = {"file": ("bulk.zip", b"no zip", "application/zip")}
    assert api.post("/api/v1/imports/enrolments?facility=other", files=files).status_code == 404


def test_a_viewer_enrols_nobody(context: Context, app: FastAPI, api: TestClient) -> None:
    with context.database.transaction() as session:
        user = create_user(session, role=Role.VIEWER, facility=demo(session))
    viewer = browser(app, context, user)
    assert post(viewer, "P1", b"x").status_code == 403
    assert viewer.post("/api/v1/patients/P1/consents?facility=demo", json=CONSENT).status_code == 403
