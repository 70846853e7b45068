"""The API of logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response

from service.access.actor import Actor
from service.access.errors import LoginRequired
from service.access.rules import allow, check_origin, clear_session_cookie, set_session_cookie
from service.access.schemas import Credentials, GrantOut, SessionOut, WhoAmI
from service.access.sessions import log_in, log_out
from service.platform.http import ContextDep, WriteSession

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.post("/sessions", status_code=201, summary="Log in")
def open_a_session(credentials: Credentials, request: Request, response: Response, context: ContextDep) -> SessionOut:
    """Checks a password and sets the session's cookie. Ten failures in a row lock a name for fifteen minutes."""
    check_origin(request, context)
    address = request.client.host if request.client else ""
    opened = log_in(context, credentials.username, credentials.password, address=address)
    set_session_cookie(response, context, opened)
    return SessionOut(
        username=opened.actor.name,
        csrf_token=opened.csrf_token,
        expires_at=opened.expires_at,
        grants=_grants(opened.actor),
    )


@router.get("/sessions/current", summary="Who am I")
def read_own_session(actor: Annotated[Actor, allow()]) -> WhoAmI:
    """Who sends this request, and what they may do where."""
    return WhoAmI(
        kind=actor.kind,
        name=actor.name,
        csrf_token=actor.csrf_token,
        grants=_grants(actor),
        scopes=sorted(scope.value for scope in actor.scopes),
        facility_id=actor.facility_id,
        camera_id=actor.camera_id,
    )


@router.delete("/sessions/current", status_code=204, summary="Log out")
def end_own_session(
    actor: Annotated[Actor, allow()], session: WriteSession, context: ContextDep, response: Response
) -> None:
    """Ends the session of the cookie sent."""
    if actor.kind != "user":
        raise LoginRequired("a token has no session", remedy="revoke it with `wardwatch tokens revoke`")
    log_out(session, actor, context.clock.now())
    clear_session_cookie(response, context)


def _grants(actor: Actor) -> list[GrantOut]:
    return [GrantOut(role=grant.role.value, facility_id=grant.facility_id) for grant in actor.grants]
