"""Logging in and out: passwords, one-time links, and the server-side sessions behind a cookie."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlmodel import Session

from service import ledger
from service.access import repository
from service.access.actor import NOBODY, Actor
from service.access.attempts import AttemptLimit
from service.access.device_repository import forget_nonces
from service.access.errors import LinkSpent, TooManyAttempts, WrongCredentials
from service.access.passwords import hash_password, needs_rehash, password_matches
from service.access.tables import OneTimeLink, UserAccount, UserSession
from service.platform import metrics
from service.platform.context import Context
from service.platform.crypto import hash_secret, new_secret
from service.platform.database import Database

MAX_FAILURES = 10
LOCK = timedelta(minutes=15)
LINK_LIFE = timedelta(hours=24)
_FORGET_AFTER = timedelta(days=30)


class _Limits:
    """Beside the lock kept with the account: names that do not exist must not answer differently from those that do,
    and one address must not try many names."""

    def __init__(self) -> None:
        self.by_name = AttemptLimit(MAX_FAILURES, LOCK)
        self.by_address = AttemptLimit(5 * MAX_FAILURES, LOCK)


_limits: WeakKeyDictionary[Database, _Limits] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class NewSession:
    """A login just made. `secret` goes into the cookie and is kept nowhere."""

    secret: str = field(repr=False)
    csrf_token: str = field(repr=False)
    expires_at: datetime
    actor: Actor


def log_in(context: Context, username: str, password: str, *, address: str = "") -> NewSession:
    """Checks a password and opens a session. Raises `WrongCredentials`, `TooManyAttempts`.

    Ten failures in a row lock a name for fifteen minutes, whether or not it exists.
    """
    name, now = username.strip().lower()[:64], context.clock.now()
    with context.database.reading() as session:
        user = repository.user_by_name(session, name)
    _refuse_locked(_limits_of(context), user, name, address, now)
    if user is None or not password_matches(password, user.password_hash) or not user.is_active:
        if user is None:
            password_matches(password, None)
        _count_failure(context, user, name, address, now)
        raise WrongCredentials("user name and password do not match", remedy="check both and try again")
    _limits_of(context).by_name.forget(name)
    with context.database.transaction() as session:
        account = session.get_one(UserAccount, user.id)
        account.failed_logins, account.locked_until = 0, None
        if needs_rehash(account.password_hash):
            account.password_hash = hash_password(password)
        opened = open_session(context, session, account, how="password")
    metrics.logins_total.labels("done").inc()
    return opened


def open_session(context: Context, session: Session, user: UserAccount, *, how: str) -> NewSession:
    """Opens a session for a person who has shown who they are (`how`: password, link)."""
    now, secret = context.clock.now(), new_secret()
    row = UserSession(
        user_id=user.id,
        secret_hash=hash_secret(secret),
        csrf_token=new_secret(),
        created_at=now,
        expires_at=now + timedelta(hours=context.settings.session_hours),
    )
    session.add(row)
    session.flush()
    actor = actor_of(session, row, user)
    _record(session, actor, "session.open", now, how=how)
    return NewSession(secret, row.csrf_token, row.expires_at, actor)


def log_out(session: Session, actor: Actor, now: datetime) -> None:
    """Ends the session that `actor` came with."""
    row = repository.session_by_id(session, actor.session_id)
    if row is not None and row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
        _record(session, actor, "session.end", now)


def new_link(session: Session, user: UserAccount, *, actor: str, now: datetime, life: timedelta = LINK_LIFE) -> str:
    """The secret of a link that logs `user` in once, within `life`."""
    secret = new_secret()
    session.add(OneTimeLink(user_id=user.id, secret_hash=hash_secret(secret), expires_at=now + life))
    session.flush()
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action="link.make",
        object_kind="user",
        object_id=user.id,
        details={"username": user.username},
    )
    return secret


def link_is_good(session: Session, secret: str, now: datetime) -> bool:
    """Whether a one-time link can still be used."""
    link = repository.link_for_update(session, hash_secret(secret))
    return link is not None and link.used_at is None and link.expires_at > now


def use_link(context: Context, secret: str) -> NewSession:
    """Logs in whoever holds a one-time link. Raises `LinkSpent`."""
    now = context.clock.now()
    with context.database.transaction() as session:
        link = repository.link_for_update(session, hash_secret(secret))
        if link is None or link.used_at is not None or link.expires_at <= now:
            raise LinkSpent(
                "the link was used or has expired",
                remedy="make another with `wardwatch users link`",
                message_zh="链接已被使用或已过期",
                remedy_zh="请用 `wardwatch users link` 重新生成",
            )
        user = repository.user_by_id(session, link.user_id)
        if user is None or not user.is_active:
            raise LinkSpent("the account is not in use", remedy="ask an administrator")
        link.used_at = now
        session.add(link)
        return open_session(context, session, user, how="link")


def purge_job(context: Context, _payload: dict[str, Any]) -> None:
    """Forgets sessions and links that ended a month ago; the ledger keeps that there were logins."""
    with context.database.transaction() as session:
        repository.delete_ended(session, context.clock.now() - _FORGET_AFTER)
        forget_nonces(session, context.clock.now())


def actor_of_cookie(context: Context, secret: str) -> Actor:
    """Whose cookie this is; `NOBODY` when the session is over."""
    with context.database.reading() as session:
        found = repository.live_session(session, hash_secret(secret), context.clock.now())
        return actor_of(session, *found) if found else NOBODY


def actor_of(session: Session, row: UserSession, user: UserAccount) -> Actor:
    """The person as an actor, with their roles of this moment."""
    return Actor(
        kind="user",
        id=user.id,
        name=user.username,
        grants=repository.grants_of(session, user.id),
        session_id=row.id,
        csrf_token=row.csrf_token,
    )


def _limits_of(context: Context) -> _Limits:
    return _limits.setdefault(context.database, _Limits())


def _refuse_locked(limits: _Limits, user: UserAccount | None, name: str, address: str, now: datetime) -> None:
    until = [at for at in (limits.by_name.locked_until(name, now), limits.by_address.locked_until(address, now)) if at]
    if user is not None and user.locked_until is not None and user.locked_until > now:
        until.append(user.locked_until)
    if until:
        metrics.logins_total.labels("locked").inc()
        seconds = max(1, int((max(until) - now).total_seconds()))
        raise TooManyAttempts(
            "too many failed logins",
            remedy=f"try again in {seconds // 60 + 1} minutes",
            message_zh="登录失败次数过多",
            remedy_zh=f"请在 {seconds // 60 + 1} 分钟后重试",
            retry_after=seconds,
        )


def _count_failure(context: Context, user: UserAccount | None, name: str, address: str, now: datetime) -> None:
    metrics.logins_total.labels("refused").inc()
    limits = _limits_of(context)
    limits.by_name.fail(name, now)
    if address:
        limits.by_address.fail(address, now)
    if user is None:
        return
    # In its own transaction: the request ends in an error and would take the count with it.
    with context.database.transaction() as session:
        account = session.get_one(UserAccount, user.id, with_for_update=True)
        account.failed_logins += 1
        locked = account.failed_logins >= MAX_FAILURES
        if locked:
            account.failed_logins, account.locked_until = 0, now + LOCK
        ledger.append(
            session,
            clock_now=now,
            kind="audit",
            actor="nobody",
            action="session.locked" if locked else "session.refused",
            object_kind="user",
            object_id=account.id,
        )


def _record(session: Session, actor: Actor, action: str, now: datetime, **details: str) -> None:
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=action,
        object_kind="session",
        object_id=actor.session_id,
        details=details,
    )
