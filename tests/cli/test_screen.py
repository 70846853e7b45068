"""`wardwatch screen`: a stay's story in both languages, also of a stay without a finding; two versions compared."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from service.cli import screen as command
from service.cli.program import app
from tests.screening.ward_days import FOLDER, Ward, read


@pytest.fixture(scope="module")
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def ward(context, monkeypatch) -> Ward:
    played = Ward(context, read(FOLDER / "14-gone-and-charged.yaml"))
    played.play()

    class Opened:
        def __enter__(self):
            return context

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(command, "installation", Opened)
    return played


def test_screen_lists_tells_and_compares(runner, ward):
    facility = ["--facility", ward.facility.code]
    listed = json.loads(runner.invoke(app, ["screen", *facility, "--json"]).stdout)
    assert {row["rule"] for row in listed if row["state"] == "raised"} == {"phantom_admission", "stay_after_absence"}
    table = runner.invoke(app, ["screen", *facility, "--language", "zh"]).stdout
    assert "状态" in table
    assert "待处理" in table
    assert "raised" not in table
    told = runner.invoke(app, ["screen", *facility, "--explain", "A1"])
    assert told.exit_code == 0
    assert "2026-03-02 16:00  Check: two people looked" in told.stdout  # local time
    assert "phantom_admission 1, raised" in told.stdout
    chinese = runner.invoke(app, ["screen", *facility, "--explain", "A1", "--language", "zh"]).stdout
    assert "住院号 A1" in chinese
    assert "确认患者不在院" in chinese
    assert "[phantom_admission 1, 待处理]" in chinese
    compared = ["screen", *facility, "--compare", "phantom_admission@1", "phantom_admission@2", "--json"]
    document = json.loads(runner.invoke(app, compared).stdout)
    assert (document["both"], document["only_first"], document["only_second"]) == (0, 1, 0)


def test_a_stay_without_a_finding_has_a_story_too(runner, context, monkeypatch):
    played = Ward(context, read(FOLDER / "01-leave.yaml"))
    played.play()

    class Opened:
        def __enter__(self):
            return context

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(command, "installation", Opened)
    told = runner.invoke(app, ["screen", "--facility", played.facility.code, "--explain", "A3"])
    assert told.exit_code == 0
    assert "On leave until 2026-03-02 19:40 at the latest; signed 2026-03-02 11:00." in told.stdout
    assert "There is no finding about this stay." in told.stdout
    missing = runner.invoke(app, ["screen", "--facility", played.facility.code, "--explain", "nobody"])
    assert missing.exit_code != 0
