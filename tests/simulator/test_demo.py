"""The whole way with the real server and the real agents: a night in one room, undisturbed, and with a server that is
killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import PACK, ROOT, SCENARIOS

pytestmark = [pytest.mark.e2e, pytest.mark.models]

# One room, two checks, four admissions: 8. Q3 is absent at both; Q2 is in imaging at 15:30; the other 5 are present.
EXPECTED_PRESENCE = {"absent -> absent_confirmed": 2, "off_ward -> off_ward": 1, "present -> present_verified": 5}


@pytest.fixture(autouse=True)
def _needs_models_and_pictures(pictures: Mapping[str, Path]) -> None:
    if not (PACK / "manifest.json").is_file():
        pytest.skip(f"NO MODEL PACK in {PACK}: run `wardwatch models fetch`; the demo is not tested")


def test_a_night_in_one_room_comes_out_as_the_scenario_says(tmp_path: Path) -> None:
    status, result, _ = _demo(tmp_path)

    assert status == 0, result
    assert result["problems"] == []
    assert [(found["admission_no"], found["rule"]) for found in result["findings"]] == [("B3", "phantom_admission")]
    assert result["presence"] == EXPECTED_PRESENCE
    assert result["pharmacies"]["holds"] is True
    assert len(result["pharmacies"]["visits"]) > 0
    assert result["late"] > 0  # the network was cut, and what was taken meanwhile came afterwards


def test_a_server_killed_in_the_middle_changes_no_number(tmp_path: Path) -> None:
    killed = threading.Event()

    def kill() -> None:
        """Kills the server once pictures have reached it."""
        folder = tmp_path / "demo" / "data"
        while not killed.is_set():
            blobs = sum(1 for path in folder.glob("**/*") if path.is_file())
            process = _server_of(folder)
            if blobs > 12 and process is not None:
                os.kill(process, signal.SIGKILL)
                killed.set()
            time.sleep(0.05)

    watcher = threading.Thread(target=kill, daemon=True)
    watcher.start()
    status, result, errors = _demo(tmp_path)

    assert killed.is_set()
    assert "it is started again" in errors
    assert status == 0, result
    assert result["presence"] == EXPECTED_PRESENCE
    assert [(found["admission_no"], found["rule"]) for found in result["findings"]] == [("B3", "phantom_admission")]


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("ten years of work", encoding="utf-8")

    status, result, errors = _demo(tmp_path)

    assert status == 1
    assert result == {}
    assert "no demo made" in errors
    assert (tmp_path / "demo" / "thesis.txt").exists()


def _demo(tmp_path: Path) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-c", "from service.cli import main; main()", "demo", "--exit", "--json"]
    options = ["--scenario", str(SCENARIOS / "one-night.yaml"), "--folder", str(tmp_path / "demo"), "--port", "0"]
    environment = os.environ | {"WARDWATCH_MODELS_DIR": str(PACK.parent)}
    ended = subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    result = json.loads(ended.stdout) if ended.stdout.strip() else {}
    return ended.returncode, result, ended.stderr


def _server_of(data: Path) -> int | None:
    """The process whose data folder this is."""
    wanted = f"WARDWATCH_DATA_DIR={data}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0") and b"serve" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    return None
