"""The installer's guide names every flag, command and counter there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from edge_agent.cli import app
from edge_agent.settings import AgentSettings

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "edge-agent.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [field.alias or name for name, field in AgentSettings.model_fields.items()])
def test_every_setting_is_in_the_guide_and_is_a_flag(name: str) -> None:
    flag = "--" + name.replace("_", "-")
    assert f"| `{flag}` |" in GUIDE
    flags = {option for parameter in typer.main.get_command(app).commands["camera"].params for option in parameter.opts}  # type: ignore[attr-defined]
    assert flag in flags


@pytest.mark.parametrize("command", ["camera", "status", "spool ls", "spool retry"])
def test_every_command_is_in_the_guide(command: str) -> None:
    assert f"wardwatch-edge {command}" in GUIDE


def test_every_counter_is_in_the_guide() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "edge_agent").rglob("*.py") if "kiosk" not in path.parts
    )
    named = set(re.findall(r'count\((?:connection, (?:self\.)?camera, )?"([a-z_.]+)"', code))
    named |= {f"ignored.{cause}" for cause in re.findall(r'(?:return|entry,) "([a-z_]+)", (?:f?"|str)', code)}
    named |= {"duplicate", "delivered", "dropped.oldest_waiting", "dropped.oldest_refused"}
    assert {"captured", "refused", "ignored.too_large", "ignored.unreadable", "camera_away"} <= named
    assert [name for name in sorted(named) if f"`{name}`" not in GUIDE] == []


def test_a_box_that_reads_its_pictures_gets_the_memory_that_the_guide_says_it_needs() -> None:
    guide = (ROOT / "docs" / "edge-matching.md").read_text(encoding="utf-8")
    needed = re.search(r"some (\d+) MiB of memory", guide)
    given = re.search(
        r"^MemoryMax=(\d+)G$", (ROOT / "deploy/edge/local-matching.conf").read_text("utf-8"), re.MULTILINE
    )
    assert needed
    assert given
    assert 1024 * int(given[1]) >= 1.5 * int(needed[1])
    assert "deploy/edge/local-matching.conf" in guide
    assert "deploy/edge/local-matching.conf" in GUIDE
