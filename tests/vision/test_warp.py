"""Views: what is seen in a turned crop lies where the matrix says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from service.vision.faces import Faces, find_faces, head_angle, view_of, whole
from service.vision.warp import apply, invert, reduced, sample, square_about
from tests.vision.fakes import ColourFaces, ward

REGION = np.array([[60, 40], [300, 40], [300, 400], [60, 400]], np.float32)


@pytest.mark.parametrize("angle", [0, 7, 45, 90, 100, 133, 180, 225, 270, -90])
@pytest.mark.parametrize("at", [(100, 100), (250, 350), (180, 60)])
def test_a_dot_in_the_view_maps_back_to_the_frame(angle: float, at: tuple[int, int]) -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(pixels, at, 5, (255, 255, 255), -1)
    view = view_of(pixels, REGION, angle, margins=(0.1, 0.2))
    assert view.pixels.shape[0] % 32 == view.pixels.shape[1] % 32 == 0
    ys, xs = np.nonzero(view.pixels[:, :, 0] > 127)
    back = apply(view.to_frame, np.array([[xs.mean(), ys.mean()]], np.float32))[0]
    assert np.abs(back - np.array(at)).max() < 1.0


def test_a_view_that_reaches_outside_is_black_there() -> None:
    pixels = np.full((100, 100, 3), 200, np.uint8)
    view = view_of(pixels, whole(pixels), 0.0, margins=(0.5, 0.5))
    assert view.pixels[0, 0].tolist() == view.pixels[-1, -1].tolist() == [0, 0, 0]
    middle = view.pixels[view.pixels.shape[0] // 2, view.pixels.shape[1] // 2]
    assert middle.tolist() == [200, 200, 200]


@pytest.mark.parametrize(("edge", "angle"), [(0, 0.0), (1, 270.0), (2, 180.0), (3, 90.0)])
def test_the_head_edge_comes_to_the_top(edge: int, angle: float) -> None:
    assert head_angle(REGION, edge) % 360 == pytest.approx(angle)
    pixels = np.zeros((480, 640, 3), np.uint8)
    ends = [tuple(int(v) for v in REGION[i % 4]) for i in (edge, edge + 1)]
    cv2.line(pixels, ends[0], ends[1], (255, 255, 255), 9)
    view = view_of(pixels, REGION, head_angle(REGION, edge))
    assert view.pixels[:20].mean() > 5 * view.pixels[40:].mean()


@pytest.mark.parametrize("angle", [0.0, 90.0, 40.0])
def test_a_face_found_in_a_view_has_the_frames_coordinates(angle: float) -> None:
    found = find_faces(ward({"anna": (160, 120)}).pixels, REGION, angle, ColourFaces())
    centre = (found.boxes[0, :2] + found.boxes[0, 2:]) / 2
    assert np.abs(centre - np.array([160, 120])).max() < 3
    assert np.abs(found.points[0].mean(axis=0)[0] - 160) < 20


def test_a_strong_reduction_does_not_skip_rows() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[::2] = 255
    patch = sample(stripes, square_about(np.array([400.0, 400.0]), 700.0, 30.0, 96), (96, 96))
    assert abs(float(patch[20:76, 20:76].mean()) - 127) < 6
    assert patch[20:76, 20:76].std() < 10


def test_a_matrix_and_its_inverse_cancel() -> None:
    forward = square_about(np.array([31.0, 17.0]), 50.0, 77.0, 192)
    points = np.array([[3.0, 9.0], [40.0, 2.0]], np.float32)
    assert np.allclose(apply(invert(forward), apply(forward, points)), points, atol=1e-3)


def test_reduced_keeps_the_ratio() -> None:
    small = reduced(np.zeros((1080, 1920, 3), np.uint8))
    assert small.pixels.shape == (270, 480, 3)
    assert small.ratio.tolist() == [4.0] * 4
    assert reduced(np.zeros((20, 5000, 3), np.uint8)).pixels.shape[1] < 1000


def test_faces_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="faces of shapes"):
        Faces(np.zeros((2, 4), np.float32), np.zeros((2, 4, 2), np.float32), np.zeros(2, np.float32))
