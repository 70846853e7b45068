"""Whatever the bytes: a picture or a typed error, in little time and little memory, and never anything else."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.vision import ImageError, ImageLimits, decode, probe
from service.vision.sequence import PrintUnreadable, ViewPrint
from tests.fuzz import EXAMPLES
from tests.fuzz.corpus import JPEG, PNG, READ, REFUSED, UNREADABLE, WEBP, jpeg_of_size, png

SIGNATURES = (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\x00\x00\x00WEBP")
EDITS = ("flip", "cut", "insert", "repeat")
SECONDS = 5.0
"""Far above what any of them takes (tens of milliseconds): a loop without an end is what this finds."""
MEBIBYTES = 96
"""Python's own allocations while a file of at most some hundred kilobytes is read."""

bounded = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(data: bytes) -> None:
    """Decodes within the bounds."""
    started = time.monotonic()
    try:
        info = probe(data)
        frame = decode(data)
    except ImageError as error:
        told = (error.field, bool(error.remedy))
    else:
        told = ("image", True)
        assert (frame.width, frame.height) == (info.width, info.height)
        assert frame.pixels.dtype == np.uint8
        assert frame.width * frame.height <= ImageLimits().max_pixels
    assert told == ("image", True)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("name", [*REFUSED, *UNREADABLE])
def test_each_hostile_picture_gets_its_own_error_before_it_costs_memory(name: str) -> None:
    data, error = (REFUSED | UNREADABLE)[name]
    tracemalloc.start()
    try:
        with pytest.raises(error) as caught:
            decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEBIBYTES << 20
    assert caught.value.code == error.code


@pytest.mark.parametrize("name", READ)
def test_odd_but_harmless_pictures_are_read(name: str) -> None:
    frame = decode(READ[name])
    assert min(frame.width, frame.height) >= 64
    survives(READ[name])


@bounded
@given(st.binary(max_size=4096))
def test_random_bytes(data: bytes) -> None:
    survives(data)


@bounded
@given(st.sampled_from(SIGNATURES), st.binary(max_size=2048))
def test_random_bytes_behind_a_good_signature(signature: bytes, data: bytes) -> None:
    survives(signature + data)


@bounded
@given(
    st.sampled_from([JPEG, PNG, WEBP, *READ.values(), *(data for data, _ in (REFUSED | UNREADABLE).values())]),
    st.lists(
        st.tuples(st.floats(0, 0.999), st.sampled_from(EDITS), st.binary(max_size=64)),
        max_size=5,
    ),
)
def test_pictures_cut_flipped_stretched_and_repeated(data: bytes, edits: list[tuple[float, str, bytes]]) -> None:
    changed = bytearray(data)
    for where, kind, more in edits:
        at = int(where * len(changed))
        if kind == "flip" and changed:
            changed[at : at + len(more)] = more
        elif kind == "cut":
            del changed[at:]
        elif kind == "insert":
            changed[at:at] = more
        else:
            changed[at:at] = changed[max(0, at - 200) : at]
    survives(bytes(changed))


@bounded
@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1), st.sampled_from([1, 2, 4, 8, 16, 3]), st.integers(0, 7))
def test_headers_that_say_anything(width: int, height: int, depth: int, colour: int) -> None:
    survives(jpeg_of_size(width, height))
    survives(png(width, height, b"\0" * 4000, depth=depth, colour=colour))


@bounded
@given(st.binary(max_size=6000))
def test_a_stored_print_is_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"WVP\x00\x01" + data):
        try:
            ViewPrint.from_bytes(candidate)
        except PrintUnreadable:
            continue
