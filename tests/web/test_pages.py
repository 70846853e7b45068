"""Every page over real data, for those who may see it, those who may see less, and those who may not know."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from service.facilities import ward_by_id
from service.facilities.tables import Facility
from service.ledger.tables import LedgerEntry
from service.occupancy import ward_board
from service.screening.tables import Finding
from service.sightings.tables import ZoneReading
from tests.occupancy.scenes import at
from tests.web.scene import GHOST, GONE, HONEST, IMPOSTOR, Scene

REPORT = "/reports/in-bed-rate"


def words(html: str) -> str:
    """A page's visible words."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def finding_of(scene: Scene, who: int) -> Finding:
    with scene.context.database.reading() as session:
        query = select(Finding).where(Finding.admission_id == scene.hospital.admissions[who].id)
        return session.exec(query).one()


def addresses(scene: Scene) -> list[str]:
    finding = finding_of(scene, GONE)
    return [
        "/",
        f"/wards/{scene.ward_id}",
        f"/wards/{scene.ward_id}?at=2026-03-02T10:00",
        f"/wards/{scene.ward_id}/cards",
        REPORT,
        f"{REPORT}.csv",
        "/findings",
        f"/findings/{finding.id}",
        f"/admissions/{scene.hospital.admissions[GONE].id}",
    ]


def test_nobody_gets_any_page(scene: Scene) -> None:
    nobody = TestClient(scene.app, headers={"Accept": "text/html"})
    for path in [*addresses(scene), f"/findings/{'0' * 32}/evidence/{'0' * 32}.jpg"]:
        answer = nobody.get(path, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith("/login"), path


@pytest.mark.parametrize("who", ["admin", "viewer"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_everybody_of_the_facility_reads_every_page(scene: Scene, who: str, language: str) -> None:
    client = scene.browser(who)
    for path in addresses(scene):
        answer = client.get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache"), path


def test_people_of_another_facility_may_not_even_know(scene: Scene) -> None:
    stranger = scene.browser("stranger")
    here = scene.facility.code
    for path in [
        f"/wards/{scene.ward_id}",
        f"/wards/{scene.ward_id}/cards",
        f"{REPORT}?facility={here}",
        f"{REPORT}.csv?facility={here}",
        f"/findings?facility={here}",
        f"/findings/{finding_of(scene, GONE).id}",
        f"/admissions/{scene.hospital.admissions[GONE].id}",
    ]:
        answer = stranger.get(path)
        assert answer.status_code == 404, path
        assert "North District" not in answer.text, path
    ward, nothing = stranger.get(f"/wards/{scene.ward_id}"), stranger.get(f"/wards/{'0' * 32}")
    assert words(ward.text).split("Reference")[0] == words(nothing.text).split("Reference")[0]
    unknown = stranger.get(f"{REPORT}?facility=nothing-like-it")
    known = stranger.get(f"{REPORT}?facility={here}")
    same = ("nothing-like-it", here)
    assert (
        words(unknown.text).replace(same[0], "").split("Reference")[0]
        == words(known.text).replace(same[1], "").split("Reference")[0]
    )
    assert "North District" not in stranger.get("/").text
    assert "No findings" in words(stranger.get("/findings").text)


def test_findings_of_shadow_mode_are_hidden_from_those_above_the_facility(scene: Scene) -> None:
    operator = scene.browser("operator")
    overview = words(operator.get("/").text)
    assert "Shadow mode" in overview
    assert "Not visible to you while in shadow mode" in overview
    assert "No findings" in words(operator.get(f"/findings?facility={scene.facility.code}").text)
    assert operator.get(f"/findings/{finding_of(scene, GONE).id}").status_code == 404


def test_the_overview_counts_what_is_open(scene: Scene) -> None:
    text = words(scene.browser("admin").get("/").text)
    assert "North District Hospital" in text
    assert "4 of 4 beds have an admission" in text
    assert "Reaches the target" in text or "Below the target" in text or "Not reportable" in text
    chinese = scene.browser("admin").get("/", headers={"Accept-Language": "zh"}).text
    assert "北区医院" in chinese
    assert "三病区东" in chinese


def test_work_to_do_is_not_counted_as_a_suspicion(scene: Scene) -> None:
    admin, chosen = scene.browser("admin"), finding_of(scene, GONE).id

    def is_now(kind: str) -> tuple[str, str]:
        with scene.context.database.transaction() as session:
            session.get_one(Finding, chosen).kind = kind
        return words(admin.get("/?lang=en").text), words(admin.get("/findings?lang=en").text)

    try:
        overview, listed = is_now("work_item")
        assert "See the findings 2" in overview
        assert "2 findings · 1 to look at, no suspicion" in listed
    finally:
        overview, listed = is_now("finding")
    assert "See the findings 3" in overview
    assert "3 findings" in listed
    assert "no suspicion" not in listed


def test_the_board_shows_each_bed_in_words(scene: Scene) -> None:
    html = scene.browser("viewer").get(f"/wards/{scene.ward_id}").text
    cards = {match[0]: words(match[1]) for match in re.findall(r'data-bed="(\d\d)"(.*?)</article>', html, re.DOTALL)}
    code = {who: scene.hospital.beds[who].code for who in (HONEST, GONE, GHOST, IMPOSTOR)}
    assert "Somebody in bed" in cards[code[HONEST]]
    assert "Present, verified" in cards[code[HONEST]]
    assert "Bed empty" in cards[code[GONE]]
    assert "Absence confirmed" in cards[code[GONE]]
    # Camera 1 has shown black pictures since 11:00.
    assert "Not observed" in cards[code[GHOST]]
    assert "since 11:00" in cards[code[GHOST]]
    assert "picture black" in cards[code[GHOST]]
    assert "not yet" in cards[code[GHOST]]
    assert "Another face than enrolled" in cards[code[IMPOSTOR]]


def test_the_board_agrees_with_the_api(scene: Scene) -> None:
    with scene.context.database.reading() as session:
        facility = session.get_one(Facility, scene.facility.id)
        assert facility.watermark == at("03 13:00")
        ward = ward_by_id(session, scene.ward_id)
        beds = ward_board(session, ward, scene.context.clock).beds
    html = scene.browser("viewer").get(f"/wards/{scene.ward_id}").text
    shown = dict(re.findall(r'data-bed="(\d\d)" data-state="(\w+) ', html))
    assert shown == {bed.bed_code: bed.state.value for bed in beds}


def test_the_board_of_the_past_shows_the_past(scene: Scene) -> None:
    client = scene.browser("viewer")
    gone = scene.hospital.beds[GONE].code
    for asked in ("2026-03-02T10:00", "2026-03-02T10:00:00+08:00", "2026-03-02T02:00:00Z"):
        html = client.get(f"/wards/{scene.ward_id}", params={"at": asked}).text
        card = re.search(rf'data-bed="{gone}"(.*?)</article>', html, re.DOTALL)
        assert card is not None
        assert "Somebody in bed" in words(card.group(1))
        assert "board.js" not in html
        assert "Mon 2 Mar 2026, 10:00" in html


@pytest.mark.parametrize("asked", ["2026-03-09T10:00", "yesterday", "0001-01-01T00:00", "2026-03-02T10:00+99:00"])
def test_an_instant_that_cannot_be_shown_is_refused_with_a_remedy(scene: Scene, asked: str) -> None:
    answer = scene.browser("viewer").get(f"/wards/{scene.ward_id}", params={"at": asked})
    assert answer.status_code == 422 or (asked.startswith("0001") and answer.status_code == 200)
    assert "What you can do" in answer.text or answer.status_code == 200


def test_unchanged_cards_are_not_sent_again(scene: Scene) -> None:
    client = scene.browser("viewer")
    first = client.get(f"/wards/{scene.ward_id}/cards")
    assert "<html" not in first.text
    again = client.get(f"/wards/{scene.ward_id}/cards", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_reports_numbers_are_the_apis_on_the_page_and_in_the_file(scene: Scene) -> None:
    client = scene.browser("viewer")
    asked = {"facility": scene.facility.code, "from": "2026-03-01", "to": "2026-03-03"}
    span = {"from": "2026-03-01T00:00:00+08:00", "to": "2026-03-04T00:00:00+08:00"}
    for by in ("day", "ward", "day,ward", "hour"):
        api = client.get("/api/v1/in-bed-rate", params={"facility": scene.facility.code, **span, "by": by}).json()
        file = client.get(f"{REPORT}.csv", params={**asked, "by": by})
        assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert file.text.startswith("\ufeff")
        lines = list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"))))
        assert len(lines) == len(api["rows"]) > 0
        page = client.get(REPORT, params={**asked, "by": by}).text
        for line, row in zip(lines, api["rows"], strict=True):
            assert float(line["low"]) == row["low"]["value"]
            assert float(line["high"]) == row["high"]["value"]
            assert float(line["high_interval_high"]) == row["high"]["interval_high"]
            assert float(line["coverage"]) == row["coverage"]
            assert (int(line["expected"]), int(line["excused"]), int(line["uncovered"])) == (
                row["expected"],
                row["excused"],
                row["uncovered"],
            )
            assert line["day"] == (row["day"] or "")
            assert f"{row['high']['value']:.1%}" in page
        total = api["total"]
        assert f"In {total['expected']} of" in page


def test_the_report_counts_by_hand(scene: Scene) -> None:
    """2 March, checks at 02:00, 09:00 and 16:00. The honest patient is verified at all three (continuity). The second
    is verified at 02:00 and 09:00 and confirmed absent at 16:00; the third, never there, is seen empty; the fourth bed
    shows another face. Nobody is excused and nothing is unobserved on that day."""
    client = scene.browser("viewer")
    asked = {"facility": scene.facility.code, "from": "2026-03-02", "to": "2026-03-02"}
    line = next(
        iter(csv.DictReader(io.StringIO(client.get(f"{REPORT}.csv", params=asked).text.removeprefix("\ufeff"))))
    )
    assert (line["expected"], line["verified"], line["impostor"]) == ("12", "5", "3")
    assert int(line["absent"]) + int(line["bed_empty"]) == 4
    assert float(line["low"]) == pytest.approx(5 / 12)
    assert (line["unobserved"], line["excused"]) == ("0", "0")


def test_exporting_is_noted_in_the_ledger(scene: Scene) -> None:
    scene.browser("viewer").get(f"{REPORT}.csv")
    with scene.context.database.reading() as session:
        entries = session.exec(select(LedgerEntry).where(LedgerEntry.action == "report.exported")).all()
    assert entries[-1].facility_id == scene.facility.id


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-03-09&to=2026-03-01", "from"),
        ("from=2020-01-01&to=2026-03-01", "from"),
        ("from=tomorrow", "from"),
        ("to=9999-12-31", "to"),
        ("by=patient", "by"),
        ("ward=nothing", "ward"),
        ("facility=nothing", "facility"),
    ],
)
def test_a_question_that_makes_no_sense_names_its_field(scene: Scene, query: str, field: str) -> None:
    client = scene.browser("viewer")
    assert client.get(f"{REPORT}?{query}").status_code in (404, 422)
    problem = client.get(f"{REPORT}?{query}", headers={"Accept": "application/json"}).json()
    assert problem["field"] == field


def test_a_period_without_checks_says_so(scene: Scene) -> None:
    text = words(scene.browser("viewer").get(f"{REPORT}?from=2025-01-01&to=2025-01-03").text)
    assert "No checks in this period" in text


def test_the_findings_are_listed_and_explained(scene: Scene) -> None:
    client = scene.browser("viewer")
    listed = words(client.get("/findings").text)
    for rule in ("Phantom admission", "Ghost admission", "Impersonation"):
        assert rule in listed
    assert "3 findings" in listed
    assert "No findings" in words(client.get("/findings?state=withdrawn").text)
    text = words(client.get(f"/findings/{finding_of(scene, GONE).id}").text)
    for said in (
        "A suspicion, not a verdict",
        "What speaks against it",
        "Facts and thresholds",
        "Inspector did not find the patient",
        "Present, verified",
        "Absence confirmed",
        "State Council Decree 735",
        "Your role may not open pictures",
    ):
        assert said in text


def test_reading_a_finding_is_noted_in_the_ledger(scene: Scene) -> None:
    finding = finding_of(scene, GHOST)
    scene.browser("viewer").get(f"/findings/{finding.id}")
    with scene.context.database.reading() as session:
        query = select(LedgerEntry).where(LedgerEntry.action == "finding.read", LedgerEntry.object_id == finding.id)
        entry = session.exec(query).first()
    assert entry is not None
    assert entry.actor == f"user:{scene.people['viewer'].username}"


def test_a_picture_needs_the_right_and_belongs_to_the_finding(scene: Scene) -> None:
    finding, other = finding_of(scene, GONE), finding_of(scene, IMPOSTOR)
    with scene.context.database.reading() as session:
        readings = [i for i in finding.evidence_ids if session.get(ZoneReading, i)]
        looks = [i for i in finding.evidence_ids if not session.get(ZoneReading, i)]
        foreign = next(i for i in other.evidence_ids if session.get(ZoneReading, i))
    path = f"/findings/{finding.id}/evidence"
    assert scene.browser("viewer").get(f"{path}/{readings[0]}.jpg").status_code == 403
    assert scene.browser("stranger").get(f"{path}/{readings[0]}.jpg").status_code == 404
    admin = scene.browser("admin")
    assert f"{path}/{readings[0]}.jpg" in admin.get(f"/findings/{finding.id}").text
    for not_ours in (foreign, looks[0], "0" * 32):
        assert admin.get(f"{path}/{not_ours}.jpg").status_code == 404


@pytest.mark.models
def test_a_picture_is_sent_once_it_is_noted_who_opened_it(scene: Scene, models_dir: object) -> None:
    finding = finding_of(scene, GONE)
    with scene.context.database.reading() as session:
        reading_id = next(i for i in finding.evidence_ids if session.get(ZoneReading, i))
    answer = scene.browser("admin").get(f"/findings/{finding.id}/evidence/{reading_id}.jpg")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xff\xd8")
    assert answer.headers["Cache-Control"] == "private, no-store"
    with scene.context.database.reading() as session:
        query = select(LedgerEntry).where(LedgerEntry.action == "frame.viewed", LedgerEntry.object_id == reading_id)
        entry = session.exec(query.order_by(col(LedgerEntry.seq))).all()[-1]
    assert entry.actor == f"user:{scene.people['admin'].username}"
    assert entry.details == {"finding": finding.id}


def test_the_story_tells_every_check_in_order(scene: Scene) -> None:
    html = scene.browser("viewer").get(f"/admissions/{scene.hospital.admissions[GONE].id}").text
    told = re.findall(r'<time datetime="([^"]+)">\d\d:\d\d</time>', html)
    assert told == sorted(told)
    # Admitted on 1 March at 20:00: three checks on the 2nd, two on the 3rd until 13:00.
    assert len(told) == 5
    assert "unbroken stay in bed" in words(html)
    assert scene.browser("viewer").get(f"/admissions/{'0' * 32}").status_code == 404


def test_times_follow_the_facilitys_zone_not_the_servers(scene: Scene) -> None:
    text = scene.browser("viewer").get(f"/wards/{scene.ward_id}").text
    assert "Tue 3 Mar 2026, 13:00" in text
    assert "Times in Asia/Shanghai" in text
    assert (at("03 13:00") - timedelta(hours=8)).strftime("%H:%M") == "05:00"
