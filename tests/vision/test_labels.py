"""Labels in pictures: read at the sizes and angles at which phones see them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import segno

from service.vision import Frame, read_codes


def with_labels(*texts: str, side: int = 260, angle: float = 0.0, noise: float = 6.0, width: int = 1280) -> Frame:
    """A grey room of `width` x 960 pixels with a printed label for each text, `side` pixels wide, turned by `angle`."""
    rng = np.random.default_rng(7)
    pixels = np.full((960, width, 3), 130, np.uint8)
    for k, text in enumerate(texts):
        modules = np.array([list(row) for row in segno.make(text, error="m", micro=False).matrix], np.uint8)
        label = np.pad(np.where(modules, 0, 255).astype(np.uint8), 4, constant_values=255)
        label = cv2.resize(label, (side, side), interpolation=cv2.INTER_NEAREST)
        x, y = 640 - side // 2 + k * (side + 80), 480 - side // 2
        pixels[y : y + side, x : x + side] = label[..., None]
    turn = cv2.getRotationMatrix2D((width / 2, 480), angle, 1.0)
    turned = cv2.warpAffine(pixels, turn, (width, 960), borderMode=cv2.BORDER_REPLICATE)
    noisy = turned + rng.normal(0, noise, turned.shape)
    return Frame(np.ascontiguousarray(np.clip(noisy, 0, 255).astype(np.uint8)))


@pytest.mark.parametrize("angle", [0.0, 12.0, 90.0])
@pytest.mark.parametrize("side", [160, 260, 420])
def test_a_label_is_read(side: int, angle: float) -> None:
    assert read_codes(with_labels("bed one", side=side, angle=angle)) == ("bed one",)


def test_two_labels_are_both_read() -> None:
    assert read_codes(with_labels("bed two", "bed one")) == ("bed one", "bed two")


def test_a_room_without_a_label_says_nothing() -> None:
    assert read_codes(with_labels()) == ()
    assert read_codes(Frame(np.zeros((40, 30, 3), np.uint8))) == ()
