"""The base of every error that a person or a program outside may see."""

from __future__ import annotations

from typing import ClassVar


class WardwatchError(Exception):
    """Something a caller did, or met, that has a name, a status and a remedy.

    Subclasses set `code` (kebab-case, stable, the tail of the problem type), `status` (HTTP) and the two titles.
    `field` names the input at fault (a dotted path, a CSV column, a header); `remedy` says what to do about it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    title_en: ClassVar[str] = "The request cannot be served"
    title_zh: ClassVar[str] = "请求无法处理"

    def __init__(self, message: str, *, remedy: str = "", field: str | None = None, **extra: object) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.field = field
        self.extra = extra

    def title(self, language: str) -> str:
        """The error's title in `language` ("zh" or anything else for English)."""
        return self.title_zh if language.startswith("zh") else self.title_en

    def line(self) -> str:
        """One line for a terminal: what happened, and what to do."""
        where = f"{self.field}: " if self.field else ""
        remedy = f" — {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{remedy}"


class InvalidInput(WardwatchError):
    """A value from outside that does not meet its contract."""

    code = "invalid-input"
    status = 422
    title_en = "An input is not valid"
    title_zh = "输入无效"


class NotFound(WardwatchError):
    """The thing named does not exist, or the caller may not know that it does."""

    code = "not-found"
    status = 404
    title_en = "Not found"
    title_zh = "未找到"


class Conflict(WardwatchError):
    """The request contradicts what is already recorded."""

    code = "conflict"
    status = 409
    title_en = "In conflict with what is recorded"
    title_zh = "与已有记录冲突"
