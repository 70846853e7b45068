"""What systemd is given: it understands every line, keeps the service in, and finds the key where the guide puts it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNITS = {"wardwatch-edge@w1-cam1.service": "edge/wardwatch-edge@.service", "kiosk.service": "kiosk.service"}
EXPOSURE = 4.0
"""Of 10, as `systemd-analyze security` counts; up to 4 it says OK."""


def text_of(unit: str) -> str:
    return (ROOT / "deploy" / UNITS[unit]).read_text(encoding="utf-8")


def placed(unit: str, folder: Path) -> Path:
    """The unit, with programs that are here in place of those of an installation."""
    path = folder / unit
    path.write_text(re.sub(r"^(ExecStart\w*=)\S+", rf"\1{sys.executable}", text_of(unit), flags=re.MULTILINE))
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", sorted(UNITS))
def test_systemd_understands_the_unit(unit: str, tmp_path: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(placed(unit, tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    about_it = [line for line in (done.stdout + done.stderr).splitlines() if unit in line]
    assert (done.returncode, about_it) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_agents_unit_keeps_it_in(tmp_path: Path) -> None:
    path = placed("wardwatch-edge@w1-cam1.service", tmp_path)
    command = ["systemd-analyze", "security", "--offline=true", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE


def test_the_agent_can_write_neither_its_key_nor_its_installation() -> None:
    unit = text_of("wardwatch-edge@w1-cam1.service")
    guide = (ROOT / "docs" / "edge-agent.md").read_text(encoding="utf-8")
    key = re.search(r"--release-key (\S+)", unit)
    assert key is not None
    assert f"-m 0644 release.pub {key[1]}" in guide
    assert "User=wardwatch" in unit
    assert "ProtectSystem=strict" in unit
    writable = re.findall(r"^(?:ReadWritePaths|StateDirectory)=(.*)$", unit, re.MULTILINE)
    assert writable == ["wardwatch"]  # below /var/lib: neither /etc/wardwatch nor /opt/wardwatch
    assert re.search(r"--home /var/lib/wardwatch/", unit)


def test_what_the_guides_name_of_deploy_is_there_and_goes_along_without_a_network() -> None:
    named = set()
    for page in (ROOT / "docs").glob("*.md"):
        named |= set(re.findall(r"deploy/[\w./@-]*\w", page.read_text(encoding="utf-8")))
    assert "deploy/edge/wardwatch-edge@.service" in named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert 'cp -R deploy "$bundle/deploy"' in (ROOT / "deploy/bundle/build.sh").read_text(encoding="utf-8")
