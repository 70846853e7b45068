"""The container files are checked as far as that goes without an engine: by linters, and by what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize("name", ["Dockerfile", "deploy/edge/Dockerfile"])
def test_the_dockerfile_passes_its_linter(name: str) -> None:
    result = subprocess.run([BIN / "hadolint", ROOT / name], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_compose_file_meets_the_specification() -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    last = lines[lines.index(stages[-1]) :]
    assert any(line.startswith("USER 10001") for line in last)
    assert any(line.startswith("HEALTHCHECK") for line in last)


def test_the_server_needs_postgresql_only_in_its_profile() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert compose["services"]["database"]["profiles"] == ["postgres"]
    assert compose["services"]["server"]["depends_on"]["database"]["required"] is False
    assert "profiles" not in compose["services"]["server"]
