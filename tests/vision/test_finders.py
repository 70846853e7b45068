"""What the finders make of their models' numbers, against the formulae spelt out cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.vision import Pack, yunet
from service.vision import bodies as body_part
from service.vision.view import check_view
from tests.bench.frames import group_photograph, head

CELLS = (52, 26, 13)
SIDE = 416


def distributions(seed: int = 0) -> list[np.ndarray]:
    """Six outputs as NanoDet gives them: nobody anywhere."""
    rng = np.random.default_rng(seed)
    scores = [np.zeros((1, n * n, 80), np.float32) for n in CELLS]
    return [*scores, *(rng.normal(0, 2, (1, n * n, 44)).astype(np.float32) for n in CELLS)]


def test_bodies_are_read_from_every_level_by_the_mean_of_each_sides_distribution() -> None:
    outputs = distributions()
    wanted = {(0, 30 * 52 + 7): 0.9, (1, 5 * 26 + 20): 0.8, (2, 12 * 13): 0.3}
    for (level, cell), score in wanted.items():
        outputs[level][0, cell, 0] = score
    found = body_part.decode(outputs, SIDE, 0.05, 1.0)
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.3])
    for (level, cell), box in zip(wanted, found.boxes, strict=True):
        stride = SIDE / CELLS[level]
        x, y = (cell % CELLS[level] + 0.5) * stride, (cell // CELLS[level] + 0.5) * stride
        sides = []
        for logits in outputs[3 + level][0, cell].reshape(4, 11).astype(float):
            weights = [math.exp(v - max(logits)) for v in logits]
            sides.append(sum(i * w for i, w in enumerate(weights)) / sum(weights) * stride)
        expected = [x - sides[0], y - sides[1], x + sides[2], y + sides[3]]
        np.testing.assert_allclose(box, expected, atol=1e-3)


def test_nobody_is_nobody() -> None:
    assert len(body_part.decode(distributions(), SIDE, 0.05, 0.6)) == 0


def test_a_distribution_far_below_another_is_no_nonsense() -> None:
    outputs = distributions()
    outputs[2][0, 84, 0] = 0.5
    outputs[5][0, 84] = np.repeat([200.0, 0.0, 0.0, 0.0], 11)  # sums that would vanish beside the first side's
    found = body_part.decode(outputs, SIDE, 0.05, 0.6)
    assert np.isfinite(found.boxes).all()
    np.testing.assert_allclose(found.boxes[0], [208 - 160, 208 - 160, 208 + 160, 208 + 160], atol=1e-2)


def test_faces_of_several_pictures_and_levels_are_read_cell_by_cell() -> None:
    width, height = 96, 64
    rng = np.random.default_rng(1)
    cells = [(width // s) * (height // s) for s in yunet.STRIDES]
    outputs = [np.zeros((2, n, 1), np.float32) for n in cells * 2]
    outputs += [rng.normal(0, 0.5, (2, n, 4)).astype(np.float32) for n in cells]
    outputs += [rng.normal(0, 0.5, (2, n, 10)).astype(np.float32) for n in cells]
    wanted = {(0, 0, 40): (0.9, 0.8), (1, 1, 9): (0.7, 0.9), (1, 2, 5): (1.0, 1.0)}
    for (picture, level, cell), (cls, obj) in wanted.items():
        outputs[level][picture, cell], outputs[3 + level][picture, cell] = cls, obj
    faces = yunet.decode(outputs, width, height, 0.3, 1.0, 50)
    assert [len(one) for one in faces] == [1, 2]
    assert faces[1].scores[0] == 1.0
    for (picture, level, cell), (cls, obj) in wanted.items():
        one = int(np.argmin(np.abs(faces[picture].scores - math.sqrt(cls * obj))))
        stride, columns = yunet.STRIDES[level], width // yunet.STRIDES[level]
        corner = np.array([cell % columns, cell // columns])
        dx, dy, wide, tall = outputs[6 + level][picture, cell].tolist()
        centre = (corner + np.array([dx, dy])) * stride
        half = np.array([math.exp(wide), math.exp(tall)]) * stride / 2
        np.testing.assert_allclose(faces[picture].boxes[one], [*(centre - half), *(centre + half)], rtol=1e-4)
        points = (corner + outputs[9 + level][picture, cell].reshape(5, 2)) * stride
        np.testing.assert_allclose(faces[picture].points[one], points, rtol=1e-4, atol=1e-3)


@pytest.mark.models
def test_an_embedding_is_that_of_insightface(real_pack: Pack) -> None:
    from service.vision.enrolment import assess_portrait

    seen = assess_portrait(head(0), real_pack)
    assert seen.points is not None
    aligned = real_pack.embedder.align(head(0).pixels, seen.points)
    theirs = real_pack.embedder.recogniser.get_feat(aligned)[0]
    together = real_pack.embedder.embed([aligned, aligned[:, ::-1].copy()])
    np.testing.assert_allclose(together[0], theirs / np.linalg.norm(theirs), atol=1e-5)


def test_a_view_is_judged_alike_at_every_width() -> None:
    import cv2

    group = group_photograph().pixels
    for width in (330, 479, 640, 641, 1280):
        sized = np.asarray(cv2.resize(group, (width, 886 * width // 1280), interpolation=cv2.INTER_AREA), np.uint8)
        assert check_view(sized).observed
        assert not check_view(cv2.GaussianBlur(sized, (0, 0), width / 60)).observed
