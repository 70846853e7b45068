"""A frame in which nothing has changed since one that was read in full: its readings stand.

Every bed's view, cut and turned as the face search cuts it, is averaged into cells of four pixels and compared with the
same cells of the earlier frame, the *anchor*. Where every cell and every small block of cells differs by no more than
the noise of these two frames explains, after the light's gain and offset are taken out, nobody has moved, come, gone or
been exchanged. Anything else, doubt included, is `None`: read the frame in full.

What is compared is always a frame read in full, never a carried one, so that small changes cannot add up. Which frame
is the anchor depends on event time alone (`slot_of`), so that the order of arrival does not matter.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.kit.errors import WardwatchError
from service.vision.analyse import BED_MARGINS
from service.vision.decode import Frame
from service.vision.faces import QUICK_SIDE, head_angle, view_of
from service.vision.quality import QualityReason
from service.vision.reading import (
    BedReading,
    BedState,
    FloatArray,
    FrameAnalysis,
    Gallery,
    ReadingPolicy,
    UnobservedCause,
    ViewCheck,
    Zone,
)
from service.vision.warp import Affine, apply, scale_of

Cells = NDArray[np.uint8]

_CELL = 4
"""Pixels of the view along a cell's side: a head, an eighth of a bed, is about 14 cells long."""
_BLOCK = (5, 5)
_MOST_BYTES = 1 << 24
_HEAD = struct.Struct("<4sHI")
_MAGIC = b"WAN\x01"


class AnchorUnreadable(WardwatchError):
    """Stored bytes that are no anchor of this version."""

    code = "anchor-unreadable"
    status = 500
    title_en = "A stored comparison frame cannot be read"
    title_zh = "已存储的对比帧无法读取"


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """When nothing has changed. Grey values are 0..255, of cells (means of 4 x 4 pixels of a bed's view).

    Source: the simulator's beds in four lights, as JPEG. Fresh noise alone differs by at most 6.5 sigma in a cell and
    6.0 sigma squared in a block; of 96 faces exchanged on the same pillow, in the same pose, the least is 108 and
    4,294.
    """

    version: str = "1"
    slot: timedelta = timedelta(minutes=15)
    """The first frame of each such span of event time is read in full: nothing is carried for longer."""
    cell_sigmas: float = 9.0
    block_energy: float = 9.0
    """Mean of the squared differences, in sigma squared, over 5 x 5 cells."""
    least_noise: float = 0.4
    """Sigma is taken to be at least this: cells are stored as whole numbers."""
    most_noise: float = 1.5
    """With more noise than this between the two frames nothing is claimed."""
    gain: tuple[float, float] = (0.9, 1.1)
    offset: float = 12.0
    """An exposure that drifts; more is another light, in which a bed is looked at anew."""
    contrast: float = 12.0
    """Spread of a bed's cells over sigma; with less there is too little to see for a change to be missed."""

    def __post_init__(self) -> None:
        if self.slot <= timedelta(0):
            raise ValueError("a slot is longer than nothing")


DEFAULT_REUSE_POLICY = ReusePolicy()


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """A frame read in full, as far as later ones are compared with it.

    `key`: the caller's name for it. `question`: see `question_of`. `size`: width and height. `cells`: a picture (rows,
    columns) uint8 of each zone, in the order of the zones. It is a small picture of the beds: keep it as pictures are
    kept, no longer than the slot.
    """

    key: str
    at: datetime
    question: bytes
    size: tuple[int, int]
    cells: tuple[Cells, ...]
    analysis: FrameAnalysis

    def to_bytes(self) -> bytes:
        """About 6 KiB a bed."""
        head = json.dumps(
            {
                "key": self.key,
                "at": self.at.astimezone(UTC).isoformat(),
                "question": self.question.hex(),
                "size": self.size,
                "shapes": [cells.shape for cells in self.cells],
                "analysis": _analysis_json(self.analysis),
            }
        ).encode()
        body = zlib.compress(b"".join(cells.tobytes() for cells in self.cells), 1)
        return _HEAD.pack(_MAGIC, 1, len(head)) + head + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Anchor:
        """The anchor of `to_bytes`. Raises `AnchorUnreadable` for anything else."""
        try:
            return _parse(data)
        except (struct.error, zlib.error, ValueError, KeyError, TypeError) as error:
            raise AnchorUnreadable(
                f"{len(data)} bytes are no anchor of this version", remedy="read the frame in full again"
            ) from error


def slot_of(at: datetime, policy: ReusePolicy = DEFAULT_REUSE_POLICY) -> datetime:
    """The start of the slot that `at` lies in. A camera's first frame in a slot, by time, is that slot's anchor."""
    seconds = policy.slot.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def gallery_version(gallery: Gallery) -> str:
    """Changes with every template and key; kept in the gallery once it was asked for."""
    return gallery.version


def question_of(
    zones: Sequence[Zone], expected: Mapping[str, str], gallery: str, pack_hash: str, policy: ReadingPolicy
) -> bytes:
    """32 bytes that change with everything a reading depends on besides the pixels. `gallery`: `gallery_version`, or
    whatever else changes with the gallery."""
    digest = hashlib.sha256()
    parts: list[bytes] = [gallery.encode(), pack_hash.encode(), repr(astuple(policy)).encode()]
    for zone in zones:
        key = expected.get(zone.zone_id)
        parts += [zone.zone_id.encode(), bytes([zone.head_edge]), zone.polygon.tobytes(), repr(key).encode()]
    for part in parts:
        digest.update(struct.pack("<I", len(part)) + part)
    return digest.digest()


def make_anchor(
    key: str, at: datetime, frame: Frame, zones: Sequence[Zone], question: bytes, analysis: FrameAnalysis
) -> Anchor | None:
    """What later frames are compared with, or `None` when this one showed nothing. Raises `ValueError` for an analysis
    that was itself carried."""
    if analysis.carried_from is not None:
        raise ValueError("only a frame read in full can be an anchor")
    if not analysis.view.observed or not zones:
        return None
    cells = tuple(np.rint(_cells(frame, zone)[0]).astype(np.uint8) for zone in zones)
    return Anchor(key, at, question, (frame.width, frame.height), cells, analysis)


def reuse(
    anchor: Anchor,
    frame: Frame,
    at: datetime,
    zones: Sequence[Zone],
    question: bytes,
    policy: ReusePolicy = DEFAULT_REUSE_POLICY,
) -> FrameAnalysis | None:
    """The anchor's analysis for `frame`, taken `at`, with `carried_from` set, or `None`: read it in full.

    Faces' traces are not carried: a face that looks the same because it is the same picture proves no photograph.
    """
    started = time.perf_counter()
    asked = question == anchor.question and (frame.width, frame.height) == anchor.size
    in_slot = at >= anchor.at and slot_of(at, policy) == slot_of(anchor.at, policy)
    if not (asked and in_slot and len(zones) == len(anchor.cells)):
        return None
    if not all(_stands(frame, zone, cells, policy) for zone, cells in zip(zones, anchor.cells, strict=True)):
        return None
    return replace(
        anchor.analysis,
        readings=tuple(replace(reading, trace=None) for reading in anchor.analysis.readings),
        seconds_models=0.0,
        seconds_total=time.perf_counter() - started,
        view_print=None,
        carried_from=anchor.key,
    )


def same(
    now: FloatArray, then: Cells, policy: ReusePolicy = DEFAULT_REUSE_POLICY, inside: NDArray[np.bool_] | None = None
) -> bool:
    """Whether two pictures (rows, columns) of one bed differ by light and noise alone. `inside`: the cells that lie in
    the frame, all if left out; what lies outside is black in both and tells nothing."""
    if now.shape != then.shape:
        return False
    before = then.astype(np.float32)
    known = np.ones(then.shape, bool) if inside is None else inside
    x, y = before[known], now[known]
    gain, offset = _light(x, y, policy)
    if not (policy.gain[0] <= gain <= policy.gain[1] and abs(offset) <= policy.offset):
        return False
    sigma = max(_sigma(np.abs(y - gain * x - offset)), policy.least_noise)
    if sigma > policy.most_noise or float(x.std()) < policy.contrast * sigma:
        return False
    difference = np.where(known, now - np.float32(gain) * before - np.float32(offset), np.float32(0))
    if float(cv2.norm(difference, cv2.NORM_INF)) > policy.cell_sigmas * sigma:
        return False
    energy = cv2.blur(difference * difference, _BLOCK)
    return float(energy.max()) <= policy.block_energy * sigma * sigma


def _stands(frame: Frame, zone: Zone, then: Cells, policy: ReusePolicy) -> bool:
    now, inside = _cells(frame, zone)
    return same(now, then, policy, inside)


def _cells(frame: Frame, zone: Zone) -> tuple[FloatArray, NDArray[np.bool_] | None]:
    """The bed's view as (rows, columns) float32, 0..255, and which cells lie wholly in the frame, `None` when all."""
    polygon = zone.polygon * np.array([frame.width, frame.height], np.float32)
    angle = head_angle(polygon, zone.head_edge)
    view = view_of(frame.pixels, polygon, angle, margins=BED_MARGINS, side=QUICK_SIDE)
    grey = cv2.cvtColor(view.pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    columns, rows = grey.shape[1] // _CELL, grey.shape[0] // _CELL
    cells = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32), _inside(view.to_frame, rows, columns, frame)


def _inside(to_frame: Affine, rows: int, columns: int, frame: Frame) -> NDArray[np.bool_] | None:
    ends = np.array([[x, y] for x in (0, _CELL * columns) for y in (0, _CELL * rows)])
    margin = _CELL * scale_of(to_frame)
    low, high = np.array([margin, margin]), np.array([frame.width - margin, frame.height - margin])
    reached = apply(to_frame, ends)
    if (reached >= low).all() and (reached <= high).all():
        return None
    centres = (np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1) + 0.5) * _CELL
    places = apply(to_frame, centres)
    return np.asarray(((places >= low) & (places <= high)).all(axis=-1))


def _light(before: FloatArray, now: FloatArray, policy: ReusePolicy) -> tuple[float, float]:
    """Gain and offset by least squares over the cells ((n,)) that are not far off, found by the fit before. (0, 0) when
    half of them have changed."""
    if not before.size:
        return 0.0, 0.0
    gain, offset = 1.0, float(np.median(now - before))
    for _ in range(2):
        rest = np.abs(now - gain * before - offset)
        near = rest <= 6 * max(_sigma(rest), policy.least_noise)
        x, y = before[near], now[near]
        if x.size < before.size // 2:
            return 0.0, 0.0
        middle, level = float(x.mean()), float(y.mean())
        x = x - np.float32(middle)
        extent = float(x @ x)
        gain = float(x @ (y - np.float32(level))) / extent if extent > 0 else 0.0
        offset = level - gain * middle
    return gain, offset


def _sigma(distances: NDArray[np.floating]) -> float:
    """The spread of the cells that have not changed: 1.4826 times the median distance from 0."""
    return 1.4826 * float(np.median(distances))


def _analysis_json(analysis: FrameAnalysis) -> dict[str, Any]:
    return {
        "view": [analysis.view.observed, analysis.view.cause],
        "readings": [
            {
                **{name: getattr(reading, name) for name in _PLAIN},
                "quality_reasons": list(reading.quality_reasons),
                "face_box": reading.face_box,
            }
            for reading in analysis.readings
        ],
        "strangers": analysis.strangers,
        "pack_hash": analysis.pack_hash,
    }


_PLAIN = (
    *("zone_id", "state", "confidence", "cause", "recognised", "similarity", "expected_similarity"),
    *("face_quality", "body_score"),
)


def _parse(data: bytes) -> Anchor:
    magic, version, length = _HEAD.unpack_from(data)
    if magic != _MAGIC or version != 1 or len(data) > _MOST_BYTES:
        raise ValueError("another format")
    head = json.loads(data[_HEAD.size : _HEAD.size + length])
    flat = np.frombuffer(zlib.decompressobj().decompress(data[_HEAD.size + length :], _MOST_BYTES), np.uint8)
    cells, at = [], 0
    for rows, columns in head["shapes"]:
        cells.append(flat[at : at + rows * columns].reshape(rows, columns))
        at += rows * columns
    if at != flat.size:
        raise ValueError("cells and shapes do not agree")
    width, height = head["size"]
    return Anchor(
        head["key"],
        datetime.fromisoformat(head["at"]),
        bytes.fromhex(head["question"]),
        (width, height),
        tuple(cells),
        _analysis_of(head["analysis"]),
    )


def _analysis_of(raw: Mapping[str, Any]) -> FrameAnalysis:
    observed, cause = raw["view"]
    readings = tuple(_reading_of(reading) for reading in raw["readings"])
    view = ViewCheck(observed, UnobservedCause(cause) if cause is not None else None)
    return FrameAnalysis(view, readings, raw["strangers"], raw["pack_hash"], 0.0, 0.0)


def _reading_of(raw: Mapping[str, Any]) -> BedReading:
    values = {name: raw[name] for name in _PLAIN}
    values["state"] = BedState(values["state"])
    values["cause"] = UnobservedCause(values["cause"]) if values["cause"] is not None else None
    reasons = tuple(QualityReason(reason) for reason in raw["quality_reasons"])
    box = None if raw["face_box"] is None else tuple(float(v) for v in raw["face_box"])
    if box is not None and len(box) != 4:
        raise ValueError("a box has four numbers")
    return BedReading(**values, quality_reasons=reasons, face_box=box)
