"""Whatever is posted: accepted, or refused with a problem. Never a failure, and nothing left behind."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from service.platform.context import Context
from service.sightings import Snapshot
from tests import builders
from tests.fuzz import EXAMPLES
from tests.fuzz.corpus import JPEG, READ, REFUSED
from tests.screening.chain import Hospital, build

bounded = settings(
    max_examples=max(10, EXAMPLES // 3),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def hospital(context: Context) -> Hospital:
    return build(context)


@pytest.fixture
def token(context: Context, hospital: Hospital) -> str:
    with context.database.transaction() as session:
        return builders.create_device_token(session, hospital.cameras[0])


def meta(hospital: Hospital, **changed: Any) -> str:
    body = {"camera_id": hospital.cameras[0].code, "captured_at": "2026-03-02T08:00:00+08:00", "sequence": 1}
    return json.dumps(body | changed)


def post(client: TestClient, token: str, data: bytes, message: str, name: str = "a.jpg") -> Any:
    return client.post(
        "/api/v1/snapshots",
        files={"image": (name, io.BytesIO(data), "image/jpeg")},
        data={"meta": message},
        headers=builders.bearer(token),
    )


def is_answered(answer: Any, context: Context) -> None:
    """An answer, and as many files as snapshots."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert problem["title"]
        assert problem["status"] == answer.status_code
    with context.database.reading() as session:
        kept = [row for row in session.exec(select(Snapshot)) if row.blob_key]
    assert len([path for path in context.blobs.root.rglob("*") if path.is_file()]) == len(kept)


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_pictures_are_refused_with_a_problem(
    client: TestClient, context: Context, hospital: Hospital, token: str, name: str
) -> None:
    answer = post(client, token, REFUSED[name][0], meta(hospital))
    is_answered(answer, context)
    if answer.status_code == 202:
        # What only decoding shows is found by the worker, and the picture says so of itself.
        hospital.work()
    else:
        assert answer.status_code in (413, 415, 422)
        assert answer.json()["remedy"]


@pytest.mark.parametrize("name", list(READ)[:4])
def test_odd_pictures_are_accepted(
    client: TestClient, context: Context, hospital: Hospital, token: str, name: str
) -> None:
    answer = post(client, token, READ[name], meta(hospital))
    assert answer.status_code == 202, answer.text


@bounded
@given(data=st.binary(max_size=3000), cut=st.floats(0, 1), whole=st.booleans())
def test_any_bytes_as_a_picture(
    client: TestClient, context: Context, hospital: Hospital, token: str, data: bytes, cut: float, whole: bool
) -> None:
    body = JPEG[: int(len(JPEG) * cut)] + data if whole else data
    is_answered(post(client, token, body, meta(hospital)), context)


@bounded
@given(changed=st.dictionaries(st.sampled_from(["camera_id", "captured_at", "sequence", "width", "x"]), json_values))
def test_any_values_in_the_message(
    client: TestClient, context: Context, hospital: Hospital, token: str, changed: dict[str, Any]
) -> None:
    is_answered(post(client, token, JPEG, meta(hospital, **changed)), context)


@bounded
@given(
    message=st.text(max_size=300), name=st.text(max_size=40).filter(lambda text: "\r" not in text and "\n" not in text)
)
def test_any_text_as_the_message(
    client: TestClient, context: Context, hospital: Hospital, token: str, message: str, name: str
) -> None:
    is_answered(post(client, token, JPEG, message, name), context)
