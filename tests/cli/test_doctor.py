"""`wardwatch doctor`: what it says on installations that need mending."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from service import ledger
from service.cli.checks import Finding, checkup
from service.platform.context import Context
from service.platform.settings import Settings


def _findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in checkup(settings)}


def _mend(settings: Settings) -> dict[str, str]:
    return {finding.name: finding.remedy for finding in checkup(settings) if not finding.ok}


@pytest.mark.models
def test_a_good_installation_has_nothing_to_mend(context: Context, models_dir: Path) -> None:
    assert _mend(context.settings) == {}


def test_without_models_it_says_fetch(settings: Settings, tmp_path: Path) -> None:
    bare = settings.model_copy(update={"models_dir": tmp_path})
    assert _mend(bare)["models"] == "wardwatch models fetch"


@pytest.mark.models
def test_a_changed_model_is_named(settings: Settings, models_dir: Path, tmp_path: Path) -> None:
    pack = tmp_path / "wardwatch-default"
    pack.mkdir()
    for path in (models_dir / "wardwatch-default").iterdir():
        if path.is_file():
            (pack / path.name).write_bytes(path.read_bytes() + (b"x" if path.name == "sface.onnx" else b""))
    finding = _findings(settings.model_copy(update={"models_dir": tmp_path}))["models"]
    assert not finding.ok
    assert "sface.onnx" in finding.detail
    assert finding.remedy


def test_a_passive_model_is_off_or_the_one_its_note_speaks_of(settings: Settings, tmp_path: Path) -> None:
    finding = _findings(settings)["passive liveness"]
    assert (finding.ok, finding.detail[:3]) == (True, "off")
    named = settings.model_copy(update={"passive_pad_pack": tmp_path})
    assert "passive.json" in _findings(named)["passive liveness"].detail
    assert not _findings(named)["passive liveness"].ok
    (tmp_path / "m.onnx").write_bytes(b"something else")
    note = {"file": "m.onnx", "sha256": "0" * 64, "side": 128, "context": 1.5, "colours": "rgb", "scale": 1.0}
    (tmp_path / "passive.json").write_text(json.dumps(note | {"live": 0, "threshold": 0.5}), encoding="utf-8")
    assert "m.onnx is not the file" in _findings(named)["passive liveness"].detail


def test_a_database_that_is_not_migrated_is_named(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    sqlite3.connect(path).close()
    assert _mend(settings.model_copy(update={"database_url": f"sqlite:///{path}"}))["database"] == "wardwatch migrate"


def test_a_database_that_is_away_does_not_stop_the_other_checks(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql+psycopg://x@127.0.0.1:1/x"})
    found = _findings(away)
    assert not found["database"].ok
    assert found["clock"].ok
    assert found["time zones"].ok


def test_a_key_that_others_can_read_is_named(context: Context) -> None:
    path = context.settings.data_dir / "keys" / "master-0001.key"
    path.chmod(0o644)
    assert _mend(context.settings)["keys"] == f"chmod 600 {path}"


def test_a_provider_that_is_not_there_is_named(settings: Settings) -> None:
    wanted = settings.model_copy(update={"providers": ("TensorrtExecutionProvider",)})
    assert "WARDWATCH_PROVIDERS" in _mend(wanted)["inference"]


def test_a_clock_behind_the_ledger_is_wrong(context: Context) -> None:
    with context.database.transaction() as session:
        later = context.clock.now() + timedelta(days=1)
        ledger.append(session, clock_now=later, kind="audit", actor="system", action="test")
    assert "NTP" in _mend(context.settings)["clock"]


def test_it_runs_where_opencv_cannot_be_loaded(settings: Settings, tmp_path: Path) -> None:
    """As on a machine without libGL: any import of cv2 fails, in a process of its own."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WARDWATCH_DATA_DIR": str(settings.data_dir)}
    run = [sys.executable, "-c", "from service.cli import main; main()"]
    doctor = subprocess.run([*run, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False)
    assert doctor.returncode == 1
    opencv = next(finding for finding in json.loads(doctor.stdout) if finding["name"] == "opencv")
    assert "libgl1" in opencv["remedy"]
    other = subprocess.run([*run, "users", "list"], env=environment, capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert other.stderr.strip() == (
        "wardwatch: libGL.so.1: cannot open shared object file — run `wardwatch doctor`: it says what is missing"
    )
