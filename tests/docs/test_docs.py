"""The documents keep up with the product: every setting, rule, metric and command is written down, every link leads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from edge_agent.cli import app as edge_app
from service.cli.program import app as server_app
from service.platform import metrics
from service.platform.settings import Settings
from service.screening import RULES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/**/*.md")])


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def commands_of(app: typer.Typer, name: str) -> list[str]:
    """Every command line of an application, as its user types it."""
    found: list[str] = []

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for child_name, child in children.items():
                walk(child, f"{path} {child_name}")
        else:
            found.append(path)

    walk(get_command(app), name)
    return found


def metric_names() -> list[str]:
    """What the exposition names, once every room that counts something is loaded."""
    import service.app  # noqa: F401 - rooms register their metrics when they are imported

    return sorted({family.name for family in metrics.REGISTRY.collect()})


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_every_setting_is_documented(setting: str) -> None:
    assert f"`WARDWATCH_{setting.upper()}`" in text_of("docs/operators-guide.md")


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_every_setting_explains_itself(setting: str) -> None:
    field = Settings.model_fields[setting]
    assert field.title
    assert field.description


@pytest.mark.parametrize("command", commands_of(server_app, "wardwatch") + commands_of(edge_app, "wardwatch-edge"))
def test_every_command_is_documented(command: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    assert any(re.search(rf"{re.escape(command)}\b", page) for page in pages), f"{command} stands in no page"


@pytest.mark.parametrize("code", sorted(rule.code for rule in RULES))
def test_every_rule_is_documented(code: str) -> None:
    assert f"`{code}`" in text_of("docs/rules.md")


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}`" in text_of("docs/operators-guide.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = text_of("Makefile")
    for target in set(re.findall(r"^make ([a-z]+)", text_of("README.md"), re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
