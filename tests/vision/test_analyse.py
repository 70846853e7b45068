"""Whole frames: the logic with a pack of twenty lines, then the real models."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from service.vision import (
    BedState,
    Frame,
    FrameAnalysis,
    Gallery,
    Pack,
    UnobservedCause,
    Zone,
    analyse_frame,
    assess_portrait,
)
from tests.bench.frames import group_photograph, head, ward_frame
from tests.vision.fakes import VECTORS, fake_pack, left_and_right, ward

LEFT, RIGHT = left_and_right()
GALLERY = Gallery(("anna", "bela"), np.stack([VECTORS["anna"], VECTORS["bela"]]))
IN_LEFT, IN_RIGHT, AISLE = (160, 120), (480, 120), (320, 240)


def states(result: FrameAnalysis) -> list[BedState]:
    return [reading.state for reading in result.readings]


def test_each_bed_is_read_against_its_own_patient() -> None:
    frame = ward({"anna": IN_LEFT, "bela": IN_RIGHT})
    result = analyse_frame(frame, (LEFT, RIGHT), {"left": "anna", "right": "anna"}, GALLERY, fake_pack())
    assert states(result) == [BedState.PATIENT, BedState.OTHER_PERSON]
    assert [r.recognised for r in result.readings] == ["anna", "bela"]
    assert result.readings[0].zone_id == "left"
    assert result.strangers == 0


def test_a_stranger_in_the_bed_is_another_person_where_somebody_is_expected_and_counted() -> None:
    frame = ward({"cora": IN_LEFT})
    result = analyse_frame(frame, (LEFT, RIGHT), {"left": "anna"}, GALLERY, fake_pack())
    assert states(result) == [BedState.OTHER_PERSON, BedState.EMPTY]
    assert result.strangers == 1
    nobody_expected = analyse_frame(frame, (LEFT, RIGHT), {}, GALLERY, fake_pack())
    assert states(nobody_expected) == [BedState.UNIDENTIFIED, BedState.EMPTY]


def test_without_a_template_nobody_is_judged() -> None:
    frame = ward({"cora": IN_LEFT})
    result = analyse_frame(frame, (LEFT,), {"left": "cora"}, GALLERY, fake_pack())
    assert states(result) == [BedState.UNIDENTIFIED]
    assert result.readings[0].expected_similarity is None
    assert states(analyse_frame(frame, (LEFT,), {"left": "cora"}, Gallery.empty(4), fake_pack())) == [
        BedState.UNIDENTIFIED
    ]


def test_a_face_beside_the_beds_is_nobodys() -> None:
    result = analyse_frame(ward({"cora": AISLE}), (LEFT, RIGHT), {"left": "anna"}, GALLERY, fake_pack())
    assert states(result) == [BedState.EMPTY, BedState.EMPTY]
    assert result.strangers == 0


def test_a_head_on_an_overhanging_pillow_is_the_beds() -> None:
    result = analyse_frame(ward({"anna": (160, 30)}), (LEFT,), {"left": "anna"}, GALLERY, fake_pack())
    assert states(result) == [BedState.PATIENT]


@pytest.mark.parametrize(
    ("score", "state"), [(0.6, BedState.UNIDENTIFIED), (0.16, BedState.UNOBSERVED), (0.1, BedState.EMPTY)]
)
def test_a_body_without_a_face(score: float, state: BedState) -> None:
    frame = ward(body=(60, 100, 260, 400))
    result = analyse_frame(frame, (LEFT, RIGHT), {"left": "anna"}, GALLERY, fake_pack(score))
    assert states(result) == [state, BedState.EMPTY]


def test_a_body_counts_only_with_half_of_it_in_the_bed() -> None:
    # 32..288 is the left bed; 110 of 240 columns lie in it: 46%.
    result = analyse_frame(ward(body=(178, 100, 418, 400)), (LEFT, RIGHT), {}, GALLERY, fake_pack())
    assert states(result) == [BedState.EMPTY, BedState.EMPTY]
    # 130 of 240 columns: 54%.
    result = analyse_frame(ward(body=(158, 100, 398, 400)), (LEFT, RIGHT), {}, GALLERY, fake_pack())
    assert states(result) == [BedState.UNIDENTIFIED, BedState.EMPTY]


def test_a_face_in_two_overlapping_zones_is_in_one_of_them() -> None:
    shifted = Zone("shifted", LEFT.polygon + np.array([0.04, 0.0], np.float32))
    result = analyse_frame(ward({"anna": (150, 120)}), (LEFT, shifted), {}, GALLERY, fake_pack())
    assert sorted(s.value for s in states(result)) == ["empty", "other_person"]


def test_templates_of_another_pack_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers"):
        analyse_frame(ward(), (LEFT,), {}, Gallery(("p",), np.eye(128, dtype=np.float32)[:1]), fake_pack())


def gradient() -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(ward().pixels, (0, 0), 40), np.uint8)


BLIND: dict[UnobservedCause, Callable[[], np.ndarray]] = {
    UnobservedCause.BLACK: lambda: np.random.default_rng(0).integers(0, 14, (480, 640, 3)).astype(np.uint8),
    UnobservedCause.OVER_EXPOSED: lambda: np.full((480, 640, 3), 252, np.uint8),
    UnobservedCause.COVERED: lambda: np.full((480, 640, 3), (60, 80, 120), np.uint8),
}


@pytest.mark.parametrize("cause", BLIND)
def test_unobserved_is_never_empty(cause: UnobservedCause) -> None:
    result = analyse_frame(Frame(BLIND[cause]()), (LEFT, RIGHT), {"left": "anna"}, GALLERY, fake_pack())
    assert (result.view.observed, result.view.cause) == (False, cause)
    assert states(result) == [BedState.UNOBSERVED] * 2
    assert {r.cause for r in result.readings} == {cause}


def test_a_photograph_out_of_focus_is_unobserved_and_the_sharp_one_is_not() -> None:
    sharp = group_photograph().pixels
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), sharp.shape[1] / 50), np.uint8)
    assert analyse_frame(Frame(sharp), (LEFT,), {}, GALLERY, fake_pack()).view.observed
    result = analyse_frame(Frame(blurred), (LEFT,), {}, GALLERY, fake_pack())
    assert result.view.cause is UnobservedCause.OUT_OF_FOCUS


def test_a_pack_without_bodies_claims_no_empty_bed() -> None:
    without = replace(fake_pack(), bodies=None)
    assert states(analyse_frame(ward(), (LEFT, RIGHT), {}, GALLERY, without)) == [BedState.UNOBSERVED] * 2


def test_a_zone_of_a_few_pixels_shows_nothing() -> None:
    tiny = Zone("tiny", np.array([[0.5, 0.5], [0.51, 0.5], [0.51, 0.51], [0.5, 0.51]], np.float32))
    reading = analyse_frame(ward(), (tiny,), {}, GALLERY, fake_pack()).readings[0]
    assert reading.cause is UnobservedCause.ZONE_TOO_SMALL


def test_no_zones_no_readings() -> None:
    assert analyse_frame(ward(), (), {}, GALLERY, fake_pack()).readings == ()


def enrolled(pack: Pack, heads: tuple[int, ...] = (0, 1, 2, 5)) -> Gallery:
    found = [assess_portrait(head(h), pack).embedding for h in heads]
    return Gallery(tuple(f"head-{h}" for h in heads), np.stack([e for e in found if e is not None]))


@pytest.mark.models
def test_real_models_read_patient_impostor_and_empty_in_beds_of_every_direction(real_pack: Pack) -> None:
    scene = ward_frame(11, {0: 0, 2: 1, 3: 2})
    expected = {"bed-0": "head-0", "bed-1": "head-5", "bed-2": "head-1", "bed-3": "head-5"}
    result = analyse_frame(scene.frame, scene.zones, expected, enrolled(real_pack), real_pack)
    assert states(result) == [BedState.PATIENT, BedState.EMPTY, BedState.PATIENT, BedState.OTHER_PERSON]
    assert result.readings[3].recognised == "head-2"
    assert result.pack_hash == real_pack.pack_hash
    assert 0 < result.seconds_models <= result.seconds_total


@pytest.mark.models
@pytest.mark.parametrize("head_edge", [0, 1, 2, 3])
def test_a_head_at_the_foot_or_on_its_side_is_still_the_patient(real_pack: Pack, head_edge: int) -> None:
    scene = ward_frame(11, {0: 0})
    turned = replace(scene.zones[0], head_edge=head_edge)
    # The composed body is a head and a blanket: let the bed count as one in which somebody lies.
    pack = replace(real_pack, bodies=None)
    result = analyse_frame(scene.frame, (turned,), {"bed-0": "head-0"}, enrolled(real_pack), pack)
    assert states(result) == [BedState.PATIENT]


@pytest.mark.models
def test_one_and_sixteen_threads_read_the_same(real_pack: Pack) -> None:
    gallery = enrolled(real_pack)
    scenes = [ward_frame(s, {s % 4: 0, (s + 1) % 4: 1}) for s in range(4)] * 4

    def read(index: int) -> tuple[object, ...]:
        scene = scenes[index]
        result = analyse_frame(scene.frame, scene.zones, {"bed-0": "head-0"}, gallery, real_pack)
        return result.view, result.readings, result.strangers

    alone = [read(i) for i in range(len(scenes))]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(read, range(len(scenes))))
    assert together == alone
