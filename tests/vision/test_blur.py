"""Pictures for people: faces blurred, the one kept untouched."""

from __future__ import annotations

import numpy as np
import pytest

from service.vision import Frame, Pack, assess_portrait, blur_faces, decode, encode_jpeg
from service.vision.faces import find_faces, whole
from tests.bench.frames import group_photograph
from tests.vision.fakes import fake_pack, ward


def test_everyone_but_the_kept_face_changes() -> None:
    frame = ward({"anna": (160, 120), "bela": (480, 120)})
    before = frame.pixels.copy()
    blurred = blur_faces(frame, (140.0, 100.0, 180.0, 140.0), fake_pack()).pixels
    assert (frame.pixels == before).all()
    assert (blurred[100:140, 140:180] == before[100:140, 140:180]).all()
    assert (blurred[95:145, 455:505] != before[95:145, 455:505]).any()


def test_jpeg_carries_no_metadata() -> None:
    data = encode_jpeg(ward(), 80)
    assert b"Exif" not in data
    assert decode(data).pixels.shape == (480, 640, 3)


@pytest.mark.models
def test_nobody_can_be_recognised_after_blurring(real_pack: Pack) -> None:
    frame = group_photograph()
    found = find_faces(frame.pixels, whole(frame.pixels), 0.0, real_pack.finder)
    assert len(found) >= 6
    blurred = blur_faces(frame, None, real_pack)
    for box in found.boxes:
        x1, y1, x2, y2 = (int(v) for v in box)
        crop = np.ascontiguousarray(frame.pixels[max(0, y1 - 40) : y2 + 40, max(0, x1 - 40) : x2 + 40])
        after = np.ascontiguousarray(blurred.pixels[max(0, y1 - 40) : y2 + 40, max(0, x1 - 40) : x2 + 40])
        clear, hidden = assess_portrait(Frame(crop), real_pack), assess_portrait(Frame(after), real_pack)
        assert clear.embedding is not None
        assert hidden.embedding is None or float(clear.embedding @ hidden.embedding) < 0.4
