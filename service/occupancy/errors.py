"""What can be wrong with an answer to a directed check."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class DirectedCheckClosed(WardwatchError):
    """The deadline has passed: what is found now answers another question."""

    code = "directed-check-closed"
    status = 409
    title_en = "The check's deadline has passed"
    title_zh = "核查期限已过"


class LookRefused(WardwatchError):
    """A look that cannot be recorded: by a program, at an impossible time, or against an earlier one."""

    code = "look-refused"
    status = 422
    title_en = "The look cannot be recorded"
    title_zh = "无法记录此次核查"


class PresenceBusy(WardwatchError):
    """Other recomputations of the same facility kept coming in between. The job is tried again."""

    code = "presence-busy"
    status = 503
    title_en = "Presence is being recomputed"
    title_zh = "在院状态正在重新计算"


class DrawSealed(WardwatchError):
    """The times of random roll calls that are still to come: nobody may see them."""

    code = "draw-sealed"
    status = 403
    title_en = "The draw is sealed"
    title_zh = "抽签结果尚未公开"


class HandheldRefused(WardwatchError):
    """A hand-held look without a good code, or with a picture that does not show what was claimed."""

    code = "handheld-refused"
    status = 422
    title_en = "The hand-held look cannot be recorded"
    title_zh = "无法记录手持核查"
