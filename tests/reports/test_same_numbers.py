"""The API, the page and the file answer the same question with the same numbers."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from service.occupancy import advance_job
from service.web.wording import percent
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at

ASKED = {"from": "2026-03-02", "to": "2026-03-03"}
INSTANTS = {"from": "2026-03-02T00:00:00+08:00", "to": "2026-03-04T00:00:00+08:00"}
COUNTS = {
    "expected": "expected",
    "verified": "present_verified",
    "unidentified": "present_unidentified",
    "bed_empty": "bed_empty",
    "unobserved": "unobserved",
}


@pytest.fixture
def reader(context, app, client):
    """Three wards of five beds over a day and a half: ward 0 wholly seen, ward 1 with empty beds, ward 2 half blind."""
    with context.database.transaction() as session:
        full = fill(session, 15, at=at("03 12:00"), ward_size=5, policy={"reverify_share": 0.0})
        frames = [at("02 08:00") + timedelta(minutes=10 * k) for k in range(28 * 6)]

        def shown(bed, when):
            if bed >= 12:
                return "unobserved"
            if bed in (6, 7):
                return "empty" if when.day == 2 else "patient"
            return "unidentified" if bed == 1 and when.hour == 16 else "patient"

        photograph(session, full, frames, shown)
        facility = session.get_one(builders.Facility, full.facility_id)
        user = builders.create_user(session, role="admin", facility=facility)
    advance_job(context, {"facility_id": full.facility_id})
    return builders.browser(app, context, user), full


def rows_of_page(html: str) -> list[list[str]]:
    """The cells of the table of rates, without the foot."""
    body = re.search(r'<table class="rates">.*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    assert body
    return [
        [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line, re.DOTALL)
        ]
        for line in re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    ]


@pytest.mark.parametrize("by", ["day", "ward", "day,ward", "hour"])
def test_api_page_and_file_agree(reader, by):
    client, full = reader
    asked = {"facility": full.code, "by": by}
    api = client.get("/api/v1/in-bed-rate", params={**asked, **INSTANTS}).json()["rows"]
    text = client.get("/reports/in-bed-rate.csv", params={**asked, **ASKED, "lang": "en"}).text
    file = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    page = rows_of_page(
        client.get(
            "/reports/in-bed-rate", params={**asked, **ASKED, "lang": "en"}, headers={"Accept": "text/html"}
        ).text
    )
    assert len(api) == len(file) == len(page) >= 2
    for told, line, cells in zip(api, file, page, strict=True):
        assert line["day"] == (told["day"] or "")
        assert line["hour"] == ("" if told["hour"] is None else str(told["hour"]))
        for name in ("low", "high"):
            value = told[name]["value"]
            assert line[name] == ("" if value is None else repr(value))
        assert line["coverage"] == repr(told["coverage"])
        assert line["reportable"] == ("1" if told["reportable"] else "0")
        for column, state in COUNTS.items():
            expected = told[column] if column == "expected" else told["states"].get(state, 0)
            assert line[column] == str(expected), (by, column)
        rate = cells[2 if by == "day,ward" else 1 :]
        assert rate[0] == percent(told["low"]["value"])
        assert rate[1].split(" ")[0] == percent(told["high"]["value"])
        assert rate[3].split(" ")[0] == percent(told["coverage"])
        assert ("Not reportable" in rate[3]) is (not told["reportable"])
        assert rate[4] == str(told["expected"])
    if by == "ward":
        assert [told["reportable"] for told in api] == [True, True, False]
    if by != "hour":
        assert any(told["low"]["value"] not in (None, 1.0) for told in api)
