"""`wardwatch evaluate pad` as it is typed: on rendered bursts, and on a folder of somebody's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner, Result

from service.cli.program import app
from service.simulator.attacks import Attempt, Species, attack_burst
from service.simulator.heads import HeadCamera, Motion, genuine_burst
from service.simulator.surfaces import Pixels
from service.vision import Pack
from service.vision.liveness import pauses_for, turns_for
from service.vision.packs import PackError, fetch_test_pictures
from tests.rendered import library
from tests.vision.conftest import FOLDER, real_pack

__all__ = ["real_pack"]
pytestmark = pytest.mark.models
PACK = FOLDER.resolve()


def told(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "220"}).invoke(app, ["evaluate", "pad", "--pack", str(PACK), *words])


def write(folder: Path, shots: list[Pixels], nonce: str) -> None:
    """A burst as a kiosk would keep it: a turn .9 s after each arrow."""
    folder.mkdir(parents=True)
    for index, shot in enumerate(shots):
        cv2.imwrite(str(folder / f"{index:02d}.jpg"), shot)
    pauses, times = pauses_for(nonce), [0.0]
    for pause in pauses[1:]:
        times.append(times[-1] + pause + 0.9)
    note = {"turns": [turn.value for turn in turns_for(nonce)], "times": times, "pauses": pauses}
    (folder / "burst.json").write_text(json.dumps(note), encoding="utf-8")


def test_a_folder_of_bursts(real_pack: Pack, tmp_path: Path) -> None:
    heads, turns = library(real_pack), turns_for("a")
    write(tmp_path / "bona_fide" / "1", genuine_burst(heads.head("f35"), turns, HeadCamera(1), Motion()), "a")
    attack = Attempt(heads.head("f35"), heads.head("f02"), turns, turns, Motion(), 3)
    write(tmp_path / "tablet" / "1", attack_burst(Species.SCREEN_SAME_ORDER, attack, HeadCamera(3)), "a")
    result = told(str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["bpcer"] | {"high": 0} == {"value": 0.0, "low": 0.0, "high": 0, "hits": 0, "trials": 1}
    assert report["apcer"]["tablet"]["hits"] == 0
    assert {"background_moves", "screen_marks"} <= set(report["details"]["tablet"]["reasons"])
    table = told(str(tmp_path))
    assert table.exit_code == 0
    assert "BPCER bona_fide" in table.stdout
    assert "APCER tablet" in table.stdout


def test_rendered_bursts(real_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """One burst of each kind: the whole command, its library of heads, its progress and its report."""
    cache = Path(os.environ.get("WARDWATCH_CACHE_DIR", Path.home() / ".cache" / "wardwatch"))
    try:
        fetch_test_pictures(cache)
    except PackError as error:
        pytest.skip(f"NO TEST PICTURES: {error.line()}")
    monkeypatch.setenv("WARDWATCH_CACHE_DIR", str(cache))
    result = told("--rendered", "--attempts", "1", "--seed", "11", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert set(report["apcer"]) == {species.value for species in Species}
    assert report["bpcer"]["trials"] == 1
    assert all(rate["trials"] == 1 for rate in report["apcer"].values())
    for species in (Species.PRINT_FLAT, Species.SCREEN_REPLAY, Species.RECORDED_CHALLENGE, Species.SCREEN_SAME_ORDER):
        assert report["apcer"][species]["hits"] == 0, species


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ((), 2, "name a folder"),
        (("here", "--rendered"), 2, "name a folder"),
        (("no-such-folder",), 1, "not a folder"),
        ((".", "--passive", "no-such-folder"), 1, "passive.json"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(
    words: tuple[str, ...], exit_code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = told(*words)
    assert result.exit_code == exit_code
    assert said in result.output


def test_an_empty_folder_has_nothing_to_judge(tmp_path: Path) -> None:
    result = told(str(tmp_path))
    assert result.exit_code == 1
    assert "there is no burst to judge" in result.output
