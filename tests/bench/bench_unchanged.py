"""A frame in which nothing has changed: what it costs, and how often simulated beds at rest are recognised as such."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from service.simulator.faces import FaceLibrary, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scene import BedScene, Lamp, Posture, Scene
from service.vision import (
    Frame,
    FrameAnalysis,
    Gallery,
    ViewCheck,
    Zone,
    analyse_frame,
    load_pack,
    make_anchor,
    reuse,
)
from service.vision.packs import PackError, fetch_test_pictures
from tests.bench.bench_vision import Line, pack_folder, paired_ratio
from tests.bench.frames import ward_frame

MAX_UNCHANGED = 0.15
_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
_QUESTION = b"q" * 32
_CATALOGUE = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "faces.yaml"
_POSTURES = (Posture.FACE_UP, Posture.COVERED, Posture.MADE, Posture.FACE_RIGHT)


def rows() -> list[Line]:
    """Cost and hit rate."""
    return [cost(), *hit_rates()]


def cost() -> Line:
    """The shortcut over a full analysis of the same frame, in turn."""
    pack = load_pack(pack_folder())
    nobody = Gallery.empty(pack.embedding_dimension)
    first, later = ward_frame(0, {0: 0, 2: 1}), ward_frame(1, {0: 0, 2: 1})
    analysis = analyse_frame(first.frame, first.zones, {}, nobody, pack)
    anchor = make_anchor("first", _AT, first.frame, first.zones, _QUESTION, analysis)
    assert anchor is not None
    assert reuse(anchor, later.frame, _AT, later.zones, _QUESTION) is not None
    ratio = paired_ratio(
        lambda: reuse(anchor, later.frame, _AT, later.zones, _QUESTION),
        lambda: analyse_frame(later.frame, later.zones, {}, nobody, pack),
    )
    return Line("frame without a change / full analysis", ratio, "ratio", MAX_UNCHANGED)


def hit_rates(frames: int = 10) -> list[Line]:
    """Of frames that differ by sensor noise and JPEG alone, how many are carried: by light, over both rooms; and of
    frames with one exchanged face, how many."""
    try:
        found = fetch_test_pictures(Path.home() / ".cache" / "wardwatch")
    except PackError as error:
        Console(stderr=True).print(f"{error.line()}: the simulated sequences are left out")
        return []
    pictures = {"group-1927": found.group_1927, "group-colour": found.bundled, "portrait-colour": found.astronaut}
    text = _CATALOGUE.read_text(encoding="utf-8")
    library, names = FaceLibrary(read_catalogue(text), pictures), list(read_catalogue(text))
    renderers = {name: Renderer(room, library, 5) for name, room in ROOMS.items()}
    lines, missed, exchanges = [], 0, 0
    for lamp in Lamp:
        carried = 0
        for name, renderer in renderers.items():
            carried += sum(_carried(renderer, name, names[0], names[0], lamp, grain) for grain in range(2, frames + 2))
            missed += sum(_carried(renderer, name, names[0], other, lamp, 5) for other in names[2 : frames + 2])
            exchanges += frames
        lines.append(Line(f"frames at rest carried, {lamp.value}", carried / frames / len(renderers), "of frames"))
    return [*lines, Line(f"exchanged faces carried, of {exchanges}", float(missed), "frames", 0)]


def _carried(renderer: Renderer, room: str, before: str, now: str, lamp: Lamp, grain: int) -> bool:
    zones = [Zone(f"bed-{i}", np.array(ROOMS[room].zone(i), np.float32)) for i in range(len(ROOMS[room].beds))]
    analysis = FrameAnalysis(ViewCheck(True), (), 0, "", 0.0, 0.0)
    anchor = make_anchor("first", _AT, _shot(renderer, before, lamp, 1), zones, _QUESTION, analysis)
    assert anchor is not None
    frame = _shot(renderer, now, lamp, grain)
    return reuse(anchor, frame, _AT + timedelta(minutes=5), zones, _QUESTION) is not None


def _shot(renderer: Renderer, face: str, lamp: Lamp, grain: int) -> Frame:
    beds = tuple(BedScene(posture, face if posture.shows_face else None) for posture in _POSTURES)
    encoded = cv2.imencode(".jpg", renderer.frame(Scene(beds, lamp, grain=grain)), [cv2.IMWRITE_JPEG_QUALITY, 84])[1]
    return Frame(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8))
