"""Tokens of programs and devices."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from service import access
from service.access import Permission
from service.access.tables import AccessToken
from service.kit.errors import InvalidInput, NotFound
from service.platform.context import Context
from tests.builders import EPOCH, bearer, create_camera, create_device_token, create_facility, create_token, create_ward


def test_a_token_says_who_it_is_and_is_kept_as_a_hash(client: TestClient, context: Context) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session)
        camera = create_camera(session, create_ward(session, facility))
        secret = create_device_token(session, camera)
    answer = client.get("/api/v1/sessions/current", headers=bearer(secret))
    assert answer.json() | {"name": ""} == {
        "kind": "token",
        "name": "",
        "csrf_token": "",
        "grants": [],
        "scopes": ["config:read", "snapshots:post"],
        "facility_id": facility.id,
        "camera_id": camera.id,
    }
    with context.database.reading() as session:
        assert secret not in repr(session.exec(select(AccessToken)).one())


def test_a_revoked_or_expired_token_is_nobody(client: TestClient, context: Context) -> None:
    now = context.clock.now()
    with context.database.transaction() as session:
        facility = create_facility(session)
        token, secret = access.new_token(
            session, "box", facility_id=facility.id, scopes=[Permission.OPERATE], actor="system", now=now
        )
        _, old = access.new_token(
            session,
            "old",
            facility_id=facility.id,
            scopes=[Permission.OPERATE],
            life=timedelta(days=1),
            actor="system",
            now=now - timedelta(days=1, seconds=1),
        )
    assert client.get("/metrics", headers=bearer(secret)).status_code == 200
    assert client.get("/metrics", headers=bearer(old)).status_code == 401
    with context.database.transaction() as session:
        access.revoke_token(session, token.id, actor="system", now=now)
    assert client.get("/metrics", headers=bearer(secret)).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer wrong", "Basic bGk6bmE=", "x"])
def test_an_authorization_that_is_not_good_is_nobody(client: TestClient, header: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_scope_that_is_missing_is_forbidden(client: TestClient, context: Context) -> None:
    with context.database.transaction() as session:
        secret = create_token(session, create_facility(session), [Permission.FINDINGS_READ])
    assert client.get("/metrics", headers=bearer(secret)).status_code == 403


def test_a_token_needs_a_scope_and_a_name(context: Context) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session)
    for name, scopes in (("box", []), (" ", [Permission.OPERATE])):
        with pytest.raises(InvalidInput), context.database.transaction() as session:
            access.new_token(session, name, facility_id=facility.id, scopes=scopes, actor="system", now=EPOCH)
    with pytest.raises(NotFound), context.database.transaction() as session:
        access.revoke_token(session, "0" * 32, actor="system", now=EPOCH)


def test_a_token_has_no_session_to_end(client: TestClient, context: Context) -> None:
    with context.database.transaction() as session:
        secret = create_token(session, create_facility(session), [Permission.FINDINGS_READ])
    assert client.delete("/api/v1/sessions/current", headers=bearer(secret)).status_code == 401
