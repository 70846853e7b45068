"""`wardwatch evaluate`: folder formats, errors that name line and column, JSON keys, real models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli.evaluate import evaluate_app
from service.vision import Pack, encode_jpeg
from service.vision.evaluate import (
    EvaluationFolderInvalid,
    evaluate_faces,
    evaluate_ward,
    read_faces_folder,
    read_ward_folder,
)
from tests.bench.frames import head, ward_frame
from tests.vision.conftest import FOLDER
from tests.vision.fakes import fake_pack, ward

HEADER = "image,x1,y1,x2,y2,occupied,face_x,face_y\n"


def ward_folder(root: Path, rows: str) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "images" / "a.jpg").write_bytes(encode_jpeg(ward({"anna": (160, 120)}, (60, 200, 260, 400)), 100))
    (root / "labels.csv").write_text(HEADER + rows, encoding="utf-8")
    return root


def faces_folder(root: Path) -> Path:
    for person, pictures in {"h0": (0, 0), "h1": (1, 1), "h2": (2,)}.items():
        (root / person).mkdir(parents=True)
        for i, number in enumerate(pictures):
            (root / person / f"{i}.jpg").write_bytes(encode_jpeg(head(number), 95 - 40 * i))
    (root / "h2" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (root / "h2" / "notes.txt").write_text("not a picture")
    return root


def test_ward_metrics_by_hand(tmp_path: Path) -> None:
    # The left bed holds a body (.6) and anna's face; the right bed is labelled occupied and holds nothing.
    folder = ward_folder(tmp_path / "w", "a.jpg,32,48,288,432,1,160,120\na.jpg,352,48,608,432,1,,\n")
    report = evaluate_ward(folder, fake_pack()).to_json()
    assert (report["beds"], report["precision"], report["recall"], report["face_recall"]) == (2, 1.0, 0.5, 1.0)
    assert report["auc"] is None  # no empty bed is labelled


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ("b.jpg,1,2,3,4,0,,\n", "image"),
        ("../a.jpg,1,2,3,4,0,,\n", "image"),
        ("a.jpg,1,two,3,4,0,,\n", "y1"),
        ("a.jpg,1,nan,3,4,0,,\n", "y1"),
        ("a.jpg,9,2,3,4,0,,\n", "x2"),
        ("a.jpg,1,2,3,4,yes,,\n", "occupied"),
        ("a.jpg,1,2,3,4,1,5,\n", "face_y"),
        ("", "labels.csv"),
    ],
)
def test_a_wrong_label_names_its_column(tmp_path: Path, rows: str, field: str) -> None:
    with pytest.raises(EvaluationFolderInvalid) as caught:
        read_ward_folder(ward_folder(tmp_path / "w", rows))
    assert caught.value.field == field


def test_a_folder_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    for read in (read_ward_folder, read_faces_folder):
        with pytest.raises(EvaluationFolderInvalid) as caught:
            read(tmp_path / "missing")
        assert caught.value.remedy
    with pytest.raises(EvaluationFolderInvalid):
        read_faces_folder(tmp_path)


def test_the_command_ends_with_one_line_and_status_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(evaluate_app, ["faces", str(tmp_path), "--pack", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "fetch" in " ".join(result.stderr.split())


@pytest.mark.models
def test_faces_of_one_person_match_and_of_two_do_not(tmp_path: Path, real_pack: Pack) -> None:
    report = evaluate_faces(faces_folder(tmp_path / "f"), real_pack)
    # Two people with two pictures each: 2 genuine; C(5, 2) - 2 = 8 impostor pairs; one of six pictures is broken.
    assert (report.fnmr_at_threshold.trials, report.fmr_at_threshold.trials) == (2, 8)
    assert (report.fnmr_at_threshold.hits, report.fmr_at_threshold.hits) == (0, 0)
    assert (report.failure_to_enrol.hits, report.failure_to_enrol.trials) == (1, 6)
    assert report.threshold == 0.40


@pytest.mark.models
@pytest.mark.parametrize("kind", ["faces", "ward"])
def test_json_has_the_promised_keys(tmp_path: Path, real_pack: Pack, kind: str) -> None:
    if kind == "faces":
        folder = faces_folder(tmp_path / "f")
        plain = {"pairs_genuine", "pairs_impostor", "threshold", "fmr_upper_bound_95", "conditions"}
        rates = {"failure_to_enrol", "fnmr_at_threshold", "fmr_at_threshold", "fnmr_at_fmr_1e-3"}
    else:
        folder = tmp_path / "w"
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "a.jpg").write_bytes(encode_jpeg(ward_frame(1, {0: 0}).frame, 90))
        rows = "a.jpg,120,120,420,620,1,270,230\na.jpg,560,120,860,620,0,,\n"
        (folder / "labels.csv").write_text(HEADER + rows)
        plain, rates = {"beds"}, {"auc", "precision", "recall", "face_recall"}
    words = [kind, str(folder), "--pack", str(FOLDER), *(["--conditions", "far_32"] if kind == "faces" else [])]
    result = CliRunner().invoke(evaluate_app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert plain | rates | {f"{r}_low" for r in rates} | {f"{r}_high" for r in rates} <= set(values)
    table = CliRunner(env={"COLUMNS": "160"}).invoke(evaluate_app, words)
    assert table.exit_code == 0
    assert ("fmr proven below" in table.stdout and "far_32" in table.stdout) == (kind == "faces")
