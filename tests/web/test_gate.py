"""Coming in and going out by the pages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from service.access import COOKIE, new_link
from service.platform.context import Context
from service.web.pages.gate import local_path
from tests.builders import PASSWORD, create_facility, create_user

PAGE = {"Accept": "text/html"}
OWN = {**PAGE, "Origin": "http://testserver"}


@pytest.fixture
def person(context: Context) -> str:
    with context.database.transaction() as session:
        return create_user(session, role="viewer", facility=create_facility(session), username="li.na").username


def sign_in(client: TestClient, name: str, password: str = PASSWORD, **values: str) -> object:
    form = {"username": name, "password": password, **values}
    return client.post("/login", data=form, headers=OWN, follow_redirects=False)


def test_nobody_is_taken_to_the_login_and_from_there_to_the_page_wanted(client: TestClient, person: str) -> None:
    answer = client.get("/findings?state=all", headers=PAGE, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=%2Ffindings%3Fstate%3Dall"
    form = client.get(answer.headers["Location"], headers=PAGE)
    assert 'name="next" value="/findings?state=all"' in form.text
    answer = sign_in(client, person, next="/findings?state=all")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/findings?state=all")
    assert "httponly" in answer.headers["Set-Cookie"].lower()


def test_a_wrong_password_shows_the_form_again_and_says_why(client: TestClient, person: str) -> None:
    answer = sign_in(client, person, "wrong")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert f'value="{person}"' in answer.text
    assert "wrong" not in answer.text
    assert COOKIE not in client.cookies


def test_ten_failures_lock_the_name_and_the_page_says_for_how_long(client: TestClient, person: str) -> None:
    for _ in range(10):
        sign_in(client, person, "wrong")
    answer = sign_in(client, person)
    assert answer.status_code == 429
    assert "minutes" in answer.text


def test_a_login_from_another_site_is_refused(client: TestClient, person: str) -> None:
    answer = client.post(
        "/login",
        data={"username": person, "password": PASSWORD},
        headers={**PAGE, "Origin": "https://elsewhere.example"},
        follow_redirects=False,
    )
    assert answer.status_code == 403
    assert COOKIE not in client.cookies


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/wards/1?at=2", "/wards/1?at=2"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("/a\\b", "/"),
        ("/\t/elsewhere.example", "/"),
        ("", "/"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
    ],
)
def test_a_login_leads_only_to_our_own_pages(asked: str, given: str) -> None:
    assert local_path(asked) == given


def test_logging_out_needs_the_forms_token_and_ends_the_session(client: TestClient, person: str) -> None:
    sign_in(client, person)
    assert client.post("/logout", data={"csrf_token": "guessed"}, headers=OWN).status_code == 403
    page = client.get("/nowhere", headers=PAGE)
    assert page.status_code == 404
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    answer = client.post("/logout", data={"csrf_token": token.group(1)}, headers=OWN, follow_redirects=False)
    assert answer.headers["Location"] == "/login"
    assert client.get("/findings", headers=PAGE, follow_redirects=False).status_code == 303


def test_a_one_time_link_is_spent_by_the_button_not_by_looking(
    client: TestClient, context: Context, person: str
) -> None:
    from service.access.repository import user_by_name

    with context.database.transaction() as session:
        user = user_by_name(session, person)
        assert user is not None
        secret = new_link(session, user, actor="system", now=context.clock.now(), life=timedelta(hours=1))
    path = f"/one-time/{secret}"
    for _ in range(2):
        assert "<form" in client.get(path, headers=PAGE).text
    answer = client.post(path, headers=OWN, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert COOKIE in client.cookies
    client.cookies.clear()
    assert client.post(path, headers=OWN).status_code in (401, 410)
    gone = client.get(path, headers=PAGE)
    assert gone.status_code in (401, 410)
    assert "expired" in gone.text


def test_whoever_is_logged_in_skips_the_form(client: TestClient, person: str) -> None:
    sign_in(client, person)
    answer = client.get("/login?next=/findings", headers=PAGE, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/findings")


def test_language_follows_the_address_then_the_cookie_then_the_browser(client: TestClient) -> None:
    assert '<html lang="zh-CN">' in client.get("/login", headers={**PAGE, "Accept-Language": "zh-CN,en;q=.5"}).text
    chosen = client.get("/login?lang=zh&theme=dark", headers=PAGE)
    assert '<html lang="zh-CN" data-theme="dark">' in chosen.text
    assert '<html lang="zh-CN" data-theme="dark">' in client.get("/login", headers=PAGE).text
    assert '<html lang="en" data-theme="light">' in client.get("/login?lang=en&theme=light", headers=PAGE).text
    assert '<html lang="en"' in client.get("/login?lang=xx&theme=xx", headers=PAGE).text


def test_an_error_is_a_page_for_browsers_and_a_problem_for_programs(client: TestClient) -> None:
    page = client.get("/nowhere", headers={**PAGE, "Accept-Language": "zh"})
    assert page.status_code == 404
    assert "未找到" in page.text
    assert page.headers["X-Request-Id"] in page.text
    problem = client.get("/nowhere", headers={"Accept": "application/json"})
    assert problem.headers["Content-Type"] == "application/problem+json"
