"""What is kept of a frame so that time can be judged: a print, too coarse to recognise anybody.

A print goes into a column beside its snapshot and outlives the picture. Its finest picture of the room is 64 x 36 cells
of edge strength, a face in a bed is at most two cells there; nothing in it can be matched with a face template.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from service.kit.errors import WardwatchError

THUMBNAIL = (18, 32)
STRUCTURE = (36, 64)
ZONE = (16, 12)
"""Rows from the head end to the feet, columns across the bed."""
NOISE_GRID = (16, 24)
NOISE = NOISE_GRID[0] * NOISE_GRID[1]
MOST_ZONES = 32
_VERSION = 1
_HEAD = struct.Struct("<4sBHH8s8s7B3fB")
_MAGIC = b"WVP\x00"

Cells = NDArray[np.uint8]
Signed = NDArray[np.int8]


class PrintUnreadable(WardwatchError):
    """Stored bytes that are no print of this version."""

    code = "print-unreadable"
    status = 500
    title_en = "A stored view print cannot be read"
    title_zh = "已存储的画面指纹无法读取"


@dataclass(frozen=True, slots=True)
class Light:
    """How bright the frame is. Grey values 0..255 below which that share of the pixels lies; `colour` 0..255: mean
    difference of the strongest and the weakest channel, next to 0 under infrared."""

    p01: int
    p05: int
    p10: int
    p50: int
    p95: int
    p99: int
    colour: int

    @property
    def spread(self) -> float:
        """Half of what lies between the dark and the bright twentieth."""
        return (self.p95 - self.p05) / 2

    @property
    def infrared(self) -> bool:
        """Whether the frame has no colour: infrared light, or a camera's night mode. Noise in a colour picture
        alone gives 3."""
        return self.colour < 3


@dataclass(frozen=True, slots=True, eq=False)
class ZonePrint:
    """One bed, turned so that the head end is the first row.

    `look`: (16, 12) int8, -8..7, grey less its mean in thirds of its spread: no change of light changes it much.
    `relief`: (16, 12) uint8, 0..15, edge strength in quarters of its mean: folds, a body under a blanket.
    """

    zone_id: str
    look: Signed
    relief: Cells

    def __post_init__(self) -> None:
        _shaped("look", self.look, ZONE)
        _shaped("relief", self.relief, ZONE)
        if not 0 < len(self.zone_id.encode()) <= 64:
            raise ValueError("a zone id has 1 to 64 bytes")


@dataclass(frozen=True, slots=True, eq=False)
class ViewPrint:
    """One frame. Two prints are the same when their bytes are.

    `layout`: 8 bytes that name the zones it was made with; other zones start a new reference.
    `thumbnail`: (18, 32) uint8 grey. `structure`: (36, 64) uint8, 0..15, edge strength over its surroundings.
    `noise`: (384,) int8, what single spots of the full picture differ from their surroundings. `noise_level`: mean
    absolute difference of neighbouring pixels from each other at those spots, grey values. `noise_hash`: 8 bytes over
    every 16th row of the decoded pixels: equal for equal pixels only. `sharpness`: that of
    single frames (service.vision.view). `texture`: edge strength 0..255 that 3% of the pixels exceed.
    """

    width: int
    height: int
    layout: bytes
    light: Light
    sharpness: float
    texture: float
    thumbnail: Cells
    structure: Cells
    noise: Signed
    noise_level: float
    noise_hash: bytes
    zones: tuple[ZonePrint, ...]

    def __post_init__(self) -> None:
        _shaped("thumbnail", self.thumbnail, THUMBNAIL)
        _shaped("structure", self.structure, STRUCTURE)
        _shaped("noise", self.noise, (NOISE,))
        if len(self.layout) != 8 or len(self.noise_hash) != 8:
            raise ValueError("layout and noise_hash have 8 bytes")
        if len(self.zones) > MOST_ZONES:
            raise ValueError(f"a print holds at most {MOST_ZONES} zones")

    def zone(self, zone_id: str) -> ZonePrint | None:
        """The print of a bed, or `None` when the frame was read without it."""
        return next((zone for zone in self.zones if zone.zone_id == zone_id), None)

    def to_bytes(self) -> bytes:
        """At most 4 KiB for 8 beds; always the same bytes for the same print."""
        light = self.light
        parts = [
            _HEAD.pack(
                _MAGIC,
                _VERSION,
                self.width,
                self.height,
                self.layout,
                self.noise_hash,
                *(light.p01, light.p05, light.p10, light.p50, light.p95, light.p99, light.colour),
                *(self.sharpness, self.texture, self.noise_level),
                len(self.zones),
            ),
            self.thumbnail.tobytes(),
            _packed(self.structure),
            self.noise.tobytes(),
        ]
        for zone in self.zones:
            name = zone.zone_id.encode()
            parts += [bytes([len(name)]), name, _packed((zone.look + 8).astype(np.uint8)), _packed(zone.relief)]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> ViewPrint:
        """The print of `to_bytes`. Raises `PrintUnreadable` for anything else."""
        try:
            return _parse(cls, data)
        except (struct.error, ValueError, IndexError) as error:
            raise PrintUnreadable(
                f"{len(data)} bytes are no print of version {_VERSION}",
                field="view_print",
                remedy="read the snapshot again while its picture is kept",
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class TimedPrint:
    """A print with its place in event time. `key` tells pictures of one instant apart and names the verdict; the same
    key twice is one picture delivered twice."""

    key: str
    at: datetime
    print: ViewPrint


def in_event_order(prints: Iterator[TimedPrint] | tuple[TimedPrint, ...] | list[TimedPrint]) -> list[TimedPrint]:
    """Sorted by time, then key; doubles dropped. Whatever order pictures arrive in, they are judged in this one."""
    return sorted({item.key: item for item in prints}.values(), key=lambda item: (item.at, item.key))


def _shaped(name: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} is {shape}, not {array.shape}")


def _packed(cells: Cells) -> bytes:
    """Two cells of 0..15 a byte."""
    flat = cells.reshape(-1, 2)
    return ((flat[:, 0] << 4) | flat[:, 1]).astype(np.uint8).tobytes()


def _unpacked(data: bytes, shape: tuple[int, int]) -> Cells:
    pairs = np.frombuffer(data, np.uint8)
    return np.stack([pairs >> 4, pairs & 15], axis=1).reshape(shape)


def _parse(kind: type[ViewPrint], data: bytes) -> ViewPrint:
    magic, version, width, height, layout, noise_hash, *rest = _HEAD.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise ValueError("another format")
    *light, sharpness, texture, noise_level, count = rest
    at = _HEAD.size

    def take(length: int) -> bytes:
        nonlocal at
        if at + length > len(data):
            raise ValueError("too short")
        at += length
        return data[at - length : at]

    thumbnail = np.frombuffer(take(THUMBNAIL[0] * THUMBNAIL[1]), np.uint8).reshape(THUMBNAIL)
    structure = _unpacked(take(STRUCTURE[0] * STRUCTURE[1] // 2), STRUCTURE)
    noise = np.frombuffer(take(NOISE), np.int8)
    zones = []
    for _ in range(count):
        name = take(take(1)[0]).decode()
        look = _unpacked(take(ZONE[0] * ZONE[1] // 2), ZONE).astype(np.int8) - np.int8(8)
        zones.append(ZonePrint(name, look, _unpacked(take(ZONE[0] * ZONE[1] // 2), ZONE)))
    if at != len(data):
        raise ValueError("too long")
    return kind(
        width, height, layout, Light(*light), sharpness, texture, thumbnail, structure, noise, noise_level, noise_hash,
        tuple(zones),
    )  # fmt: skip
