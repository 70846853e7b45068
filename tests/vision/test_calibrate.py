"""Choosing a threshold by evidence; what is kept of it; several frames fused; held-out figures of beds."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit.statistics import Rate
from service.vision import load_pack
from service.vision.calibration import CALIBRATION, read_calibration, write_calibration
from service.vision.errors import PackUnusable
from service.vision.evaluate import EvaluationFolderInvalid, Template, calibrate, choose, fusion_gain, least_pairs
from service.vision.evaluate.cross_validation import BedSample, cross_validate
from service.vision.pack import Pack, PackThresholds
from service.vision.sequence import FaceSeen, fuse_faces, fused_similarity
from tests.vision.fakes import fake_pack

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def pack() -> Pack:
    return fake_pack()


def people(count: int, each: int, *, spread: float, seed: int = 1, dimension: int = 32) -> list[Template]:
    """Unit vectors around a direction of each person."""
    draw = np.random.default_rng(seed)
    found = []
    for k in range(count):
        middle = draw.normal(size=dimension)
        middle /= np.linalg.norm(middle)
        for _ in range(each):
            vector = middle + spread * draw.normal(size=dimension)
            found.append(Template(f"p{k:03d}", (vector / np.linalg.norm(vector)).astype(np.float32), 0.8))
    return found


def test_a_target_that_the_pairs_can_prove_is_met_with_its_upper_limit() -> None:
    scores = np.random.default_rng(2).normal(0.0, 0.1, 50_000)
    chosen = choose(scores, 1e-3)
    assert chosen.proven
    assert Rate(int((scores >= chosen.threshold).sum()), len(scores)).high <= 1e-3
    below = np.sort(scores)[::-1]
    just_below = below[below < chosen.threshold][0]
    assert Rate(int((scores >= just_below).sum()), len(scores)).high > 1e-3


@pytest.mark.parametrize("target", [1e-3, 1e-4, 1e-5])
def test_too_few_pairs_are_called_too_few_and_the_estimate_lies_above_all_of_them(target: float) -> None:
    scores = np.random.default_rng(3).normal(0.0, 0.1, least_pairs(target) - 1 if target == 1e-3 else 2_000)
    chosen = choose(scores, target)
    assert not chosen.proven
    assert chosen.threshold > scores.max()


def test_the_tail_estimate_is_no_wild_guess() -> None:
    """The truth of a normal law at 1e-4 is 3.72 standard deviations; an exponential tail errs upwards, the safe way."""
    scores = np.random.default_rng(4).normal(0.0, 0.1, 3_000)
    assert 0.36 < choose(scores, 1e-4).threshold < 0.55


@given(st.lists(st.floats(-1, 1), max_size=60), st.floats(1e-6, 0.1))
def test_no_list_of_scores_breaks_the_choice(scores: list[float], target: float) -> None:
    chosen = choose(np.array(scores), target)
    assert np.isfinite(chosen.threshold)
    assert chosen.proven == (Rate(0, len(scores)).high <= target and len(scores) > 0)


def test_a_small_set_never_lowers_the_shipped_threshold(pack: Pack) -> None:
    found = calibrate(people(6, 3, spread=0.02), pack, target_fmr=1e-4, made_at=NOW)
    assert (found.proven, found.same_person >= found.shipped) == (False, True)
    assert (found.people, found.pictures) == (6, 18)
    assert found.fmr.trials == 18 * 15 // 2
    assert found.fnmr.trials == 18


def test_a_group_of_look_alikes_raises_the_threshold_for_all(pack: Pack) -> None:
    several = people(40, 3, spread=0.02)
    twins = [Template(f"t{k}", one.vector, 0.8) for k, one in enumerate(people(1, 12, spread=0.12, seed=9))]
    groups = {one.person: "alike" for one in twins} | {one.person: "others" for one in several}
    alone = calibrate(several, pack, target_fmr=1e-2, made_at=NOW)
    found = calibrate([*several, *twins], pack, target_fmr=1e-2, made_at=NOW, groups=groups)
    assert found.same_person > alone.same_person
    assert {group.name: group.people for group in found.groups} == {"alike": 12, "others": 40}
    alike = next(group for group in found.groups if group.name == "alike")
    assert alike.fmr.hits == 0


def test_a_condition_whose_faces_look_alike_raises_the_threshold_for_all(pack: Pack) -> None:
    several = people(40, 3, spread=0.02)
    blurred = [Template(f"t{k}", one.vector, 0.8, None, "night") for k, one in enumerate(people(1, 12, spread=0.12))]
    alone = calibrate(several, pack, target_fmr=1e-2, made_at=NOW)
    found = calibrate([*several, *blurred], pack, target_fmr=1e-2, made_at=NOW)
    assert found.same_person > alone.same_person
    (night,) = found.groups
    assert (night.name, night.people, night.fmr.trials) == ("condition night", 12, 66 + 12 * 120)
    assert found.same_person >= night.needed


def test_a_group_too_small_to_prove_anything_keeps_the_whole_from_being_called_proven(pack: Pack) -> None:
    several = people(40, 3, spread=0.02)
    assert calibrate(several, pack, target_fmr=1e-2, made_at=NOW).proven
    found = calibrate(several, pack, target_fmr=1e-2, made_at=NOW, groups={"p000": "few", "p001": "few"})
    assert not found.proven
    assert found.same_person >= found.shipped  # not proven never lowers


def test_one_person_alone_calibrates_nothing(pack: Pack) -> None:
    with pytest.raises(EvaluationFolderInvalid):
        calibrate(people(1, 5, spread=0.1), pack, target_fmr=1e-3, made_at=NOW)


def test_what_is_written_is_read_again_and_shown(pack: Pack, tmp_path: Path) -> None:
    found = calibrate(people(6, 3, spread=0.02), pack, target_fmr=1e-3, made_at=NOW, groups={"p000": "a", "p001": "a"})
    write_calibration(tmp_path, found)
    assert read_calibration(tmp_path, pack.pack_hash) == found
    card = "\n".join(found.lines())
    assert "within a" in card
    assert "not shown" in card
    assert read_calibration(tmp_path / "elsewhere", pack.pack_hash) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept | {"pack_hash": "another"},
        lambda kept: kept | {"same_person": 1.7},
        lambda kept: kept | {"same_person": "NaN"},
        lambda kept: {},
        lambda kept: [],
    ],
)
def test_a_calibration_that_is_not_this_packs_stops_the_start(pack: Pack, tmp_path: Path, spoil) -> None:
    found = calibrate(people(4, 2, spread=0.02), pack, target_fmr=1e-3, made_at=NOW)
    (tmp_path / CALIBRATION).write_text(json.dumps(spoil(found.to_json())))
    with pytest.raises(PackUnusable):
        read_calibration(tmp_path, pack.pack_hash)


@pytest.mark.models
def test_the_pack_decides_by_what_was_calibrated(models_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    for file in (models_dir / "wardwatch-default").iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    plain = load_pack(folder)
    found = calibrate(people(4, 2, spread=0.02, dimension=128), plain, target_fmr=1e-9, made_at=NOW)
    write_calibration(folder, found)
    again = load_pack(folder)
    assert again.thresholds.same_person == found.same_person
    assert again.pack_hash == plain.pack_hash
    assert plain.thresholds.same_person == PackThresholds().same_person


def test_fusing_lowers_misses_and_no_stranger_gains_by_it() -> None:
    gain = fusion_gain(people(20, 9, spread=0.18), 0.40)[0]
    assert (gain.single_fnmr.value or 0) > 0.02
    assert (gain.fused_fnmr.value or 0) < (gain.single_fnmr.value or 0)
    assert (gain.fused_fmr.value or 0) <= (gain.single_fmr.value or 0)


def seen(minute: float, similarity: float, quality: float = 0.8) -> FaceSeen:
    return FaceSeen(f"{minute:07.2f}", NOW + timedelta(minutes=minute), similarity, quality)


def test_frames_of_half_an_hour_are_fused_by_quality() -> None:
    fused = fuse_faces([seen(0, 0.36, 0.4), seen(10, 0.46, 0.8), seen(40, 0.9)], [])
    together = pytest.approx((0.36 * 0.4 + 0.46 * 0.8) / 1.2)
    assert fused == {seen(0, 0).key: together, seen(10, 0).key: together}
    assert fused_similarity([(0.5, 0.0)]) == 0.0


def test_an_empty_bed_parts_those_before_from_those_after() -> None:
    assert fuse_faces([seen(0, 0.38), seen(10, 0.5)], [NOW + timedelta(minutes=5)]) == {}


@given(
    st.lists(st.tuples(st.integers(0, 90), st.floats(-1, 1), st.floats(0, 1)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_fusion_depends_on_the_set_and_stays_between_its_members(faces, shuffle) -> None:
    given_faces = [FaceSeen(str(k), NOW + timedelta(minutes=m), s, q) for k, (m, s, q) in enumerate(faces)]
    mixed = list(given_faces)
    shuffle.shuffle(mixed)
    fused = fuse_faces(given_faces, [])
    assert fuse_faces(mixed, []) == fused
    for value in fused.values():
        assert min(f.similarity for f in given_faces) - 1e-9 <= value <= max(f.similarity for f in given_faces) + 1e-9


def beds(count: int, *, apart: float, seed: int = 5) -> list[BedSample]:
    draw = np.random.default_rng(seed)
    found = []
    for k in range(count):
        occupied = k % 2 == 0
        body = float(np.clip(draw.normal(0.1 + apart * occupied, 0.05), 0, 1))
        found.append(BedSample(f"{k // 2:03d}.jpg", occupied, body, bool(occupied and draw.random() < 0.5)))
    return found


def test_held_out_figures_tell_good_evidence_from_none() -> None:
    good, none = cross_validate(beds(80, apart=0.4)), cross_validate(beds(80, apart=0.0))
    assert good is not None
    assert none is not None
    assert (good.auc.value or 0) > 0.98
    assert good.brier < 0.05
    assert good.folds == 40
    faceless = cross_validate([BedSample(b.picture, b.occupied, b.body, False) for b in beds(80, apart=0.0)])
    assert faceless is not None
    assert faceless.auc.low < 0.5 < faceless.auc.high
    assert faceless.brier > 0.2


def test_one_kind_of_beds_validates_nothing() -> None:
    assert cross_validate([BedSample("a", True, 0.5, True), BedSample("b", False, 0.1, False)]) is None
