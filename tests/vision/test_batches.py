"""What is done for several at once is what is done for each alone, bit for bit; the quick ways are the plain ones."""

from __future__ import annotations

import copy
import dataclasses
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from insightface.utils.face_align import estimate_norm

from service.kit.geometry import box_intersection_area
from service.vision import Gallery, Pack
from service.vision.analyse import body_score
from service.vision.bodies import Bodies
from service.vision.faces import suppress, view_of, whole
from service.vision.judge import compare
from service.vision.quality import measure
from service.vision.warp import planes_of, sample, similarity, square_about
from tests.bench.frames import group_photograph


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    return cv2.GaussianBlur(noise(height, width, seed), (0, 0), 3)


@pytest.mark.models
def test_pictures_searched_together_give_what_each_gives(real_pack: Pack) -> None:
    group = group_photograph().pixels
    pictures = [group[:448, :288], group[200:648, 300:588], group[:288, :448], group[300:748, 700:988]]
    together = real_pack.finder.ready(pictures)()()
    alone = [real_pack.finder.find(picture) for picture in pictures]
    assert sum(len(faces) for faces in alone) >= 3
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.scores, other.scores)


@pytest.mark.models
def test_faces_refined_together_give_what_each_gives(real_pack: Pack) -> None:
    assert real_pack.mesh is not None
    group = group_photograph().pixels
    view = view_of(group, whole(group), 0.0)
    points = (real_pack.finder.find(view.pixels).points - 0.0) @ view.to_frame[:, :2].T + view.to_frame[:, 2]
    nowhere = np.zeros((5, 2), np.float32)
    regions = [*points.astype(np.float32), nowhere]
    together = real_pack.mesh.refine_all(group, regions)
    assert together[-1] is None
    assert len(together) == 7
    for one, five in zip(together, regions, strict=True):
        other = real_pack.mesh.refine(group, five)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.flag == other.flag
            assert np.array_equal(one.vertices, other.vertices)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@given(seed=st.integers(0, 10_000), scale=st.floats(0.2, 8.0), turn=st.floats(-180, 180))
@settings(max_examples=50, deadline=None)
def test_alignment_is_that_of_insightface(seed: int, scale: float, turn: float) -> None:
    rng = np.random.default_rng(seed)
    template = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32)
    angle = math.radians(turn)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    points = (template @ rotation * scale + rng.uniform(0, 900, 2) + rng.normal(0, 3 * scale, (5, 2))).astype(
        np.float32
    )
    theirs = estimate_norm(points, 112)
    target = np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
    )
    ours = similarity(points, target)
    # What counts is where the points go: within a hundredth of a pixel.
    np.testing.assert_allclose(points @ ours[:, :2].T + ours[:, 2], points @ theirs[:, :2].T + theirs[:, 2], atol=0.01)


@pytest.mark.parametrize("centre", [(320.0, 240.0), (10.0, 15.0), (630.0, 470.0), (-200.0, 50.0)])
def test_sampling_a_part_gives_what_sampling_the_whole_gives(centre: tuple[float, float]) -> None:
    pixels = smooth(480, 640)
    matrix = square_about(np.array(centre), 150.0, 17.0, 192)
    plain = cv2.warpAffine(pixels, matrix, (192, 192), flags=cv2.INTER_LINEAR)
    assert np.abs(sample(pixels, matrix, (192, 192)).astype(int) - plain).max() <= 1


def test_planes_are_channels_first() -> None:
    one, two = noise(32, 64, 1), noise(32, 64, 2)
    assert np.array_equal(planes_of(one, two), np.stack([one, two]).transpose(0, 3, 1, 2))
    assert np.array_equal(planes_of(one[4:20, 8:40]), one[4:20, 8:40].transpose(2, 0, 1)[None])


@pytest.mark.models
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (127.5, 127.5), (127.5, 128.0), (10.0, 1.0)])
def test_a_face_goes_into_the_embedder_as_insightface_has_it(real_pack: Pack, mean: float, std: float) -> None:
    asked: list[np.ndarray] = []

    class Listening:
        def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            asked.extend(feeds.values())
            return [np.ones((1, 128), np.float32)]

    recogniser = copy.copy(real_pack.embedder.recogniser)
    recogniser.session, recogniser.input_mean, recogniser.input_std = Listening(), mean, std
    face = smooth(112, 112, 4)
    recogniser.get_feat(face)
    dataclasses.replace(real_pack.embedder, recogniser=recogniser).embed([face])
    theirs, ours = asked
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * 255 / std)


def test_a_view_is_no_stride_longer_than_its_side() -> None:
    # 500 pixels and the margins of a bed at 448: the product of the sides and the scale is 448.0000000001.
    region = np.array([[120, 120], [420, 120], [420, 620], [120, 620]], np.float32)
    view = view_of(noise(700, 600), region, 0.0, margins=(0.08, 0.15), side=448)
    assert max(view.pixels.shape[:2]) == 448


@given(seed=st.integers(0, 10_000), n=st.integers(0, 40), overlap=st.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_suppression_is_the_greedy_one(seed: int, n: int, overlap: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (n, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, n).astype(np.float32)
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i], boxes[k]) <= overlap + 1e-6 for k in kept):
            kept.append(int(i))
    assert suppress(boxes, scores, overlap).tolist() == kept


def test_a_view_planned_for_one_frame_is_cut_out_of_the_next_and_of_other_sizes_anew() -> None:
    region = np.array([[20, 30], [220, 30], [220, 330], [20, 330]], np.float32)
    one, two, wider = noise(400, 300, 1), noise(400, 300, 2), noise(400, 500, 2)
    first, again, other = (view_of(p, region, 90.0, margins=(0.2, 0.2), side=224) for p in (one, two, wider))
    assert not np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.pixels, view_of(one, region, 90.0, margins=(0.2, 0.2), side=224).pixels)
    # The same part of two frames whose common columns are alike: what lies beyond the narrower one is black in it.
    wider[:, :300] = two
    other = view_of(wider, region, 90.0, margins=(0.2, 0.2), side=224)
    assert np.array_equal(again.to_frame, other.to_frame)
    assert not np.array_equal(again.pixels, other.pixels)
    with pytest.raises(ValueError, match="read-only"):
        again.to_frame[0, 0] = 1.0


@given(seed=st.integers(0, 10_000), n=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_a_beds_body_is_the_best_with_half_of_it_inside(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 90, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 60, (n, 2))], axis=1).astype(np.float32)
    scores = np.sort(rng.uniform(0, 1, n).astype(np.float32))[::-1]
    polygon = np.array([[30, 10], [90, 30], [80, 95], [25, 80]], np.float32)
    corners = [(float(x), float(y)) for x, y in polygon]
    inside = [
        float(score)
        for (x1, y1, x2, y2), score in zip(boxes.astype(float), scores, strict=True)
        if 0 < (x2 - x1) * (y2 - y1) <= 2 * box_intersection_area(corners, (x1, y1, x2, y2))
    ]
    assert body_score(Bodies(boxes, scores), polygon) == max(inside, default=0.0)


@given(seed=st.integers(0, 10_000), side=st.integers(20, 113), top=st.integers(1, 256))
@settings(max_examples=40, deadline=None)
def test_light_is_the_median_and_the_share_of_the_brightest(seed: int, side: int, top: int) -> None:
    grey = np.random.default_rng(seed).integers(0, top, (side, side)).astype(np.uint8)
    found = measure(cv2.merge([grey] * 3), eye_distance=30, yaw=0, pitch=0, flag=1, detection=1)
    inner = cv2.cvtColor(cv2.merge([grey] * 3), cv2.COLOR_BGR2GRAY)
    inner = inner[int(side * 0.25) : int(side * 0.95), int(side * 0.2) : int(side * 0.8)]
    assert found.luminance == float(np.median(inner))
    assert found.saturated == pytest.approx(float((inner > 250).mean()), abs=1e-12)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    common = float(sides[0] * sides[1])
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common
    return common / union


@pytest.mark.parametrize("faces", [1, 3, 8])
def test_many_templates_are_compared_in_parts_as_at_once(faces: int) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(5000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = Gallery(tuple(f"k{i}" for i in range(len(vectors))), vectors)
    queries = vectors[[4999, 0, 2500, 1, 2, 3, 4, 5][:faces]]
    compared = compare(queries, ["k4999"] + [None] * (faces - 1), gallery, 0.4)
    exact = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    for row, one in zip(exact, compared, strict=True):
        assert one.best == pytest.approx(row.max(), abs=1e-5)
        assert {key for key, _ in one.candidates} == {f"k{i}" for i in np.flatnonzero(row >= 0.4)}
    assert compared[0].expected == pytest.approx(1.0, abs=1e-5)
