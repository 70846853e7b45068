"""What can be wrong with an admission or with a file of admissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.kit.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from service.admissions.issue import Issue


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


class MessageRefused(InvalidInput):
    """A message that is not taken. `field` is the place at fault, as the sender's standard names it (PV1-3).

    `lasting`: the same message will never do (HL7: AR). Otherwise it may do later, and can be replayed (AE).
    """

    code = "message-refused"
    title_en = "The message is refused"
    title_zh = "消息被拒绝"

    @classmethod
    def at(
        cls,
        where: str,
        message: str,
        remedy: str,
        message_zh: str,
        remedy_zh: str,
        *,
        code: int = 101,
        lasting: bool = True,
    ) -> MessageRefused:
        """A refusal at `where`; `code` is of HL7 table 0357 (101: a required field is missing)."""
        return cls(
            message,
            remedy=remedy,
            field=where,
            message_zh=message_zh,
            remedy_zh=remedy_zh,
            hl7_code=code,
            lasting=lasting,
        )

    @property
    def lasting(self) -> bool:
        """Whether sending the same again cannot help."""
        return bool(self.extra.get("lasting", True))

    @property
    def hl7_code(self) -> int:
        """The error's number in HL7 table 0357."""
        number = self.extra.get("hl7_code", 207)
        return number if isinstance(number, int) else 207

    @property
    def chinese(self) -> str:
        """What and remedy in Chinese, on one line."""
        parts = (str(self.extra.get(name) or "") for name in ("message_zh", "remedy_zh"))
        return "；".join(part for part in parts if part)


class RowRefused(Conflict):
    """A census row that contradicts what is recorded. It ends in the report, never at a caller."""

    code = "row-refused"
    title_en = "The row cannot be recorded"
    title_zh = "该行无法记录"

    def __init__(self, *issues: Issue) -> None:
        super().__init__(issues[0].message, remedy=issues[0].remedy, field=issues[0].column)
        self.issues = issues
