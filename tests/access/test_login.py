"""Logging in and out, by password and by link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from service import access, ledger
from service.access import COOKIE, LinkSpent, Role
from service.access.tables import OneTimeLink, UserAccount, UserSession
from service.app import create_app
from service.kit.errors import Conflict, InvalidInput
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from tests.builders import EPOCH, PASSWORD, browser, create_facility, create_user


class StillClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.at = EPOCH

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def context(context: Context, clock: StillClock) -> Context:
    return replace(context, clock=clock)


@pytest.fixture
def li_na(context: Context) -> UserAccount:
    with context.database.transaction() as session:
        return create_user(session, role=Role.VIEWER, facility=create_facility(session), username="li.na")


def _log_in(client: TestClient, password: str = PASSWORD, username: str = "li.na") -> int:
    return client.post("/api/v1/sessions", json={"username": username, "password": password}).status_code


def test_a_password_opens_a_session_and_logging_out_ends_it(client: TestClient, li_na: UserAccount) -> None:
    answer = client.post("/api/v1/sessions", json={"username": " Li.Na ", "password": PASSWORD})
    assert answer.status_code == 201
    assert [grant["role"] for grant in answer.json()["grants"]] == ["viewer"]
    assert client.get("/api/v1/sessions/current").json()["name"] == "li.na"
    secret = client.cookies[COOKIE]
    headers = {"X-CSRF-Token": answer.json()["csrf_token"]}
    assert client.delete("/api/v1/sessions/current", headers=headers).status_code == 204
    client.cookies.set(COOKIE, secret)
    assert client.get("/api/v1/sessions/current").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: TestClient, li_na: UserAccount) -> None:
    answer = client.post("/api/v1/sessions", json={"username": "li.na", "password": PASSWORD})
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} <= attributes
    assert "secure" not in attributes


def test_behind_tls_the_cookie_is_secure_and_browsers_are_told_to_stay(context: Context, li_na: UserAccount) -> None:
    public = context.settings.model_copy(update={"public_origin": "https://ward.example.org"})
    with TestClient(create_app(replace(context, settings=public))) as client:
        answer = client.post("/api/v1/sessions", json={"username": "li.na", "password": PASSWORD})
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]


def test_neither_cookie_nor_password_is_in_the_database(
    client: TestClient, context: Context, li_na: UserAccount
) -> None:
    _log_in(client)
    with context.database.reading() as session:
        row = session.exec(select(UserSession)).one()
        user = session.exec(select(UserAccount)).one()
    assert client.cookies[COOKIE] not in repr(row)
    assert user.password_hash.startswith("$argon2id$")


def test_a_session_ends_by_itself_and_with_its_person(
    client: TestClient, context: Context, clock: StillClock, li_na: UserAccount
) -> None:
    _log_in(client)
    clock.at += timedelta(hours=12)
    assert client.get("/api/v1/sessions/current").status_code == 401
    _log_in(client)
    assert client.get("/api/v1/sessions/current").status_code == 200
    with context.database.transaction() as session:
        user = session.get_one(UserAccount, li_na.id)
        access.set_active(session, user, False, actor="system", now=clock.at)
    assert client.get("/api/v1/sessions/current").status_code == 401
    assert _log_in(client) == 401


@pytest.mark.parametrize("username", ["li.na", "no.such.person"])
def test_ten_failures_lock_a_name_for_a_quarter_of_an_hour_whether_it_exists_or_not(
    client: TestClient, clock: StillClock, li_na: UserAccount, username: str
) -> None:
    assert [_log_in(client, "wrong password", username) for _ in range(11)] == [401] * 10 + [429]
    answer = client.post("/api/v1/sessions", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    clock.at += timedelta(minutes=15, seconds=1)
    assert _log_in(client, PASSWORD, username) == (201 if username == "li.na" else 401)


def test_the_lock_outlives_a_restart(context: Context, li_na: UserAccount) -> None:
    with TestClient(create_app(context)) as client:
        for _ in range(10):
            _log_in(client, "wrong password")
    from service.platform.context import open_context

    restarted = open_context(context.settings, context.clock)
    try:
        with TestClient(create_app(restarted)) as client:
            assert _log_in(client) == 429
    finally:
        restarted.close()


def test_wrong_name_and_wrong_password_get_the_same_answer(client: TestClient, li_na: UserAccount) -> None:
    answers = [
        client.post("/api/v1/sessions", json={"username": name, "password": "wrong password"}).json()
        for name in ("li.na", "nobody.here")
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]


def test_logins_are_in_the_ledger(client: TestClient, context: Context, li_na: UserAccount) -> None:
    _log_in(client, "wrong password")
    _log_in(client)
    with context.database.reading() as session:
        entries = session.exec(select(LedgerEntry).order_by("seq")).all()
        assert ledger.verify(session) is None
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("session.refused", "nobody"),
        ("session.open", "user:li.na"),
    ]


def test_a_login_that_another_site_sends_is_refused(client: TestClient, li_na: UserAccount) -> None:
    body = {"username": "li.na", "password": PASSWORD}
    assert client.post("/api/v1/sessions", json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/v1/sessions", json=body, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/api/v1/sessions", json=body, headers={"Origin": "http://testserver"}).status_code == 201


@pytest.fixture
def own(app: FastAPI, context: Context, li_na: UserAccount) -> Iterator[TestClient]:
    with browser(app, context, li_na) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://testserver"}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"X-CSRF-Token": "TOKEN"}, 204),
        ({}, 403),
        ({"Origin": "http://evil.example", "X-CSRF-Token": "TOKEN"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://testserver", "X-CSRF-Token": "wrong"}, 403),
    ],
)
def test_a_cookie_alone_changes_nothing(own: TestClient, headers: dict[str, str], status: int) -> None:
    token = own.headers["X-CSRF-Token"]
    del own.headers["X-CSRF-Token"], own.headers["Origin"]
    sent = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    assert own.delete("/api/v1/sessions/current", headers=sent).status_code == status


def test_a_one_time_link_logs_in_once_within_a_day(context: Context, clock: StillClock, li_na: UserAccount) -> None:
    with context.database.transaction() as session:
        user = session.get_one(UserAccount, li_na.id)
        used, late = (access.new_link(session, user, actor="system", now=clock.at) for _ in range(2))
    assert access.use_link(context, used).actor.name == "li.na"
    with pytest.raises(LinkSpent):
        access.use_link(context, used)
    clock.at += timedelta(hours=24)
    with pytest.raises(LinkSpent):
        access.use_link(context, late)
    with pytest.raises(LinkSpent):
        access.use_link(context, "never made")


def test_what_ended_a_month_ago_is_forgotten(context: Context, clock: StillClock, li_na: UserAccount) -> None:
    with context.database.transaction() as session:
        user = session.get_one(UserAccount, li_na.id)
        access.open_session(context, session, user, how="password")
        access.new_link(session, user, actor="system", now=clock.at)
    clock.at += timedelta(days=29)
    access.purge_job(context, {})
    with context.database.reading() as session:
        assert len(session.exec(select(UserSession)).all()) == 1
    clock.at += timedelta(days=3)
    access.purge_job(context, {})
    with context.database.reading() as session:
        assert session.exec(select(UserSession)).all() == []
        assert session.exec(select(OneTimeLink)).all() == []


@pytest.mark.parametrize("name", ["", "x", "Li Na", "-li", "李娜", "a" * 65, "li\nna"])
def test_a_user_name_that_is_none_is_refused(context: Context, name: str) -> None:
    with pytest.raises(InvalidInput), context.database.transaction() as session:
        access.add_user(session, name, PASSWORD, actor="system", now=EPOCH)


def test_a_name_is_given_once_and_a_short_password_not_at_all(context: Context, li_na: UserAccount) -> None:
    with pytest.raises(Conflict), context.database.transaction() as session:
        access.add_user(session, "LI.NA", PASSWORD, actor="system", now=EPOCH)
    with pytest.raises(InvalidInput, match="10"), context.database.transaction() as session:
        access.add_user(session, "wang.wei", "123456789", actor="system", now=EPOCH)


def test_a_new_password_ends_the_sessions(own: TestClient, context: Context, li_na: UserAccount) -> None:
    with context.database.transaction() as session:
        user = session.get_one(UserAccount, li_na.id)
        access.set_password(session, user, "another long password", actor="system", now=EPOCH)
    assert own.get("/api/v1/sessions/current").status_code == 401
