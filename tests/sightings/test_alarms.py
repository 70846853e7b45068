"""Alarms of cameras as people hear of them: opened and cleared with patience, from real heartbeats over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError
from sqlmodel import Session, select

from edge_agent.device_key import DeviceKey
from edge_agent.signing import SigningAuth
from service.access import Permission, Role
from service.access.tables import UserAccount
from service.app import create_app
from service.facilities.tables import Camera, Facility
from service.ledger.tables import LedgerEntry
from service.platform.context import Context, open_context
from service.platform.jobs import JobRunner
from service.platform.settings import Settings
from service.platform.tables import Job
from service.sightings import open_alarms
from service.sightings.alarms import watch_cameras
from service.sightings.device_tables import CameraAlarm
from service.sightings.heartbeats import KEEP, purge_heartbeats_job
from service.sightings.tables import Snapshot
from service.worker import handlers
from service.worker import watch_cameras as ask_for_looks
from tests.builders import (
    EPOCH,
    bearer,
    browser,
    create_camera,
    create_facility,
    create_token,
    create_user,
    create_ward,
)
from tests.devices import pair_device

KEY = "a secret of the receiver"


class TurnedClock:
    """The real clock, turned on by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def turn(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass
class Receiver:
    """A web server on this machine that takes alarms. `status`: what it answers."""

    url: str = ""
    status: int = 204
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Ward:
    """A facility with one camera, its box, and the clock of all of them."""

    app: FastAPI
    client: TestClient
    context: Context
    clock: TurnedClock
    facility: Facility
    camera: Camera
    key: DeviceKey

    def beat(self, **values: object) -> None:
        told = {"clock": self.clock.now().isoformat(), "spool_depth": 0, **values}
        assert self.client.post("/api/v1/heartbeats", json=told, auth=SigningAuth(self.key)).status_code == 200

    def picture(self) -> None:
        with self.context.database.transaction() as session:
            number, now = len(session.exec(select(Snapshot)).all()), self.clock.now()
            session.add(
                Snapshot(
                    facility_id=self.facility.id,
                    camera_id=self.camera.id,
                    sequence=number,
                    sha256=f"{number:064x}",
                    media_type="image/jpeg",
                    byte_count=1,
                    captured_at=now,
                    received_at=now,
                )
            )

    def look(self, minutes: float = 1.0, **values: object) -> list[str]:
        """The box speaks, time passes, and the server looks. Returns the alarms that are open."""
        self.picture()
        self.beat(**values)
        self.clock.turn(minutes=minutes)
        return self.watch()

    def watch(self) -> list[str]:
        with self.context.database.transaction() as session:
            watch_cameras(session, session.get_one(Facility, self.facility.id), self.clock.now())
        with self.context.database.reading() as session:
            return [alarm.kind for alarm in open_alarms(session, self.facility.id)]

    def jobs(self) -> int:
        return JobRunner(self.context, handlers(), 0).run_until_idle()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append((dict(self.headers.items()), body))
            self.send_response(receiver.status)
            if receiver.status == 302:
                self.send_header("Location", f"{receiver.url}elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


@pytest.fixture
def make_ward(settings: Settings) -> Iterator[Callable[[Settings | None], Ward]]:
    opened: list[tuple[TestClient, Context]] = []

    def make(own: Settings | None = None) -> Ward:
        clock = TurnedClock()
        context = open_context(own or settings, clock=clock)
        with context.database.transaction() as session:
            facility = create_facility(session, code="h1")
            camera = create_camera(session, create_ward(session, facility), "cam1", cadence_seconds=300)
        app = create_app(context)
        client = TestClient(app, base_url="http://testserver")
        client.__enter__()
        opened.append((client, context))
        return Ward(app, client, context, clock, facility, camera, pair_device(context, facility, camera=camera))

    yield make
    for client, context in opened:
        client.__exit__(None, None, None)
        context.close()


@pytest.fixture
def ward(make_ward: Callable[[Settings | None], Ward]) -> Ward:
    return make_ward(None)


def turns(session: Session) -> list[tuple[str, str]]:
    rows = session.exec(select(LedgerEntry).order_by("seq")).all()
    return [(row.action, row.details["alarm"]) for row in rows if row.action.startswith("camera_alarm.")]


def test_a_box_that_gives_pictures_up_raises_an_alarm_that_clears_when_it_stopped(ward: Ward) -> None:
    """Every box speaks through the real API; what its spool dropped counts up since the spool was made."""
    assert ward.look(dropped={"oldest_waiting": 2}) == []  # of before its first heartbeat: not news
    assert ward.look(dropped={"oldest_waiting": 2}) == []
    assert ward.look(dropped={"oldest_waiting": 5}) == []  # seen once
    assert ward.look(dropped={"oldest_waiting": 5}) == ["dropping"]  # and again a minute later
    viewer = _viewer(ward)
    with browser(ward.app, ward.context, viewer) as mine:
        (now,) = mine.get("/api/v1/cameras/health", params={"facility": "h1"}).json()
        (told,) = mine.get("/api/v1/cameras/alarms", params={"facility": "h1"}).json()
        page = mine.get("/cameras", params={"facility": "h1"}, headers={"Accept": "text/html"}).text
        overview = mine.get("/", headers={"Accept": "text/html"}).text
        board = mine.get(f"/wards/{ward.camera.ward_id}", headers={"Accept": "text/html"}).text
    assert (now["alarms"], now["dropped"]) == (["dropping"], 5)
    assert (told["kind"], told["camera_code"], told["cleared_at"]) == ("dropping", "cam1", None)
    assert "Loses pictures" in page
    assert 'data-alarmed="1"' in overview
    assert 'data-alarmed="1"' in board
    ward.clock.turn(hours=1)
    for _ in range(5):
        assert ward.look(dropped={"oldest_waiting": 5}) == ["dropping"]  # quiet, and not yet for five minutes
    assert ward.look(dropped={"oldest_waiting": 5}) == []
    with browser(ward.app, ward.context, viewer) as mine:
        (told,) = mine.get("/api/v1/cameras/alarms", params={"facility": "h1"}).json()
        assert told["cleared_at"] is not None
        assert mine.get("/api/v1/cameras/alarms", params={"facility": "h1", "hours": 0}).json() == []
        assert "data-alarmed" not in mine.get("/", headers={"Accept": "text/html"}).text
    with ward.context.database.reading() as session:
        assert turns(session) == [("camera_alarm.raised", "dropping"), ("camera_alarm.cleared", "dropping")]


def test_what_flickers_is_one_alarm_and_what_is_seen_once_is_none(ward: Ward) -> None:
    assert ward.look(temperature_c=90.0) == []
    assert ward.look(temperature_c=40.0) == []  # once: nothing
    for degrees in (85.0, 85.0, 40.0, 85.0, 40.0, 40.0, 85.0):
        last = ward.look(temperature_c=degrees)
    assert last == ["hot"]
    with ward.context.database.reading() as session:
        assert turns(session) == [("camera_alarm.raised", "hot")]


def test_silence_is_heard_by_the_clock_alone_and_only_of_live_facilities(ward: Ward) -> None:
    with ward.context.database.transaction() as session:
        replayed = create_facility(session, clock="replay", watermark=EPOCH)
        create_camera(session, create_ward(session, replayed), "cam9")
    assert ward.look() == []
    ward.clock.turn(hours=1)
    for _ in range(2):
        ask_for_looks(ward.context)
        ask_for_looks(ward.context)
        assert ward.jobs() == 1
        ward.clock.turn(minutes=2)
    with ward.context.database.reading() as session:
        assert [alarm.kind for alarm in open_alarms(session, ward.facility.id)] == ["silent"]
        assert open_alarms(session, replayed.id) == ()


def test_a_scrape_says_what_is_open_and_goes_back_to_nothing(ward: Ward) -> None:
    with ward.context.database.transaction() as session:
        secret = create_token(session, ward.facility, [Permission.OPERATE])

    def scraped() -> list[str]:
        text = ward.client.get("/metrics", headers=bearer(secret)).text
        return [line for line in text.splitlines() if line.startswith("wardwatch_camera")]

    for _ in range(2):
        ward.look(temperature_c=90.0)
    assert 'wardwatch_camera_alarms{facility="h1",kind="hot"} 1.0' in scraped()
    assert 'wardwatch_cameras{facility="h1"} 1.0' in scraped()
    assert not any("cam1" in line for line in scraped())
    for _ in range(6):
        ward.look(temperature_c=40.0)
    assert 'wardwatch_camera_alarms{facility="h1",kind="hot"} 0.0' in scraped()


def test_a_camera_taken_out_of_use_clears_its_alarms(ward: Ward) -> None:
    for _ in range(2):
        assert ward.look(temperature_c=90.0) in ([], ["hot"])
    with ward.context.database.transaction() as session:
        session.get_one(Camera, ward.camera.id).is_active = False
    assert ward.watch() == ["hot"]
    ward.clock.turn(minutes=5)
    assert ward.watch() == []
    ward.clock.turn(days=KEEP.days + 1)
    purge_heartbeats_job(ward.context, {})
    with ward.context.database.reading() as session:
        assert session.exec(select(CameraAlarm)).all() == []


def _viewer(ward: Ward) -> UserAccount:
    with ward.context.database.transaction() as session:
        return create_user(session, role=Role.VIEWER, facility=ward.facility)


# --- posts ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def posting(settings: Settings, receiver: Receiver, make_ward: Callable[[Settings | None], Ward]) -> Ward:
    return make_ward(settings.model_copy(update={"alarm_url": receiver.url, "alarm_key": SecretStr(KEY)}))


def _heat(ward: Ward, degrees: float, looks: int) -> None:
    for _ in range(looks):
        ward.picture()
        ward.beat(temperature_c=degrees)
        ask_for_looks(ward.context)
        ward.jobs()
        ward.clock.turn(minutes=1)


def test_each_turn_is_posted_once_and_signed(posting: Ward, receiver: Receiver) -> None:
    _heat(posting, 90.0, 3)
    _heat(posting, 40.0, 7)
    told = [json.loads(body) for _, body in receiver.posts]
    assert [(one["event"], one["kind"], one["facility"], one["camera"]) for one in told] == [
        ("raised", "hot", "h1", "cam1"),
        ("cleared", "hot", "h1", "cam1"),
    ]
    assert len({one["alarm_id"] for one in told}) == 1
    for headers, body in receiver.posts:
        signed = headers["Wardwatch-Timestamp"].encode() + b"." + body
        assert headers["Wardwatch-Signature"] == "v1=" + hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.posts}) == 2


@pytest.mark.parametrize("status", [500, 302, 401])
def test_what_is_not_taken_comes_again_later_and_is_not_sent_elsewhere(
    posting: Ward, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    _heat(posting, 90.0, 2)
    assert len(receiver.posts) == 1  # a redirect is not followed
    posting.clock.turn(seconds=11)
    posting.jobs()
    assert len(receiver.posts) == 2
    posting.jobs()
    assert len(receiver.posts) == 2  # not yet
    receiver.status = 200
    posting.clock.turn(seconds=21)
    posting.jobs()
    assert len(receiver.posts) == 3
    assert len({body for _, body in receiver.posts}) == 1
    posting.clock.turn(hours=2)
    assert posting.jobs() == 0


def test_after_a_day_it_is_given_up_and_seen(posting: Ward, receiver: Receiver) -> None:
    receiver.status = 503
    _heat(posting, 90.0, 2)
    posting.clock.turn(days=1, minutes=1)
    posting.jobs()
    with posting.context.database.reading() as session:
        (job,) = session.exec(select(Job)).all()
    assert (job.kind, job.state) == ("cameras.post_alarm", "failed")
    assert KEY not in f"{job.error}{job.payload}"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("file:///etc/passwd", KEY),
        ("http://", KEY),
        ("http://user:secret@127.0.0.1/", KEY),
        ("http://:secret@127.0.0.1/", KEY),
        ("http://127.0.0.1/#part", KEY),
        ("http://127.0.0.1/", None),
        ("http://127.0.0.1/", "short"),
    ],
)
def test_an_address_that_cannot_be_meant_stops_the_start(url: str, key: str | None) -> None:
    with pytest.raises(ValidationError, match="WARDWATCH_ALARM_"):
        Settings(_env_file=None, alarm_url=url, alarm_key=key)
