"""All queries about who may."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from service.access.actor import Grant, Role
from service.access.tables import AccessToken, OneTimeLink, RoleGrant, UserAccount, UserSession


def user_by_name(session: Session, username: str) -> UserAccount | None:
    """The person with that user name."""
    return session.exec(select(UserAccount).where(UserAccount.username == username)).first()


def user_by_id(session: Session, user_id: str) -> UserAccount | None:
    """The person with that id."""
    return session.get(UserAccount, user_id)


def all_users(session: Session) -> tuple[UserAccount, ...]:
    """Everybody, by user name."""
    return tuple(session.exec(select(UserAccount).order_by(col(UserAccount.username))))


def grants_of(session: Session, user_id: str) -> tuple[Grant, ...]:
    """The roles of a person."""
    rows = session.exec(select(RoleGrant).where(RoleGrant.user_id == user_id).order_by(col(RoleGrant.id)))
    return tuple(Grant(Role(row.role), row.facility_id) for row in rows)


def ward_staff_grant(session: Session, user_id: str, facility_id: str) -> RoleGrant | None:
    """The person's role as ward staff at this very facility."""
    query = select(RoleGrant).where(
        RoleGrant.user_id == user_id, RoleGrant.facility_id == facility_id, RoleGrant.role == Role.WARD_STAFF.value
    )
    return session.exec(query).first()


def home_ward(session: Session, user_id: str, facility_id: str) -> str | None:
    """The ward on which the person works at the facility; None where none is on record."""
    grant = ward_staff_grant(session, user_id, facility_id)
    return grant.ward_id if grant is not None else None


def ward_staff_of(session: Session, facility_id: str) -> tuple[tuple[UserAccount, str | None], ...]:
    """The facility's ward staff by user name, each with the ward on record."""
    query = (
        select(UserAccount, RoleGrant.ward_id)
        .join(RoleGrant, col(RoleGrant.user_id) == col(UserAccount.id))
        .where(RoleGrant.facility_id == facility_id, RoleGrant.role == Role.WARD_STAFF.value)
        .order_by(col(UserAccount.username))
    )
    return tuple((user, ward_id) for user, ward_id in session.exec(query))


def live_session(session: Session, secret_hash: str, now: datetime) -> tuple[UserSession, UserAccount] | None:
    """The login that a cookie belongs to, while it is good and its person is active."""
    query = (
        select(UserSession, UserAccount)
        .join(UserAccount, col(UserAccount.id) == col(UserSession.user_id))
        .where(
            UserSession.secret_hash == secret_hash,
            col(UserSession.revoked_at).is_(None),
            col(UserSession.expires_at) > now,
            col(UserAccount.is_active).is_(True),
        )
    )
    row = session.exec(query).first()
    return (row[0], row[1]) if row else None


def session_by_id(session: Session, session_id: str) -> UserSession | None:
    """A login by its id."""
    return session.get(UserSession, session_id)


def sessions_of(session: Session, user_id: str) -> tuple[UserSession, ...]:
    """A person's logins that were not ended."""
    query = select(UserSession).where(UserSession.user_id == user_id, col(UserSession.revoked_at).is_(None))
    return tuple(session.exec(query))


def live_token(session: Session, secret_hash: str, now: datetime) -> AccessToken | None:
    """The token with that hash, while it is good."""
    query = select(AccessToken).where(
        AccessToken.secret_hash == secret_hash,
        col(AccessToken.revoked_at).is_(None),
        col(AccessToken.expires_at).is_(None) | (col(AccessToken.expires_at) > now),
    )
    return session.exec(query).first()


def tokens_at(session: Session, facility_id: str | None) -> tuple[AccessToken, ...]:
    """The tokens of a facility, or of all, newest last."""
    query = select(AccessToken).order_by(col(AccessToken.id))
    if facility_id is not None:
        query = query.where(AccessToken.facility_id == facility_id)
    return tuple(session.exec(query))


def token_by_id(session: Session, token_id: str) -> AccessToken | None:
    """A token by its id."""
    return session.get(AccessToken, token_id)


def link_for_update(session: Session, secret_hash: str) -> OneTimeLink | None:
    """The one-time link with that hash, locked so that two browsers cannot both use it."""
    return session.exec(select(OneTimeLink).where(OneTimeLink.secret_hash == secret_hash).with_for_update()).first()


def delete_ended(session: Session, before: datetime) -> None:
    """Deletes sessions and one-time links that ended before `before`."""
    session.execute(delete(UserSession).where(col(UserSession.expires_at) < before))
    session.execute(delete(OneTimeLink).where(col(OneTimeLink.expires_at) < before))
