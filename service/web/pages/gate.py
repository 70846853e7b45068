"""Coming in and going out: password, one-time link, logging out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.access import (
    Actor,
    FormGuard,
    LinkSpent,
    NewSession,
    TooManyAttempts,
    WrongCredentials,
    allow,
    check_origin,
    clear_session_cookie,
    link_is_good,
    log_in,
    log_out,
    optional_actor,
    set_session_cookie,
    use_link,
)
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession, WriteSession, language
from service.platform.problems import problem_of
from service.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/login")
def show_login(request: Request, next: str = "/") -> Response:
    """The form. Whoever is logged in already goes on."""
    wanted = local_path(next)
    if optional_actor(request).is_known:
        return RedirectResponse(wanted, 303)
    return page(request, "login.html", failure="", next_path=wanted, username="")


@router.post("/login")
def do_login(
    request: Request,
    context: ContextDep,
    username: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Checks the password; on success the cookie and on to where the person wanted."""
    check_origin(request, context)
    address = request.client.host if request.client else ""
    try:
        opened = log_in(context, username, password, address=address)
    except (WrongCredentials, TooManyAttempts) as error:
        problem = problem_of(error, language(request))
        failure = ". ".join(text.rstrip(".。") for text in (problem.detail, problem.remedy) if text)
        return page(
            request,
            "login.html",
            status=problem.status,
            failure=failure,
            next_path=local_path(next),
            username=username,
        )
    return _enter(context, opened, local_path(next))


@router.get("/one-time/{secret}")
def show_one_time(request: Request, secret: str, context: ContextDep, session: ReadSession) -> Response:
    """Asks before the link is spent: mail scanners and chat previews follow links, and must not use them up."""
    if not link_is_good(session, secret, context.clock.now()):
        raise LinkSpent(
            "the link was used or has expired",
            remedy="ask for another one, or sign in with your password",
            message_zh="链接已被使用或已过期",
            remedy_zh="请索取新链接，或用密码登录",
        )
    return page(request, "one_time.html")


@router.post("/one-time/{secret}")
def use_one_time(request: Request, secret: str, context: ContextDep) -> Response:
    """Spends the link."""
    check_origin(request, context)
    return _enter(context, use_link(context, secret), "/")


@router.post("/logout", dependencies=[FormGuard])
def do_logout(actor: Annotated[Actor, allow()], session: WriteSession, context: ContextDep) -> Response:
    """Ends the session and shows the login."""
    log_out(session, actor, context.clock.now())
    response = RedirectResponse("/login", 303)
    clear_session_cookie(response, context)
    return response


def local_path(text: str) -> str:
    """`text` if it is a path on this server, else "/": a login must not send people to another site."""
    if not text.startswith("/") or text.startswith(("//", "/\\")) or any(ord(c) < 33 or c == "\\" for c in text):
        return "/"
    return "/" if text.startswith(("/login", "/one-time", "/logout")) else text


def _enter(context: Context, opened: NewSession, path: str) -> Response:
    response = RedirectResponse(path, 303)
    set_session_cookie(response, context, opened)
    return response
