"""Readings from boxes that keep their pictures: the same as the server's own, and what becomes of a box that lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from edge_agent.matching.judging import judge_picture, sign_reading
from edge_agent.posting import Delivered, Paused
from edge_agent.signing import SigningAuth
from service.access.devices import revoke_device
from service.admissions.tables import BedAssignment
from service.contracts import BedStateCode, EdgeFrameReading, EdgeReadingPost
from service.enrolment import gallery
from service.facilities.tables import BedZone
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.screening.place_facts import CameraEvent, CameraFacts
from service.screening.rules.cameras import TamperingParameters, camera_tampering
from service.screening.subjects import Subject, SubjectKind
from service.sightings import PackAnalyser, cameras_now, edge_audits, evidence_picture, hold_frames, purge_frames
from service.sightings.analyse import zone_of
from service.sightings.edge_audit import EdgeAudit, doubtful_audits
from service.sightings.edge_crops import crop_of
from service.sightings.edge_tables import EdgeReading, EdgeRequest
from service.sightings.tables import Snapshot, SnapshotPrint, ZoneReading
from service.vision import Zone, decode
from service.vision.bed_crop import TILE, bed_crop, changed_tiles, commitment_of
from tests.edge_agent.ward_box import SERVER, Ward, open_ward, stated, ward_picture

pytestmark = pytest.mark.models
ALWAYS = TamperingParameters()


@pytest.fixture
def ward(context: Context, client: TestClient, tmp_path: Path) -> Iterator[Ward]:
    context.settings.edge_audit_rate = 0.0
    opened = open_ward(context, client, tmp_path)
    opened.look()
    yield opened
    opened.box.kept.close()
    opened.spool.close()


def rows(ward: Ward) -> dict[str, ZoneReading]:
    """The newest readings by bed code."""
    codes = {bed.id: bed.code for bed in ward.beds}
    with ward.context.database.reading() as session:
        query = select(ZoneReading).order_by(col(ZoneReading.captured_at))
        return {codes[row.bed_id]: row for row in session.exec(query)}


def snapshots(ward: Ward) -> list[Snapshot]:
    with ward.context.database.reading() as session:
        return list(session.exec(select(Snapshot).order_by(col(Snapshot.captured_at))))


def ask(ward: Ward, bed: str) -> None:
    """A check that showed nobody asks for the crop."""
    with ward.context.database.transaction() as session:
        hold_frames(session, [rows(ward)[bed].id])


def outcomes(ward: Ward) -> list[str]:
    everything = Interval(ward.start - timedelta(days=9), ward.start + timedelta(days=9))
    with ward.context.database.reading() as session:
        return [audit.outcome for audit in edge_audits(session, ward.facility.id, everything)]


def test_a_box_reads_what_the_server_would_and_no_pixel_leaves_it(ward: Ward) -> None:
    data = ward_picture()
    assert ward.post(ward.take(data)) == Delivered(snapshots(ward)[0].id, duplicate=False)
    (snapshot,) = snapshots(ward)
    assert (snapshot.judged_at, snapshot.blob_key, snapshot.state, snapshot.trust) == ("edge", None, "analysed", "live")
    told = rows(ward)
    assert (told["01"].state, told["01"].recognised_patient_id) == ("patient", ward.patient.id)
    assert told["02"].state == "empty"
    analyser = PackAnalyser(ward.context)
    with ward.context.database.reading() as session:
        zones = sorted(told.values(), key=lambda row: row.bed_id)
        drawn = [zone_of(session.get_one(BedZone, row.zone_id)) for row in zones]
        people = gallery(ward.context, session, ward.facility.id)
        print_ = session.get_one(SnapshotPrint, snapshot.id)
    mine = analyser.analyse(data, drawn, {told["01"].zone_id: ward.patient.id}, people)
    for row, own in zip(zones, mine.readings, strict=True):
        assert (row.state, row.cause) == (own.state.value, own.cause)
        assert row.expected_similarity == pytest.approx(own.expected_similarity, abs=1e-6)
        assert (row.face_trace is not None) == (own.trace is not None)
    assert mine.view_print is not None
    assert print_.data == mine.view_print.to_bytes()
    assert data not in b"".join(
        path.read_bytes() for path in ward.context.settings.data_dir.rglob("*") if path.is_file()
    )


def test_a_reading_posted_again_is_one(ward: Ward) -> None:
    frame = ward.take(ward_picture())
    first, second = ward.post(frame), ward.post(frame)
    assert isinstance(first, Delivered)
    assert isinstance(second, Delivered)
    assert (first.snapshot_id, first.duplicate, second.duplicate) == (second.snapshot_id, False, True)
    assert len(snapshots(ward)) == 1


def test_each_site_takes_what_it_is_set_to(ward: Ward, context: Context, client: TestClient, tmp_path: Path) -> None:
    data = ward_picture()
    said = stated(ward.key, data, ward.start, 5)
    meta = {"camera_id": "cam1", "captured_at": ward.start.isoformat(), "sequence": 5}
    meta |= {"statement": said.model_dump(mode="json")}
    files = {"image": ("a.jpg", data, "image/jpeg")}
    answer = client.post("/api/v1/snapshots", files=files, data={"meta": json.dumps(meta)}, auth=SigningAuth(ward.key))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/pictures-not-transmitted")
    with context.database.transaction() as session:
        row = session.merge(ward.facility)
        row.transmission_basis = "pictures"
        session.add(row)
    outcome = ward.post(ward.take(data))
    assert isinstance(outcome, Paused)
    assert "without --matching local" in outcome.remedy


def lie(
    ward: Ward,
    data: bytes,
    sequence: int,
    change: Callable[[EdgeFrameReading], EdgeFrameReading],
    request_id: str | None = None,
) -> dict[str, object]:
    """A box that signs what `change` makes of its true reading; the server's answer."""
    said = stated(ward.key, data, ward.start, sequence)
    honest = judge_picture(data, said, ward.start, ward.box._ward.current(), ward.box._pack, "")
    signed = sign_reading(change(honest), said, ward.key)
    message = EdgeReadingPost(
        camera_id="cam1",
        captured_at=ward.start,
        sequence=sequence,
        statement=said,
        body=signed.body,
        key_id=signed.key_id,
        signature=signed.signature,
        request_id=request_id,
    )
    answer = ward.client.post(
        f"{SERVER}/api/v1/edge-readings",
        content=message.model_dump_json(exclude_none=True),
        headers={"Content-Type": "application/json"},
        auth=SigningAuth(ward.key),
    )
    return {"status": answer.status_code, **answer.json()}


def show(ward: Ward, crop: np.ndarray, covered: dict[int, str] | None = None) -> None:
    """A box that answers the one open request with the pixels it likes."""
    with ward.context.database.reading() as session:
        asked = session.exec(select(EdgeRequest).where(col(EdgeRequest.outcome).is_(None))).one()
    meta = json.dumps({"request_id": asked.id, "covered": {str(k): v for k, v in (covered or {}).items()}})
    files = {"image": ("crop.png", cv2.imencode(".png", crop)[1].tobytes(), "image/png")}
    answer = ward.client.post("/api/v1/edge-crops", data={"meta": meta}, files=files, auth=SigningAuth(ward.key))
    assert answer.status_code == 200, answer.text


def test_another_pack_a_foreign_signature_and_a_contradiction_are_refused(ward: Ward) -> None:
    data = ward_picture()
    other = lie(ward, data, 1, lambda said: said.model_copy(update={"pack_hash": "0" * 64}))
    assert (other["status"], other["type"]) == (409, "/problems/edge-pack-mismatch")
    weak = lie(ward, data, 2, lambda said: _with(said, 0, expected_similarity=0.1))
    assert (weak["status"], weak["type"]) == (422, "/problems/reading-refused")
    moved = lie(ward, data, 3, lambda said: said.model_copy(update={"statement": "0" * 64}))
    assert (moved["status"], moved["field"]) == (422, "body.statement")
    assert snapshots(ward) == []


def _with(said: EdgeFrameReading, index: int, **values: object) -> EdgeFrameReading:
    zones = list(said.zones)
    zones[index] = zones[index].model_copy(update=values)
    return said.model_copy(update={"zones": tuple(zones)})


def _index(ward: Ward, said: EdgeFrameReading, bed: int) -> int:
    zone_id = next(zone.zone_id for zone in said.zones if zone.expected) if bed == 0 else None
    return next(i for i, zone in enumerate(said.zones) if (zone.zone_id == zone_id) == (bed == 0))


def test_a_patient_who_is_not_in_the_picture_is_found_out(ward: Ward) -> None:
    empty = ward_picture(left=False)

    def there(said: EdgeFrameReading) -> EdgeFrameReading:
        index = _index(ward, said, 0)
        key = said.zones[index].expected
        numbers = {"similarity": 0.7, "expected_similarity": 0.7, "face_quality": 0.8, "confidence": 0.9}
        return _with(said, index, state=BedStateCode.PATIENT, recognised=key, **numbers)

    assert lie(ward, empty, 1, there)["status"] == 202
    assert rows(ward)["01"].state == "patient"  # believed, until it is asked
    ask(ward, "01")
    zone = zone_behind(ward, "01")
    show(ward, bed_crop(decode(empty), zone).pixels)
    assert outcomes(ward) == ["differs"]
    with ward.context.database.reading() as session:
        (now,) = cameras_now(session, ward.facility.id, datetime.now(UTC))
    assert "untrusted" in [alarm.value for alarm in now.alarms]
    event = CameraEvent("edge_crop_differs", ward.start, ward.start + timedelta(minutes=5), ("s",), at_check=False)
    subject = Subject(SubjectKind.CAMERA, ward.camera.id, "cam1")
    found = camera_tampering(CameraFacts(subject, "2026-03", (event,)), ALWAYS)
    assert found is not None
    assert found.variant == "impossible"


def zone_behind(ward: Ward, bed: str) -> Zone:
    """The zone of a bed's newest reading."""
    with ward.context.database.reading() as session:
        return zone_of(session.get_one(BedZone, rows(ward)[bed].zone_id))


def test_the_crop_of_another_picture_is_no_answer(ward: Ward) -> None:
    assert isinstance(ward.post(ward.take(ward_picture(left=False))), Delivered)
    ask(ward, "01")
    zone = zone_behind(ward, "01")
    show(ward, bed_crop(decode(ward_picture()), zone).pixels)
    assert outcomes(ward) == ["altered"]


def test_a_crop_that_shows_nothing_is_withheld(ward: Ward) -> None:
    data = ward_picture()
    assert isinstance(ward.post(ward.take(data)), Delivered)
    ask(ward, "01")
    zone = zone_behind(ward, "01")
    true = bed_crop(decode(data), zone).pixels
    hidden = np.zeros_like(true)
    show(ward, hidden, changed_tiles(true, hidden))
    assert outcomes(ward) == ["withheld"]


def test_an_honest_box_shows_the_bed_with_other_peoples_faces_blurred(ward: Ward) -> None:
    assert isinstance(ward.post(ward.take(ward_picture(visitor=True))), Delivered)
    ask(ward, "01")
    ward.look()
    assert outcomes(ward)[0] in ("agrees", "inconclusive")
    with ward.context.database.reading() as session:
        asked = session.exec(select(EdgeRequest)).one()
    assert asked.blob_key is not None
    picture = evidence_picture(ward.context, rows(ward)["01"].id)
    assert picture[:3] == b"\xff\xd8\xff"
    assert purge_frames(ward.context, datetime.now(UTC) + timedelta(days=40)) == 1
    with ward.context.database.reading() as session:
        assert session.exec(select(EdgeRequest)).one().blob_key is None


def test_a_transfer_is_told_at_once_and_judged_again_by_the_box(ward: Ward, run_jobs: Callable[[], int]) -> None:
    assert isinstance(ward.post(ward.take(ward_picture(left=True))), Delivered)
    assert rows(ward)["01"].state == "patient"
    with ward.context.database.transaction() as session:
        old = session.exec(select(BedAssignment)).one()
        old.bed_id = ward.beds[1].id  # the hospital corrects itself: it was the other bed all along
        session.add(old)
        payload = {"facility_id": ward.facility.id, "bed_id": ward.beds[0].id}
        payload |= {"from": (ward.start - timedelta(hours=1)).isoformat(), "to": datetime.now(UTC).isoformat()}
        enqueue(session, "sightings.reread", payload, now=datetime.now(UTC))
    run_jobs()
    ward.look()
    told = rows(ward)
    assert (told["01"].state, told["01"].recognised_patient_id) == ("other_person", ward.patient.id)
    assert (told["01"].expected_patient_id, told["02"].expected_patient_id) == (None, ward.patient.id)
    with ward.context.database.reading() as session:
        kept = session.exec(select(EdgeReading)).one()
        assert session.exec(select(EdgeRequest)).one().outcome == "answered"
    assert kept.judgements == 2


def test_audits_are_drawn_and_a_day_without_one_gets_one(ward: Ward) -> None:
    ward.context.settings.edge_audit_rate = 1e-9  # none by lot, so that only the day's own remains
    base = ward.start
    ward.start = base - timedelta(days=1)
    assert isinstance(ward.post(ward.take(ward_picture(seed=1))), Delivered)
    assert outcomes(ward) == []
    ward.start = base
    assert isinstance(ward.post(ward.take(ward_picture(seed=2), after=1)), Delivered)
    assert outcomes(ward) == ["open"]
    ward.context.settings.edge_audit_rate = 1.0
    assert isinstance(ward.post(ward.take(ward_picture(seed=3), after=2)), Delivered)
    assert outcomes(ward) == ["open"] * 3  # both beds of the third picture
    ward.look()
    assert set(outcomes(ward)) <= {"agrees", "inconclusive"}
    with ward.context.database.reading() as session:
        kept = session.exec(select(EdgeRequest).where(col(EdgeRequest.blob_key).is_not(None))).all()
    assert kept == []  # an audit that agrees keeps no picture


def test_commitments_stay_when_a_box_judges_again(ward: Ward) -> None:
    data = ward_picture()
    assert isinstance(ward.post(ward.take(data)), Delivered)
    with ward.context.database.reading() as session:
        kept = session.exec(select(EdgeReading)).one()
    zone = zone_behind(ward, "01")
    assert kept.commitments[zone.zone_id] == commitment_of(bed_crop(decode(data), zone).pixels)


def test_a_box_that_promises_no_crop_is_refused(ward: Ward) -> None:
    """Without a commitment nothing could ever be audited."""
    data = ward_picture()

    def without_crops(said: EdgeFrameReading) -> EdgeFrameReading:
        zones = tuple(zone.model_copy(update={"crop": None}) for zone in said.zones)
        return said.model_copy(update={"zones": zones})

    answer = lie(ward, data, 41, without_crops)
    assert (answer["status"], answer["field"]) == (422, "body.zones.crop")
    answer = lie(ward, data, 42, lambda said: said.model_copy(update={"width": 0, "height": 0}))
    assert (answer["status"], answer["field"]) == (422, "body.zones.crop")
    assert snapshots(ward) == []


def test_a_face_put_into_covered_tiles_bears_nothing_out(ward: Ward) -> None:
    """The bed is empty; the box says the patient is there, and pastes the face where it claims to have blurred."""
    empty, full = ward_picture(left=False), ward_picture(left=True)

    def present(said: EdgeFrameReading) -> EdgeFrameReading:
        bed = _index(ward, said, 0)
        key = said.zones[bed].expected
        values = {"state": BedStateCode.PATIENT, "recognised": key, "similarity": 0.9, "expected_similarity": 0.9}
        return _with(said, bed, **values)

    assert lie(ward, empty, 43, present)["status"] == 202
    assert rows(ward)["01"].state == "patient"
    ask(ward, "01")
    zone = zone_behind(ward, "01")
    true, other = bed_crop(decode(empty), zone), bed_crop(decode(full), zone)
    forged, (x, y) = true.pixels.copy(), true.origin
    face = slice(130 - y, 470 - y), slice(200 - x, 500 - x)
    forged[face] = other.pixels[face]
    covered = changed_tiles(true.pixels, forged)
    show(ward, forged, covered)
    assert outcomes(ward) == ["differs"]
    with ward.context.database.reading() as session:
        shown = crop_of(ward.context, session, rows(ward)["01"])
    columns = -(-shown.width // TILE)
    tiles = [(index // columns * TILE, index % columns * TILE) for index in covered]
    assert all(np.ptp(shown.pixels[v : v + TILE, u : u + TILE], axis=(0, 1)).max() == 0 for v, u in tiles)  # nor shown


def test_each_judgement_has_a_lot_and_no_box_knows_of_it_before_it_has_judged(ward: Ward) -> None:
    """A box that says its templates are old is asked to judge again; it must not see the audit until it did."""
    ward.context.settings.edge_audit_rate = 1.0
    answer = lie(ward, ward_picture(), 44, lambda said: said.model_copy(update={"templates": "old"}))
    assert answer["status"] == 202
    seen = ward.client.get(f"{SERVER}/api/v1/devices/me/edge-requests", auth=SigningAuth(ward.key)).json()["requests"]
    assert [one["purpose"] for one in seen] == ["reread"]
    with ward.context.database.transaction() as session:
        reread = session.exec(select(EdgeRequest).where(EdgeRequest.purpose == "reread")).one()
        again, lots = reread.id, len(session.exec(select(EdgeRequest)).all()) - 1
    assert lots == 2  # both beds
    assert lie(ward, ward_picture(), 44, lambda said: said, request_id=again)["status"] == 202
    seen = ward.client.get(f"{SERVER}/api/v1/devices/me/edge-requests", auth=SigningAuth(ward.key)).json()["requests"]
    assert [one["purpose"] for one in seen] == ["crop"] * 4


def test_no_box_gets_faces_where_pictures_are_sent(ward: Ward) -> None:
    with ward.context.database.transaction() as session:
        row = session.merge(ward.facility)
        row.transmission_basis = "pictures"
        session.add(row)
    answer = ward.client.get(f"{SERVER}/api/v1/devices/me/gallery", auth=SigningAuth(ward.key))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/readings-not-taken")


def test_a_box_replaced_with_an_audit_open_is_an_alarm_of_its_camera_for_a_week(ward: Ward) -> None:
    assert lie(ward, ward_picture(), 1, lambda said: said)["status"] == 202
    ask(ward, "01")

    def alarms(after: timedelta) -> set[str]:
        with ward.context.database.reading() as session:
            (now,) = cameras_now(session, ward.facility.id, datetime.now(UTC) + after)
        return {alarm.value for alarm in now.alarms} & {"released", "untrusted"}

    assert alarms(timedelta(0)) == set()
    with ward.context.database.transaction() as session:
        device_id = session.exec(select(EdgeRequest.device_id)).first() or ""
        revoke_device(session, device_id, actor="user:tester", now=datetime.now(UTC))
    assert alarms(timedelta(minutes=1)) == {"released"}
    assert alarms(timedelta(days=6)) == {"released"}
    assert alarms(timedelta(days=8)) == set()
    assert set(outcomes(ward)) == {"released"}


def test_what_another_box_withheld_or_this_one_long_ago_accuses_nobody() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)

    def kept_back(camera: str, day: int, outcome: str = "gone") -> EdgeAudit:
        at = start + timedelta(days=day)
        name = f"{camera}-{day}"
        return EdgeAudit(name, camera, "d", name, "r", "z", at, at, at, "audit", outcome, "patient", None)

    assert doubtful_audits([kept_back("a", 0), kept_back("b", 1), kept_back("c", 2)]) == ()
    assert doubtful_audits([kept_back("a", 0), kept_back("a", 8)]) == ()
    assert [one.request_id for one in doubtful_audits([kept_back("a", 0), kept_back("a", 6), kept_back("b", 1)])] == [
        "a-0",
        "a-6",
    ]
    assert [one.outcome for one in doubtful_audits([kept_back("b", 1, "differs")])] == ["differs"]
