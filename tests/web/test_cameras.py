"""The page of cameras: what each sees, for those who may know, in both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from service.facilities.tables import Camera
from service.kit.intervals import Interval
from service.sightings import camera_health, cameras_now
from service.sightings.camera_health import Alarm, BlindCause
from service.sightings.edge_tables import PictureCommand
from service.web.pages.cameras import ALARM_SIGNS, urgency
from service.web.texts import LANGUAGES, Texts, as_language
from service.web.wording import Wording
from tests.devices import pair_device
from tests.occupancy.scenes import at
from tests.web import sample
from tests.web.scene import END, Scene
from tests.web.test_pages import words


def rows(html: str) -> dict[str, str]:
    return {code: words(row) for code, row in re.findall(r'<tr data-camera="([^"]+)">(.*?)</tr>', html, re.DOTALL)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_is_wrong_with_each_camera(scene: Scene, language: str) -> None:
    client = scene.browser("viewer")
    page = client.get("/cameras", headers={"Accept-Language": language})
    assert page.status_code == 200
    shown, t = rows(page.text), Texts(as_language(language) or "en")
    with scene.context.database.reading() as session:
        known = {one.camera_code: one for one in cameras_now(session, scene.facility.id, END)}
    assert shown.keys() == known.keys()
    assert any(one.alarms for one in known.values())
    for code, one in known.items():
        told = {alarm for alarm in Alarm if t(f"camera_alarm.{alarm}") in shown[code]}
        assert told == set(one.alarms), code
        assert t("cause.silent") in shown[code]  # a picture in half an hour, where one in five minutes is due
    assert t("cameras.count", alarmed=2, count=2) in words(page.text)
    assert 'href="/cameras" aria-current="page"' in page.text
    assert 'href="/cameras"' in client.get("/").text


def test_what_asks_for_a_look_comes_first() -> None:
    given = sample.cameras()["cameras"]
    assert [row.code for row in sorted(given, key=urgency)] == ["c3", "c1", "c2"]


def test_the_page_counts_the_blind_time_of_today_as_the_api_does(scene: Scene) -> None:
    with scene.context.database.reading() as session:
        over = camera_health(session, scene.facility.id, Interval(at("03 00:00"), END))
    shown = rows(scene.browser("viewer").get("/cameras").text)
    wording = Wording(Texts("en"), ZoneInfo(sample.ZONE))
    for camera in over:
        assert wording.span(timedelta(seconds=camera.blind_seconds)) in shown[camera.camera_code]
    assert any(camera.blind_seconds >= 2 * 3600 for camera in over)


def test_the_page_says_what_became_of_commanded_changes(scene: Scene) -> None:
    """Of a camera of which none was commanded it says nothing."""
    asked, other = scene.hospital.cameras[:2]
    with scene.context.database.reading() as session:
        camera = session.get_one(Camera, asked.id)
    device = pair_device(scene.context, scene.facility, camera=camera).device_id
    with scene.context.database.transaction() as session:
        for number, outcome in enumerate(("unanswered", "unsupported", "unsupported")):
            since = END - timedelta(hours=2 + number)
            session.add(
                PictureCommand(
                    facility_id=scene.facility.id, camera_id=asked.id, device_id=device, outcome=outcome,
                    roll_call_id=f"{number:032x}", since=since, until=since, reported_at=since,
                )
            )  # fmt: skip
    shown, t = rows(scene.browser("viewer").get("/cameras").text), Texts("en")
    assert t("cameras.commands", count=3) in shown[asked.code]
    assert f"{t('command.unsupported')} 2" in shown[asked.code]
    assert f"{t('command.unanswered')} 1" in shown[asked.code]
    assert t("camera_alarm.unanswered") in shown[asked.code]
    assert t("cameras.commands", count=3) not in shown[other.code]


def test_nobody_and_people_of_another_facility_learn_nothing(scene: Scene) -> None:
    nobody = TestClient(scene.app, headers={"Accept": "text/html"}).get("/cameras", follow_redirects=False)
    assert (nobody.status_code, nobody.headers["Location"][:6]) == (303, "/login")
    stranger = scene.browser("stranger")
    assert stranger.get("/cameras", params={"facility": scene.facility.code}).status_code == 404
    own = stranger.get("/cameras")
    assert own.status_code == 200
    assert not any(camera.code in rows(own.text) for camera in scene.hospital.cameras)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alarm_and_cause_has_words_and_a_sign(language: str) -> None:
    t = Texts(as_language(language) or "en")
    assert set(ALARM_SIGNS) == {alarm.value for alarm in Alarm}
    for alarm in Alarm:
        assert t.has(f"camera_alarm.{alarm}")
        assert t.has(f"camera_alarm_help.{alarm}")
    for cause in BlindCause:
        assert t.has(f"cause.{cause}")
