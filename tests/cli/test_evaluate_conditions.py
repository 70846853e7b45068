"""`wardwatch evaluate faces --rendered`: every condition that a ward brings, with its own counts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from service.cli.evaluate_conditions import CONDITIONS, Condition, _result
from service.cli.program import app
from service.simulator.faces import CUTOUT_HEIGHT, CUTOUT_WIDTH
from service.simulator.scene import Posture
from service.vision import BedReading, BedState, Pack
from service.vision.packs import PackError, fetch_test_pictures
from tests.vision.conftest import FOLDER, real_pack

__all__ = ["real_pack"]


def told(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["evaluate", "faces", *words])


def reading(state: BedState, face: float | None = None) -> BedReading:
    box = None if face is None else (10.0, 10.0, 10.0 + face, 40.0)
    return BedReading("z", state, 0.5, face_quality=None if face is None else 0.7, face_box=box)


def test_counts_by_hand() -> None:
    # Four patients: matched, nobody in particular, called another person, and called empty; one stranger passes.
    own = [
        reading(BedState.PATIENT, 20),
        reading(BedState.UNIDENTIFIED, 30),
        reading(BedState.OTHER_PERSON, 40),
        reading(BedState.EMPTY),
    ]
    others = [reading(BedState.PATIENT, 20), *own[1:]]
    found = _result(Condition("far"), list(zip(own, others, strict=True))).to_json()
    hits = {name: found[name]["hits"] for name in ("face_found", "fnmr", "called_another_person", "fmr")}
    assert hits == {"face_found": 3, "fnmr": 3, "called_another_person": 1, "fmr": 1}
    assert (found["called_empty"]["hits"], found["called_empty"]["trials"], found["face_pixels"]) == (1, 4, 30)
    low, high = found["fnmr"]["low"], found["fnmr"]["high"]
    assert (round(low, 3), round(high, 3)) == (0.301, 0.954)  # Wilson, 3 of 4


def test_every_condition_of_a_ward_is_there_and_changes_what_is_seen() -> None:
    by_name = {condition.name: condition for condition in CONDITIONS}
    assert {"on_the_side", "from_behind", "half_covered", "far", "dim", "infrared", "masked"} <= set(by_name)
    assert by_name["from_behind"].postures == (Posture.TURNED_AWAY,)
    head = np.full((CUTOUT_HEIGHT, CUTOUT_WIDTH, 3), 90, np.uint8)
    masked, half = (by_name[name].dress(head) for name in ("masked", "half_covered"))  # type: ignore[misc]
    assert (masked[168, 96] != 90).all()  # mouth
    assert (masked[109, 70] == 90).all()  # an eye
    assert (half[109, 122] != 90).all()
    assert (half[109, 70] == 90).all()


def test_a_folder_or_rendered_not_both_and_not_neither(tmp_path: Path) -> None:
    for words in ((), (str(tmp_path), "--rendered")):
        assert told(*words).exit_code == 2


@pytest.mark.models
def test_the_command_on_one_frame_of_each_condition(real_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Path(os.environ.get("WARDWATCH_CACHE_DIR", Path.home() / ".cache" / "wardwatch"))
    try:
        fetch_test_pictures(cache)
    except PackError as error:
        pytest.skip(f"NO TEST PICTURES: {error.line()}")
    monkeypatch.setenv("WARDWATCH_CACHE_DIR", str(cache))
    wanted = ("face_up", "infrared", "from_behind")
    kept = tuple(condition for condition in CONDITIONS if condition.name in wanted)
    monkeypatch.setattr("service.cli.evaluate_conditions.CONDITIONS", kept)
    result = told("--rendered", "--frames", "1", "--pack", str(FOLDER.resolve()), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["source"], report["pack_hash"], report["frames"]) == ("rendered", real_pack.pack_hash, 1)
    found = {entry["condition"]: entry for entry in report["conditions"]}
    assert set(found) == set(wanted)
    assert found["face_up"]["fnmr"]["hits"] == found["face_up"]["fmr"]["hits"] == 0
    assert found["face_up"]["face_found"]["trials"] == 4
    assert found["from_behind"]["face_found"]["hits"] == 0
    assert all(entry["called_another_person"]["hits"] == 0 for entry in found.values())
