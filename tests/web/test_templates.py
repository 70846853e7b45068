"""Every template with hand-made values, in both languages: safe under the content policy, and usable by everybody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any, Literal

import pytest

from service.platform.problems import Problem
from service.web.render import Reader, draw
from tests.web import asked_pages, sample

PAGES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "login": ("login.html", {"failure": "no", "next_path": "/", "username": "li.na"}),
    "one-time": ("one_time.html", {}),
    "problem": ("problem.html", {"problem": Problem("not-found", "Not found", 404, "gone"), "reference": "abc"}),
    "overview": ("overview.html", {"facilities": [sample.facility(), sample.facility(findings=None)]}),
    "overview-empty": ("overview.html", {"facilities": []}),
    "board": ("board.html", {"board": sample.board(), "zone": sample.ZONE}),
    "board-at": ("board.html", {"board": sample.board(follows=False), "zone": sample.ZONE}),
    "cameras": ("cameras.html", sample.cameras()),
    "cameras-none": ("cameras.html", {**sample.cameras(), "cameras": ()}),
    "report": ("report.html", {"report": sample.report(), "zone": sample.ZONE}),
    "findings": (
        "findings.html",
        {
            "findings": sample.finding_lines(),
            "facilities": (),
            "states": sample.report().groupings,
            "shadow": True,
            "shadow_until": sample.NOW,
            "zone": sample.ZONE,
        },
    ),
    "findings-empty": (
        "findings.html",
        {"findings": (), "facilities": (), "states": (), "shadow": False, "shadow_until": None},
    ),
    "finding": ("finding.html", {"finding": sample.finding(), "zone": sample.ZONE}),
    "finding-live": ("finding.html", {"finding": sample.finding(shadow=False), "zone": sample.ZONE}),
    "finding-dismissed": ("finding.html", {"finding": sample.finding(state="dismissed"), "zone": sample.ZONE}),
    "finding-withdrawn": ("finding.html", {"finding": sample.finding(state="withdrawn"), "zone": sample.ZONE}),
    "story": ("story.html", {"story": sample.story(), "zone": sample.ZONE}),
    "directed": ("directed_checks.html", asked_pages.QUEUE),
    "directed-none": ("directed_checks.html", {**asked_pages.QUEUE, "lines": ()}),
    "directed-one": ("directed_check.html", asked_pages.ONE),
    "directed-forbidden": ("directed_check.html", {**asked_pages.ONE, "may_open_pictures": False, "may_answer": False}),
    "hand-held": ("hand_held.html", asked_pages.HAND_HELD),
    "roll-calls": ("roll_calls.html", asked_pages.CALLS),
    "roll-calls-none": ("roll_calls.html", {**asked_pages.CALLS, "calls": (), "draws": (), "may_start": False}),
    "roll-call": ("roll_call.html", asked_pages.CALL),
    "roll-call-group": ("roll_call_group.html", asked_pages.GROUP),
    "roll-call-group-closed": ("roll_call_group.html", asked_pages.GROUP_CLOSED),
    "by-hand": ("by_hand.html", asked_pages.BY_HAND),
    "by-hand-none": ("by_hand.html", asked_pages.BY_HAND_NONE),
    "bed-checks": ("bed_checks.html", asked_pages.BED_CHECKS),
    "bed-checks-none": ("bed_checks.html", {**asked_pages.BED_CHECKS, "lines": (), "number": 0}),
    "board-tapping": ("board.html", {"board": sample.board(), "zone": sample.ZONE, "may_excuse": True}),
    "report-region": (
        "report.html",
        {"report": replace(sample.report(), asked="region", by="facility"), "zone": sample.ZONE},
    ),
    "pharmacy-none": (
        "pharmacy_delegations.html",
        {"lines": (), "patient_no": "", "may_decide": False, "facilities": (), "relations": (), "documents": ()},
    ),
    "pharmacy-queue-none": ("pharmacy_queue.html", {"waiting": (), "closed": (), "facilities": ()}),
    "pharmacy-purchases-none": ("pharmacy_purchases.html", {"lines": (), "facilities": (), "verdict": ""}),
}
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Checker(HTMLParser):
    """Notes what a page must not have, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[str] = []
        self.headings: list[int] = []
        self._svg = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._check(tag, given)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def _check(self, tag: str, given: dict[str, str | None]) -> None:
        self.faults += [f"{tag} has {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "script" and not given.get("src"):
            self.faults.append("inline script")
        if tag == "style":
            self.faults.append("inline style sheet")
        if tag == "img" and "alt" not in given:
            self.faults.append("img without alt")
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "label":
            self.labels.add(str(given.get("for")))
        if tag in ("input", "select") and given.get("type") != "hidden":
            self.fields.append(str(given.get("id")))
        for name in ("src", "href", "action"):
            value = given.get(name) or "/"
            if not value.startswith(("/", "#", "?")) or value.startswith("//"):
                self.faults.append(f"{tag} leads away: {value}")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))


def drawn(name: str, language: Literal["en", "zh"] = "en", theme: Literal["auto", "dark"] = "auto") -> str:
    template, given = PAGES[name]
    values = dict(given)
    zone = values.pop("zone", "UTC")
    reader = Reader(language, theme, "/page", (("a", "<b>"),), "li.na", "token")
    if name.startswith("overview"):
        values["facilities"] = [(item, reader.words(item.zone)) for item in values["facilities"]]
    return draw(template, reader, zone=zone, **values)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_keeps_the_content_policy(name: str, language: Literal["en", "zh"]) -> None:
    html = drawn(name, language)
    checker = Checker()
    checker.feed(html)
    assert checker.faults == []
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert set(checker.fields) <= checker.labels
    assert checker.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(checker.headings, checker.headings[1:], strict=False))
    assert ">None<" not in html
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", html)


def test_language_and_theme_are_on_the_page() -> None:
    assert '<html lang="zh-CN" data-theme="dark">' in drawn("story", "zh", "dark")
    assert '<html lang="en">' in drawn("story", "en")


def test_text_of_people_is_escaped() -> None:
    detail = sample.finding()
    hostile = "<script>alert(1)</script>"
    html = draw(
        "finding.html", Reader("en", "auto", "/", (), hostile), finding=replace(detail, headline=hostile), zone="UTC"
    )
    assert hostile not in html
    assert "&lt;script&gt;" in html


def test_every_state_on_the_board_is_said_in_words() -> None:
    html = drawn("board")
    words = ("Patient in bed", "Bed empty", "Not observed", "Other person in bed", "Somebody in bed", "No readings yet")
    for word in words:
        assert f"<strong>{word}</strong>" in html
    assert "picture out of focus, view covered" in html
    assert "Deadline 10:20 has passed." in html


def test_only_a_board_that_follows_loads_the_module() -> None:
    assert "/static/board.js" in drawn("board")
    assert "/static/board.js" not in drawn("board-at")


def test_a_roll_call_that_is_over_says_so_to_the_page_that_follows() -> None:
    assert "data-over>" not in drawn("roll-call-group")
    assert "1 facility changed" in drawn("roll-call-group")
    closed = draw("roll_group_progress.html", Reader("en", "auto", "/page"), **asked_pages.GROUP_CLOSED)
    assert "data-over>" in closed
    assert "data-over>" not in drawn("roll-call")
    assert "1 person changed" in drawn("roll-call")
    assert "1 bed changed" in drawn("board")


def test_the_lot_names_somebody_only_while_the_look_is_still_wanted() -> None:
    """Beside what was left undone a name would read as blame."""
    line = asked_pages.BY_HAND["again"][0]
    for state, told in (("open", True), ("late", False), ("confirmed", False)):
        again = (replace(line, state=state, asked_twice=True, drawn_for="wang.fang"),)
        html = draw(
            "by_hand.html",
            Reader("en", "auto", "/by-hand", (), "li.na", "token"),
            **(asked_pages.BY_HAND | {"again": again}),
        )
        assert "asked once more" in html
        assert ("The lot named wang.fang." in html) is told


def test_a_finding_says_what_it_is_and_what_happens_next() -> None:
    assert "A suspicion, not a verdict" in drawn("finding")
    assert "stays inside" in drawn("finding")
    assert "may appeal" in drawn("finding-live")
    assert "no consequence" in drawn("finding-withdrawn")
    assert "/decisions" not in drawn("finding-withdrawn")
    assert "li.na dismissed it" in drawn("finding-dismissed")
    assert "The leave form is in the file." in drawn("finding-dismissed")
    assert "comes back only if there are new facts" in drawn("finding-dismissed")
    assert 'name="csrf_token"' in drawn("finding")
    html = drawn("finding")
    assert html.index("What speaks against it") < html.index("Facts and thresholds")


def test_pictures_are_not_fetched_before_they_are_asked_for() -> None:
    html = drawn("finding")
    assert html.count('<img loading="lazy"') == 2
    assert re.search(r"<details class=\"picture\">.*?<img loading", html, re.DOTALL)


def test_a_rate_without_coverage_is_marked_in_words() -> None:
    html = drawn("report")
    assert html.count("Not reportable") == 2  # 5 March at 58%, 6 March without any
    assert "In 167 of 186 checks" in html
