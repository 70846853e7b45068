"""`evaluate faces` by condition: photographs spoilt by rule, and photographs labelled by condition and subgroup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from service.cli.evaluate import evaluate_app
from service.vision import BedState, Frame, Gallery, Pack, QualityReason, analyse_frame, assess_portrait, encode_jpeg
from service.vision.evaluate import (
    DEGRADATIONS,
    Enrolled,
    EvaluationFolderInvalid,
    Photo,
    measure_conditions,
    measure_labelled,
    read_groups,
    read_labels,
)
from service.vision.mesh import MeshFace
from tests.bench.frames import head
from tests.vision.conftest import FOLDER
from tests.vision.fakes import PEOPLE, VECTORS, fake_pack, left_and_right, ward

BY_NAME = {one.name: one for one in DEGRADATIONS}
FIVE = np.array([[80, 80], [120, 80], [100, 105], [85, 125], [115, 125]], np.float32)


def oval() -> np.ndarray:
    """468 vertices on an oval face about `FIVE`."""
    turn = np.linspace(0, 2 * np.pi, 468, endpoint=False)
    vertices = np.stack([100 + 45 * np.cos(turn), 105 + 60 * np.sin(turn)], axis=1)
    for index, at in ((195, (100, 98)), (118, (70, 100)), (347, (130, 100)), (234, (57, 95)), (454, (143, 95))):
        vertices[index] = at
    low = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323)
    for index, angle in zip(low, np.linspace(np.pi * 0.98, np.pi * 0.02, len(low)), strict=True):
        vertices[index] = (100 + 45 * np.cos(angle), 105 + 60 * np.sin(angle))
    return vertices.astype(np.float32)


def photo() -> Photo:
    pixels = np.random.default_rng(5).integers(60, 200, (200, 200, 3)).astype(np.uint8)
    return Photo(cv2.GaussianBlur(pixels, (0, 0), 1.2), FIVE, oval())


@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_condition_is_the_same_again_and_says_how(name: str) -> None:
    one, again = BY_NAME[name].apply(photo()), BY_NAME[name].apply(photo())
    assert (one.pixels == again.pixels).all()
    assert one.pixels.dtype == np.uint8
    assert BY_NAME[name].how
    assert name == "as_taken" or one.pixels.shape != (200, 200, 3) or (one.pixels != photo().pixels).any()


def test_what_each_rule_covers() -> None:
    clean = photo().pixels.astype(int)

    def changed(name: str, x: int, y: int) -> bool:
        return bool((np.abs(BY_NAME[name].apply(photo()).pixels[y, x].astype(int) - clean[y, x]) > 8).any())

    eye, mouth, cheek = (120, 80), (100, 128), (75, 110)
    assert [changed("masked", *at) for at in (eye, mouth)] == [False, True]
    assert [changed("half_covered_right", *at) for at in (eye, cheek)] == [True, False]
    assert [changed("half_covered_left", *at) for at in (eye, cheek)] == [False, True]
    assert [changed("covered_below", *at) for at in (eye, mouth)] == [False, True]


def test_far_dim_infrared_and_turned() -> None:
    far = BY_NAME["far_24"].apply(photo())
    x1, _, x2, _ = far.bed
    assert (far.pixels.shape, round((x2 - x1) * 640)) == ((480, 640, 3), 60)  # a face of 80 pixels becomes 24
    assert np.median(BY_NAME["dim"].apply(photo()).pixels) < 0.45 * np.median(photo().pixels)
    grey = BY_NAME["infrared"].apply(photo()).pixels
    assert (grey[..., 0] == grey[..., 2]).all()
    assert (np.rot90(BY_NAME["turned_90"].apply(photo()).pixels, -1) == photo().pixels).all()


def enrolled() -> list[Enrolled]:
    """Two photographs of each person of the fake pack."""
    found = []
    for number, name in enumerate(PEOPLE):
        for k in range(2):
            pixels = np.random.default_rng((number, k)).integers(60, 200, (200, 200, 3)).astype(np.uint8)
            pixels[80:120, 80:120] = PEOPLE[name]
            points = np.array([[80, 80], [120, 80], [100, 100], [80, 120], [120, 120]], np.float32)
            found.append(Enrolled(name, f"{name}/{k}.jpg", Photo(pixels, points, None), VECTORS[name]))
    return found


def test_counts_by_hand() -> None:
    photos = enrolled()
    # A photograph that shows bela and is called anna's: never matched with anna, and in bela's bed it is bela.
    wrong = Enrolled("anna", "anna/wrong.jpg", photos[2].photo, VECTORS["bela"])
    plain, masked = BY_NAME["as_taken"], BY_NAME["masked"]
    (row,) = measure_conditions([*photos, wrong], fake_pack(0.6), 0.4, [plain, masked])  # no mesh, no mask
    assert (row.found.hits, row.found.trials, row.usable.hits) == (7, 7, 7)
    assert (row.missed.hits, row.accused.hits, row.taken.hits) == (1, 1, 3)
    # wrong against 2 of bela; each of bela against wrong: 4 of 7 x 6 - 3 x 2 - 2 x 1 - 2 x 1 pairs with another person.
    assert (row.false_matches.hits, row.false_matches.trials) == (4, 32)
    shown = row.to_json()
    assert shown["probes"] == 7
    assert shown["fnmr"]["low"] == row.missed.low  # type: ignore[index]


def test_labels_break_the_photographs_down() -> None:
    photos = enrolled()
    night = {"anna/0.jpg": "night", "bela/0.jpg": "night", "anna/1.jpg": "day"}
    groups = {one.picture: "a" for one in photos if one.person != "cora"}
    rows = {row.name: row for row in measure_labelled(photos, fake_pack(), 0.4, night, groups)}
    assert {name: row.found.trials for name, row in rows.items()} == {"night": 2, "day": 1, "a": 4}
    assert rows["night"].false_matches.trials == 8
    assert (rows["a"].origin, rows["a"].false_matches.trials) == ("subgroup", 8)


def labelled(folder: Path, text: str) -> Path:
    for person in ("p1", "p2"):
        (folder / person).mkdir(parents=True)
        (folder / person / "1.jpg").write_bytes(b"x")
    (folder / "conditions.csv").write_text(text, encoding="utf-8")
    return folder


def test_conditions_csv_is_read(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "picture,condition,subgroup\np1/1.jpg,infrared,a\np2/1.jpg,,b\n")
    labels = read_labels(folder)
    assert labels.conditions == {"p1/1.jpg": "infrared"}
    assert read_groups(folder) == {"p1": "a", "p2": "b"}
    (folder / "groups.csv").write_text("person,group\np1,z\n")
    with pytest.raises(EvaluationFolderInvalid, match="p1 is in z and in a"):
        read_groups(folder)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("picture\np1/1.jpg\n", "condition"),
        ("picture,condition\np3/1.jpg,dim\n", "picture"),
        ("picture,condition\n../p1/1.jpg,dim\n", "picture"),
        ("picture,condition\np1/1.jpg,dim\np1/1.jpg,far\n", "picture"),
    ],
)
def test_a_wrong_label_names_its_column(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(EvaluationFolderInvalid) as caught:
        read_labels(labelled(tmp_path, text))
    assert caught.value.field == field
    assert caught.value.remedy


def test_an_unknown_condition_names_those_that_there_are(tmp_path: Path) -> None:
    result = CliRunner().invoke(evaluate_app, ["faces", str(tmp_path), "--conditions", "fog"])
    assert result.exit_code == 1
    assert "far_24" in result.stderr


@pytest.mark.models
def test_real_faces_far_and_infrared_are_never_taken_for_others(tmp_path: Path, real_pack: Pack) -> None:
    for number in (0, 5):
        (tmp_path / f"h{number}").mkdir()
        for k, quality in enumerate((95, 70)):
            (tmp_path / f"h{number}" / f"{k}.jpg").write_bytes(encode_jpeg(head(number), quality))
    (tmp_path / "conditions.csv").write_text("picture,condition\nh0/0.jpg,bright\nh5/1.jpg,bright\n")
    wanted = ["faces", str(tmp_path), "--pack", str(FOLDER), "--conditions", "far_32,infrared", "--json"]
    result = CliRunner().invoke(evaluate_app, wanted)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["fmr_upper_bound_95"] == pytest.approx(1 - 0.05 ** (1 / 4))
    rows = {row["condition"]: row for row in report["conditions"]}
    assert {name: row["origin"] for name, row in rows.items()} == {
        "bright": "photographed",
        "far_32": "degraded",
        "infrared": "degraded",
    }
    for row in rows.values():
        assert row["called_another_person"]["hits"] == row["fmr"]["hits"] == row["neighbour_taken"]["hits"] == 0
    assert rows["infrared"]["found"]["hits"] == 4
    assert rows["infrared"]["fnmr"]["hits"] == 0


@dataclass(frozen=True)
class DoubtfulMesh:
    """Believes in every face as much as it is told."""

    flag: float

    def refine(self, pixels: np.ndarray, points: np.ndarray) -> MeshFace | None:
        return self.refine_all(pixels, [points])[0]

    def refine_all(self, pixels: np.ndarray, points: Sequence[np.ndarray]) -> list[MeshFace | None]:
        return [MeshFace(five, np.tile(five, (94, 1))[:468], self.flag, 0.0, 0.0, 0.0) for five in points]


@pytest.mark.parametrize(("flag", "state"), [(0.95, BedState.OTHER_PERSON), (0.85, BedState.UNIDENTIFIED)])
def test_a_face_that_the_mesh_doubts_accuses_nobody(flag: float, state: BedState) -> None:
    """Heads found on their side gave .81 to .85: aligned wrongly they resemble nobody."""
    pack = replace(fake_pack(), mesh=DoubtfulMesh(flag))
    bed, _ = left_and_right()
    gallery = Gallery(("anna",), VECTORS["anna"][None])
    frame = ward({"bela": (160, 120)}, (60, 200, 260, 400))
    (reading,) = analyse_frame(frame, (bed,), {"left": "anna"}, gallery, pack).readings
    assert reading.face_quality is not None
    assert reading.state is state


@pytest.mark.models
def test_a_masked_portrait_is_no_reference(real_pack: Pack) -> None:
    pixels = head(0).pixels
    plain = assess_portrait(Frame(pixels), real_pack)
    assert plain.acceptable
    assert plain.points is not None
    assert real_pack.mesh is not None
    face = real_pack.mesh.refine(pixels, plain.points)
    assert face is not None
    masked = assess_portrait(
        Frame(BY_NAME["masked"].apply(Photo(pixels, plain.points, face.vertices)).pixels), real_pack
    )
    assert QualityReason.OCCLUDED in masked.reasons
    assert masked.quality.score < 0.5
    assert not masked.acceptable


SKIN = (118, 144, 186)
"""Of the photograph's own face, BGR: a hand before it has the colour that the rule of colours believes."""


@pytest.mark.models
@pytest.mark.parametrize("side", ["half_covered_left", "half_covered_right", "covered_below"])
@pytest.mark.parametrize("cover", ["sheet", "grey", "skin"])
def test_a_half_covered_portrait_is_no_reference(real_pack: Pack, side: str, cover: str) -> None:
    """Whatever the colour: the part says nothing of the person, and two such references match by their sheets."""
    pixels = head(0).pixels
    plain = assess_portrait(Frame(pixels), real_pack)
    assert plain.points is not None
    covered = BY_NAME[side].apply(Photo(pixels, plain.points, None)).pixels
    if cover == "skin":
        laid = np.abs(covered.astype(int) - pixels).max(axis=2) > 0
        covered = np.where(laid[..., None], np.clip(covered.astype(int) - covered.mean() + SKIN, 0, 255), pixels)
    if cover == "grey":
        covered = np.repeat(covered.mean(axis=2, keepdims=True), 3, axis=2)
    seen = assess_portrait(Frame(covered.astype(np.uint8)), real_pack)
    assert not seen.acceptable
    assert QualityReason.OCCLUDED in seen.reasons


@pytest.mark.models
def test_a_portrait_in_grey_is_not_taken_for_covered(real_pack: Pack) -> None:
    grey = np.repeat(head(0).pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    assert assess_portrait(Frame(grey), real_pack).acceptable
