"""Errors as a browser sees them: what happened, what to do, and the id under which the log has it."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from service.access import NOBODY, Actor, LoginRequired, optional_actor
from service.kit.errors import WardwatchError
from service.platform.http import request_id
from service.platform.problems import Problem
from service.web.render import page


def error_page(request: Request, problem: Problem) -> Response:
    """The problem as a page. Whoever is not logged in is taken to the login and from there to where they wanted."""
    if problem.status == 401 and problem.code == LoginRequired.code and request.method == "GET":
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        query = "" if wanted == "/" else "?" + urlencode({"next": wanted})
        return RedirectResponse(f"/login{query}", 303)
    whoever, reference = _whoever(request), request_id(request)
    return page(request, "problem.html", whoever, status=problem.status, problem=problem, reference=reference)


def _whoever(request: Request) -> Actor:
    # Drawing an error must not fail for the reason it reports: a forged request, or a database that is gone.
    try:
        return optional_actor(request)
    except (WardwatchError, SQLAlchemyError):
        return NOBODY
