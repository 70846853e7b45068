"""A region counted and reported on its pages, and the pages of what people do by hand: over real rooms, as people use
them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import select

from service.access.tables import RoleGrant, UserAccount
from service.app import create_app
from service.facilities import move_watermark
from service.facilities.tables import Facility
from service.occupancy import advance_job
from service.occupancy.tables import BedCheck, DirectedCheck, DirectedLook, LoggedPause, Reverification
from service.platform.context import Context
from tests import builders
from tests.occupancy.region import Full, fill, photograph
from tests.occupancy.scenes import at

SIZES = (12, 20, 8)
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Region:
    """Three hospitals of one region at 10:00, judged at 09:00: every fourth bed is empty; and people with roles."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.app = create_app(context)
        self.hospitals: list[Full] = []
        for k, size in enumerate(SIZES):
            with context.database.transaction() as session:
                full = fill(session, size, at=at("02 10:00"), code=f"h{k}", name=f"Hospital {k}", region="north")
                frames = [at("02 08:50") + timedelta(minutes=10 * n) for n in range(8)]
                photograph(session, full, frames, lambda bed, _: "patient" if bed % 4 else "empty")
            self.hospitals.append(full)
            advance_job(context, {"facility_id": full.facility_id})

    def person(self, role: str, *places: int) -> UserAccount:
        with self.context.database.transaction() as session:
            own = [session.get_one(Facility, self.hospitals[k].facility_id) for k in places]
            made = builders.create_user(session, role=role, facility=own[0] if own else None)
            for place in own[1:]:
                session.add(RoleGrant(user_id=made.id, facility_id=place.id, role=role))
        return made

    def browser(self, person: UserAccount) -> TestClient:
        client = builders.browser(self.app, self.context, person)
        client.headers["Accept"] = "text/html"
        return client

    def go_on(self, to: str) -> None:
        for full in self.hospitals:
            with self.context.database.transaction() as session:
                facility = session.get_one(Facility, full.facility_id)
                move_watermark(facility, at(to))
                session.add(facility)
            advance_job(self.context, {"facility_id": full.facility_id})


@pytest.fixture
def region(context: Context) -> Iterator[Region]:
    made = Region(context)
    with TestClient(made.app):
        yield made


def send(browser: TestClient, page: str, action: str, **fields: str) -> Response:
    """Posts the form as the page gives it: with its token."""
    found = TOKEN.search(browser.get(page).text)
    assert found is not None
    return browser.post(action, data={"csrf_token": found.group(1), **fields}, follow_redirects=False)


def api(browser: TestClient, path: str, **query: str) -> Any:
    answer = browser.get(f"/api/v1{path}", params=query, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_region_is_counted_from_the_page_and_followed_over_all_its_facilities(region: Region) -> None:
    browser = region.browser(region.person("inspector"))
    page = browser.get("/roll-calls", params={"facility": "h0", "lang": "en"})
    assert "Region north: 3 facilities at once" in page.text
    started = send(browser, "/roll-calls?facility=h0", "/roll-calls", facility="h0", ward="*region", reason="visit")
    assert started.status_code == 303
    address = started.headers["location"]
    assert address.startswith("/roll-call-groups/")
    shown = browser.get(f"{address}?lang=en")
    assert shown.status_code == 200
    assert "0 of 40" in shown.text  # 12 + 20 + 8 people; nobody is seen yet
    for name in ("Hospital 0", "Hospital 1", "Hospital 2"):
        assert name in shown.text
    for full in region.hospitals:
        with region.context.database.transaction() as session:
            photograph(session, full, [at("02 10:02")], lambda bed, _: "patient" if bed % 4 else "empty")
    region.go_on("02 10:06")
    fragment = browser.get(f"{address}/progress?lang=en")
    assert "30 of 40" in fragment.text  # three in four are seen
    again = browser.get(f"{address}/progress", headers={"If-None-Match": fragment.headers["ETag"]})
    assert again.status_code == 304
    told = api(browser, f"/roll-call-groups/{address.rsplit('/', 1)[1]}")
    assert (told["total"]["expected"], told["total"]["covered"], told["total"]["open"]) == (40, 30, 10)
    # One facility's counts are those of its own progress, person by person.
    for line in told["facilities"]:
        whole = api(browser, f"/roll-calls/{line['roll_call_id']}")
        assert {name: whole[name] for name in line["counts"]} == line["counts"]
    region.go_on("02 10:31")
    closed = api(browser, f"/roll-call-groups/{address.rsplit('/', 1)[1]}")
    assert (closed["is_open"], closed["total"]["unanswered"], closed["total"]["open"]) == (False, 10, 0)


def test_a_region_is_offered_to_who_has_several_of_its_facilities_and_shows_no_other(region: Region) -> None:
    one, two = region.browser(region.person("inspector", 0)), region.browser(region.person("inspector", 0, 1))
    assert "*region" not in one.get("/roll-calls?facility=h0").text
    assert "*region" in two.get("/roll-calls?facility=h0").text
    started = send(two, "/roll-calls?facility=h0", "/roll-calls", facility="h0", ward="*region")
    shown = two.get(started.headers["location"] + "?lang=en").text
    assert "Hospital 1" in shown
    assert "Hospital 2" not in shown
    other = region.browser(region.person("inspector", 2))
    assert other.get(started.headers["location"]).status_code == 404


def test_a_bed_is_counted_from_the_page(region: Region) -> None:
    browser = region.browser(region.person("inspector", 0))
    started = send(browser, "/roll-calls", "/roll-calls", facility="h0", bed="B3")
    told = api(browser, started.headers["location"])
    assert (told["roll_call"]["scope"], len(told["people"])) == ("bed", 1)
    assert send(browser, "/roll-calls", "/roll-calls", facility="h0", bed="nowhere").status_code == 404


def test_a_regions_rate_is_the_same_on_the_page_in_the_file_and_in_the_api(region: Region) -> None:
    browser = region.browser(region.person("viewer", 0, 1, 2))
    asked = {"region": "north", "from": "2026-03-02", "to": "2026-03-02"}
    told = api(
        browser,
        "/regions/in-bed-rate",
        region="north",
        **{"from": at("02 00:00").isoformat(), "to": at("03 00:00").isoformat(), "by": "day"},
    )
    # At 09:00 every fourth of 12 + 20 + 8 beds is empty: 30 of 40 are verified.
    assert (told["total"]["expected"], told["total"]["states"]["present_verified"]) == (40, 30)
    page = browser.get("/reports/regions/in-bed-rate", params={**asked, "by": "facility", "lang": "en"})
    assert page.status_code == 200
    assert "75.0%" in page.text
    for name in ("Hospital 0", "Hospital 1", "Hospital 2"):
        assert name in page.text
    for by in ("day", "hour", "facility"):
        text = browser.get("/reports/regions/in-bed-rate.csv", params={**asked, "by": by}).text
        rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
        assert sum(int(row["expected"]) for row in rows) == 40
        assert sum(int(row["verified"]) for row in rows) == 30
        if by == "day":
            assert float(rows[0]["low"]) == told["rows"][0]["low"]["value"]
        assert [row["facility"] for row in rows] == (
            ["Hospital 0", "Hospital 1", "Hospital 2"] if by == "facility" else [""] * len(rows)
        )
    assert "/reports/regions/in-bed-rate?region=north" in browser.get("/reports/in-bed-rate?facility=h0").text
    assert browser.get("/reports/regions/in-bed-rate?region=south").status_code == 404


def test_a_curtain_is_drawn_and_opened_with_one_tap_each(region: Region) -> None:
    nurse = region.browser(region.person("ward_staff", 0))
    full = region.hospitals[0]
    board = f"/wards/{full.wards[0]}"
    bed = full.places[1][0]
    assert "pause 30 min" in nurse.get(f"{board}?lang=en").text
    assert send(nurse, board, f"{board}/pauses", bed=bed).status_code == 303
    shown = nurse.get(f"{board}?lang=en").text
    assert "Privacy pause until 10:30" in shown
    assert "隐私暂停至" in nurse.get(f"{board}?lang=zh").text
    with region.context.database.reading() as session:
        row = session.exec(select(LoggedPause)).one()
    assert send(nurse, board, f"/privacy-pauses/{row.id}/end").status_code == 303
    assert "Privacy pause until" not in nurse.get(f"{board}?lang=en").text
    assert send(nurse, board, f"{board}/pauses", camera=full.camera_id).status_code == 303
    assert "Privacy pause until" in nurse.get(f"{board}?lang=en").text
    assert send(nurse, board, f"{board}/pauses", bed="nowhere").status_code == 404
    assert nurse.post(f"{board}/pauses", data={"bed": bed}).status_code == 403, "without the page's token"
    counts = nurse.get("/by-hand?lang=en").text
    assert "Privacy pauses" in counts


def test_finds_and_second_looks_stand_on_their_page(region: Region) -> None:
    nurse_account, boss = region.person("ward_staff", 0), region.person("inspector", 0)
    nurse, inspector = region.browser(nurse_account), region.browser(boss)
    with region.context.database.reading() as session:
        query = select(DirectedCheck).where(DirectedCheck.facility_id == region.hospitals[0].facility_id)
        checks = session.exec(query).all()
    assert len(checks) == 3  # beds 0, 4 and 8 were empty
    for check in checks:
        look = {"result": "found", "method": "wristband"}
        assert nurse.post(f"/api/v1/directed-checks/{check.id}/looks", json=look).status_code == 201
    with region.context.database.transaction() as session:
        if session.exec(select(Reverification)).first() is None:  # the lot fell on nobody
            look_row = session.exec(select(DirectedLook)).first()
            assert look_row is not None
            session.add(
                Reverification(
                    facility_id=checks[0].facility_id,
                    look_id=look_row.id,
                    admission_id=checks[0].admission_id,
                    reason="sample",
                    asked_at=look_row.looked_at,
                    deadline_at=look_row.looked_at + timedelta(hours=6),
                )
            )
    page = inspector.get("/by-hand?lang=en")
    assert nurse_account.username in page.text
    assert "by lot" in page.text
    with region.context.database.reading() as session:
        row = session.exec(select(Reverification)).first()
    assert row is not None
    given = {"result": "contradicted", "method": "id_card"}
    own = send(nurse, "/by-hand", f"/second-looks/{row.id}", **given)
    assert own.status_code in (403, 409, 422), "nobody looks again at an own find"
    assert send(inspector, "/by-hand", f"/second-looks/{row.id}", **given).status_code == 303
    assert "Contradicted" in inspector.get("/by-hand?lang=en").text
    stranger = region.browser(region.person("inspector", 2))
    assert stranger.get("/by-hand?facility=h0").status_code == 404


def test_a_bed_of_nobodys_is_looked_at_from_its_page(region: Region) -> None:
    full = region.hospitals[0]
    with region.context.database.transaction() as session:
        row = BedCheck(
            facility_id=full.facility_id,
            ward_id=full.wards[0],
            bed_id=full.places[2][0],
            due_at=at("02 09:00"),
            window_start=at("02 09:00"),
            window_end=at("02 09:30"),
            outcome="unregistered_person",
            occupied_seconds=1500,
            computed_at=at("02 09:30"),
        )
        session.add(row)
        check_id = row.id
    nurse, stranger = region.browser(region.person("ward_staff", 0)), region.browser(region.person("ward_staff", 2))
    page = nurse.get("/bed-checks?lang=en").text
    assert "Somebody in a bed of nobody" in page
    assert "25 min in the bed" in page
    assert send(stranger, "/by-hand", f"/bed-checks/{check_id}", result="carer").status_code == 404
    assert send(nurse, "/bed-checks", f"/bed-checks/{check_id}", result="carer").status_code == 303
    assert "a person found a carer" in nurse.get("/bed-checks?lang=en").text
    assert "已查看：陪护" in nurse.get("/bed-checks?lang=zh").text
    assert "finding-row" not in nurse.get("/bed-checks?lang=en&outcome=staff_in_bed").text
