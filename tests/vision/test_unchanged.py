"""Readings carried over: never across an exchange, a departure or another question; surely over noise alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.simulator.faces import FaceLibrary, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scene import BedScene, Lamp, Posture, Scene
from service.vision import BedState, Frame, FrameAnalysis, Gallery, Pack, ReadingPolicy, ViewCheck, Zone, analyse_frame
from service.vision.packs import PackError, fetch_test_pictures
from service.vision.reading import BedReading
from service.vision.trace import TRACE_BYTES, FaceTrace
from service.vision.unchanged import (
    Anchor,
    AnchorUnreadable,
    ReusePolicy,
    gallery_version,
    make_anchor,
    question_of,
    reuse,
    same,
    slot_of,
)

CATALOGUE = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "faces.yaml"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SOON = NOON + timedelta(minutes=5)
QUESTION = b"q" * 32


@pytest.fixture(scope="module")
def library() -> FaceLibrary:
    try:
        found = fetch_test_pictures(Path.home() / ".cache" / "wardwatch")
    except PackError as error:
        pytest.skip(f"NO TEST PICTURES: {error.line()}; no exchange of patients is tested")
    pictures = {"group-1927": found.group_1927, "group-colour": found.bundled, "portrait-colour": found.astronaut}
    return FaceLibrary(read_catalogue(CATALOGUE.read_text(encoding="utf-8")), pictures)


@pytest.fixture(scope="module")
def names() -> list[str]:
    return list(read_catalogue(CATALOGUE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def rooms(library: FaceLibrary) -> Mapping[str, Renderer]:
    return {name: Renderer(room, library, 5) for name, room in ROOMS.items()}


def zones_of(room: str) -> list[Zone]:
    return [Zone(f"bed-{i}", np.array(ROOMS[room].zone(i), np.float32)) for i in range(len(ROOMS[room].beds))]


def shot(renderer: Renderer, scene: Scene, quality: int = 84) -> Frame:
    """The frame as a camera sends it: through JPEG."""
    encoded = cv2.imencode(".jpg", renderer.frame(scene), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return Frame(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8))


def anchor_of(frame: Frame, zones: list[Zone], **changes: object) -> Anchor:
    readings = tuple(BedReading(zone.zone_id, BedState.EMPTY, 0.9, body_score=0.01) for zone in zones)
    analysis = FrameAnalysis(ViewCheck(True), readings, 0, "p" * 64, 0.1, 0.11)
    made = make_anchor("first", NOON, frame, zones, QUESTION, dataclasses.replace(analysis, **changes))
    assert made is not None
    return made


def beds_of(names: list[str], *postures: Posture) -> tuple[BedScene, ...]:
    return tuple(BedScene(p, names[i] if p.shows_face else None) for i, p in enumerate(postures))


SLEEPING = (Posture.FACE_UP, Posture.FACE_LEFT, Posture.COVERED, Posture.FACE_RIGHT)


@pytest.mark.parametrize("lamp", list(Lamp))
@pytest.mark.parametrize("room", list(ROOMS))
def test_fresh_noise_alone_is_carried_and_every_exchange_of_a_face_is_read_anew(
    room: str, lamp: Lamp, rooms: Mapping[str, Renderer], names: list[str]
) -> None:
    # The hardest exchange: another face in the very same pose, on the same pillow, under the same blanket.
    zones, beds = zones_of(room), beds_of(names, *SLEEPING)
    anchor = anchor_of(shot(rooms[room], Scene(beds, lamp, grain=1)), zones)
    for grain in range(2, 8):
        again = reuse(anchor, shot(rooms[room], Scene(beds, lamp, grain=grain)), SOON, zones, QUESTION)
        assert again is not None
        assert again.carried_from == "first"
    for grain, face in enumerate(names[4:], start=20):
        bed = grain % 2
        exchanged = tuple(dataclasses.replace(b, face=face) if i == bed else b for i, b in enumerate(beds))
        frame = shot(rooms[room], Scene(exchanged, lamp, grain=grain))
        assert reuse(anchor, frame, SOON, zones, QUESTION) is None, face


Change = Callable[[tuple[BedScene, ...]], tuple[BedScene, ...]]


def put(index: int, bed: BedScene) -> Change:
    return lambda beds: tuple(bed if i == index else b for i, b in enumerate(beds))


@pytest.mark.parametrize("lamp", list(Lamp))
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda beds: (beds[1], beds[0], *beds[2:]), id="two patients exchange beds"),
        pytest.param(put(0, BedScene(Posture.LEFT)), id="a patient leaves"),
        pytest.param(put(2, BedScene(Posture.MADE)), id="somebody under the blanket leaves"),
        pytest.param(put(2, BedScene(Posture.COVERED, fold=3)), id="the blanket lies otherwise"),
        pytest.param(put(3, BedScene(Posture.TURNED_AWAY)), id="a patient turns away"),
        pytest.param(lambda beds: (dataclasses.replace(beds[0], stir=7), *beds[1:]), id="a patient moves the head"),
    ],
)
def test_whatever_happens_in_a_bed_is_read_anew(
    change: Change, lamp: Lamp, rooms: Mapping[str, Renderer], names: list[str]
) -> None:
    zones, beds = zones_of("row"), beds_of(names, *SLEEPING)
    anchor = anchor_of(shot(rooms["row"], Scene(beds, lamp, grain=1)), zones)
    frame = shot(rooms["row"], Scene(change(beds), lamp, grain=2))
    assert reuse(anchor, frame, SOON, zones, QUESTION) is None


@pytest.mark.parametrize("lamp", [Lamp.DUSK, Lamp.NIGHT, Lamp.INFRARED])
def test_another_light_is_looked_at_anew(lamp: Lamp, rooms: Mapping[str, Renderer], names: list[str]) -> None:
    zones, beds = zones_of("row"), beds_of(names, *SLEEPING)
    anchor = anchor_of(shot(rooms["row"], Scene(beds, Lamp.DAY, grain=1)), zones)
    assert reuse(anchor, shot(rooms["row"], Scene(beds, lamp, grain=2)), SOON, zones, QUESTION) is None


@pytest.mark.parametrize("lamp", [Lamp.DUSK, Lamp.NIGHT, Lamp.INFRARED])
@pytest.mark.parametrize(("gain", "offset"), [(0.96, 3.0), (0.98, 1.0), (1.03, -2.0)])
def test_a_drift_of_exposure_is_carried_and_hides_no_exchange(
    gain: float, offset: float, lamp: Lamp, rooms: Mapping[str, Renderer], names: list[str]
) -> None:
    zones, beds = zones_of("row"), beds_of(names, *SLEEPING)
    anchor = anchor_of(shot(rooms["row"], Scene(beds, lamp, grain=1)), zones)

    def drifted(scene: Scene) -> Frame:
        return Frame(np.clip(rooms["row"].frame(scene) * gain + offset, 0, 255).astype(np.uint8))

    assert reuse(anchor, drifted(Scene(beds, lamp, grain=2)), SOON, zones, QUESTION) is not None
    exchanged = (dataclasses.replace(beds[0], face=names[9]), *beds[1:])
    assert reuse(anchor, drifted(Scene(exchanged, lamp, grain=2)), SOON, zones, QUESTION) is None


def test_coarse_jpeg_hides_no_exchange(rooms: Mapping[str, Renderer], names: list[str]) -> None:
    zones, beds = zones_of("aisle"), beds_of(names, *SLEEPING)
    anchor = anchor_of(shot(rooms["aisle"], Scene(beds, Lamp.NIGHT, grain=1), quality=30), zones)
    for face in names[4:16]:
        exchanged = (dataclasses.replace(beds[0], face=face), *beds[1:])
        frame = shot(rooms["aisle"], Scene(exchanged, Lamp.NIGHT, grain=2), quality=30)
        assert reuse(anchor, frame, SOON, zones, QUESTION) is None


def test_a_covered_lens_is_not_the_room(rooms: Mapping[str, Renderer], names: list[str]) -> None:
    zones, beds = zones_of("row"), beds_of(names, *SLEEPING)
    anchor = anchor_of(shot(rooms["row"], Scene(beds, grain=1)), zones)
    assert reuse(anchor, shot(rooms["row"], Scene(beds, covered=True)), SOON, zones, QUESTION) is None
    assert reuse(anchor, Frame(np.zeros((1080, 1920, 3), np.uint8)), SOON, zones, QUESTION) is None


# Plain pictures ------------------------------------------------------------------------------------------------------


def picture(seed: int) -> np.ndarray:
    """A bed's cells with the contrast of a bed: steps of 20 and more."""
    coarse = np.random.default_rng(seed).integers(40, 220, (12, 8)).astype(np.uint8)
    return cv2.resize(coarse, (72, 112), interpolation=cv2.INTER_LINEAR)


@given(
    seed=st.integers(0, 50),
    noise=st.floats(0.05, 1.0),
    row=st.integers(0, 106),
    column=st.integers(0, 66),
    step=st.floats(12.0, 80.0),
    sign=st.sampled_from((-1.0, 1.0)),
)
@settings(max_examples=60, deadline=None)
def test_a_change_of_a_third_of_a_head_is_never_lost_in_noise(
    seed: int, noise: float, row: int, column: int, step: float, sign: float
) -> None:
    before = picture(seed)
    now = before + np.random.default_rng(seed + 1).normal(0, noise, before.shape).astype(np.float32)
    assert same(now.astype(np.float32), before)
    now[row : row + 5, column : column + 5] += sign * step
    assert not same(now.astype(np.float32), before)


def test_where_there_is_nothing_to_see_nothing_is_claimed() -> None:
    wall = np.full((112, 72), 90, np.uint8)
    assert not same(wall.astype(np.float32), wall)  # a picture without contrast, even the very same
    noisy = picture(1) + np.random.default_rng(2).normal(0, 4.0, (112, 72)).astype(np.float32)
    assert not same(noisy.astype(np.float32), picture(1))
    assert not same(picture(1)[:-1].astype(np.float32), picture(1))


def ward(seed: int = 0) -> tuple[Frame, list[Zone]]:
    pixels = cv2.resize(np.random.default_rng(seed).integers(30, 230, (27, 48, 3)).astype(np.uint8), (960, 540))
    polygon = np.array([[0.1, 0.1], [0.4, 0.1], [0.4, 0.9], [0.1, 0.9]], np.float32)
    return Frame(pixels), [Zone("a", polygon), Zone("b", polygon + np.array([0.45, 0.0], np.float32), 1)]


def test_a_slot_ends_what_may_be_carried() -> None:
    frame, zones = ward()
    anchor = anchor_of(frame, zones)
    last = NOON + timedelta(minutes=14, seconds=59)
    assert reuse(anchor, frame, last, zones, QUESTION) is not None
    assert reuse(anchor, frame, NOON + timedelta(minutes=15), zones, QUESTION) is None
    assert reuse(anchor, frame, NOON - timedelta(seconds=1), zones, QUESTION) is None
    assert slot_of(last) == NOON
    # Another zone's clock changes nothing: slots lie on the same instants everywhere.
    assert slot_of(last.astimezone(tz=None)) == NOON
    half_hour = timedelta(minutes=30)
    assert slot_of(NOON + timedelta(minutes=31), ReusePolicy(slot=half_hour)) == NOON + half_hour


def test_another_question_or_size_is_read_anew() -> None:
    frame, zones = ward()
    anchor = anchor_of(frame, zones)
    assert reuse(anchor, frame, SOON, zones, b"r" * 32) is None
    assert reuse(anchor, Frame(frame.pixels[:-2]), SOON, zones, QUESTION) is None
    assert reuse(anchor, frame, SOON, zones[:1], QUESTION) is None


def test_the_question_changes_with_everything_that_a_reading_depends_on() -> None:
    _, zones = ward()
    rows = np.eye(4, dtype=np.float32)
    people = Gallery(("anna", "bela"), rows[:2])
    version = gallery_version(people)
    policy = ReadingPolicy()

    def asked(zones: list[Zone] = zones, expected: Mapping[str, str] = {"a": "anna"}, gallery: str = version) -> bytes:
        return question_of(zones, expected, gallery, "pack", policy)

    others = [
        asked(zones[::-1]),
        asked([zones[0], dataclasses.replace(zones[1], head_edge=2)]),
        asked([Zone("a", zones[0].polygon * 0.99), zones[1]]),
        asked(expected={"a": "bela"}),
        asked(expected={"b": "anna"}),
        asked(expected={}),
        asked(gallery=gallery_version(Gallery(("anna",), rows[:1]))),
        asked(gallery=gallery_version(Gallery(("anna", "bela"), rows[1:3]))),
        asked(gallery=gallery_version(Gallery(("a", "b"), rows[:2]))),
        question_of(zones, {"a": "anna"}, version, "other pack", policy),
        question_of(zones, {"a": "anna"}, version, "pack", ReadingPolicy(same_person=0.41)),
    ]
    first = asked()
    assert len({first, *others}) == 1 + len(others)
    assert asked() == first


def test_what_is_carried_says_from_where_and_keeps_no_trace_of_a_face() -> None:
    frame, zones = ward()
    verified = BedReading(
        "a", BedState.PATIENT, 0.9, recognised="anna", similarity=0.7, expected_similarity=0.7, face_quality=0.8,
        face_box=(1.0, 2.0, 3.0, 4.0), trace=FaceTrace(bytes(TRACE_BYTES)),
    )  # fmt: skip
    other = BedReading("b", BedState.EMPTY, 0.8, body_score=0.02)
    carried = reuse(anchor_of(frame, zones, readings=(verified, other), strangers=1), frame, SOON, zones, QUESTION)
    assert carried is not None
    assert carried.readings == (dataclasses.replace(verified, trace=None), other)
    assert (carried.carried_from, carried.strangers, carried.seconds_models) == ("first", 1, 0.0)
    with pytest.raises(ValueError, match="read in full"):
        make_anchor("second", SOON, frame, zones, QUESTION, carried)


def test_a_frame_that_shows_nothing_is_no_anchor() -> None:
    frame, zones = ward()
    analysis = FrameAnalysis(ViewCheck(True), (), 0, "p" * 64, 0.0, 0.0)
    assert make_anchor("first", NOON, frame, [], QUESTION, analysis) is None
    dark = dataclasses.replace(analysis, view=ViewCheck(False))
    assert make_anchor("first", NOON, frame, zones, QUESTION, dark) is None


def test_an_anchor_survives_storage_and_rejects_anything_else() -> None:
    frame, zones = ward()
    anchor = anchor_of(frame, zones)
    data = anchor.to_bytes()
    back = Anchor.from_bytes(data)
    assert (back.key, back.at, back.question, back.size) == (anchor.key, anchor.at, anchor.question, anchor.size)
    assert back.analysis.readings == anchor.analysis.readings
    assert all(np.array_equal(a, b) for a, b in zip(back.cells, anchor.cells, strict=True))
    assert len(data) < 20_000
    assert reuse(back, frame, SOON, zones, QUESTION) is not None
    for broken in (b"", data[:20], data[:-9], b"X" + data[1:], data[:40] + b"\x00" + data[41:]):
        with pytest.raises(AnchorUnreadable):
            Anchor.from_bytes(broken)


@pytest.mark.models
def test_a_real_analysis_is_carried_at_a_fraction_of_its_cost(
    real_pack: Pack, rooms: Mapping[str, Renderer], names: list[str]
) -> None:
    zones, beds = zones_of("row"), beds_of(names, *SLEEPING)
    frame, later = (shot(rooms["row"], Scene(beds, grain=grain)) for grain in (1, 2))
    nobody = Gallery.empty(real_pack.embedding_dimension)
    full = analyse_frame(frame, zones, {}, nobody, real_pack)
    anchor = make_anchor("first", NOON, frame, zones, QUESTION, full)
    assert anchor is not None
    carried = reuse(anchor, later, SOON, zones, QUESTION)
    assert carried is not None
    again = analyse_frame(later, zones, {}, nobody, real_pack)
    assert [r.state for r in carried.readings] == [r.state for r in again.readings]
    assert carried.seconds_total < 0.15 * again.seconds_total
