"""What a caller without the right to something is told."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class LoginRequired(WardwatchError):
    """Nobody is logged in, or the session or token is no longer good."""

    code = "login-required"
    status = 401
    title_en = "Log in first"
    title_zh = "请先登录"


class Forbidden(WardwatchError):
    """The caller is known and may not do this here."""

    code = "forbidden"
    status = 403
    title_en = "Not allowed"
    title_zh = "没有权限"


class WrongCredentials(WardwatchError):
    """No such name and password. Which of the two was wrong is not said."""

    code = "wrong-credentials"
    status = 401
    title_en = "The user name or password is wrong"
    title_zh = "用户名或密码错误"


class TooManyAttempts(WardwatchError):
    """Too many failed logins for a name or from an address."""

    code = "too-many-attempts"
    status = 429
    title_en = "Too many failed logins"
    title_zh = "登录失败次数过多"


class ForeignOrigin(WardwatchError):
    """A request with a browser's cookie that another site sent."""

    code = "foreign-origin"
    status = 403
    title_en = "The request came from another site"
    title_zh = "请求来自其他站点"


class LinkSpent(WardwatchError):
    """A one-time link that was used, has expired, or never was."""

    code = "link-spent"
    status = 410
    title_en = "The link is no longer good"
    title_zh = "链接已失效"
