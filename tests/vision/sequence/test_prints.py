"""What a print keeps, and that it survives storage."""

from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.vision import Frame, Zone
from service.vision.sequence import PrintUnreadable, ViewPrint, make_print
from service.vision.sequence.compare import agreement, change
from service.vision.warp import reduced
from tests.vision.sequence.rooms import ZONES, View, pixels


def test_a_print_comes_back_from_its_bytes() -> None:
    made = make_print(Frame(pixels(View(grain=4))), ZONES)
    back = ViewPrint.from_bytes(made.to_bytes())
    assert back.to_bytes() == made.to_bytes()
    assert back.light == made.light
    assert np.array_equal(back.structure, made.structure)
    assert [zone.zone_id for zone in back.zones] == ["left", "right"]
    assert np.array_equal(back.zones[1].look, made.zones[1].look)
    assert back.zones[1].look.min() < 0 < back.zones[1].look.max()


def test_a_print_of_eight_beds_fits_into_four_kibibytes() -> None:
    zones = [Zone(f"{i:032x}", ZONES[0].polygon) for i in range(8)]
    assert len(make_print(Frame(pixels(View())), zones).to_bytes()) <= 4096


@given(st.binary(max_size=64), st.integers(0, 3000))
def test_bytes_that_are_no_print_are_refused(junk: bytes, cut: int) -> None:
    whole = _WHOLE
    for data in (junk, whole[:cut], whole + junk[:1] if junk else whole[:-1], b"WVP\x00\x02" + whole[5:]):
        if data != whole:
            with pytest.raises(PrintUnreadable):
                ViewPrint.from_bytes(data)


_WHOLE = make_print(Frame(pixels(View(grain=4))), ZONES).to_bytes()


def test_the_same_pixels_make_the_same_print_and_other_noise_another() -> None:
    once, again = (make_print(Frame(pixels(View(grain=4))), ZONES) for _ in range(2))
    other = make_print(Frame(pixels(View(grain=5))), ZONES)
    assert once.to_bytes() == again.to_bytes()
    assert once.noise_hash != other.noise_hash
    assert (once.noise != other.noise).mean() > 0.5


def test_neither_lamp_nor_infrared_changes_structure_or_bed() -> None:
    day = make_print(Frame(pixels(View(grain=4))), ZONES)
    for view in (View(grain=5, gain=0.5), View(grain=6, gain=1.2), View(grain=7, infrared=True, noise=5.0)):
        other = make_print(Frame(pixels(view)), ZONES)
        assert agreement(other.structure, day.structure.astype(np.float32), 0.5) > 0.85
        assert change(day.zones[0], other.zones[0]) < 0.1
    slept = make_print(Frame(pixels(View(grain=8, beds=(77, 0)))), ZONES)
    assert change(day.zones[0], slept.zones[0]) > 0.3
    assert change(day.zones[1], slept.zones[1]) < 0.05


def test_infrared_is_told_from_colour() -> None:
    assert make_print(Frame(pixels(View(infrared=True))), ()).light.infrared
    assert not make_print(Frame(pixels(View())), ()).light.infrared


def test_a_bed_is_turned_by_its_head_edge() -> None:
    frame = Frame(pixels(View(beds=(9, 9))))
    upright = make_print(frame, [Zone("bed", ZONES[0].polygon, 0)]).zones[0]
    upside_down = make_print(frame, [Zone("bed", ZONES[0].polygon, 2)]).zones[0]
    assert (
        change(upright, replace(upside_down, look=upside_down.look[::-1, ::-1], relief=upside_down.relief[::-1, ::-1]))
        < 0.05
    )


def test_other_zones_are_another_layout() -> None:
    frame = Frame(pixels(View()))
    assert make_print(frame, ZONES).layout != make_print(frame, ZONES[:1]).layout
    assert make_print(frame, ZONES).layout != make_print(frame, (ZONES[0], replace(ZONES[1], head_edge=1))).layout


@pytest.mark.parametrize("size", [(16, 16), (17, 400), (90, 31), (1080, 1920)])
def test_every_size_has_a_print(size: tuple[int, int]) -> None:
    picture = cv2.resize(pixels(View()), size[::-1])
    made = make_print(Frame(np.asarray(picture, np.uint8)), ZONES)
    assert ViewPrint.from_bytes(made.to_bytes()).width == size[1]


def test_a_polygon_with_six_corners_is_a_bed_too() -> None:
    corners = np.array([[0.1, 0.5], [0.2, 0.4], [0.4, 0.4], [0.4, 0.9], [0.2, 0.9], [0.1, 0.8]], np.float32)
    made = make_print(Frame(pixels(View())), [Zone("odd", corners, 1)])
    assert made.zones[0].look.std() > 0


def test_a_print_of_a_large_frame_costs_little_beside_reading_it() -> None:
    """Against decoding it, in processor time and turn by turn: the machine's load cancels."""
    large = np.asarray(cv2.resize(pixels(View()), (1920, 1080)), np.uint8)
    frame, small = Frame(large), reduced(large)
    turns = [
        (_seconds(lambda: make_print(frame, ZONES, small)), _seconds(lambda: cv2.imdecode(_JPEG, cv2.IMREAD_COLOR)))
        for _ in range(30)
    ]
    assert min(turn[0] for turn in turns) < 0.8 * min(turn[1] for turn in turns), turns


_JPEG = np.asarray(cv2.imencode(".jpg", cv2.resize(pixels(View()), (1920, 1080)))[1])


def _seconds(work: object) -> float:
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started
