"""HTTP for every room: sessions for endpoints, problem details, languages, headers, and limits on bodies."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from sqlmodel import Session
from starlette.exceptions import HTTPException

from service.kit.errors import WardwatchError
from service.platform.context import Context
from service.platform.problems import (
    MEDIA_TYPE,
    Problem,
    problem_of,
    problem_of_status,
    problem_of_validation,
)

LANGUAGE_COOKIE = "wardwatch_language"

_log = logging.getLogger(__name__)
_QUALITY = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")


class ErrorPage(Protocol):
    """Draws a problem as a page for a browser."""

    def __call__(self, request: Request, problem: Problem) -> Response:
        """The page; its status is the problem's."""
        ...


def request_context(request: Request) -> Context:
    """The process's context, as the app holds it."""
    context = request.app.state.context
    if not isinstance(context, Context):
        raise RuntimeError("the app was not started: no context")
    return context


ContextDep = Annotated[Context, Depends(request_context)]


def _read_session(context: ContextDep) -> Iterator[Session]:
    with context.database.reading() as session:
        yield session


def _write_session(context: ContextDep) -> Iterator[Session]:
    with context.database.transaction() as session:
        yield session


ReadSession = Annotated[Session, Depends(_read_session, scope="function")]
# "function": the commit happens before the answer is sent, so that what was promised is on the disk.
WriteSession = Annotated[Session, Depends(_write_session, scope="function")]


def language(request: Request) -> str:
    """The reader's language, "zh" or "en": `?lang=`, the cookie, Accept-Language, then the setting."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in ("en", "zh"):
            return asked
    context = getattr(request.app.state, "context", None)
    default = context.settings.language if isinstance(context, Context) else "en"
    return _accepted_language(request.headers.get("accept-language", "")[:500]) or default


def _accepted_language(header: str) -> str | None:
    best, best_weight = None, 0.0
    for part in header.split(","):
        tag, _, parameters = part.strip().lower().partition(";")
        match = _QUALITY.search(parameters)
        weight = float(match.group(1)) if match else 1.0
        primary = tag.split("-")[0]
        if primary in ("en", "zh") and weight > best_weight:
            best, best_weight = primary, weight
    return best


def wants_page(request: Request) -> bool:
    """Whether the caller is a browser that asked for a page."""
    path = request.url.path
    return not path.startswith(("/api/", "/fhir/")) and "text/html" in request.headers.get("accept", "")


def request_id(request: Request) -> str:
    """The id of this request, as in the `X-Request-Id` header and the log."""
    return str(getattr(request.state, "request_id", ""))


def problem_response(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The problem as a page for a browser, else as `application/problem+json`."""
    sent = dict(headers or {})
    if problem.retry_after is not None:
        sent["Retry-After"] = str(problem.retry_after)
    if wants_page(request):
        page: ErrorPage | None = getattr(request.app.state, "error_page", None)
        response = page(request, problem) if page else _plain_page(problem)
        response.headers.update(sent)
        return response
    body = problem.body(instance=request.url.path, request_id=request_id(request))
    return JSONResponse(body, problem.status, sent, media_type=MEDIA_TYPE)


def _plain_page(problem: Problem) -> Response:
    title, detail, remedy = (html.escape(text) for text in (problem.title, problem.detail, problem.remedy))
    return HTMLResponse(
        f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><p>{detail}</p><p>{remedy}</p>",
        problem.status,
    )


async def _on_wardwatch_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, WardwatchError):
        raise error
    if error.status >= 500:
        _log.error("request failed", extra={"code": error.code, "request_id": request_id(request)}, exc_info=error)
    headers = error.extra.get("headers")
    return problem_response(
        request, problem_of(error, language(request)), headers if isinstance(headers, dict) else None
    )


async def _on_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem_response(request, problem_of_validation(error.errors(), language(request)))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail = error.detail if isinstance(error.detail, str) else ""
    problem = problem_of_status(error.status_code, detail, language(request))
    return problem_response(request, problem, dict(error.headers) if error.headers else None)


def unexpected_problem(request: Request) -> Response:
    """The answer when our own code failed: nothing of the cause, only the id under which the log has it."""
    chinese = language(request) == "zh"
    detail = "错误已记录" if chinese else "the error is in the server's log"
    problem = problem_of_status(500, f"{detail}: {request_id(request)}", "zh" if chinese else "en")
    return problem_response(request, problem)


Handler = Callable[[Request, Exception], Awaitable[Response]]


def install_problem_handlers(app: FastAPI, *, error_page: ErrorPage | None = None) -> None:
    """Has every error of `app` answered as a problem; `error_page` draws those that a browser sees."""
    app.state.error_page = error_page
    handlers: dict[Any, Handler] = {
        WardwatchError: _on_wardwatch_error,
        RequestValidationError: _on_validation_error,
        HTTPException: _on_http_exception,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
