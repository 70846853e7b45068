"""Reasons that a nurse can act on, from measures and from spoilt portraits."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from insightface.utils.face_align import arcface_dst

from service.vision import Frame, Pack, QualityReason, assess_portrait
from service.vision.embed import InsightfaceEmbedder
from service.vision.quality import BED_QUALITY, PORTRAIT_QUALITY, FaceMeasures, grade
from tests.bench.frames import group_photograph, head
from tests.vision.fakes import fake_pack, ward

FINE = FaceMeasures(width=120, sharpness=0.3, luminance=130, saturated=0.0, yaw=0, pitch=0, flag=1.0, detection=0.95)
FLAWS = {
    QualityReason.TOO_SMALL: {"width": 31.0},
    QualityReason.BLURRED: {"sharpness": 0.05},
    QualityReason.TOO_DARK: {"luminance": 20.0},
    QualityReason.TOO_BRIGHT: {"luminance": 240.0},
    QualityReason.TURNED_AWAY: {"yaw": -60.0},
    QualityReason.OCCLUDED: {"flag": 0.4},
    QualityReason.LOW_CONFIDENCE: {"detection": 0.2},
}


def test_a_fine_face_has_no_reasons() -> None:
    assert grade(FINE, BED_QUALITY).reasons == grade(FINE, PORTRAIT_QUALITY).reasons == ()
    assert grade(FINE, PORTRAIT_QUALITY).score == 1.0


@pytest.mark.parametrize("reason", FLAWS)
def test_each_flaw_is_named_and_costs_the_score(reason: QualityReason) -> None:
    quality = grade(replace(FINE, **FLAWS[reason]), BED_QUALITY)
    assert quality.reasons == (reason,)
    assert quality.score < 0.5


def test_the_worst_reason_comes_first() -> None:
    quality = grade(replace(FINE, width=30.0, yaw=70.0), BED_QUALITY)
    assert quality.reasons == (QualityReason.TURNED_AWAY, QualityReason.TOO_SMALL)


def test_alignment_brings_the_five_points_to_the_template() -> None:
    points = arcface_dst * 2.3 + np.array([40.0, 60.0], np.float32)
    pixels = np.zeros((500, 500, 3), np.uint8)
    for i, (x, y) in enumerate(points):
        cv2.circle(pixels, (round(float(x)), round(float(y))), 8, (0, 0, 50 + 50 * i), -1)

    class Recogniser:
        input_size = (112, 112)

    aligned = InsightfaceEmbedder(Recogniser(), 128).align(pixels, points.astype(np.float32))
    assert aligned.shape == (112, 112, 3)
    for i, (x, y) in enumerate(arcface_dst):
        assert abs(int(aligned[round(float(y)), round(float(x)), 2]) - (50 + 50 * i)) < 25


def test_no_face_and_several_faces() -> None:
    nobody = assess_portrait(ward(), fake_pack())
    assert (nobody.reasons, nobody.embedding, nobody.acceptable) == ((QualityReason.NO_FACE,), None, False)
    two = assess_portrait(ward({"anna": (160, 120), "bela": (480, 120)}), fake_pack())
    assert QualityReason.SEVERAL_FACES in two.reasons
    assert not two.acceptable


@pytest.mark.models
class TestRealPortraits:
    def test_a_good_portrait_is_accepted_with_a_unit_template(self, real_pack: Pack) -> None:
        portrait = assess_portrait(head(0), real_pack)
        assert portrait.acceptable
        assert portrait.embedding is not None
        assert np.linalg.norm(portrait.embedding) == pytest.approx(1.0, abs=1e-5)

    def test_a_group_photograph_is_nobodys_portrait(self, real_pack: Pack) -> None:
        assert QualityReason.SEVERAL_FACES in assess_portrait(group_photograph(), real_pack).reasons

    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_a_portrait_on_its_side_gives_the_same_person(self, real_pack: Pack, turns: int) -> None:
        upright = assess_portrait(head(0), real_pack).embedding
        turned = assess_portrait(Frame(np.ascontiguousarray(np.rot90(head(0).pixels, turns))), real_pack).embedding
        assert upright is not None
        assert turned is not None
        assert float(upright @ turned) > 0.8

    def test_a_crop_tight_to_the_chin_still_has_a_face(self, real_pack: Pack) -> None:
        x1, y1, x2, y2 = (max(0, round(v)) for v in assess_portrait(head(0), real_pack).face or ())
        tight = Frame(np.ascontiguousarray(head(0).pixels[y1:y2, x1:x2]))
        embedding, whole = assess_portrait(tight, real_pack).embedding, assess_portrait(head(0), real_pack).embedding
        assert embedding is not None
        assert whole is not None
        assert float(embedding @ whole) > 0.7

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda p: (p * 0.12).astype(np.uint8), QualityReason.TOO_DARK),
            (lambda p: np.clip(p.astype(int) * 1.5 + 90, 0, 255).astype(np.uint8), QualityReason.TOO_BRIGHT),
            (lambda p: cv2.GaussianBlur(p, (0, 0), 6), QualityReason.BLURRED),
            (lambda p: cv2.resize(p, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), QualityReason.TOO_SMALL),
        ],
    )
    def test_a_spoilt_portrait_says_why(self, real_pack: Pack, spoil: object, reason: QualityReason) -> None:
        portrait = assess_portrait(Frame(np.asarray(spoil(head(0).pixels))), real_pack)  # type: ignore[operator]
        assert reason in portrait.reasons
        assert not portrait.acceptable

    def test_a_noise_picture_has_no_face(self, real_pack: Pack) -> None:
        assert assess_portrait(ward(), real_pack).reasons == (QualityReason.NO_FACE,)
