"""Pictures in: what is accepted, what is refused, and that nothing accepted is lost or counted twice."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from service.platform.context import Context
from service.platform.jobs import enqueue
from service.platform.tables import Job
from service.sightings.keep import freeze_frames, hold_frames, purge_frames, release_frames
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import Hospital, Shot, build, png


@pytest.fixture
def hospital(context: Context) -> Hospital:
    return build(context)


@pytest.fixture
def token(context: Context, hospital: Hospital) -> str:
    with context.database.transaction() as session:
        return builders.create_device_token(session, hospital.cameras[0])


def post(client, token, hospital, *, data=None, headers=None, **meta):
    body = {"camera_id": hospital.cameras[0].code, "captured_at": "2026-03-02T08:00:00+08:00", "sequence": 1} | meta
    return client.post(
        "/api/v1/snapshots",
        files={"image": ("frame.png", png("PE") if data is None else data, "image/png")},
        data={"meta": json.dumps(body)},
        headers=builders.bearer(token) | (headers or {}),
    )


def rows(context, kind):
    with context.database.reading() as session:
        return session.exec(select(kind)).all()


def test_a_picture_is_durable_with_its_job_before_the_answer(client, context, hospital, token):
    answer = post(client, token, hospital)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"snapshot_id": rows(context, Snapshot)[0].id, "duplicate": False}
    snapshot = rows(context, Snapshot)[0]
    assert context.blobs.get(snapshot.blob_key) == png("PE")
    assert [job.kind for job in rows(context, Job)] == ["sightings.analyse"]


def test_the_same_picture_twice_is_one(client, context, hospital, token):
    first, second = post(client, token, hospital), post(client, token, hospital)
    assert second.json() == {"snapshot_id": first.json()["snapshot_id"], "duplicate": True}
    assert len(rows(context, Snapshot)) == len(rows(context, Job)) == 1
    assert post(client, token, hospital, data=png("EE")).json()["duplicate"] is False  # other bytes


def test_the_same_picture_posted_at_once_from_several_threads_is_one(context, hospital):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(hospital.post(Shot(0, at("02 08:00"), "PE")))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert len([path for path in context.blobs.root.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"data": b""}, 422, "image-empty"),
        ({"data": b"GIF89a" + b"0" * 100}, 415, "image-unsupported"),
        ({"data": png("PE")[:60]}, 422, "image-truncated"),
        ({"data": b"\x89PNG\r\n\x1a\n" + b"0" * (9 * 1024 * 1024)}, 413, None),
        ({"camera_id": "nobody"}, 422, "camera-unknown"),
        ({"captured_at": "2026-03-02T08:00:00"}, 422, "invalid-input"),
        ({"sequence": -1}, 422, "invalid-input"),
        ({"surprise": 1}, 422, "invalid-input"),
    ],
)
def test_what_cannot_be_a_picture_is_refused_and_leaves_nothing(
    client, context, hospital, token, changes, status, code
):
    answer = post(client, token, hospital, **changes)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    if code:
        assert answer.json()["type"].endswith(code)
        assert answer.json()["remedy"]
    assert not rows(context, Snapshot)
    assert not [path for path in context.blobs.root.rglob("*") if path.is_file()]


def test_a_camera_posts_for_itself_only(client, hospital, token):
    assert post(client, token, hospital, camera_id=hospital.cameras[1].code).status_code == 422
    assert post(client, "nonsense", hospital).status_code == 401


def test_a_person_may_not_make_evidence(app, client, context, hospital):
    with context.database.transaction() as session:
        user = builders.create_user(session, role="admin", facility=hospital.facility)
    answer = builders.browser(app, context, user).post(
        "/api/v1/snapshots", files={"image": ("f.png", png("PE"))}, data={"meta": "{}"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("offset", [timedelta(minutes=11), -timedelta(days=32)])
def test_a_live_camera_with_a_wrong_clock_is_told_so(client, context, hospital, token, offset):
    with context.database.transaction() as session:
        session.get_one(type(hospital.facility), hospital.facility.id).clock = "live"
    when = (context.clock.now() + offset).isoformat()
    answer = post(client, token, hospital, captured_at=when)
    assert (answer.status_code, answer.json()["field"]) == (422, "meta.captured_at")
    assert post(client, token, hospital, captured_at=context.clock.now().isoformat()).status_code == 202


def test_a_full_queue_says_when_to_come_back(client, context, hospital, token):
    context.settings.max_queued_snapshots = 1
    assert post(client, token, hospital).status_code == 202
    answer = post(client, token, hospital, sequence=2)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert post(client, token, hospital).json()["duplicate"] is True  # what is here already needs no room


def test_with_prefer_wait_the_readings_come_back(client, context, hospital, token):
    done = threading.Event()

    def work():
        while not done.wait(0.05):
            hospital.work()

    worker = threading.Thread(target=work)
    worker.start()
    answer = post(client, token, hospital, headers={"Prefer": "respond-async, wait=20"})
    done.set()
    worker.join()
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["state"] == "analysed"
    assert sorted(item["state"] for item in body["readings"]) == ["empty", "patient"]
    again = client.get(f"/api/v1/snapshots/{body['snapshot_id']}", headers=builders.bearer(token))
    assert again.json()["readings"] == body["readings"]
    assert "patient_id" not in answer.text


def test_with_prefer_wait_and_no_worker_the_answer_is_accepted(client, hospital, token):
    answer = post(client, token, hospital, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"


def test_another_facilitys_viewer_sees_no_snapshot(app, context, hospital, client, token):
    snapshot_id = post(client, token, hospital).json()["snapshot_id"]
    with context.database.transaction() as session:
        other = builders.create_facility(session)
        user = builders.create_user(session, role="viewer", facility=other)
    assert builders.browser(app, context, user).get(f"/api/v1/snapshots/{snapshot_id}").status_code == 404


def test_reading_again_replaces_under_the_same_ids(context, hospital):
    hospital.post(Shot(0, at("02 08:00"), "PE"))
    hospital.work()
    before = {row.bed_id: row.id for row in rows(context, ZoneReading)}
    with context.database.transaction() as session:
        payload = {
            "facility_id": hospital.facility.id,
            "bed_id": hospital.beds[0].id,
            "from": at("02 00:00").isoformat(),
            "to": at("03 00:00").isoformat(),
        }
        enqueue(session, "sightings.reread", payload, now=context.clock.now())
    assert hospital.work() >= 2
    assert {row.bed_id: row.id for row in rows(context, ZoneReading)} == before


def test_pictures_are_purged_after_their_term_and_kept_while_a_finding_holds_them(context, hospital):
    for sequence in range(3):
        hospital.post(Shot(0, at(f"02 08:0{sequence}"), "PE"))
    hospital.work()
    by_shot: dict[str, str] = {row.snapshot_id: row.id for row in rows(context, ZoneReading)}
    ordinary, held, frozen = sorted(by_shot)
    with context.database.transaction() as session:
        hold_frames(session, [by_shot[held]])
        freeze_frames(session, "finding", [by_shot[frozen]])

    def kept():
        return {row.id for row in rows(context, Snapshot) if row.blob_key}

    now = context.clock.now()
    assert purge_frames(context, now + timedelta(hours=71)) == 0
    assert purge_frames(context, now + timedelta(hours=73)) == 1
    assert kept() == {held, frozen}
    assert purge_frames(context, now + timedelta(days=31)) == 1
    assert kept() == {frozen}
    with context.database.transaction() as session:
        release_frames(session, "finding")
    assert purge_frames(context, now + timedelta(days=31)) == 1
    assert len(rows(context, ZoneReading)) == 6  # what was read stays
    assert ordinary not in kept()
