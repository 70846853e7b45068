"""The table of a bulk enrolment: whose picture is which, what proves it, and whether consent was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from service.admissions import Issue, Line, parse_local_instant
from service.enrolment.reasons import Reason
from service.enrolment.templates import REFERENCES
from service.kit.errors import InvalidInput

Word = TypeVar("Word", bound=str)

REQUIRED = frozenset({"patient_no", "file"})
ALIASES: Mapping[str, str] = {
    **{
        name: name
        for name in (
            *REQUIRED,
            "reference",
            "consent",
            "consent_at",
            "consent_by",
            "document_ref",
            "effective_from",
        )
    },
    **dict.fromkeys(("患者编号", "病人编号", "患者号", "病人id", "患者id", "病案号"), "patient_no"),
    **dict.fromkeys(("照片", "文件", "文件名", "照片文件"), "file"),
    **dict.fromkeys(("证明方式", "底照来源", "核验方式"), "reference"),
    **dict.fromkeys(("同意", "同意书", "是否同意"), "consent"),
    **dict.fromkeys(("同意时间", "签署时间"), "consent_at"),
    **dict.fromkeys(("签署人", "同意人"), "consent_by"),
    **dict.fromkeys(("文书编号", "同意书编号"), "document_ref"),
    **dict.fromkeys(("生效时间",), "effective_from"),
}
_REFERENCE_WORDS = {
    **{name: name for name in REFERENCES},
    "身份证照片": "id_card_picture",
    "身份证": "id_card_picture",
    "电子凭证": "electronic_credential",
    "医保电子凭证": "electronic_credential",
    "双人核验": "two_persons",
    "两人": "two_persons",
    "未核实": "unproven",
}
_CONSENT_WORDS: dict[str, Literal["given", "refused"]] = {
    **dict.fromkeys(("given", "yes", "y", "true", "是", "同意", "已同意"), "given"),
    **dict.fromkeys(("refused", "no", "n", "false", "否", "拒绝", "不同意"), "refused"),
}
_BY_WORDS: dict[str, Literal["patient", "guardian"]] = {
    "patient": "patient",
    "guardian": "guardian",
    "本人": "patient",
    "患者": "patient",
    "监护人": "guardian",
}


@dataclass(frozen=True, slots=True)
class BulkEntry:
    """One row: a patient's picture (empty where consent was refused), its proof, and what the table says of consent."""

    line: int
    patient_no: str
    file: str
    reference: str
    consent: Literal["given", "refused"] | None
    consent_at: datetime | None
    consent_by: Literal["patient", "guardian"]
    document_ref: str
    effective_from: datetime | None


def read_entry(line: Line, zone: ZoneInfo, default_reference: str) -> BulkEntry | Reason:
    """The row, or the first reason why it cannot be used."""
    if line.issue is not None:
        return _of_issue(line.issue)
    cells = line.cells
    try:
        consent = _word(cells, "consent", _CONSENT_WORDS)
        entry = BulkEntry(
            line=line.number,
            patient_no=cells["patient_no"],
            file=cells["file"],
            reference=_word(cells, "reference", _REFERENCE_WORDS) or default_reference,
            consent=consent,
            consent_at=_instant(cells, "consent_at", zone),
            consent_by=_word(cells, "consent_by", _BY_WORDS) or "patient",
            document_ref=cells.get("document_ref", "")[:200],
            effective_from=_instant(cells, "effective_from", zone),
        )
        _check(entry)
    except InvalidInput as error:
        return _of_error(error)
    return entry


def _check(entry: BulkEntry) -> None:
    if not entry.patient_no:
        raise _wrong("patient_no", "is empty", "fill it in", "为空", "请填写")
    if not entry.file and entry.consent != "refused":
        raise _wrong("file", "is empty", "name the picture", "为空", "请填写照片文件名")
    if entry.consent is not None and entry.consent_at is None:
        raise _wrong("consent_at", "is empty", "give the time of signing", "为空", "请填写签署时间")


def _word(cells: Mapping[str, str], column: str, words: Mapping[str, Word]) -> Word | None:
    text = cells.get(column, "")
    if not text:
        return None
    found = words.get(text.lower())
    if found is None:
        allowed = ", ".join(sorted(set(words.values())))
        raise _wrong(
            column, f"{text[:40]!r} is not known", f"use one of: {allowed}", "取值无效", f"可用取值：{allowed}"
        )
    return found


def _instant(cells: Mapping[str, str], column: str, zone: ZoneInfo) -> datetime | None:
    text = cells.get(column, "")
    return parse_local_instant(text, zone, field=column) if text else None


def _wrong(column: str, message: str, remedy: str, message_zh: str, remedy_zh: str) -> InvalidInput:
    return InvalidInput(message, field=column, remedy=remedy, message_zh=message_zh, remedy_zh=remedy_zh)


def _of_error(error: InvalidInput) -> Reason:
    chinese = f"{error.field}：{error.extra.get('message_zh', '')}；{error.extra.get('remedy_zh', '')}"
    return Reason("row_invalid", error.line(), chinese)


def _of_issue(issue: Issue) -> Reason:
    english = f"{issue.column + ': ' if issue.column else ''}{issue.message} — {issue.remedy}"
    chinese = f"{issue.column + '：' if issue.column else ''}{issue.message_zh}；{issue.remedy_zh}"
    return Reason("row_invalid", english, chinese)
