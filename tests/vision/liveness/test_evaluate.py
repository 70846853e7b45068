"""The rates, and the folder they are measured on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from service.simulator.heads import HeadCamera, Motion, genuine_burst
from service.vision import Pack
from service.vision.liveness import Turn
from service.vision.liveness.evaluate import BurstFolderInvalid, evaluate_pad, read_bursts
from tests.rendered import library

TURNS = (Turn.CENTRE, Turn.RIGHT, Turn.UP)


def write(folder: Path, shots: list[object], turns: tuple[Turn, ...], times: list[float] | None = None) -> None:
    folder.mkdir(parents=True)
    for index, shot in enumerate(shots):
        cv2.imwrite(str(folder / f"{index:02d}.jpg"), shot)  # type: ignore[call-overload]
    document = {"turns": [turn.value for turn in turns], "times": times}
    (folder / "burst.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.models
def test_a_folder_of_bursts(tmp_path: Path, real_pack: Pack) -> None:
    head = library(real_pack).head("f35")
    for index in range(2):
        shots = genuine_burst(head, TURNS, HeadCamera(index), Motion())
        write(tmp_path / "bona_fide" / str(index), list(shots), TURNS, [0.0, 1.0, 2.0])
    still = genuine_burst(head, [Turn.CENTRE] * 3, HeadCamera(7), Motion())
    write(tmp_path / "still_photo" / "a", list(still), TURNS)
    report = evaluate_pad(read_bursts(tmp_path), real_pack, str(tmp_path)).to_json()
    # Two honest bursts, none refused: Wilson's upper end is z^2 / (n + z^2) = 3.841 / 5.841 = .658.
    assert report["bpcer"] == {"value": 0.0, "low": 0.0, "high": 0.6576, "hits": 0, "trials": 2}
    # One attack, refused: 3.841 / 4.841 = .7935.
    assert report["apcer"] == {"still_photo": {"value": 0.0, "low": 0.0, "high": 0.7935, "hits": 0, "trials": 1}}


@pytest.mark.parametrize("note", ["", "[]", '{"turns": ["sideways"]}', '{"turns": ["centre"], "times": [0, 1, 2]}'])
def test_a_bad_note_is_named(tmp_path: Path, note: str) -> None:
    place = tmp_path / "bona_fide" / "a"
    place.mkdir(parents=True)
    (place / "burst.json").write_text(note, encoding="utf-8")
    with pytest.raises(BurstFolderInvalid, match=r"burst\.json"):
        list(read_bursts(tmp_path))


def test_no_folder_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BurstFolderInvalid, match="not a folder"):
        list(read_bursts(tmp_path / "none"))
    assert list(read_bursts(tmp_path)) == []
