"""An agent before a server one version older, one version newer, and one that is updated while it runs."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlmodel import select

from edge_agent.agent import Agent
from edge_agent.dialect import Dialect, unknown_fields
from edge_agent.settings import AgentSettings
from edge_agent.spool import DropOldest, Spool
from edge_agent.spool_report import read_status
from edge_agent.spool_schema import VERSION
from service.contracts import DeviceConfig, HeartbeatAccepted, SnapshotAccepted, chain_gaps, read_message
from service.kit.intervals import Interval
from service.platform.context import Context
from service.sightings import statement_gaps
from service.sightings.device_tables import SnapshotStatement
from service.sightings.tables import Snapshot
from tests.builders import create_camera, create_facility, create_ward
from tests.devices import pair_device
from tests.edge_agent.conftest import jpeg, wait_for
from tests.edge_agent.older_server import OldServer

Serve = Callable[[FastAPI, int], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves an application at a port (0: any) in the place of whatever was served before."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def stop() -> None:
        for server, thread in running:
            server.should_exit = True
            thread.join(30)
        running.clear()

    def start(app: FastAPI, port: int) -> int:
        stop()
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        wait_for(lambda: server.started, 60)
        return int(server.servers[0].sockets[0].getsockname()[1])

    yield start
    stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Working:
    """An agent in a thread."""

    def __init__(self, settings: AgentSettings) -> None:
        self.agent = Agent(settings)
        self._thread = threading.Thread(target=self.agent.run)

    def __enter__(self) -> Working:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.agent.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


def _drop(folder: Path, number: int) -> str:
    """Put a picture before the lens; returns its SHA-256."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60 - number)
    data = jpeg(number * 40, (320, 240))
    pending = folder / f".{number}"
    pending.write_bytes(data)
    pending.rename(folder / f"cam1_{at:%Y%m%dT%H%M%SZ}.jpg")
    return hashlib.sha256(data).hexdigest()


def test_an_older_server_gets_pictures_and_after_its_update_their_statements(
    serve: Serve, app: FastAPI, context: Context, tmp_path: Path
) -> None:
    """The server is rolled back to a version that knew no statements, and later updated again, under the agent."""
    with context.database.transaction() as session:
        facility = create_facility(session)
        camera = create_camera(session, create_ward(session, facility), "cam1")
    pair_device(context, facility, camera=camera).save(tmp_path / "device.key")
    lens = tmp_path / "lens"
    lens.mkdir()
    older = OldServer()
    port = serve(older.app(), _free_port())
    settings = AgentSettings.model_validate(
        {
            "server": f"http://127.0.0.1:{port}",
            "key": tmp_path / "device.key",
            "camera": "cam1",
            "source": f"folder:{lens}",
            "spool": tmp_path / "s.db",
            "follow": True,
            "heartbeat": 0.2,
            "config_every": 0.2,
            "retry_max": 0.5,
        }
    )
    with Working(settings) as working:
        sums = [_drop(lens, number) for number in range(3)]
        wait_for(lambda: len(older.pictures) == 3 and len(older.beats) >= 2, 60)
        assert [hashlib.sha256(data).hexdigest() for _, data in sorted(older.pictures.items())] == sums
        status = read_status(tmp_path / "s.db")[0]
        assert (status.waiting, status.refused, status.counters["delivered"]) == (0, 0, 3)
        # Each field was refused once, not with every picture: 2 of the meta, at most 3 of the heartbeat.
        assert older.refusals <= 5
        # What that server took is carried over to the new one, as by a restored database.
        _carry_over(context, camera.id, facility.id, older)
        serve(app, port)
        sums.append(_drop(lens, 3))
        wait_for(lambda: len(_statements(context)) == 4, 90)
        wait_for(lambda: working.agent is not None and _owed(tmp_path / "s.db") == 0, 30)
    assert {row.statement["sha256"] for row in _statements(context)} == set(sums)
    with context.database.reading() as session:
        now = datetime.now(UTC)
        assert statement_gaps(session, camera.id, Interval(now - timedelta(days=1), now + timedelta(days=1))) == ()


def _owed(spool: Path) -> int:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(spool)) as connection:
        return int(connection.execute("SELECT count(*) FROM owed").fetchone()[0])


def _statements(context: Context) -> list[SnapshotStatement]:
    with context.database.reading() as session:
        return list(session.exec(select(SnapshotStatement)).all())


def _carry_over(context: Context, camera_id: str, facility_id: str, older: OldServer) -> None:
    with context.database.transaction() as session:
        for sequence, data in older.pictures.items():
            session.add(
                Snapshot(
                    facility_id=facility_id,
                    camera_id=camera_id,
                    sequence=sequence,
                    sha256=hashlib.sha256(data).hexdigest(),
                    media_type="image/jpeg",
                    byte_count=len(data),
                    captured_at=datetime.now(UTC) - timedelta(seconds=60 - sequence),
                    received_at=datetime.now(UTC),
                )
            )


def test_a_newer_servers_answers_are_read_without_what_is_new_in_them(
    serve: Serve, app: FastAPI, context: Context, tmp_path: Path
) -> None:
    """Every JSON answer of the real server gains fields, at its top and in what lies below."""

    @app.middleware("http")
    async def newer(request: Request, call_next: Callable[..., object]) -> Response:
        response = await call_next(request)  # type: ignore[misc]
        body = b"".join([part async for part in response.body_iterator])
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        if "json" in headers.get("content-type", "") and body:
            body = json.dumps(_grown(json.loads(body))).encode()
        return Response(body, response.status_code, headers)

    with context.database.transaction() as session:
        facility = create_facility(session)
        camera = create_camera(session, create_ward(session, facility), "cam1", cadence_seconds=77)
    pair_device(context, facility, camera=camera).save(tmp_path / "device.key")
    lens = tmp_path / "lens"
    lens.mkdir()
    port = serve(app, 0)
    settings = AgentSettings.model_validate(
        {
            "server": f"http://127.0.0.1:{port}",
            "key": tmp_path / "device.key",
            "camera": "cam1",
            "source": f"folder:{lens}",
            "spool": tmp_path / "s.db",
            "follow": True,
            "heartbeat": 0.2,
            "config_every": 0.2,
        }
    )
    with Working(settings):
        _drop(lens, 0)
        wait_for(lambda: len(_statements(context)) == 1, 60)
        wait_for(lambda: "77" in read_status(tmp_path / "s.db")[0].schedule, 30)
        assert read_status(tmp_path / "s.db")[0].server == "heard"


def _grown(value: object) -> object:
    if isinstance(value, dict):
        return {"from_a_later_version": {"a": [1]}, **{key: _grown(each) for key, each in value.items()}}
    return [_grown(each) for each in value] if isinstance(value, list) else value


def test_answers_of_an_older_server_are_read_with_defaults_for_what_is_missing() -> None:
    camera = {"camera_id": "1", "code": "c", "facility_code": "h", "ward_code": "w"}
    config = read_message(DeviceConfig, json.dumps({"version": "1", "cadence_seconds": 300, "camera": camera}))
    assert (config.updates, config.accepts, config.roll_calls, config.jitter_seconds) == ((), (), (), 0.0)
    assert read_message(HeartbeatAccepted, '{"server_time": "2026-03-02T08:00:00Z"}').nonce == ""
    assert read_message(SnapshotAccepted, '{"snapshot_id": "1", "duplicate": false}').snapshot_id == "1"


def test_only_optional_fields_are_ever_left_out() -> None:
    dialect = Dialect()
    refusal = {
        "errors": [
            {"field": f"meta.{name}", "message": "Extra inputs are not permitted"} for name in ("camera_id", "x")
        ]
    }
    assert not dialect.learn("meta", 422, json.dumps(refusal).encode())
    other = {"field": "meta.statement", "detail": "its signature does not hold"}
    assert not dialect.learn("meta", 422, json.dumps(other).encode())
    unknown = {"field": "meta.statement", "detail": "Extra inputs are not permitted"}
    assert not dialect.learn("meta", 500, json.dumps(unknown).encode())
    assert dialect.learn("meta", 422, json.dumps(unknown).encode())
    assert not dialect.learn("meta", 422, json.dumps(unknown).encode())  # no endless circle
    assert dialect.without("meta") == {"statement"}
    dialect.hear(["statement"])
    assert dialect.without("meta") == frozenset()
    for junk in (b"", b"[]", b"{", b'{"errors": 3}', b'{"errors": [3]}', b"[" * 100_000):
        assert unknown_fields(junk) == frozenset()


def test_an_agent_that_is_rolled_back_opens_the_spool_of_the_newer_one(tmp_path: Path) -> None:
    """The layout's number is what the agent before this one knows; what came since is beside it."""
    assert VERSION == 2
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20)) as spool:
        assert spool.owed() == ()
    assert chain_gaps(()) == ()
