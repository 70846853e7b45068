"""The census contract: which columns there are, what they may hold, and how hospitals call them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from service.admissions.code_words import ADMISSION_TYPE_WORDS, COURSE_WORDS, DISPOSITION_WORDS, payment_word
from service.admissions.issue import Issue
from service.admissions.local_time import parse_day, parse_local_instant
from service.kit.errors import InvalidInput

T = TypeVar("T")

CATEGORIES = (
    "general",
    "emergency",
    "day_only",
    "newborn",
    "icu",
    "isolation",
    "maternity",
    "paediatric",
    "psychiatric",
    "dialysis",
    "rehabilitation",
)
"""Kinds of stay; rules have exclusions by them."""

REQUIRED = frozenset({"patient_no", "admission_no", "bed", "admitted_at"})
ALIASES: Mapping[str, str] = {
    **{name: name for name in (*REQUIRED, "discharged_at", "category", "sex", "birth_date", "as_of")},
    **dict.fromkeys(("患者编号", "病人编号", "患者号", "病人id", "患者id", "病案号"), "patient_no"),
    **dict.fromkeys(("住院号", "住院编号", "住院流水号", "就诊号"), "admission_no"),
    **dict.fromkeys(("床位", "床号", "床位号", "床位编码"), "bed"),
    **dict.fromkeys(("入院时间", "入院日期", "入院日期时间"), "admitted_at"),
    **dict.fromkeys(("出院时间", "出院日期", "出院日期时间"), "discharged_at"),
    **dict.fromkeys(("类别", "住院类别", "入院类别"), "category"),
    "性别": "sex",
    **dict.fromkeys(("出生日期", "出生年月日"), "birth_date"),
    **dict.fromkeys(("截至时间", "生效时间", "数据时间"), "as_of"),
    **{name: name for name in ("admission_type", "diagnosis_code", "diagnosis_text", "discharge_disposition")},
    **{name: name for name in ("attending_doctor", "admitting_clerk", "payment_method", "course")},
    **dict.fromkeys(("入院方式", "入院途径"), "admission_type"),
    **dict.fromkeys(("诊断编码", "主要诊断编码", "icd"), "diagnosis_code"),
    **dict.fromkeys(("诊断", "主要诊断", "诊断名称"), "diagnosis_text"),
    **dict.fromkeys(("离院方式", "出院方式"), "discharge_disposition"),
    **dict.fromkeys(("主管医师", "经治医师"), "attending_doctor"),
    **dict.fromkeys(("入院经办人", "登记员"), "admitting_clerk"),
    **dict.fromkeys(("支付方式", "结算方式"), "payment_method"),
    "疗程": "course",
}

_CATEGORY_WORDS = {
    **{name: name for name in CATEGORIES},
    "普通": "general",
    "急诊": "emergency",
    "急症": "emergency",
    "日间": "day_only",
    "日间病房": "day_only",
    "新生儿": "newborn",
    "重症": "icu",
    "隔离": "isolation",
    "产科": "maternity",
    "儿科": "paediatric",
    "精神科": "psychiatric",
    "透析": "dialysis",
    "康复": "rehabilitation",
}
# FHIR administrative gender; the digits are GB/T 2261.1.
_SEX_WORDS = {
    **dict.fromkeys(("male", "m", "男", "男性", "1"), "male"),
    **dict.fromkeys(("female", "f", "女", "女性", "2"), "female"),
    **dict.fromkeys(("other", "o", "其他"), "other"),
    **dict.fromkeys(("unknown", "u", "未知", "未说明", "0", "9"), "unknown"),
}
_NUMBER = re.compile(r"^[^\s/?#%&\\<>\"']{1,64}$")
_DAMAGED = re.compile(r"^\d(?:\.\d+)?[eE]\+\d+$")


@dataclass(frozen=True, slots=True)
class CensusRow:
    """One admission as a file states it. `None` means that the file says nothing about it."""

    line: int
    patient_no: str
    admission_no: str
    bed: str
    admitted_at: datetime
    discharged_at: datetime | None = None
    category: str | None = None
    sex: str | None = None
    birth_date: date | None = None
    as_of: datetime | None = None
    admission_type: str | None = None
    diagnosis_code: str | None = None
    diagnosis_text: str | None = None
    discharge_disposition: str | None = None
    attending_doctor: str | None = None
    admitting_clerk: str | None = None
    payment_method: str | None = None
    course: str | None = None


@dataclass(slots=True)
class _Reader:
    """Reads one line's cells, gathering every issue instead of stopping at the first."""

    cells: Mapping[str, str]
    zone: ZoneInfo
    issues: list[Issue] = field(default_factory=list)

    def required(self, column: str, parse: Callable[[str], T]) -> T | None:
        """The parsed cell; an empty one is an issue."""
        if not self.cells.get(column):
            self.issues.append(issue("missing", column, "is empty", "fill it in", "为空", "请填写"))
            return None
        return self.optional(column, parse)

    def optional(self, column: str, parse: Callable[[str], T]) -> T | None:
        """The parsed cell, or `None` for an empty one."""
        text = self.cells.get(column, "")
        if not text:
            return None
        try:
            return parse(text)
        except InvalidInput as error:
            message_zh, remedy_zh = (str(error.extra.get(key, "")) for key in ("message_zh", "remedy_zh"))
            self.issues.append(issue("invalid", column, error.message, error.remedy, message_zh, remedy_zh))
            return None

    def instant(self, column: str) -> Callable[[str], datetime]:
        """A parser of times in the facility's zone."""
        return lambda text: parse_local_instant(text, self.zone, field=column)


def read_row(
    number: int, cells: Mapping[str, str], zone: ZoneInfo, *, latest: datetime
) -> tuple[CensusRow | None, tuple[Issue, ...]]:
    """The row, or every issue that it has. No admission, discharge or `as_of` may lie after `latest`."""
    reader = _Reader(cells, zone)
    patient_no = reader.required("patient_no", _number("patient_no"))
    admission_no = reader.required("admission_no", _number("admission_no"))
    bed = reader.required("bed", _bed)
    admitted_at = reader.required("admitted_at", reader.instant("admitted_at"))
    discharged_at = reader.optional("discharged_at", reader.instant("discharged_at"))
    as_of = reader.optional("as_of", reader.instant("as_of"))
    category = reader.optional("category", _word("category", _CATEGORY_WORDS, ", ".join(CATEGORIES)))
    sex = reader.optional("sex", _word("sex", _SEX_WORDS, "male, female, other, unknown"))
    birth_date = reader.optional("birth_date", lambda text: parse_day(text, field="birth_date"))
    if patient_no is None or admission_no is None or bed is None or admitted_at is None or reader.issues:
        return None, tuple(reader.issues)
    row = CensusRow(
        number,
        patient_no,
        admission_no,
        bed,
        admitted_at,
        discharged_at,
        category,
        sex,
        birth_date,
        as_of,
        admission_type=reader.optional("admission_type", _coded("admission_type", ADMISSION_TYPE_WORDS)),
        diagnosis_code=reader.optional("diagnosis_code", _short("diagnosis_code", 32)),
        diagnosis_text=reader.optional("diagnosis_text", _short("diagnosis_text", 200)),
        discharge_disposition=reader.optional(
            "discharge_disposition", _coded("discharge_disposition", DISPOSITION_WORDS)
        ),
        attending_doctor=reader.optional("attending_doctor", _short("attending_doctor", 64)),
        admitting_clerk=reader.optional("admitting_clerk", _short("admitting_clerk", 64)),
        payment_method=reader.optional("payment_method", payment_word),
        course=reader.optional("course", _coded("course", COURSE_WORDS)),
    )
    if reader.issues:
        return None, tuple(reader.issues)
    issues = _contradictions(row, latest, zone)
    return (None, issues) if issues else (row, ())


def issue(code: str, column: str, message: str, remedy: str, message_zh: str, remedy_zh: str) -> Issue:
    """One issue of a cell."""
    return Issue(code, column, message, remedy, message_zh, remedy_zh)


def _contradictions(row: CensusRow, latest: datetime, zone: ZoneInfo) -> tuple[Issue, ...]:
    found = []
    if row.discharged_at is not None and row.discharged_at <= row.admitted_at:
        found.append(
            issue(
                "discharge_before_admission",
                "discharged_at",
                "is not after admitted_at",
                "correct one of the two times",
                "不晚于入院时间",
                "请更正入院或出院时间",
            )
        )
    for column, value in (("admitted_at", row.admitted_at), ("discharged_at", row.discharged_at), ("as_of", row.as_of)):
        if value is not None and value > latest:
            found.append(
                issue(
                    "in_the_future",
                    column,
                    "lies too far in the future",
                    "send it when it has happened, or correct the year",
                    "时间超出当前过多",
                    "请在发生后导入，或更正年份",
                )
            )
    if row.birth_date is not None and row.birth_date > (row.admitted_at + timedelta(days=1)).astimezone(zone).date():
        found.append(
            issue(
                "born_after_admission",
                "birth_date",
                "is after the admission",
                "correct the date of birth",
                "晚于入院时间",
                "请更正出生日期",
            )
        )
    return tuple(found)


def _number(column: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if _DAMAGED.match(text):
            raise InvalidInput(
                f"{text[:40]!r} was damaged by a spreadsheet",
                field=column,
                remedy="format the column as text before exporting",
                message_zh="编号被表格软件改成了科学计数",
                remedy_zh="导出前请将该列设为文本格式",
            )
        if not _NUMBER.match(text) or not text.isprintable():
            raise InvalidInput(
                f"{text[:40]!r} is not a number of a patient or stay",
                field=column,
                remedy="use up to 64 letters, digits, - and _ without blanks",
                message_zh="编号格式无效",
                remedy_zh="请使用不超过 64 位的字母、数字、- 和 _，不含空格",
            )
        return text

    return parse


def _bed(text: str) -> str:
    if len(text) > 64 or not text.isprintable():
        raise InvalidInput(
            "not a bed code: up to 64 printable characters",
            field="bed",
            remedy="use the hospital's bed code",
            message_zh="床位编码无效（不超过 64 个可见字符）",
            remedy_zh="请填写院方床位编码",
        )
    return text


def _coded(column: str, words: Mapping[str, str]) -> Callable[[str], str]:
    return _word(column, words, ", ".join(dict.fromkeys(words.values())))


def _short(column: str, longest: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if len(text) > longest:
            raise InvalidInput(
                f"longer than {longest} characters",
                field=column,
                remedy="send the code, or shorten it",
                message_zh=f"超过 {longest} 个字符",
                remedy_zh="请填写编码或缩短",
            )
        return text

    return parse


def _word(column: str, words: Mapping[str, str], allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        found = words.get(text.lower())
        if found is None:
            raise InvalidInput(
                f"{text[:40]!r} is not known",
                field=column,
                remedy=f"use one of: {allowed}",
                message_zh="取值无效",
                remedy_zh=f"可用取值：{allowed}",
            )
        return found

    return parse
