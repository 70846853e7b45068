"""Why a census row cannot be recorded, in both languages."""

from __future__ import annotations

from datetime import datetime

from service.admissions.census.rows import issue
from service.admissions.issue import Issue


def unknown_bed(code: str) -> Issue:
    """The facility has no such bed."""
    return issue(
        "unknown_bed",
        "bed",
        f"the facility has no bed {code[:64]!r}",
        "use the hospital_code of the layout, or add the bed to it",
        f"本机构没有床位 {code[:64]!r}",
        "请使用布局中的 hospital_code，或先添加该床位",
    )


def against_record(column: str, recorded: datetime) -> Issue:
    """The time contradicts what is recorded."""
    return issue(
        "against_record",
        column,
        f"contradicts a recorded transfer or discharge at {recorded.isoformat()}",
        "correct the time, or the transfer by API",
        f"与已记录的转床或出院时间 {recorded.isoformat()} 矛盾",
        "请更正时间，或通过接口更正转床记录",
    )


def older_than_record(recorded: datetime) -> Issue:
    """The file is older than the record."""
    return issue(
        "older_than_record",
        "as_of",
        f"a later transfer is recorded at {recorded.isoformat()}",
        "import files in the order of their time",
        f"已有更晚的转床记录（{recorded.isoformat()}）",
        "请按时间先后导入文件",
    )


def transfer_time_unknown() -> Issue:
    """The bed changed at an unknown time of a stay that is over."""
    return issue(
        "transfer_time_unknown",
        "as_of",
        "the bed differs from the recorded one and the stay is over: when was the transfer?",
        "give as_of, the time from which the patient was in this bed",
        "床位与记录不同且已出院，无法确定转床时间",
        "请在 as_of 列填写转入该床的时间",
    )


def other_patient() -> Issue:
    """The admission belongs to another patient."""
    return issue(
        "other_patient",
        "patient_no",
        "the admission is recorded for another patient",
        "correct the number; one admission never passes to another patient",
        "该住院号已登记给其他患者",
        "请更正编号；住院记录不能转给他人",
    )


def cancelled() -> Issue:
    """The admission was cancelled."""
    return issue(
        "cancelled",
        "admission_no",
        "the admission was cancelled",
        "use a new admission number",
        "该住院已被取消",
        "请使用新的住院号",
    )
