"""What the commands say to people, in both languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.aim import ADVICE
from edge_agent.frames import CapturedFrame
from edge_agent.spool import DropOldest, Spool
from edge_agent.words import CHINESE
from tests.conftest import ROOT
from tests.edge_agent.conftest import jpeg


def _said(spool: Path, language: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("LC_ALL", "LC_MESSAGES")}
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", "status", "--spool", str(spool)],
        cwd=ROOT,
        env=environment | {"LANG": language, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_status_is_told_in_the_terminals_language(tmp_path: Path) -> None:
    with Spool(tmp_path / "s.db", "cam1", DropOldest(1 << 20)) as spool:
        spool.put(CapturedFrame(jpeg(1), datetime(2026, 3, 2, tzinfo=UTC)))
    chinese, english = (_said(tmp_path / "s.db", language).stdout for language in ("zh_CN.UTF-8", "en_US.UTF-8"))
    assert "等待上传" in chinese
    assert "最早拍摄于 2026-03-02" in chinese
    assert "waiting" not in chinese
    assert "waiting" in english
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_an_error_has_a_title_in_chinese(tmp_path: Path) -> None:
    done = _said(tmp_path / "missing.db", "zh_CN.UTF-8")
    assert done.returncode == 1
    assert "缓存队列无法使用" in done.stderr


def test_every_advice_of_aiming_is_there_in_chinese() -> None:
    assert set(ADVICE.values()) <= CHINESE.keys()
