"""The catalogue of faces is found from any folder, in the project or beside an installed wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from service.cli import scenarios
from service.cli.scenarios import SHARED, scenario_file
from service.kit.errors import InvalidInput


def test_it_is_found_wherever_the_command_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "faces" in scenario_file("faces.yaml").read_text(encoding="utf-8")


def test_an_installed_wheel_has_it_below_the_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "lib" / "service" / "cli"
    monkeypatch.setattr(scenarios, "__file__", str(installed / "scenarios.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(InvalidInput) as caught:
        scenario_file("faces.yaml")
    assert "faces.yaml is neither in" in caught.value.message
    assert "install wardwatch again" in caught.value.remedy
    (tmp_path / SHARED).mkdir(parents=True)
    (tmp_path / SHARED / "faces.yaml").write_text("faces: {}\n")
    assert scenario_file("faces.yaml") == tmp_path / SHARED / "faces.yaml"
