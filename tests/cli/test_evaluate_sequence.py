"""`wardwatch evaluate sequence` as it is typed, on a play that is over after six pictures."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import evaluate_sequence
from service.cli.program import app
from service.cli.sequence_plays import Stage
from tests.vision.conftest import FOLDER, real_pack

__all__ = ["real_pack"]
pytestmark = pytest.mark.models
SCENARIOS = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The only stage: six pictures with faces of the installed photograph, and no lies."""
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.origin is not None
    picture = Path(spec.origin).parent / "data/images/t1.jpg"
    text = (SCENARIOS / "faces.yaml").read_text(encoding="utf-8")
    stage = Stage("row", 5, {"group-colour": picture}, text, ("f00", "f01", "f02", "f03"), count=6)
    monkeypatch.setattr(evaluate_sequence, "stages", lambda _seeds: [stage])
    monkeypatch.setattr(evaluate_sequence, "_variants", lambda _stage, _takes: iter(()))
    monkeypatch.setattr(evaluate_sequence, "LIES", {})
    monkeypatch.setattr(evaluate_sequence, "HONEST", ())
    return stage


@pytest.mark.usefixtures("real_pack")
def test_the_fused_probability_is_measured_against_the_truth(short: Stage) -> None:
    words = ["evaluate", "sequence", "--pack", str(FOLDER.resolve()), "--json"]
    result = CliRunner(env={"COLUMNS": "220"}).invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["probability"]
    truth = [bed.posture.occupied for scene in short.scenes() for bed in scene.beds]
    assert found["cases"] == len(truth) == 24
    assert found["share"] == pytest.approx(sum(truth) / 24)
    assert 0.0 <= found["brier"] < 0.25
    assert [band["low"] for band in found["bands"][1:]] == [band["high"] for band in found["bands"][:-1]]
    seen = [band["observed"] for band in found["bands"]]
    assert sum(band["trials"] for band in seen) == 24
    assert sum(band["hits"] for band in seen) == sum(truth)
    for band in found["bands"]:
        rate = band["observed"]
        assert rate["low"] <= (rate["value"] if rate["trials"] else 0.5) <= rate["high"]
        assert (band["stated"] is None) is (rate["trials"] == 0)
