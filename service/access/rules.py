"""The rule of each route: who may call it. A route without one is a defect that a test finds."""

from __future__ import annotations

import hmac
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response

from service.access.actor import NOBODY, Actor, Permission
from service.access.device_signatures import is_signed
from service.access.devices import actor_of_signature
from service.access.errors import Forbidden, ForeignOrigin, LoginRequired
from service.access.sessions import NewSession, actor_of_cookie
from service.access.tokens import actor_of_token
from service.platform.context import Context
from service.platform.http import ContextDep, request_context

COOKIE = "wardwatch_session"
CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# What anybody may call, by method and path. Everything else has an `allow(...)`.
PUBLIC_ROUTES: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/one-time/{secret}"),
        ("POST", "/one-time/{secret}"),
        ("POST", "/api/v1/sessions"),
        ("POST", "/api/v1/devices/pair"),
        ("GET", "/static/{path}"),
        # Public keys: whoever sells upon a token checks it with them.
        ("GET", "/api/v1/purchase-keys"),
    }
)


class Rule:
    """A dependency that names who may call a route, checks it, and gives the route its actor."""

    def __init__(self, permissions: tuple[Permission, ...]) -> None:
        self.permissions = permissions

    def __call__(self, request: Request, context: ContextDep) -> Actor:
        """The caller. Raises `LoginRequired`, `ForeignOrigin`, `Forbidden`."""
        actor = authenticate(request, context)
        if not actor.is_known:
            raise _login_required()
        if self.permissions and not any(actor.may(permission) for permission in self.permissions):
            names = ", ".join(permission.value for permission in self.permissions)
            raise Forbidden(
                f"this needs {names}",
                remedy="ask an administrator for the role, or use a token with the scope",
                message_zh=f"需要权限 {names}",
                remedy_zh="请向管理员申请角色，或使用具有该权限的令牌",
            )
        return actor


def allow(*permissions: Permission) -> Any:
    """The rule of a route, as `actor: Annotated[Actor, allow(Permission.FINDINGS_READ)]`.

    It lets in whoever has one of `permissions` somewhere; what they may see of it, the endpoint's queries decide with
    `actor.facilities(...)` and `actor.require(...)`. Without permissions: anybody who is logged in.
    """
    return Depends(Rule(permissions))


def authenticate(request: Request, context: Context) -> Actor:
    """Who sends the request: by its signature, its token, its cookie, else nobody.

    A token that is not good is nobody, whatever the cookie says: a program must notice. Raises `ForeignOrigin`, or a
    `SignatureRefused` for a signature that is not good.
    """
    if is_signed(request):
        return _signer(request, context)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return actor_of_token(context, secret.strip()) if scheme.lower() == "bearer" and secret else NOBODY
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return NOBODY
    actor = actor_of_cookie(context, cookie)
    if actor.is_known and request.method not in _SAFE_METHODS:
        _refuse_forgery(request, context, actor)
    return actor


def _signer(request: Request, context: Context) -> Actor:
    """The device that signed; asked twice in one request, it is verified once: its nonce is good only once."""
    known = getattr(request.state, "signer", None)
    if not isinstance(known, Actor):
        known = request.state.signer = actor_of_signature(context, request)
    return known


def optional_actor(request: Request) -> Actor:
    """Who sends the request, or `NOBODY`, for public routes that greet those who are logged in."""
    return authenticate(request, request_context(request))


def check_origin(request: Request, context: Context) -> bool:
    """Whether a browser says that the request comes from our own pages; False when it says nothing.

    Raises `ForeignOrigin` when it says that the request comes from elsewhere.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        if origin.rstrip("/") in _own_origins(request, context):
            return True
        raise _foreign("Origin")
    site = request.headers.get("sec-fetch-site")
    if site is None:
        return False
    if site in ("same-origin", "none"):
        return True
    raise _foreign("Sec-Fetch-Site")


def set_session_cookie(response: Response, context: Context, opened: NewSession) -> None:
    """Gives the browser the cookie of a session just opened."""
    response.set_cookie(
        COOKIE,
        opened.secret,
        max_age=context.settings.session_hours * 3600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_https(context),
    )


def clear_session_cookie(response: Response, context: Context) -> None:
    """Takes the cookie away."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=_is_https(context))


def _check_form(request: Request, context: ContextDep, csrf_token: Annotated[str, Form(max_length=200)] = "") -> None:
    actor = authenticate(request, context)
    if not actor.is_known:
        raise _login_required()
    if not actor.csrf_token or not hmac.compare_digest(csrf_token.encode(), actor.csrf_token.encode()):
        raise _foreign("csrf_token")


# A dependency for routes that take an HTML form: the field `csrf_token` must hold `actor.csrf_token`.
FormGuard = Depends(_check_form)


def _refuse_forgery(request: Request, context: Context, actor: Actor) -> None:
    own = check_origin(request, context)
    sent = request.headers.get(CSRF_HEADER)
    if sent is not None and hmac.compare_digest(sent.encode(), actor.csrf_token.encode()):
        return
    if sent is not None or not own:
        raise _foreign(CSRF_HEADER)


def _login_required() -> LoginRequired:
    return LoginRequired(
        "nobody is logged in",
        remedy="log in, or send a token as `Authorization: Bearer …`",
        message_zh="尚未登录",
        remedy_zh="请登录，或以 `Authorization: Bearer …` 发送令牌",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _foreign(what: str) -> ForeignOrigin:
    return ForeignOrigin(
        f"{what} does not belong to this server",
        remedy="reload the page and send it again; behind a proxy, check WARDWATCH_PUBLIC_ORIGIN",
        message_zh=f"{what} 与本服务器不符",
        remedy_zh="请刷新页面后重试；若经代理访问，请检查 WARDWATCH_PUBLIC_ORIGIN",
    )


def _own_origins(request: Request, context: Context) -> frozenset[str]:
    public = context.settings.public_origin
    if public:
        return frozenset({public.rstrip("/")})
    host = urlsplit(f"//{request.headers.get('host', '')}").netloc
    return frozenset({f"http://{host}", f"https://{host}"})


def _is_https(context: Context) -> bool:
    return (context.settings.public_origin or "").startswith("https://")
