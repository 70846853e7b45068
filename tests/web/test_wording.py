"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.web.texts import Texts
from service.web.views import CheckLine
from service.web.wording import Wording, percent

ENGLISH = Wording(Texts("en"), ZoneInfo("Asia/Shanghai"))
CHINESE = Wording(Texts("zh"), ZoneInfo("Asia/Shanghai"))
LATE = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)
"""01:30 of the next day in Shanghai."""


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 1, "–"),
        (0.0, 1, "0.0%"),
        (1.0, 1, "100.0%"),
        (0.9999, 1, "99.9%"),  # all is said only of all
        (0.0001, 1, "0.1%"),  # none is said only of none
        (0.94, 0, "94%"),
        (2 / 3, 1, "66.7%"),
    ],
)
def test_percentages_never_round_to_all_or_none(value: float | None, digits: int, text: str) -> None:
    assert percent(value, digits) == text


def test_times_are_told_on_the_facilitys_clock() -> None:
    assert ENGLISH.instant(LATE) == "Tue 3 Mar 2026, 01:30"
    assert CHINESE.instant(LATE) == "2026年3月3日 周二 01:30"
    assert ENGLISH.brief(LATE) == "3 Mar 01:30"
    assert ENGLISH.brief(LATE, LATE + timedelta(hours=3)) == "01:30"
    assert ENGLISH.brief(LATE, LATE - timedelta(hours=3)) == "3 Mar 01:30"


@pytest.mark.parametrize(
    ("length", "english", "chinese"),
    [
        (timedelta(seconds=59), "0 min", "0 分钟"),
        (timedelta(minutes=59), "59 min", "59 分钟"),
        (timedelta(hours=3), "3 h", "3 小时"),
        (timedelta(hours=3, minutes=20), "3 h 20 min", "3 小时 20 分"),
        (timedelta(hours=49), "2 d 1 h", "2 天 1 小时"),
        (timedelta(minutes=-5), "0 min", "0 分钟"),
    ],
)
def test_spans_use_the_two_largest_units(length: timedelta, english: str, chinese: str) -> None:
    assert ENGLISH.span(length) == english
    assert CHINESE.span(length) == chinese


def test_checks_are_grouped_by_the_facilitys_day() -> None:
    early = CheckLine(LATE - timedelta(hours=2), "night", "present_verified")  # 23:30 on the 2nd
    late = CheckLine(LATE, "night", "not_seen")
    groups = ENGLISH.by_day([late, early])
    assert [(day.day, checks) for day, checks in groups] == [(2, [early]), (3, [late])]


def test_one_is_told_in_the_singular() -> None:
    assert ENGLISH.t("findings.count", count=1) == "1 finding"
    assert ENGLISH.t("findings.count", count=2) == "2 findings"
    assert ENGLISH.t("report.summary.uncovered", count=1).startswith("1 check could")
    assert CHINESE.t("findings.count", count=1) == CHINESE.t("findings.count", count=2).replace("2", "1")
