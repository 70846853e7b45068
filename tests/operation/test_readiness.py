"""Health, readiness and metrics, with the real models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.operation import Readiness
from service.operation.readiness import database_takes_writes
from service.platform.context import Context


def test_alive_says_nothing_else(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.models
def test_ready_means_that_a_real_inference_ran(client: TestClient, models_dir: Path) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "probes": {"database": "ok", "disk": "ok", "inference": "ok"}}


def test_without_models_the_server_lives_and_is_not_ready(context: Context, tmp_path: Path) -> None:
    bare = replace(context, settings=context.settings.model_copy(update={"models_dir": tmp_path / "none"}))
    with TestClient(create_app(bare)) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["probes"] == {"database": "ok", "disk": "ok", "inference": "failed"}
    assert str(tmp_path) not in answer.text


@pytest.mark.models
def test_a_broken_model_file_is_noticed(context: Context, models_dir: Path, tmp_path: Path) -> None:
    pack = tmp_path / "models" / "wardwatch-default"
    pack.mkdir(parents=True)
    for path in (models_dir / "wardwatch-default").iterdir():
        data = path.read_bytes() if path.is_file() else b""
        (pack / path.name).write_bytes(data[: len(data) // 2] if path.name == "yunet.onnx" else data)
    broken = replace(context, settings=context.settings.model_copy(update={"models_dir": pack.parent}))
    results = {result.name: result.ok for result in Readiness(broken).check()}
    assert results["inference"] is False


def test_a_folder_that_cannot_be_written_is_not_ready(context: Context, tmp_path: Path) -> None:
    moved = context.settings.model_copy(update={"data_dir": tmp_path / "gone", "models_dir": tmp_path})
    results = {result.name: result.ok for result in Readiness(replace(context, settings=moved)).check()}
    assert results["disk"] is False


def test_the_probe_leaves_nothing_in_the_database(context: Context) -> None:
    from sqlmodel import select

    from service.platform.tables import Job

    database_takes_writes(context)
    with context.database.reading() as session:
        assert session.exec(select(Job)).all() == []
    assert not list(context.settings.data_dir.glob(".probe"))
