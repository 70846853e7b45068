"""What can be wrong with an admission or with a file of admissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.kit.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from service.admissions.delimited import Issue


class TableUnreadable(InvalidInput):
    """A delimited file of which no row can be read: its encoding, its size or its header."""

    code = "table-unreadable"
    title_en = "The table cannot be read"
    title_zh = "无法读取表格"


class StayConflict(Conflict):
    """A change that contradicts the recorded stay."""

    code = "stay-conflict"
    title_en = "In conflict with the recorded stay"
    title_zh = "与已记录的住院信息冲突"


class RowRefused(Conflict):
    """A census row that contradicts what is recorded. It ends in the report, never at a caller."""

    code = "row-refused"
    title_en = "The row cannot be recorded"
    title_zh = "该行无法记录"

    def __init__(self, *issues: Issue) -> None:
        super().__init__(issues[0].message, remedy=issues[0].remedy, field=issues[0].column)
        self.issues = issues
