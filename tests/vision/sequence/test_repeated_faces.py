"""Faces that repeat too well are reported with their evidence; living ones are left alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.vision.sequence import FacePrint, RepeatKind, face_shape, face_signature, repeat_faces
from service.vision.sequence.repeated_faces import bits_different

POINTS = np.array([[38, 51], [73, 51], [56, 71], [41, 92], [70, 92]], np.float32)
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)


def drawn(seed: int, *, noise: float = 2.0, light: float = 1.0, grain: int = 0) -> np.ndarray:
    """Something with light and shade like a face (112, 112, 3); `seed` is the picture, `grain` the noise."""
    coarse = np.random.default_rng(seed).normal(130, 40, (7, 7)).astype(np.float32)
    face = cv2.resize(coarse, (112, 112), interpolation=cv2.INTER_CUBIC) * light
    face = face[..., None] + np.random.default_rng((seed, grain, 1)).normal(0, noise, (112, 112, 3))
    return np.clip(face, 0, 255).astype(np.uint8)


def face(
    night: int, seed: int, *, points: np.ndarray = POINTS, similarity: float = 0.62, light: float = 1.0
) -> FacePrint:
    at = NIGHT + timedelta(days=night)
    signature = face_signature(drawn(seed, light=light, grain=night))
    return FacePrint(f"r{night}", at, at.date(), face_shape(points), signature, similarity)


def living(night: int) -> FacePrint:
    """The same person, differently lit, turned and creased each night."""
    move = np.random.default_rng(night).normal(0, 3.0, (5, 2)).astype(np.float32)
    return face(night, 100 + night, points=POINTS + move, similarity=0.55 + 0.03 * (night % 4))


def test_a_photograph_in_the_bed_is_reported_with_its_nights() -> None:
    report = repeat_faces([face(n, 7, light=1.0 - 0.05 * n) for n in range(4)])[0]
    assert report.kind is RepeatKind.SAME_POSE
    assert report.readings == ("r0", "r1", "r2", "r3")
    assert report.nights[0] == date(2026, 3, 2)
    assert report.bits_different < 0.1
    assert report.shape_distance < 0.03


def test_two_alike_nights_are_chance() -> None:
    assert repeat_faces([face(0, 7), face(1, 7), living(2), living(3)]) == ()


def test_many_readings_of_one_night_are_one_night() -> None:
    one = face(0, 7)
    same_night = [FacePrint(f"s{i}", one.at, one.night, one.shape, one.signature, 0.62) for i in range(6)]
    assert repeat_faces(same_night) == ()


def test_a_living_face_is_never_reported() -> None:
    assert repeat_faces([living(n) for n in range(14)], [face_signature(drawn(7))]) == ()


def test_the_enrolment_picture_itself_is_reported() -> None:
    enrolled = face_signature(drawn(7, grain=99))
    reports = repeat_faces([face(0, 7, similarity=0.97), living(1)], [enrolled])
    assert [(r.kind, r.readings) for r in reports] == [(RepeatKind.ENROLMENT_PICTURE, ("r0",))]
    assert repeat_faces([face(0, 7, similarity=0.70)], [enrolled]) == ()


@given(st.permutations([face(n, 7) for n in range(4)] + [living(n) for n in range(5, 9)]))
@settings(max_examples=20, deadline=None)
def test_order_does_not_matter(shuffled: list[FacePrint]) -> None:
    assert repeat_faces([*shuffled, shuffled[0]])[0].readings == ("r0", "r1", "r2", "r3")


def test_the_shape_forgets_place_size_and_turn() -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]], np.float32)
    moved = (POINTS * 2.5) @ turn.T + np.array([400, 90], np.float32)
    assert np.allclose(face_shape(moved.astype(np.float32)), face_shape(POINTS), atol=1e-5)


def test_the_signature_is_small_and_coarse() -> None:
    picture = drawn(3)
    assert len(face_signature(picture)) == 30
    shrunk = cv2.resize(cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA), (112, 112))
    assert bits_different(face_signature(picture), face_signature(np.asarray(shrunk, np.uint8))) < 0.1
    assert bits_different(face_signature(picture), face_signature(drawn(4))) > 0.2


def test_a_print_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="240 bits"):
        FacePrint("r", NIGHT, NIGHT.date(), face_shape(POINTS), b"short", 0.5)
