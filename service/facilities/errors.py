"""What can be wrong with a description of places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.kit.errors import Conflict, InvalidInput
from service.platform.problems import FieldError


@dataclass(frozen=True, slots=True)
class LayoutIssue:
    """One thing wrong in a layout. `path` is where it stands: `wards[0].cameras[1].zones[0].polygon`."""

    path: str
    message: str
    remedy: str


_SHOWN = 5


class LayoutInvalid(InvalidInput):
    """A layout that does not meet its contract; `issues` names every place at fault, so one round trip is enough."""

    code = "layout-invalid"
    title_en = "The layout is not valid"
    title_zh = "布局文件无效"

    def __init__(self, issues: Sequence[LayoutIssue]) -> None:
        first = issues[0]
        others = "; ".join(f"{issue.path}: {issue.message}" for issue in issues[1:_SHOWN])
        more = f"; and {len(issues) - _SHOWN} more" if len(issues) > _SHOWN else ""
        super().__init__(
            f"{first.message}{'; ' if others else ''}{others}{more}",
            remedy=first.remedy,
            field=first.path,
            message_zh=f"布局文件有 {len(issues)} 处错误。{first.path}: {first.message}",
            remedy_zh="请按所列路径更正后重新导入（键名见 docs/layout.md）",
            errors=[FieldError(issue.path, f"{issue.message}; {issue.remedy}") for issue in issues],
        )
        self.issues = tuple(issues)


class WatermarkRefused(Conflict):
    """The event clock of a facility cannot be moved like that."""

    code = "watermark-refused"
    title_en = "The facility's clock cannot be moved"
    title_zh = "无法移动该机构的时钟"
