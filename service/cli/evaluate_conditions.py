"""`wardwatch evaluate faces --rendered`: what each condition takes away, on rendered wards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from service.cli.console import Grid
from service.cli.evaluate_sequence import stages
from service.cli.sequence_plays import Pixels, Stage, encode
from service.kit.errors import InvalidInput
from service.kit.statistics import Rate
from service.simulator.faces import CUTOUT_HEIGHT, CUTOUT_WIDTH, Cutout, FaceLibrary, read_catalogue
from service.simulator.render import Renderer
from service.simulator.rooms import ROOMS
from service.simulator.scene import BedScene, Lamp, Posture, Scene
from service.vision import BedReading, BedState, Gallery, Pack, analyse_frame, assess_portrait, decode

Dress = Callable[[Pixels], Pixels]


@dataclass(frozen=True, slots=True)
class Condition:
    """How patients lie and are seen. `dress`: done to the picture of the upright head; `share`: of the frame's size."""

    name: str
    postures: tuple[Posture, ...] = (Posture.FACE_UP,)
    lamp: Lamp = Lamp.DAY
    share: float = 1.0
    dress: Dress | None = None

    @property
    def shows_face(self) -> bool:
        """Whether there is a face to match at all."""
        return self.postures[0].shows_face


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """`found`: beds with a face found; `missed`: patients in their own beds who were not matched, with or without a
    face found; `accused`: the same called another person; `passed`: others in the bed taken for its patient; `vacant`:
    occupied beds that the one picture calls empty. `pixels`: median of the found faces' widths."""

    name: str
    shows_face: bool
    found: Rate
    missed: Rate
    accused: Rate
    passed: Rate
    vacant: Rate
    pixels: float | None

    def to_json(self) -> dict[str, object]:
        """JSON values; every rate with its interval."""
        rates = {
            "face_found": self.found,
            "fnmr": self.missed,
            "called_another_person": self.accused,
            "fmr": self.passed,
            "called_empty": self.vacant,
        }
        shown = {
            name: {"value": r.value, "low": r.low, "high": r.high, "hits": r.hits, "trials": r.trials}
            for name, r in rates.items()
        }
        return {"condition": self.name, "shows_face": self.shows_face, "face_pixels": self.pixels, **shown}


def _masked(head: Pixels) -> Pixels:
    """A surgical mask from the bridge of the nose to under the chin."""
    shape = np.array([[96, 132], [134, 140], [140, 175], [118, 200], [74, 200], [52, 175], [58, 140]], np.int32)
    folds = (0.92 + 0.08 * np.sin(np.arange(CUTOUT_HEIGHT) / 3.0)).astype(np.float32)
    cloth = np.empty((CUTOUT_HEIGHT, CUTOUT_WIDTH, 3), np.float32)
    cloth[:] = np.array([205, 196, 160], np.float32)
    return _laid(head, cloth * folds[:, None, None], shape)


def _half_covered(head: Pixels) -> Pixels:
    """A blanket over one half of the face, slanting."""
    shape = np.array([[100, 0], [CUTOUT_WIDTH, 0], [CUTOUT_WIDTH, CUTOUT_HEIGHT], [88, CUTOUT_HEIGHT]], np.int32)
    cloth = np.empty((CUTOUT_HEIGHT, CUTOUT_WIDTH, 3), np.float32)
    cloth[:] = np.array([214, 212, 206], np.float32)
    return _laid(head, cloth, shape)


def _laid(head: Pixels, cloth: np.ndarray, shape: np.ndarray) -> Pixels:
    cover = np.zeros(head.shape[:2], np.uint8)
    cv2.fillPoly(cover, [shape], 255)
    weight = cv2.GaussianBlur(cover, (0, 0), 1.5).astype(np.float32)[..., None] / 255.0
    return np.asarray(np.clip(head + (cloth - head) * weight, 0, 255), np.uint8)


CONDITIONS = (
    Condition("face_up"),
    Condition("on_the_side", (Posture.FACE_LEFT, Posture.FACE_RIGHT)),
    Condition("masked", dress=_masked),
    Condition("half_covered", dress=_half_covered),
    Condition("far", share=0.25),
    Condition("dim", lamp=Lamp.NIGHT),
    Condition("infrared", lamp=Lamp.INFRARED),
    Condition("dim_far_side", (Posture.FACE_LEFT, Posture.FACE_RIGHT), Lamp.NIGHT, 0.35),
    Condition("from_behind", (Posture.TURNED_AWAY,)),
    Condition("under_the_blanket", (Posture.COVERED,)),
)


class _Dressed(FaceLibrary):
    """The same heads, each with something before it."""

    def __init__(self, stage: Stage, dress: Dress | None) -> None:
        super().__init__(read_catalogue(stage.catalogue), stage.pictures)
        self._dress = dress

    def cutout(self, name: str) -> Cutout:
        head = super().cutout(name)
        return head if self._dress is None else replace(head, pixels=self._dress(head.pixels))


def evaluate_conditions(
    frames: int, pack: Pack, seed: int = 0, step: Callable[[int, int], None] | None = None
) -> tuple[ConditionResult, ...]:
    """Each condition on `frames` rendered frames of four beds, with the same people, beds and poses in all of them.

    Raises `InvalidInput` without the catalogue of faces, and for portraits without a face.
    """
    places = stages([seed])
    gallery = _gallery(places[0], pack)
    results = []
    for done, condition in enumerate(CONDITIONS, start=1):
        results.append(_result(condition, list(_seen(condition, places, frames, gallery, pack))))
        if step:
            step(done, len(CONDITIONS))
    return tuple(results)


def _gallery(stage: Stage, pack: Pack) -> Gallery:
    library = _Dressed(stage, None)
    templates = [assess_portrait(decode(library.portrait(name)), pack).embedding for name in stage.faces]
    found = [template for template in templates if template is not None]
    if len(found) < len(templates):
        raise InvalidInput("a portrait shows no face to this pack", field="pack", remedy="use the default pack")
    return Gallery(stage.faces, np.stack(found))


def _seen(
    condition: Condition, places: list[Stage], frames: int, gallery: Gallery, pack: Pack
) -> Iterator[tuple[BedReading, BedReading]]:
    """A reading of each bed with its patient, and one of the same picture with the neighbour for its patient."""
    renderers = [Renderer(ROOMS[p.room], _Dressed(p, condition.dress), p.seed) for p in places]
    for index in range(frames):
        stage, renderer = places[index % len(places)], renderers[index % len(places)]
        draws = np.random.default_rng((stage.seed, index, 89))
        names = [stage.faces[k] for k in draws.permutation(len(stage.faces))[:4]]
        scene = Scene(tuple(_bed(condition, name, draws) for name in names), condition.lamp, grain=index)
        pixels = renderer.frame(scene)
        if condition.share != 1.0:
            share, area = condition.share, cv2.INTER_AREA
            pixels = np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=area), np.uint8)
        frame, zones = decode(encode(pixels)), stage.zones()
        ids = [zone.zone_id for zone in zones]
        own = analyse_frame(frame, zones, dict(zip(ids, names, strict=True)), gallery, pack)
        others = dict(zip(ids, names[1:] + names[:1], strict=True))
        yield from zip(own.readings, analyse_frame(frame, zones, others, gallery, pack).readings, strict=True)


def _bed(condition: Condition, name: str, draws: np.random.Generator) -> BedScene:
    posture = condition.postures[int(draws.integers(0, 2)) % len(condition.postures)]
    fold, stir = int(draws.integers(0, 2**31)), int(draws.integers(0, 2**31))
    return BedScene(posture, name if posture.shows_face else None, fold, stir)


def _result(condition: Condition, seen: list[tuple[BedReading, BedReading]]) -> ConditionResult:
    def rate(hits: int) -> Rate:
        return Rate(hits, len(seen))

    widths = [own.face_box[2] - own.face_box[0] for own, _ in seen if own.face_box is not None]
    return ConditionResult(
        name=condition.name,
        shows_face=condition.shows_face,
        found=rate(sum(own.face_quality is not None for own, _ in seen)),
        missed=rate(sum(own.state is not BedState.PATIENT for own, _ in seen)),
        accused=rate(sum(own.state is BedState.OTHER_PERSON for own, _ in seen)),
        passed=rate(sum(other.state is BedState.PATIENT for _, other in seen)),
        vacant=rate(sum(own.state is BedState.EMPTY for own, _ in seen)),
        pixels=float(np.median(widths)) if widths else None,
    )


def conditions_json(results: tuple[ConditionResult, ...], pack: Pack, frames: int, seed: int) -> dict[str, object]:
    """The report as JSON values."""
    return {
        "source": "rendered",
        "pack": pack.model_id,
        "pack_hash": pack.pack_hash,
        "frames": frames,
        "seed": seed,
        "threshold": pack.thresholds.same_person,
        "conditions": [result.to_json() for result in results],
    }


def conditions_grid(results: tuple[ConditionResult, ...]) -> Grid:
    """The report for people."""
    columns = (
        "rendered · 渲染",
        "px",
        "found\n检出",
        "FNMR\n漏认",
        "another\n误判他人",
        "FMR\n误认",
        "empty\n误判空床",
    )
    rows: list[tuple[str, ...]] = []
    for r in results:
        width = "–" if r.pixels is None else f"{r.pixels:.0f}"
        missed = _shown(r.missed) if r.shows_face else "–"
        rows.append((r.name, width, _shown(r.found), missed, *map(_shown, (r.accused, r.passed, r.vacant))))
    return Grid(columns, rows)


def _shown(rate: Rate) -> str:
    """Over two lines, so that seven columns fit a terminal."""
    return f"{rate.hits}/{rate.trials}\n{rate.low:.2f}–{rate.high:.2f}"
