"""The real agent against the real server, over HTTP: the contract as both sides read it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from sqlmodel import select

from edge_agent.spool_report import list_frames, read_status
from service.platform.context import Context
from service.sightings.tables import Snapshot
from tests.builders import create_camera, create_device_token, create_facility, create_ward
from tests.edge_agent.conftest import jpeg, wait_for


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The whole application behind a real port."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, 20)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def test_a_folder_reaches_the_real_server_once_with_its_instants(
    address: str, context: Context, tmp_path: Path
) -> None:
    with context.database.transaction() as session:
        camera = create_camera(session, create_ward(session, create_facility(session)), "cam1")
        token, camera_id = create_device_token(session, camera), camera.id
    (tmp_path / "token").write_text(token)
    folder = tmp_path / "in"
    folder.mkdir()
    noon = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    expected = []
    for i in range(4):
        at, data = noon + timedelta(minutes=i), jpeg(i, (320, 240))
        (folder / f"cam1_{at:%Y%m%dT%H%M%SZ}.jpg").write_bytes(data)
        expected.append((i, at, hashlib.sha256(data).hexdigest()))
    (folder / f"cam1_{noon + timedelta(minutes=9):%Y%m%dT%H%M%SZ}.jpg").write_bytes(b"this is no picture")
    arguments = [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", address, "--camera", "cam1", "--until-empty"),
        *("--token-file", str(tmp_path / "token"), "--source", f"folder:{folder}", "--give-up-after", "20", "--spool"),
    ]
    for spool, counter in (("one.db", "delivered"), ("two.db", "duplicate")):  # the second has forgotten everything
        done = subprocess.run(
            [*arguments, str(tmp_path / spool)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 1, done.stderr
        assert "1 pictures were refused" in done.stderr
        assert read_status(tmp_path / spool)[0].counters[counter] == 4
        (refused,) = list_frames(tmp_path / spool, state="refused", camera=None, limit=9)
        assert (refused.sequence, refused.refused_status) == (4, 415)
        assert refused.last_error
    with context.database.reading() as session:
        rows = session.exec(select(Snapshot).where(Snapshot.camera_id == camera_id)).all()
        assert sorted((row.sequence, row.captured_at, row.sha256) for row in rows) == expected


def test_a_token_of_another_camera_pauses_and_loses_nothing(address: str, context: Context, tmp_path: Path) -> None:
    with context.database.transaction() as session:
        ward = create_ward(session, create_facility(session))
        create_camera(session, ward, "cam1")
        token = create_device_token(session, create_camera(session, ward, "cam2"))
    (tmp_path / "token").write_text(token)
    (tmp_path / "a.jpg").write_bytes(jpeg(1, (320, 240)))
    arguments = [
        *(sys.executable, "-m", "edge_agent", "camera", "--server", address, "--camera", "cam1", "--until-empty"),
        *("--token-file", str(tmp_path / "token"), "--source", f"folder:{tmp_path}", "--give-up-after", "2"),
        *("--spool", str(tmp_path / "s.db")),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "SENDING IS PAUSED" in done.stderr
    assert (read_status(tmp_path / "s.db")[0].waiting, read_status(tmp_path / "s.db")[0].refused) == (1, 0)
