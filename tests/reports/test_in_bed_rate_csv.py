"""The report as a file: full numbers, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest

from service.occupancy import InBedRateRow, PresenceState, rate_of
from service.reports import in_bed_rate_csv, spreadsheet_safe

ROW = rate_of(
    {
        PresenceState.PRESENT_VERIFIED: 18,
        PresenceState.PRESENT_ALTERNATIVE: 1,
        PresenceState.NOT_SEEN: 1,
        PresenceState.BED_EMPTY: 1,
        PresenceState.ON_LEAVE: 2,
        PresenceState.UNOBSERVED: 3,
    },
    target=0.94,
    ward_id="w",
    day="2026-03-02",
)
"""Expected 18 + 1 + 1 + 1 = 21, low 19 / 21, high 20 / 21, coverage 21 / 24."""


def table(*rows: InBedRateRow, name: str = "Ward 3", language: str = "en") -> list[list[str]]:
    text = in_bed_rate_csv(rows, {"w": name}, language)
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_numbers_are_written_in_full() -> None:
    heading, line = table(ROW)
    cells = dict(zip(heading, line, strict=True))
    assert float(cells["low"]) == 19 / 21
    assert float(cells["high"]) == 20 / 21
    assert float(cells["coverage"]) == 21 / 24
    assert float(cells["low_interval_low"]) == ROW.low.low
    assert (cells["expected"], cells["excused"], cells["uncovered"]) == ("21", "2", "3")
    assert (cells["verified"], cells["not_seen"], cells["bed_empty"], cells["on_leave"]) == ("18", "1", "1", "2")
    assert (cells["day"], cells["ward"], cells["hour"], cells["reportable"]) == ("2026-03-02", "Ward 3", "", "0")


def test_no_rate_is_an_empty_cell_not_a_zero() -> None:
    heading, line = table(rate_of({PresenceState.UNOBSERVED: 2}, target=0.94))
    cells = dict(zip(heading, line, strict=True))
    assert cells["low"] == cells["high"] == cells["high_interval_high"] == ""
    assert cells["coverage"] == "0.0"


def test_headings_are_in_the_readers_language() -> None:
    english, chinese = table(language="en")[0], table(language="zh")[0]
    assert len(english) == len(chinese) == len(set(chinese))
    assert chinese[:3] == ["日期", "小时", "病区"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", '=HYPERLINK("x")', "＝1"])
def test_a_name_that_begins_like_a_formula_is_text(text: str) -> None:
    assert spreadsheet_safe(text) == f"'{text}"
    assert table(ROW, name=text)[1][2] == f"'{text}"


def test_an_ordinary_name_stays_as_it_is() -> None:
    assert spreadsheet_safe("Ward 3-East") == "Ward 3-East"
    assert table(ROW, name='内科, "三"')[1][2] == '内科, "三"'
