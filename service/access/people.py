"""People: made by the command line, given roles, put out of use."""

from __future__ import annotations

import re
from datetime import datetime

from sqlmodel import Session

from service import ledger
from service.access import repository
from service.access.actor import Role
from service.access.passwords import hash_password
from service.access.tables import RoleGrant, UserAccount
from service.kit.errors import Conflict, InvalidInput, NotFound
from service.platform.crypto import new_secret

WARD_CHANGED = "user.ward"
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]\Z")


def add_user(session: Session, username: str, password: str | None, *, actor: str, now: datetime) -> UserAccount:
    """Adds a person. Without a password they can only come in by a one-time link. Raises `Conflict`, `InvalidInput`."""
    name = username.strip().lower()
    if not _USERNAME.match(name):
        raise InvalidInput(
            f"{username[:40]!r} cannot be a user name",
            field="username",
            remedy="use 2 to 64 of the characters a-z 0-9 . _ -",
        )
    if repository.user_by_name(session, name) is not None:
        raise Conflict(f"{name} exists already", field="username", remedy="choose another name")
    user = UserAccount(username=name, password_hash=hash_password(password or new_secret()), created_at=now)
    session.add(user)
    session.flush()
    _record(session, user, "user.add", actor, now)
    return user


def grant_role(
    session: Session, user: UserAccount, role: Role, facility_id: str | None, *, actor: str, now: datetime
) -> None:
    """Gives a person a role at a facility, or at all of them; nothing happens when they have it."""
    if any(grant == (role, facility_id) for grant in _held(session, user.id)):
        return
    session.add(RoleGrant(user_id=user.id, facility_id=facility_id, role=role.value))
    session.flush()
    _record(session, user, "user.grant", actor, now, facility_id=facility_id, role=role.value)


def assign_ward(
    session: Session, user: UserAccount, facility_id: str, ward_id: str | None, *, actor: str, now: datetime
) -> None:
    """Puts on record on which ward of a facility a person works; None takes it off the record.

    Whoever calls this has made sure that the ward is one of the facility's. Second looks go by it, so every change is
    in the ledger with what stood before. Raises `InvalidInput` for whoever is not ward staff there.
    """
    grant = repository.ward_staff_grant(session, user.id, facility_id)
    if grant is None:
        raise InvalidInput(
            f"{user.username} is not ward staff at this facility",
            field="ward",
            remedy="give the role first: wardwatch users grant NAME --role ward_staff --facility CODE",
            message_zh=f"{user.username} 不是该机构的病区人员",
            remedy_zh="请先授予该人员病区人员角色",
        )
    if grant.ward_id == ward_id:
        return
    before, grant.ward_id = grant.ward_id, ward_id
    session.add(grant)
    session.flush()
    _record(session, user, WARD_CHANGED, actor, now, facility_id=facility_id, ward=ward_id or "", before=before or "")


def ward_changes(session: Session, user_id: str, since: datetime) -> tuple[tuple[datetime, str | None], ...]:
    """When at `since` or later another ward was put on record for a person, with the one that stood before, if any."""
    noted = ledger.noted_since(session, WARD_CHANGED, since, user_id)
    return tuple((item.at, str(item.details.get("before") or "") or None) for item in noted)


def set_password(session: Session, user: UserAccount, password: str, *, actor: str, now: datetime) -> None:
    """Changes a password, ends the person's logins and lifts a lock."""
    user.password_hash = hash_password(password)
    user.failed_logins, user.locked_until = 0, None
    session.add(user)
    end_sessions(session, user, now)
    _record(session, user, "user.password", actor, now)


def set_active(session: Session, user: UserAccount, active: bool, *, actor: str, now: datetime) -> None:
    """Puts a person out of use, or back; out of use ends their logins."""
    user.is_active = active
    session.add(user)
    if not active:
        end_sessions(session, user, now)
    _record(session, user, "user.enable" if active else "user.disable", actor, now)


def end_sessions(session: Session, user: UserAccount, now: datetime) -> None:
    """Ends every login of a person."""
    for row in repository.sessions_of(session, user.id):
        row.revoked_at = now
        session.add(row)


def named_user(session: Session, username: str) -> UserAccount:
    """The person with that user name. Raises `NotFound`."""
    user = repository.user_by_name(session, username.strip().lower())
    if user is None:
        raise NotFound(f"no user {username[:40]!r}", field="username", remedy="see `wardwatch users list`")
    return user


def _held(session: Session, user_id: str) -> tuple[tuple[Role, str | None], ...]:
    return tuple((grant.role, grant.facility_id) for grant in repository.grants_of(session, user_id))


def _record(
    session: Session,
    user: UserAccount,
    action: str,
    actor: str,
    now: datetime,
    *,
    facility_id: str | None = None,
    **details: str,
) -> None:
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=action,
        object_kind="user",
        object_id=user.id,
        facility_id=facility_id,
        details={"username": user.username, **details},
    )
