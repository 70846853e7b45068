"""HTTP around every route: problems, languages, headers, limits, commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, File, Form, UploadFile
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from sqlmodel import select

from service.access import Role
from service.kit.errors import Conflict, InvalidInput
from service.platform.context import Context
from service.platform.http import ReadSession, WriteSession
from service.platform.jobs import enqueue
from service.platform.tables import Job
from tests.builders import EPOCH, browser, create_user

_trial = APIRouter()


class Body(BaseModel):
    name: str = Field(max_length=5)
    count: int = Field(ge=0)


@_trial.post("/trial/body")
def take_body(body: Body) -> dict[str, str]:
    return {"name": body.name}


@_trial.post("/trial/upload")
def take_upload(image: Annotated[UploadFile, File()], meta: Annotated[str, Form()]) -> dict[str, int]:
    return {"bytes": len(image.file.read()), "meta": len(meta)}


@_trial.post("/trial/write")
def write(session: WriteSession, fail: bool = False) -> dict[str, str]:
    enqueue(session, "note", {}, now=EPOCH)
    if fail:
        raise Conflict("it is there already", remedy="take another", message_zh="已存在", remedy_zh="请更换")
    return {}


@_trial.get("/trial/read")
def read(session: ReadSession) -> int:
    return len(session.exec(select(Job)).all())


@_trial.get("/trial/bug")
def bug() -> None:
    raise RuntimeError("patient P000001 has a secret")


@_trial.get("/trial/busy")
def busy() -> None:
    raise InvalidInput("the queue is full", field="image", remedy="keep it", retry_after=30)


@pytest.fixture
def trial(app: FastAPI) -> Iterator[TestClient]:
    app.include_router(_trial)
    with TestClient(app) as client:
        yield client


def test_an_error_of_ours_is_a_problem_with_its_remedy(trial: TestClient) -> None:
    answer = trial.post("/trial/write?fail=true")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/conflict",
        "title": "In conflict with what is recorded",
        "status": 409,
        "detail": "it is there already",
        "remedy": "take another",
        "instance": "/trial/write",
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "与已有记录冲突"),
        ("zh;q=0.4, en;q=0.9", "In conflict with what is recorded"),
        ("de", "In conflict with what is recorded"),
        ("en;q=0, zh;q=0.1", "与已有记录冲突"),
        (";;;q=x,,zh", "与已有记录冲突"),
    ],
)
def test_the_title_is_in_the_readers_language(trial: TestClient, header: str, title: str) -> None:
    answer = trial.post("/trial/write?fail=true", headers={"Accept-Language": header})
    assert answer.json()["title"] == title


def test_a_chosen_language_wins(trial: TestClient) -> None:
    answer = trial.post("/trial/write?fail=true&lang=zh", headers={"Accept-Language": "en"})
    assert (answer.json()["detail"], answer.json()["remedy"]) == ("已存在", "请更换")


def test_a_request_that_fails_writes_nothing_and_one_that_succeeds_has_written(trial: TestClient) -> None:
    trial.post("/trial/write?fail=true")
    assert trial.get("/trial/read").json() == 0
    trial.post("/trial/write")
    assert trial.get("/trial/read").json() == 1


def test_invalid_input_names_every_field_and_no_value(trial: TestClient) -> None:
    answer = trial.post("/trial/body", json={"name": "much too long", "count": -1})
    assert answer.status_code == 422
    problem = answer.json()
    assert [error["field"] for error in problem["errors"]] == ["name", "count"]
    assert problem["field"] == "name"
    assert "much too long" not in answer.text


def test_a_body_that_is_no_json_is_a_problem(trial: TestClient) -> None:
    answer = trial.post("/trial/body", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-input"


def test_a_bug_tells_nothing_but_the_id_under_which_it_is_logged(
    trial: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = trial.get("/trial/bug", headers={"X-Request-Id": "from-the-proxy-1"})
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "from-the-proxy-1" in answer.json()["detail"]
    assert "P000001" not in answer.text
    assert [record for record in caplog.records if record.exc_info]


def test_a_request_id_that_could_forge_a_log_line_is_replaced(trial: TestClient) -> None:
    answer = trial.get("/healthz", headers={"X-Request-Id": "x" * 300})
    assert len(answer.headers["x-request-id"]) == 32


def test_retry_after_is_sent(trial: TestClient) -> None:
    answer = trial.get("/trial/busy")
    assert answer.headers["retry-after"] == "30"
    assert answer.json()["field"] == "image"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/v1/nothing", 404), ("PUT", "/healthz", 405)])
def test_what_the_router_refuses_is_a_problem_too(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/healthz", "/api/v1/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers


def test_a_body_above_the_limit_is_refused_before_it_is_read(trial: TestClient) -> None:
    answer = trial.post("/trial/body", content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/body-too-large"
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/trial/body", "/trial/upload"])
def test_a_body_in_chunks_of_no_announced_length_is_stopped_at_the_limit(trial: TestClient, path: str) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(64):
            sent += 1
            yield b"x" * 65536

    kind = "multipart/form-data; boundary=b" if path.endswith("upload") else "application/json"
    answer = trial.post(path, content=chunks(), headers={"Content-Type": kind})
    assert answer.status_code == 413
    assert answer.json()["status"] == 413


def test_a_body_at_the_limit_is_taken(trial: TestClient) -> None:
    answer = trial.post("/trial/upload", files={"image": b"x" * (1024 * 1024 - 2000)}, data={"meta": "{}"})
    assert answer.json() == {"bytes": 1024 * 1024 - 2000, "meta": 2}


def test_metrics_count_routes_and_never_paths(app: FastAPI, context: Context, trial: TestClient) -> None:
    with context.database.transaction() as session:
        operator = create_user(session, role=Role.ADMIN, facility=None)
        enqueue(session, "note", {}, now=EPOCH)
    trial.get("/api/v1/patients/P424242/nothing")
    with browser(app, context, operator) as own:
        own.get("/healthz")
        text = own.get("/metrics").text
    assert 'route="/healthz"' in text
    assert "P424242" not in text
    assert 'wardwatch_jobs_queued{kind="note",state="queued"} 1.0' in text
