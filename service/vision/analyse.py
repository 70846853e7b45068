"""One frame, all its beds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from service.kit.geometry import Point, box_intersection_area
from service.vision.bodies import Bodies, in_full
from service.vision.decode import Frame, Pixels
from service.vision.embed import Embedder
from service.vision.faces import QUICK_SIDE, VIEW_SIDE, Faces, FloatArray, View, head_angle, in_frame, view_of
from service.vision.judge import FaceEvidence, compare, identities, is_stranger, judge
from service.vision.pack import Pack
from service.vision.quality import BED_QUALITY
from service.vision.reading import (
    BedReading,
    BedState,
    FrameAnalysis,
    Gallery,
    ReadingPolicy,
    UnobservedCause,
    Zone,
)
from service.vision.search import find_at_angles, joined_faces
from service.vision.sight import SURE_FLAG, FaceSight, distinct, look_all, look_turned
from service.vision.trace import trace_face
from service.vision.view import check_view
from service.vision.warp import Reduced, reduced

BED_MARGINS = (0.08, 0.15)
"""Added around a bed at the sides and beyond the head, shares of its longer side: pillows overhang."""
_OVERHANG = 0.15
"""How far beyond the head edge a face's centre may lie, as a share of the bed's length. Beside the bed stand others: a
nurse who leans over the patient must not be read as the patient's impostor."""
_OTHER_TURNS = (90.0, 270.0, 180.0)
_MOST_FACES = 4
"""Faces looked at in one bed: a patient and visitors leaning over."""
_BODY_SHARE = 0.5
"""The share of a person's box that must lie in the bed's zone."""
_LEAST_SIDE = 24.0
"""Square root of the area, pixels, below which a zone shows nothing."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A zone in frames of one size. `polygon`: (n, 2) float32 pixels; `reach`: the same, longer at the head; `side`:
    square root of the area; `upright`: by how many degrees the picture is turned to bring the head to the top."""

    polygon: FloatArray
    reach: FloatArray
    side: float
    upright: float


@dataclass(frozen=True, slots=True)
class _Bed:
    """A zone in this frame. `body`: best score."""

    zone: Zone
    place: _Place
    body: float | None


def analyse_frame(
    frame: Frame,
    zones: Sequence[Zone],
    expected: Mapping[str, str],
    gallery: Gallery,
    pack: Pack,
    policy: ReadingPolicy | None = None,
) -> FrameAnalysis:
    """One reading a zone, in the order of `zones`.

    `expected`: zone id to the gallery key of whoever belongs there; zones without a patient are left out. 1:1 against
    that key decides, 1:N against `gallery` only suggests. Embeddings live and die in this call. Raises `ValueError`
    when the gallery's templates are not of the pack's dimension.
    """
    started, models = time.perf_counter(), pack.model_seconds()
    policy = policy or ReadingPolicy()
    if len(gallery.keys) and gallery.vectors.shape[1] != pack.embedding_dimension:
        raise ValueError(f"templates of {gallery.vectors.shape[1]} numbers, the pack has {pack.embedding_dimension}")
    small = reduced(frame.pixels)
    view = check_view(small.pixels)
    readings: tuple[BedReading, ...]
    readings, strangers = tuple(_unobserved(z, view.cause) for z in zones), 0
    if view.observed and zones:
        readings, strangers = _read(frame.pixels, small, zones, expected, gallery, pack, policy)
    return FrameAnalysis(
        view=view,
        readings=readings,
        strangers=strangers,
        pack_hash=pack.pack_hash,
        seconds_models=pack.model_seconds() - models,
        seconds_total=time.perf_counter() - started,
    )


def _read(
    pixels: Pixels,
    small: Reduced,
    zones: Sequence[Zone],
    expected: Mapping[str, str],
    gallery: Gallery,
    pack: Pack,
    policy: ReadingPolicy,
) -> tuple[tuple[BedReading, ...], int]:
    beds, found = _first_look(pixels, small, zones, pack)
    recogniser = _Recogniser(beds, expected, gallery, pack.embedder, policy.same_person)
    sights = faces_in_beds(pixels, beds, pack, policy, recogniser.is_own, found)
    owners = [index for index, _ in sights]
    keys = [expected.get(beds[index].zone.zone_id) for index in owners]
    embeddings = recogniser.embeddings([sight for _, sight in sights])
    compared = compare(embeddings, keys, gallery, policy.same_person)
    names = identities(compared, keys)
    evidence: list[list[FaceEvidence]] = [[] for _ in beds]
    for (index, sight), one, name, own in zip(sights, compared, names, keys, strict=True):
        # Of the bed's own patient alone: of people who match nobody nothing may be kept.
        trace = trace_face(sight.points, sight.aligned) if name is not None and name == own else None
        clear = sight.flag >= SURE_FLAG
        evidence[index].append(FaceEvidence(sight.box, sight.quality, name, one.best, one.expected, trace, clear))
    readings = tuple(
        _unobserved(bed.zone, UnobservedCause.ZONE_TOO_SMALL)
        if bed.place.side < _LEAST_SIDE
        else judge(bed.zone.zone_id, faces, bed.body, expected.get(bed.zone.zone_id), policy)
        for bed, faces in zip(beds, evidence, strict=True)
    )
    return readings, sum(is_stranger(face, policy) for faces in evidence for face in faces)


def beds_of(frame: Frame, zones: Sequence[Zone], pack: Pack) -> list[_Bed]:
    """The zones of `frame` with their body scores."""
    return _first_look(frame.pixels, reduced(frame.pixels), zones, pack)[0]


def _first_look(pixels: Pixels, small: Reduced, zones: Sequence[Zone], pack: Pack) -> tuple[list[_Bed], list[Faces]]:
    """The zones with their body scores, and the faces found in each of them turned upright. Both finders' input is made
    ready before the first is asked, and read after the last has answered."""
    places = [_place(zone.polygon.tobytes(), zone.head_edge, pixels.shape[1], pixels.shape[0]) for zone in zones]
    views = _upright(pixels, places)
    ask_faces = pack.finder.ready([view.pixels for view in views])
    ask_bodies = pack.bodies.ready(small.pixels) if pack.bodies is not None else None
    read_bodies = ask_bodies() if ask_bodies is not None else None
    read_faces = ask_faces()
    bodies = in_full(read_bodies(), small) if read_bodies is not None else None
    beds = [
        _Bed(zone, place, None if bodies is None else body_score(bodies, place.polygon))
        for zone, place in zip(zones, places, strict=True)
    ]
    return beds, [in_frame(faces, view) for faces, view in zip(read_faces(), views, strict=True)]


def _upright(pixels: Pixels, places: Sequence[_Place]) -> list[View]:
    """The beds that are large enough, each turned upright."""
    return [
        view_of(pixels, place.polygon, place.upright, margins=BED_MARGINS, side=QUICK_SIDE)
        for place in places
        if place.side >= _LEAST_SIDE
    ]


@lru_cache(maxsize=512)
def _place(polygon: bytes, head_edge: int, width: int, height: int) -> _Place:
    """Kept, since a camera's beds stay where they are. `polygon`: a zone's, (n, 2) float32."""
    corners = np.frombuffer(polygon, np.float32).reshape(-1, 2) * np.array([width, height], np.float32)
    reach = _reach(corners, head_edge)
    for shared in (corners, reach):
        shared.setflags(write=False)
    side = float(np.sqrt(abs(cv2.contourArea(corners))))
    return _Place(corners, reach, side, head_angle(corners, head_edge))


def _reach(polygon: FloatArray, head_edge: int) -> FloatArray:
    """`polygon` with its head edge moved outwards, away from the middle, by the overhang."""
    ends = [head_edge, (head_edge + 1) % len(polygon)]
    reach = polygon.copy()
    reach[ends] += (polygon[ends].mean(axis=0) - polygon.mean(axis=0)) * (2 * _OVERHANG)
    return reach


def body_score(bodies: Bodies, polygon: FloatArray) -> float:
    """The best score of a person with at least half of the box inside `polygon` ((n, 2), pixels); 0 without one."""
    corners: list[Point] = [(x, y) for x, y in polygon.tolist()]
    left, right = min(x for x, _ in corners), max(x for x, _ in corners)
    top, bottom = min(y for _, y in corners), max(y for _, y in corners)
    for (x1, y1, x2, y2), score in zip(bodies.boxes.tolist(), bodies.scores.tolist(), strict=True):  # best first
        wanted = _BODY_SHARE * (x2 - x1) * (y2 - y1)
        across, down = min(x2, right) - max(x1, left), min(y2, bottom) - max(y1, top)
        if across <= 0 or down <= 0 or wanted <= 0 or across * down < wanted:
            continue
        if box_intersection_area(corners, (x1, y1, x2, y2)) >= wanted:
            return float(score)
    return 0.0


class _Recogniser:
    """Embeddings of one frame's faces, each made once, and whether a face is its bed's own patient."""

    def __init__(
        self, beds: Sequence[_Bed], expected: Mapping[str, str], gallery: Gallery, embedder: Embedder, least: float
    ) -> None:
        rows = [gallery.rows_of(expected[b.zone.zone_id]) if b.zone.zone_id in expected else () for b in beds]
        self._own = [gallery.vectors[list(r)] if r else None for r in rows]
        self._embedder = embedder
        self._least = least
        self._made: dict[int, tuple[FaceSight, FloatArray]] = {}  # the face is kept so that its id stays its own

    def embeddings(self, sights: Sequence[FaceSight]) -> FloatArray:
        """(n, d) float32, unit rows, one a face."""
        new = [sight for sight in sights if id(sight) not in self._made]
        for sight, row in zip(new, self._embedder.embed([sight.aligned for sight in new]), strict=True):
            self._made[id(sight)] = sight, row
        rows = [self._made[id(sight)][1] for sight in sights]
        return np.stack(rows) if rows else np.zeros((0, self._embedder.dimension), np.float32)

    def is_own(self, bed: int, sight: FaceSight) -> bool:
        """Whether `sight` is the patient expected in that bed, by the 1:1 threshold."""
        templates = self._own[bed]
        return templates is not None and float((self.embeddings([sight]) @ templates.T).max()) >= self._least


def _unrecognised(bed: int, sight: FaceSight) -> bool:
    return False


def faces_in_beds(
    pixels: Pixels,
    beds: Sequence[_Bed],
    pack: Pack,
    policy: ReadingPolicy,
    is_own: Callable[[int, FaceSight], bool] = _unrecognised,
    found: Sequence[Faces] | None = None,
) -> list[tuple[int, FaceSight]]:
    """Each face once, with the index of the bed that it lies in; faces beside the beds are not looked at. `found`: what
    the quick look found, where it has been taken.

    First a quick look at every bed turned upright by its head edge. A bed is settled by a face that is sure, or that
    is its own patient: nothing that a longer search could find would say more. Where somebody lies unsettled, a closer
    look follows, at the other angles too: people lie with their head at the foot, or on their side.
    """

    def settled(bed: int) -> bool:
        return any(owner == bed and (sight.is_sure or is_own(bed, sight)) for owner, sight in sights)

    if found is None:
        views = _upright(pixels, [bed.place for bed in beds])
        pictures = pack.finder.ready([view.pixels for view in views])()()
        found = [in_frame(faces, view) for faces, view in zip(pictures, views, strict=True)]
    sights = _merged([], _looked(pixels, found, beds, pack, _MOST_FACES, turned=False))
    for index, bed in enumerate(beds):
        seen = [sight for owner, sight in sights if owner == index]
        if settled(index) or (not seen and bed.body is not None and bed.body < policy.body_absent):
            continue
        again = (look_turned(pixels, sight, pack, BED_QUALITY) for sight in seen)
        others = [item for item in sights if item[0] != index]
        sights = _merged(others, [(index, sight) for sight in again if sight is not None])
        if bed.body is not None and bed.body < policy.body_absent:
            continue
        if not settled(index):
            sights = _merged(sights, _search(pixels, bed, (bed.place.upright,), beds, pack, VIEW_SIDE))
        if not settled(index):
            angles = [bed.place.upright + turn for turn in _OTHER_TURNS]
            more = _search(pixels, bed, angles, beds, pack, VIEW_SIDE)
            # Where no head should lie, a find must be confirmed: folds of a blanket resemble faces from some side.
            sights = _merged(sights, [item for item in more if item[1].flag >= pack.thresholds.face_flag])
    return sorted(sights, key=lambda item: item[0])


def _search(
    pixels: Pixels, bed: _Bed, angles: Sequence[float], beds: Sequence[_Bed], pack: Pack, side: int
) -> list[tuple[int, FaceSight]]:
    if bed.place.side < _LEAST_SIDE:
        return []
    found = find_at_angles(pixels, bed.place.polygon, angles, pack.finder, margins=BED_MARGINS, side=side)
    return _looked(pixels, [found], beds, pack, _MOST_FACES * len(angles))


def _looked(
    pixels: Pixels, found: Sequence[Faces], beds: Sequence[_Bed], pack: Pack, most: int, *, turned: bool = True
) -> list[tuple[int, FaceSight]]:
    """Of each search the first `most` faces that lie in a bed, each with that bed's index and looked at."""
    owners: list[int] = []
    inside: list[Faces] = []
    for faces in found:
        owned = [(i, _owner((box[:2] + box[2:]) / 2, beds)) for i, box in enumerate(faces.boxes)]
        kept = [(i, owner) for i, owner in owned if owner is not None][:most]
        if kept:
            owners += [owner for _, owner in kept]
            inside.append(faces.take([i for i, _ in kept]))
    if not inside:
        return []
    sights = look_all(pixels, joined_faces(inside), pack, BED_QUALITY, turned=turned)
    return [(owner, sight) for owner, sight in zip(owners, sights, strict=True) if sight is not None]


def _owner(centre: FloatArray, beds: Sequence[_Bed]) -> int | None:
    """The bed in which a point lies deepest, its overhanging pillow included; `None` for a bystander's."""
    point = (float(centre[0]), float(centre[1]))
    depths = [cv2.pointPolygonTest(bed.place.reach, point, True) / max(bed.place.side, 1.0) for bed in beds]
    best = int(np.argmax(depths))
    return best if depths[best] >= 0 else None


def _merged(
    sights: Sequence[tuple[int, FaceSight]], more: Sequence[tuple[int, FaceSight]]
) -> list[tuple[int, FaceSight]]:
    """Both, each face once: beds overlap in a view, and one face is found at several angles. Of one face that find
    stays which the mesh believes in most, by the finder's score among equals."""
    every = [*sights, *more]
    return [every[i] for i in distinct([sight for _, sight in every])]


def _unobserved(zone: Zone, cause: UnobservedCause | None) -> BedReading:
    return BedReading(zone.zone_id, BedState.UNOBSERVED, 0.0, cause=cause or UnobservedCause.COVERED)
