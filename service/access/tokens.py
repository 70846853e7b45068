"""Tokens of programs and, until they sign, of devices: 256 random bits, shown once, kept as a hash."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from service import ledger
from service.access import repository
from service.access.actor import NOBODY, Actor, Permission
from service.access.tables import AccessToken
from service.kit.errors import InvalidInput, NotFound
from service.platform.context import Context
from service.platform.crypto import hash_secret, new_secret

# So that a leaked token is recognised by whoever (or whatever scanner) finds it.
PREFIX = "wwt_"


def new_token(
    session: Session,
    name: str,
    *,
    facility_id: str,
    scopes: Iterable[Permission],
    camera_id: str | None = None,
    life: timedelta | None = None,
    actor: str,
    now: datetime,
) -> tuple[AccessToken, str]:
    """Makes a token and returns its row and its secret. Raises `InvalidInput` for a token that may do nothing."""
    chosen = sorted({scope.value for scope in scopes})
    if not chosen:
        raise InvalidInput("a token needs a scope", field="scope", remedy=f"choose from {', '.join(Permission)}")
    if not name.strip() or len(name) > 90:
        raise InvalidInput("a token has a name of 1 to 90 characters", field="name", remedy="name what will use it")
    secret = PREFIX + new_secret()
    token = AccessToken(
        name=name.strip(),
        secret_hash=hash_secret(secret),
        facility_id=facility_id,
        camera_id=camera_id,
        scopes=list(chosen),
        created_at=now,
        expires_at=now + life if life else None,
    )
    session.add(token)
    session.flush()
    _record(session, token, "token.make", actor, now, scopes=chosen)
    return token, secret


def revoke_token(session: Session, token_id: str, *, actor: str, now: datetime) -> None:
    """Puts a token out of use. Raises `NotFound`."""
    token = repository.token_by_id(session, token_id)
    if token is None:
        raise NotFound(f"no token {token_id[:40]!r}", remedy="see `wardwatch tokens list`")
    if token.revoked_at is None:
        token.revoked_at = now
        session.add(token)
        session.flush()
        _record(session, token, "token.revoke", actor, now)


def actor_of_token(context: Context, secret: str) -> Actor:
    """Whose token this is; `NOBODY` when it is not good."""
    with context.database.reading() as session:
        token = repository.live_token(session, hash_secret(secret), context.clock.now())
    if token is None:
        return NOBODY
    known = {scope.value for scope in Permission}
    return Actor(
        kind="token",
        id=token.id,
        name=token.name,
        scopes=frozenset(Permission(scope) for scope in token.scopes if scope in known),
        facility_id=token.facility_id,
        camera_id=token.camera_id,
    )


def _record(
    session: Session, token: AccessToken, action: str, actor: str, now: datetime, scopes: list[str] | None = None
) -> None:
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=action,
        object_kind="token",
        object_id=token.id,
        facility_id=token.facility_id,
        details={"name": token.name} | ({"scopes": scopes} if scopes else {}),
    )
