"""Whatever is posted: accepted, or refused with a problem. Never a failure, and nothing left behind."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.platform.tables import Job
from service.sightings import Snapshot
from service.worker import handlers
from tests import builders
from tests.fuzz import EXAMPLES
from tests.fuzz.corpus import JPEG, READ, REFUSED, UNREADABLE
from tests.screening.chain import Hospital, build

bounded = settings(
    max_examples=max(10, EXAMPLES // 3),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
EVERY = REFUSED | UNREADABLE
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


@dataclass(frozen=True)
class Outcome:
    """What became of an upload. `told`: the problem's code, or the state that the API gives; `cause`: the code in the
    table; `beds`: what each bed is said to be, with why."""

    status: int
    told: str
    cause: str | None = None
    beds: tuple[tuple[str, str | None], ...] = ()


TWO_BEDS = (("unobserved", "undecodable"),) * 2


def outcomes(client: TestClient, context: Context, hospital: Hospital, token: str, files: Mapping[str, bytes]) -> Any:
    """Of each file, posted minute by minute and read by the worker's own job with the installation's models."""
    answers = {}
    for number, (name, data) in enumerate(files.items()):
        taken = f"2026-03-02T{8 + number // 60:02}:{number % 60:02}:00+08:00"
        answers[name] = post(client, token, data, meta(hospital, sequence=number, captured_at=taken))
        is_answered(answers[name], context)
    JobRunner(context, handlers(), 0).run_until_idle()
    with context.database.reading() as session:
        assert not session.exec(select(Job).where(Job.state == "failed")).all()
        rows = {row.id: row for row in session.exec(select(Snapshot))}
    found = {}
    for name, answer in answers.items():
        if answer.status_code != 202:
            assert answer.json()["remedy"], name
            found[name] = Outcome(answer.status_code, answer.json()["type"])
            continue
        number = answer.json()["snapshot_id"]
        told = client.get(f"/api/v1/snapshots/{number}", headers=builders.bearer(token)).json()
        beds = tuple((bed["state"], bed["cause"]) for bed in told["readings"])
        assert rows[number].state == told["state"]
        assert rows[number].view_cause == told["view"]["cause"]
        found[name] = Outcome(202, told["state"], rows[number].cause, beds)
    return found


def test_each_hostile_picture_comes_to_its_own_end(
    client: TestClient, context: Context, hospital: Hospital, token: str, models_dir: Path
) -> None:
    """Refused with its problem; or accepted, then unreadable with its code, and every bed unobserved, never empty."""
    found = outcomes(client, context, hospital, token, {name: data for name, (data, _) in EVERY.items()})
    refused = {name: Outcome(error.status, f"/problems/{error.code}") for name, (_, error) in REFUSED.items()}
    late = {name: Outcome(202, "unreadable", error.code, TWO_BEDS) for name, (_, error) in UNREADABLE.items()}
    assert found == refused | late


def test_odd_but_harmless_pictures_are_read(
    client: TestClient, context: Context, hospital: Hospital, token: str, models_dir: Path
) -> None:
    found = outcomes(client, context, hospital, token, READ)
    assert {(name, one.status, one.told, one.cause) for name, one in found.items()} == {
        (name, 202, "analysed", None) for name in READ
    }


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
