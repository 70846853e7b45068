"""Problem details (RFC 9457): what a caller is told when something cannot be served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.kit.errors import WardwatchError

MEDIA_TYPE = "application/problem+json"

_BY_STATUS: dict[int, tuple[str, str, str]] = {
    400: ("bad-request", "The request cannot be read", "请求无法读取"),
    401: ("login-required", "Log in first", "请先登录"),
    403: ("forbidden", "Not allowed", "没有权限"),
    404: ("not-found", "Not found", "未找到"),
    405: ("method-not-allowed", "The method is not allowed here", "不允许使用此方法"),
    406: ("not-acceptable", "The format asked for is not offered", "不提供所请求的格式"),
    413: ("body-too-large", "The request is too large", "请求过大"),
    415: ("unsupported-media-type", "The media type is not supported", "不支持的媒体类型"),
    422: ("invalid-input", "An input is not valid", "输入无效"),
    429: ("too-many-requests", "Too many requests", "请求过于频繁"),
    500: ("internal", "Something went wrong here", "服务内部错误"),
    503: ("unavailable", "Not available at the moment", "暂时不可用"),
}


class BodyTooLarge(WardwatchError):
    """A request body above the limit of its route."""

    code = "body-too-large"
    status = 413
    title_en = "The request is too large"
    title_zh = "请求过大"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One input at fault: its dotted path and what is wrong with it. Never the value: it may name a person."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem ready to be written, in one language."""

    code: str
    title: str
    status: int
    detail: str
    remedy: str = ""
    field: str | None = None
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None

    def body(self, *, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the JSON object; empty ones are left out."""
        members: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
            "field": self.field,
            "errors": [{"field": error.field, "message": error.message} for error in self.errors],
            "instance": instance,
            "request_id": request_id,
        }
        return {name: value for name, value in members.items() if value not in ("", None, [])}


def problem_of(error: WardwatchError, language: str) -> Problem:
    """The problem an error of ours becomes. `message_zh` and `remedy_zh`, when given to it, serve Chinese readers."""
    chinese = language == "zh"
    detail = str(error.extra.get("message_zh") or error.message) if chinese else error.message
    remedy = str(error.extra.get("remedy_zh") or error.remedy) if chinese else error.remedy
    retry = error.extra.get("retry_after")
    listed = error.extra.get("errors")
    return Problem(
        code=error.code,
        title=error.title(language),
        status=error.status,
        detail=detail,
        remedy=remedy,
        field=error.field,
        errors=tuple(item for item in listed if isinstance(item, FieldError)) if isinstance(listed, list) else (),
        retry_after=int(retry) if isinstance(retry, int | float) else None,
    )


def problem_of_status(status: int, detail: str, language: str) -> Problem:
    """The problem for a status that a library chose."""
    code, english, chinese = _BY_STATUS.get(status, ("error", "The request cannot be served", "请求无法处理"))
    return Problem(code=code, title=chinese if language == "zh" else english, status=status, detail=detail)


def problem_of_validation(errors: Sequence[Any], language: str) -> Problem:
    """The problem for inputs that do not meet the route's contract: each is named."""
    found = tuple(FieldError(_path(error.get("loc", ())), str(error.get("msg", ""))) for error in errors)
    first = found[0] if found else FieldError("", "")
    more = f" (+{len(found) - 1})" if len(found) > 1 else ""
    code, english, chinese = _BY_STATUS[422]
    return Problem(
        code=code,
        title=chinese if language == "zh" else english,
        status=422,
        detail=f"{first.field}: {first.message}{more}",
        remedy="按 /api/openapi.json 更正所列字段"
        if language == "zh"
        else "mend the fields named, as in /api/openapi.json",
        field=first.field or None,
        errors=found,
    )


def _path(location: Sequence[Any]) -> str:
    # The first part says where FastAPI looked (body, query, path, header); a body's own fields need no such prefix.
    parts = [str(part) for part in location]
    return ".".join(parts[1:] if len(parts) > 1 else parts)
