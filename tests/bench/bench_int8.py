"""float32 and int8 of the same models side by side: what quantising saves, and what accuracy becomes.

The models are quantised here and now (static, weights by channel, 8 bit activations) with what one half of the
simulated people and one simulated room show; they are judged on the other half and the other room.
"""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from rich.console import Console

from service.simulator.faces import FaceLibrary, FacePlace, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scene import BedScene, Lamp, Posture, Scene
from service.vision import Frame, Pack, RuntimeOptions, Zone, load_pack
from service.vision.analyse import BED_MARGINS, beds_of
from service.vision.evaluate.degrade import DEGRADATIONS, Photo
from service.vision.evaluate.metrics import area_under_curve
from service.vision.faces import QUICK_SIDE, view_of
from service.vision.intake import taking_bytes
from service.vision.packs import PackError, fetch_test_pictures
from service.vision.packs.manifest import PackInput, read_manifest
from service.vision.runtime import session_options
from tests.bench.bench_vision import Line, pack_folder, paired_ratio

_CATALOGUE = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "faces.yaml"
_SPOILT = ("as_taken", "dim", "infrared", "half_covered_left", "motion", "jpeg_10")
_POSTURES = (Posture.FACE_UP, Posture.COVERED, Posture.MADE, Posture.FACE_RIGHT)
_SAMPLES = 32
"""Inputs that calibrate a model; onnxruntime's examples use as few."""


class Recorder:
    """A session that keeps what it is asked, in turn with what it answers."""

    def __init__(self, session: Any) -> None:
        self._session, self.asked = session, []

    def run(self, *arguments: Any) -> list[np.ndarray]:
        self.asked.append({name: value.copy() for name, value in arguments[-1].items()})
        return self._session.run(*arguments)


def rows() -> list[Line]:
    """Time and accuracy of the embedder, the body finder and the face finder, float32 and int8."""
    try:
        found = fetch_test_pictures(Path.home() / ".cache" / "wardwatch")
    except PackError as error:
        Console(stderr=True).print(f"{error.line()}: int8 is left out")
        return []
    pictures = {"group-1927": found.group_1927, "group-colour": found.bundled, "portrait-colour": found.astronaut}
    places = read_catalogue(_CATALOGUE.read_text(encoding="utf-8"))
    library, pack = FaceLibrary(places, pictures), load_pack(pack_folder())
    loaded = {name: np.asarray(cv2.imread(str(path)), np.uint8) for name, path in pictures.items()}
    people = {name: aligned_faces(loaded[place.picture], place, pack) for name, place in places.items()}
    names = list(people)
    rooms = {name: scenes(Renderer(room, library, 5), name, names) for name, room in ROOMS.items()}
    with tempfile.TemporaryDirectory() as scratch, quiet():
        return [*embedder_lines(people, pack, Path(scratch)), *finder_lines(rooms, pack, Path(scratch))]


def aligned_faces(picture: np.ndarray, place: FacePlace, pack: Pack) -> list[np.ndarray]:
    """The aligned face as taken and spoilt in each way, (112, 112, 3) uint8 each."""
    low, high = place.points.min(axis=0), place.points.max(axis=0)
    margin = 2.0 * float((high - low).max())
    x1, y1 = (max(0, int(v)) for v in low - margin)
    x2, y2 = (int(v) for v in high + margin)
    points = place.points - np.array([x1, y1], np.float32)
    photo = Photo(np.ascontiguousarray(picture[y1:y2, x1:x2]), points, None)
    chosen = {one.name: one for one in DEGRADATIONS}
    return [pack.embedder.align(chosen[name].apply(photo).pixels, points) for name in _SPOILT]


@dataclass(frozen=True, slots=True)
class Shot:
    """A simulated frame, its zones, and what lies in each."""

    frame: Frame
    zones: tuple[Zone, ...]
    beds: tuple[BedScene, ...]


def scenes(renderer: Renderer, room: str, names: list[str]) -> list[Shot]:
    """Frames of one room in every light, each with four people's faces or none."""
    zones = tuple(Zone(f"bed-{i}", np.array(ROOMS[room].zone(i), np.float32)) for i in range(len(ROOMS[room].beds)))
    shot = []
    for turn in range(4):
        for lamp in Lamp:
            postures = [_POSTURES[(i + turn) % len(_POSTURES)] for i in range(len(zones))]
            faces = [names[(3 * turn + 7 * i) % len(names)] for i in range(len(zones))]
            beds = tuple(BedScene(p, f if p.shows_face else None) for p, f in zip(postures, faces, strict=True))
            shot.append(Shot(Frame(renderer.frame(Scene(beds, lamp, grain=turn))), zones, beds))
    return shot


def embedder_lines(people: dict[str, list[np.ndarray]], pack: Pack, scratch: Path) -> list[Line]:
    """SFace: people apart (d'), refused at the pack's threshold, and the time of one face."""
    names = list(people)
    recorder = Recorder(pack.embedder.recogniser.session)
    with_session(pack, recorder).embedder.embed([face for name in names[::2] for face in people[name]])
    session = quantised(pack_folder() / "sface.onnx", scratch, recorder.asked)
    small = with_session(pack, Plain(session))
    judged, lines = {name: people[name] for name in names[1::2]}, []
    for title, one in (("float32", pack), ("int8", small)):
        genuine, others = similarities(judged, one)
        apart = (genuine.mean() - others.mean()) / np.sqrt((genuine.var() + others.var()) / 2)
        refused = float((genuine < pack.thresholds.same_person).mean())
        lines += [
            Line(f"SFace {title}: people apart", float(apart), "d'"),
            Line(f"SFace {title}: wrongly refused, of {len(genuine)}", refused, "of pairs"),
            Line(f"SFace {title}: most alike strangers, of {len(others)}", float(others.max()), "cosine"),
        ]
    face = [judged[names[1]][0]]
    ratio = paired_ratio(lambda: small.embedder.embed(face), lambda: pack.embedder.embed(face))
    return [Line("SFace, int8 / float32", ratio, "ratio"), *lines]


def similarities(people: dict[str, list[np.ndarray]], pack: Pack) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of each person's picture as taken with the spoilt ones of the same, and with all of everybody else."""
    every = np.stack([pack.embedder.embed(faces) for faces in people.values()])  # people, pictures, dimension
    cosines = np.einsum("pd,qkd->pqk", every[:, 0], every)
    same = np.eye(len(every), dtype=bool)
    return cosines[same][:, 1:].ravel(), cosines[~same].ravel()


def finder_lines(rooms: dict[str, list[Shot]], pack: Pack, scratch: Path) -> list[Line]:
    """NanoDet: occupied and empty beds apart. YuNet: faces found, finds where no face is; and the time of each."""
    learned, judged = list(rooms.values())[:2]
    heard = {name: Recorder(getattr(pack, name).session) for name in ("bodies", "finder")}
    measured(learned, replace(pack, **{n: replace(getattr(pack, n), session=r) for n, r in heard.items()}))
    parts = read_manifest(pack_folder()).parts
    tasks = {"bodies": parts["body_detection"], "finder": parts["face_detection"]}
    sessions = {
        n: Plain(quantised(pack_folder() / part.file, scratch, heard[n].asked, part.input)) for n, part in tasks.items()
    }
    small = replace(pack, **{n: replace(getattr(pack, n), session=s) for n, s in sessions.items()})
    ratios = {n: ratio_of_runs(sessions[n], getattr(pack, n).session, heard[n].asked[0]) for n in tasks}
    before, after = measured(judged, pack), measured(judged, small)
    return [
        Line("NanoDet, int8 / float32", ratios["bodies"], "ratio"),
        *body_lines(before, "float32"),
        *body_lines(after, "int8"),
        Line("YuNet, int8 / float32", ratios["finder"], "ratio"),
        *face_lines(before, "float32"),
        *face_lines(after, "int8"),
    ]


def ratio_of_runs(one: Any, other: Any, feeds: dict[str, np.ndarray]) -> float:
    """Processor time of one call over that of the other, in turn."""
    return paired_ratio(lambda: one.run(feeds), lambda: other.run(feeds))


def body_lines(beds: list[Seen], bits: str) -> list[Line]:
    """How well body scores tell occupied beds from empty ones, and how high they are."""
    full = [bed.body for bed in beds if bed.scene.posture.occupied]
    empty = [bed.body for bed in beds if not bed.scene.posture.occupied]
    title = f"NanoDet {bits}: {len(full)} occupied and {len(empty)} empty beds apart"
    return [
        Line(title, area_under_curve(full, empty).value, "AUC"),
        Line(f"NanoDet {bits}: mean score of the occupied", float(np.mean(full)), "of 1"),
    ]


def face_lines(beds: list[Seen], bits: str) -> list[Line]:
    """Beds with a face in which one is found without the mesh's help, and beds without one in which one is."""
    there = [bed.faces > 0 for bed in beds if bed.scene.posture.shows_face]
    none = [bed.faces > 0 for bed in beds if not bed.scene.posture.shows_face]
    return [
        Line(f"YuNet {bits}: found, of {len(there)} faces", float(np.mean(there)), "of faces"),
        Line(f"YuNet {bits}: found where none is, of {len(none)} beds", float(np.sum(none)), "beds"),
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """One bed: what lies there, its body score, and how many sure faces a first look finds."""

    scene: BedScene
    body: float
    faces: int


def measured(shots: list[Shot], pack: Pack) -> list[Seen]:
    """Every bed of every frame."""
    results = []
    for shot in shots:
        for bed, scene in zip(beds_of(shot.frame, shot.zones, pack), shot.beds, strict=True):
            place = bed.place
            view = view_of(shot.frame.pixels, place.polygon, place.upright, margins=BED_MARGINS, side=QUICK_SIDE)
            sure = int((pack.finder.find(view.pixels).scores >= pack.thresholds.face_alone).sum())
            results.append(Seen(scene, float(bed.body or 0.0), sure))
    return results


class Plain:
    """An onnxruntime session called as the product's own are, with names or without."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def run(self, *arguments: Any) -> list[np.ndarray]:
        return self._session.run(arguments[0] if len(arguments) > 1 else None, arguments[-1])


def with_session(pack: Pack, session: Any) -> Pack:
    """`pack` with another embedder."""
    recogniser = copy.copy(pack.embedder.recogniser)
    recogniser.session = session
    return replace(pack, embedder=replace(pack.embedder, recogniser=recogniser))


def quantised(
    source: Path, scratch: Path, asked: list[dict[str, np.ndarray]], wanted: PackInput | None = None
) -> onnxruntime.InferenceSession:
    """`source` with its convolutions in 8 bits, calibrated by some of what it was asked; constants folded before.
    `wanted`: where it was asked with bytes, what it wants to see."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Asked(CalibrationDataReader):
        def __init__(self) -> None:
            self._feeds = iter(asked[:: max(1, len(asked) // _SAMPLES)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._feeds, None)

    folded, target = scratch / f"folded-{source.name}", scratch / f"int8-{source.name}"
    if wanted is not None:
        data = taking_bytes(source.read_bytes(), wanted, source.name)
        source = scratch / f"bytes-{source.name}"
        source.write_bytes(data)
    quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
    quantize_static(
        str(folded),
        str(target),
        Asked(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Gemm"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    options = session_options(RuntimeOptions())
    return onnxruntime.InferenceSession(str(target), options, providers=["CPUExecutionProvider"])


@contextmanager
def quiet() -> Iterator[None]:
    """The quantiser's advice is for people who prepare models by hand."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
