"""The in-bed rate as a table file: the same numbers as the page and the API, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Literal

from service.occupancy import InBedRateRow

_HEADINGS: Mapping[str, str] = {
    "day": "日期",
    "hour": "小时",
    "ward": "病区",
    "low": "在床率下限",
    "low_interval_low": "下限95%区间下端",
    "low_interval_high": "下限95%区间上端",
    "high": "在床率上限",
    "high_interval_low": "上限95%区间下端",
    "high_interval_high": "上限95%区间上端",
    "coverage": "覆盖率",
    "reportable": "可上报",
    "target": "目标",
    "expected": "应在床",
    "verified": "已核实",
    "alternative": "人工核实",
    "unidentified": "未识别",
    "not_seen": "未见到",
    "unanswered": "未答复",
    "bed_empty": "空床",
    "absent": "不在院",
    "impostor": "人脸不符",
    "on_leave": "请假",
    "off_ward": "院内他处",
    "in_grace": "刚入院",
    "exempt": "豁免",
    "excused": "合理情形",
    "no_reference": "无登记照片",
    "unobserved": "未观测",
    "uncovered": "未覆盖",
}
"""The API's name of each column, and its Chinese heading."""

_FACILITY = {"ward": "facility", "病区": "机构"}
"""What the column of places is called in a region's table."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

BYTE_ORDER_MARK = "\ufeff"
"""Spreadsheets take a file without it for the machine's old code page, and Chinese becomes noise."""


Place = Literal["ward", "facility"]


def in_bed_rate_csv(
    rows: Iterable[InBedRateRow], ward_names: Mapping[str, str], language: str, place: Place = "ward"
) -> str:
    """The rows as CSV (RFC 4180, UTF-8 with a byte order mark). Proportions 0..1 in full precision, empty for none.

    `ward_names`: ward id -> name. `language` "zh" gives Chinese headings, anything else the API's field names.
    `place` "facility": the rows are a region's, and the third column names facilities.
    """
    target = io.StringIO()
    target.write(BYTE_ORDER_MARK)
    writer = csv.writer(target)
    of_place = _FACILITY if place == "facility" else {}
    headings = {of_place.get(name, name): of_place.get(words, words) for name, words in _HEADINGS.items()}
    writer.writerow(headings.values() if language == "zh" else headings.keys())
    for row in rows:
        cells = _cells(row, ward_names)
        writer.writerow([cells[name] for name in _HEADINGS])
    return target.getvalue()


def spreadsheet_safe(text: str) -> str:
    """`text` so that no spreadsheet runs it as a formula: an apostrophe before whatever begins like one.

    Source: OWASP, "CSV Injection".
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _cells(row: InBedRateRow, ward_names: Mapping[str, str]) -> dict[str, str]:
    ward = "" if row.ward_id is None else ward_names.get(row.ward_id, row.ward_id)
    judged = row.expected > 0
    numbers = {
        "low": row.low.value,
        "low_interval_low": row.low.low if judged else None,
        "low_interval_high": row.low.high if judged else None,
        "high": row.high.value,
        "high_interval_low": row.high.low if judged else None,
        "high_interval_high": row.high.high if judged else None,
        "coverage": row.coverage,
        "target": row.target,
    }
    counts = {name: str(getattr(row, name)) for name in list(_HEADINGS)[list(_HEADINGS).index("expected") :]}
    return {
        "day": row.day or "",
        "hour": "" if row.hour is None else str(row.hour),
        "ward": spreadsheet_safe(ward),
        "reportable": "1" if row.reportable else "0",
        **{name: "" if value is None else repr(value) for name, value in numbers.items()},
        **counts,
    }
