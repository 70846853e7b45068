"""The README's first session with curl, run as it is printed, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    """The shell blocks of the first session, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    part = text.split("<!-- first-session:begin -->")[1].split("<!-- first-session:end -->")[0]
    return re.findall(r"```bash\n(.*?)```", part, re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout to stand in: the parts of this one that the session touches."""
    for name in ("fixtures", "models", ".venv"):
        target = ROOT / name if name != ".venv" else Path(sys.prefix)
        (tmp_path / name).symlink_to(target)
    return tmp_path


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """The server of the first block, on a free port; ended at the end."""
    number = free_port()
    script = blocks()[0].replace("8765", str(number)).replace("wardwatch serve", "exec wardwatch serve")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WARDWATCH_")}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            wait_until_ready(number, server, folder / "server.log")
            yield number
        finally:
            server.terminate()
            server.wait(timeout=60)


def wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(360):
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.mark.models
@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: the README's session is NOT proven")
def test_the_first_session_reads_as_promised(folder: Path, port: int) -> None:
    script = blocks()[1].replace("8765", str(port))
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr
    decoder, answers, rest = json.JSONDecoder(), [], result.stdout.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    census, enrolment, own, other = answers
    assert census["created"] == 1
    assert enrolment["accepted"] is True
    assert [r["state"] for r in own["readings"]] == ["patient"]
    assert next(r["state"] for r in other["readings"]) in {"other_person", "unidentified"}
