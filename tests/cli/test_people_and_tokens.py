"""`wardwatch users`, `tokens`, `evidence`, `migrate`: on a real installation, through the real entry point."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from service.cli import main
from service.platform.context import Context
from service.platform.settings import Settings, get_settings
from service.worker import HOUSEKEEPING
from tests.builders import bearer, create_camera, create_facility, create_ward


@pytest.fixture
def command(context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    settings = context.settings
    for name in ("data_dir", "models_dir", "database_url"):
        if getattr(settings, name) is not None:
            monkeypatch.setenv(f"WARDWATCH_{name.upper()}", str(getattr(settings, name)))
    get_settings.cache_clear()
    yield Command(monkeypatch, capsys)
    get_settings.cache_clear()


class Command:
    """Runs `wardwatch` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.error = ""

    def __call__(self, *arguments: str, stdin: str = "", status: int = 0) -> str:
        self._monkeypatch.setattr(sys, "argv", ["wardwatch", *arguments])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, self.error = self._capsys.readouterr()
        assert (ended.value.code or 0) == status, out + self.error
        return out


def test_the_first_admin_comes_from_the_command_line(command: Command, client: TestClient) -> None:
    command("users", "add", "li.na", "--role", "admin", "--everywhere", "--password-stdin", stdin="a long password\n")
    answer = client.post("/api/v1/sessions", json={"username": "li.na", "password": "a long password"})
    assert answer.json()["grants"] == [{"role": "admin", "facility_id": None}]
    assert json.loads(command("users", "list", "--json"))[0]["roles"] == ["admin at all facilities"]


def test_ward_staff_have_a_ward_on_record(command: Command, context: Context) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1")
        for code in ("n1", "n2"):
            create_ward(session, facility, code=code)
        create_ward(session, create_facility(session, code="h2"), code="far")

    def roles() -> list[str]:
        return [role for person in json.loads(command("users", "list", "--json")) for role in person["roles"]]

    place = ("--facility", "h1")
    command("users", "add", "li.na", "--role", "ward_staff", *place, "--ward", "n1", "--link")
    assert roles() == ["ward_staff at h1 (ward n1)"]
    command("users", "ward", "li.na", *place, "--ward", "n2")
    assert roles() == ["ward_staff at h1 (ward n2)"]
    command("users", "ward", "li.na", *place, "--ward", "far", status=1)
    assert "no ward 'far'" in command.error
    command("users", "ward", "li.na", *place, status=1)
    assert "give --ward CODE or --none" in command.error
    command("users", "ward", "li.na", "--facility", "h2", "--ward", "far", status=1)
    assert "wardwatch users grant" in command.error
    command("users", "add", "chief", "--role", "admin", *place, "--ward", "n1", "--link", status=1)
    assert "only ward staff" in command.error
    command("users", "ward", "li.na", *place, "--none")
    assert roles() == ["ward_staff at h1"]


def test_a_role_needs_a_place(command: Command) -> None:
    command("users", "add", "li.na", "--link", status=1)
    assert command.error.strip() == (
        "wardwatch: facility: say where the role holds — give --facility CODE or --everywhere"
    )


def test_a_link_is_printed_once_and_logs_in_once(command: Command, client: TestClient) -> None:
    out = json.loads(command("users", "add", "li.na", "--everywhere", "--link", "--json"))
    path = out["link"].removeprefix("http://127.0.0.1:8765")
    assert client.post(path, follow_redirects=False).status_code == 303
    assert client.get("/api/v1/sessions/current").json()["name"] == "li.na"
    client.cookies.clear()
    assert client.post(path).status_code == 410


def test_putting_out_of_use_ends_sessions(command: Command, client: TestClient) -> None:
    command("users", "add", "li.na", "--everywhere", "--password-stdin", stdin="a long password\n")
    body = {"username": "li.na", "password": "a long password"}
    client.post("/api/v1/sessions", json=body)
    command("users", "disable", "li.na")
    assert client.get("/api/v1/sessions/current").status_code == 401
    command("users", "enable", "li.na")
    command("users", "password", "li.na", "--password-stdin", stdin="another password\n")
    assert client.post("/api/v1/sessions", json=body).status_code == 401


def test_a_cameras_token_has_a_cameras_scopes_and_ends_when_revoked(
    command: Command, client: TestClient, context: Context
) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session, code="h1")
        create_camera(session, create_ward(session, facility), code="c1")
    made = json.loads(command("tokens", "add", "box 7", "--facility", "h1", "--camera", "c1", "--json"))
    assert made["scopes"] == ["config:read", "snapshots:post"]
    assert client.get("/api/v1/sessions/current", headers=bearer(made["token"])).status_code == 200
    assert made["token"] not in command("tokens", "list", "--json")
    command("tokens", "revoke", made["id"])
    assert client.get("/api/v1/sessions/current", headers=bearer(made["token"])).status_code == 401


def test_a_name_that_does_not_exist_is_one_line_with_a_remedy(command: Command) -> None:
    command("tokens", "add", "box", "--facility", "nowhere", "--scope", "operate", status=1)
    assert "nowhere" in command.error
    assert len(command.error.strip().splitlines()) == 1


def test_the_ledger_is_verified_and_a_changed_entry_found(command: Command, context: Context) -> None:
    command("users", "add", "li.na", "--everywhere", "--link")
    assert json.loads(command("evidence", "verify", "--json"))["intact"] is True
    with context.database.transaction() as session:
        if context.database.is_sqlite:
            session.execute(text("DROP TRIGGER ledger_entry_no_update"))
        else:
            session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE ledger_entry SET actor = 'nobody' WHERE seq = 2"))
    assert json.loads(command("evidence", "verify", "--json", status=1))["broken_at"] == 2


def test_a_setting_that_is_wrong_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDWATCH_PORT", "99999")
    command("users", "list", status=1)
    assert command.error.startswith("wardwatch: setting WARDWATCH_PORT: ")
    named = command.error.split("`")[1]
    assert (Path(__file__).parents[2] / named).is_file(), named


def test_a_database_that_is_away_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDWATCH_DATABASE_URL", "postgresql+psycopg://secret:word@127.0.0.1:1/nothing")
    command("users", "list", status=1)
    assert "the database does not answer" in command.error
    assert "word" not in command.error.replace("wardwatch", "")


@pytest.mark.parametrize("address", ["bogus", "nosuch://x/y"])
def test_a_database_address_that_cannot_be_read_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("WARDWATCH_DATABASE_URL", address)
    command("users", "list", status=1)
    assert command.error.startswith("wardwatch: setting WARDWATCH_DATABASE_URL: ")
    assert "write postgresql+psycopg://" in command.error
    assert command.error.count("\n") == 1


def test_a_data_folder_that_cannot_be_made_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path / "file" / "data"))
    command("users", "list", status=1)
    assert command.error.startswith(f"wardwatch: {tmp_path / 'file'}")
    assert "WARDWATCH_DATA_DIR" in command.error
    assert command.error.count("\n") == 1


def test_at_a_terminal_the_remedy_is_a_command(command: Command, context: Context) -> None:
    command("messages", "ls", "--facility", "nowhere", status=1)
    assert (
        command.error == "wardwatch: facility: no facility 'nowhere' — `wardwatch facility list` lists the facilities\n"
    )
    with context.database.transaction() as session:
        create_facility(session, code="h1")
    command("users", "add", "li.na", "--everywhere", "--link")
    command("users", "ward", "li.na", "--facility", "h1", "--ward", "w9", status=1)
    assert command.error == "wardwatch: ward: no ward 'w9' — use a ward's code of the facility's layout\n"


def test_serve_without_models_says_what_to_do(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDWATCH_MODELS_DIR", "/nonexistent")
    command("serve", status=1)
    assert command.error.strip().endswith("run `wardwatch models fetch`")


def test_migrate_brings_up_to_date_and_checks(command: Command, settings: Settings) -> None:
    assert "version" in command("migrate")
    assert json.loads(command("migrate", "--check", "--json")) == {"differences": []}


def test_purge_does_what_the_server_does_every_hour(command: Command) -> None:
    assert json.loads(command("purge", "--json")) == {"purged": list(HOUSEKEEPING)}
    assert {"frames.purge", "access.purge", "heartbeats.purge"} <= set(HOUSEKEEPING)
