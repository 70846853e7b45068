"""Hostile and odd pictures, each with the error it gets; and the eight EXIF orientations."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.vision import (
    ImageCorrupt,
    ImageEmpty,
    ImageError,
    ImageLimits,
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImageUnsupported,
    TooManyPixels,
    decode,
    probe,
)


def picture(width: int = 160, height: int = 96) -> Image.Image:
    """A smooth picture whose top left is red, top right green, bottom left blue."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([255 - x * 255 // width, x * 255 // width, y * 255 // height], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels)


def noise(width: int = 160, height: int = 160) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 255, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def lying_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose frame header announces another size."""
    data = bytearray(encoded(picture(64, 64), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.html", "<script>")
    return stream.getvalue()


JPEG = encoded(noise(), "JPEG", quality=90)
PNG = encoded(noise(), "PNG")
WEBP = encoded(noise(), "WEBP", quality=90)
ANIMATED_WEBP = encoded(picture(), "WEBP", save_all=True, append_images=[noise(160, 96)])
ANIMATED_PNG = encoded(picture(), "PNG", save_all=True, append_images=[noise(160, 96)])

HOSTILE = {
    "nothing": (b"", ImageEmpty),
    "text": (b"hello, world, this is no picture", ImageUnsupported),
    "html": (b"<html><img src=x></html>", ImageUnsupported),
    "zip": (zip_bytes(), ImageUnsupported),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ImageUnsupported),
    "gif": (encoded(picture().convert("P"), "GIF"), ImageUnsupported),
    "tiff": (encoded(picture(), "TIFF"), ImageUnsupported),
    "bmp": (encoded(picture(), "BMP"), ImageUnsupported),
    "animated webp": (ANIMATED_WEBP, ImageUnsupported),
    "animated png": (ANIMATED_PNG, ImageUnsupported),
    "cmyk jpeg": (encoded(picture().convert("CMYK"), "JPEG"), ImageUnsupported),
    "one pixel": (encoded(picture(1, 1), "PNG"), ImageTooSmall),
    "one row": (encoded(picture(400, 1), "JPEG"), ImageTooSmall),
    "too many bytes": (JPEG + b"\0" * (8 << 20), ImageTooLarge),
    "png bomb by header": (png_of(60_000, 60_000, b"\0" * 100), TooManyPixels),
    "png too long": (png_of(9_000, 100, b"\0" * 100), TooManyPixels),
    "png more pixels than read": (png_of(4_000, 4_000, b"\0" * 100), TooManyPixels),
    "jpeg bomb by header": (lying_jpeg(65_000, 65_000), TooManyPixels),
    "jpeg signature only": (b"\xff\xd8\xff", ImageTruncated),
    "two bytes": (b"\xff\xd8", ImageTruncated),
    "jpeg cut in the middle": (JPEG[: len(JPEG) // 2], ImageTruncated),
    "jpeg without its last two bytes": (JPEG[:-2], ImageTruncated),
    "jpeg cut and closed again": (JPEG[: len(JPEG) // 2] + b"\xff\xd9", ImageTruncated),
    "png cut in the middle": (PNG[: len(PNG) // 2], ImageTruncated),
    "png without its end": (PNG[:-12], ImageTruncated),
    "png with too few rows": (png_of(64, 64, b"\0"), ImageCorrupt),
    "webp cut in the middle": (WEBP[: len(WEBP) // 2], ImageTruncated),
    "webp signature only": (b"RIFF\x00\x10\x00\x00WEBP", ImageTruncated),
    "png damaged rows": (PNG[:200] + b"\xaa" * 400 + PNG[600:], ImageCorrupt),
    "jpeg header of nonsense": (b"\xff\xd8\xff\xe0" + b"\x00\x04ab" + b"\xff\xd9", ImageError),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_get_their_typed_error(name: str) -> None:
    data, error = HOSTILE[name]
    with pytest.raises(error) as caught:
        decode(data, field="images[0]")
    assert caught.value.field == "images[0]"
    assert caught.value.remedy
    assert caught.value.title("zh") != caught.value.title("en")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_honest_pictures_decode_to_the_same_pixels_as_pillow(kind: str) -> None:
    data = encoded(picture(), kind, quality=95) if kind != "PNG" else encoded(picture(), kind)
    pixels = decode(data).pixels
    theirs = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:, :, ::-1]
    assert pixels.shape == (96, 160, 3)
    assert np.abs(pixels.astype(int) - theirs).mean() < 1.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_exif_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpose that stores what a camera would
    stored = picture() if orientation == 1 else picture().transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif, **({} if kind == "PNG" else {"quality": 95}))
    upright = np.asarray(picture())[:, :, ::-1].astype(int)
    info = probe(data)
    assert (info.width, info.height, info.orientation) == (160, 96, orientation)
    assert np.abs(decode(data).pixels.astype(int) - upright).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_senseless_orientation_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(encoded(picture(), "JPEG", exif=exif)).pixels.shape == (96, 160, 3)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_grey_palette_transparent_and_16_bit_pictures_become_bgr(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray((np.arange(64 * 64, dtype=np.uint16) * 15).reshape(64, 64))
    else:
        image = picture(64, 64).convert(mode)
    frame = decode(encoded(image, "PNG"))
    assert frame.pixels.shape == (64, 64, 3)
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.std() > 10


@pytest.mark.parametrize("tail", [zip_bytes(), b"<script>alert(1)</script>", JPEG])
def test_what_follows_the_picture_in_the_file_is_never_looked_at(tail: bytes) -> None:
    assert (decode(JPEG + tail).pixels == decode(JPEG).pixels).all()


def test_a_caption_bar_is_not_a_missing_bottom() -> None:
    pixels = np.asarray(noise(320, 320)).copy()
    pixels[-96:] = 128
    assert decode(encoded(Image.fromarray(pixels), "JPEG", quality=85)).pixels.shape == (320, 320, 3)


def test_a_thumbnail_inside_the_comment_does_not_end_the_picture() -> None:
    exif = b"Exif\0\0" + encoded(noise(32, 32), "JPEG")
    data = encoded(noise(), "JPEG", exif=exif)
    assert decode(data).width == 160
    with pytest.raises(ImageTruncated):
        decode(data[: len(data) * 3 // 4])


def test_progressive_jpeg_and_restart_markers_decode() -> None:
    assert decode(encoded(noise(), "JPEG", progressive=True)).width == 160
    assert decode(encoded(noise(), "JPEG", restart_marker_blocks=2)).width == 160


def test_limits_are_the_callers() -> None:
    limits = ImageLimits(max_bytes=1000, max_pixels=160 * 96 - 1)
    with pytest.raises(ImageTooLarge):
        probe(JPEG, limits)
    with pytest.raises(TooManyPixels):
        probe(encoded(picture(), "PNG"), ImageLimits(max_pixels=160 * 96 - 1))
    assert probe(encoded(picture(), "PNG"), ImageLimits(max_pixels=160 * 96)).width == 160


@settings(max_examples=150, deadline=None)
@given(
    base=st.sampled_from([JPEG, PNG, WEBP]),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
def test_damage_gives_a_picture_or_a_typed_error_and_nothing_else(
    base: bytes, cut: float, flips: list[tuple[float, int]]
) -> None:
    data = bytearray(base[: max(1, int(len(base) * cut))])
    for where, value in flips:
        data[int(where * len(data))] = value
    try:
        frame = decode(bytes(data))
    except ImageError:
        return
    assert frame.pixels.ndim == 3
