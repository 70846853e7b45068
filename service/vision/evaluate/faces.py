"""Verification errors of a pack on photographs sorted by person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.kit.statistics import Rate, upper_bound
from service.vision.decode import decode
from service.vision.enrolment import assess_portrait
from service.vision.errors import ImageError
from service.vision.evaluate.conditions import ConditionRow, Enrolled, measure_conditions, measure_labelled
from service.vision.evaluate.degrade import Degradation, Photo
from service.vision.evaluate.folders import read_faces_folder
from service.vision.evaluate.labels import read_labels
from service.vision.evaluate.metrics import false_matches, false_non_matches, separation, threshold_at
from service.vision.pack import Pack

FMR_POINT = 1e-3
Progress = Callable[[int, int], None]
"""Called with pictures done and pictures in all."""


@dataclass(frozen=True, slots=True)
class FaceReport:
    """Errors of 1:1 verification over all pairs of photographs (ISO/IEC 19795-1).

    `failure_to_enrol`: photographs that gave no template. `threshold`: the cosine judged at. `threshold_at_fmr`: the
    least cosine with a false match rate of at most 1e-3 on these pairs, `fnmr_at_fmr` the false non-matches there.
    Intervals are Wilson's and take pairs as independent, which pairs that share a person are not: read them as the
    least uncertainty there is. `conditions`: the photographs spoilt by rule, and as labelled in conditions.csv.
    """

    model_id: str
    pack_hash: str
    people: int
    failure_to_enrol: Rate
    threshold: float
    fnmr_at_threshold: Rate
    fmr_at_threshold: Rate
    threshold_at_fmr: float
    fnmr_at_fmr: Rate
    separation: float | None
    lowest_genuine: float | None
    highest_impostor: float | None
    conditions: tuple[ConditionRow, ...] = ()

    @property
    def fmr_upper_bound(self) -> float:
        """What these pairs prove: with 95% confidence the false match rate at the threshold is below this."""
        return upper_bound(self.fmr_at_threshold)

    def to_json(self) -> dict[str, object]:
        """The report as JSON values; every rate with its `_low` and `_high`."""
        return {
            "pack": self.model_id,
            "pack_hash": self.pack_hash,
            "people": self.people,
            "images": self.failure_to_enrol.trials,
            "pairs_genuine": self.fnmr_at_threshold.trials,
            "pairs_impostor": self.fmr_at_threshold.trials,
            **rate_json("failure_to_enrol", self.failure_to_enrol),
            "threshold": self.threshold,
            **rate_json("fnmr_at_threshold", self.fnmr_at_threshold),
            **rate_json("fmr_at_threshold", self.fmr_at_threshold),
            "fmr_upper_bound_95": self.fmr_upper_bound,
            "threshold_at_fmr_1e-3": self.threshold_at_fmr,
            **rate_json("fnmr_at_fmr_1e-3", self.fnmr_at_fmr),
            "d_prime": self.separation,
            "lowest_genuine": self.lowest_genuine,
            "highest_impostor": self.highest_impostor,
            "conditions": [row.to_json() for row in self.conditions],
        }


def rate_json(name: str, rate: Rate) -> dict[str, float | None]:
    """`name`, `name_low` and `name_high`."""
    return {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}


def evaluate_faces(
    folder: Path,
    pack: Pack,
    threshold: float | None = None,
    progress: Progress | None = None,
    degradations: Sequence[Degradation] = (),
) -> FaceReport:
    """The report of `folder`/<person>/<picture>. A picture that cannot be read or holds no face failed to enrol.

    `threshold`: the pack's own when `None`. `degradations`: measured one by one; the labels of conditions.csv always
    are. Raises `EvaluationFolderInvalid`.
    """
    people, labels = read_faces_folder(folder), read_labels(folder)
    pictures = [(name, picture) for name, files in people.items() for picture in files]
    photos: list[Enrolled] = []
    for done, (name, picture) in enumerate(pictures, start=1):
        photos += _enrolled(name, picture, pack)
        if progress:
            progress(done, len(pictures) + len(degradations))
    least = pack.thresholds.same_person if threshold is None else threshold
    report = face_report(
        [(photo.person, photo.vector) for photo in photos],
        failures=len(pictures) - len(photos),
        threshold=least,
        pack=pack,
    )

    def further(done: int, total: int) -> None:
        if progress:
            progress(len(pictures) + done, len(pictures) + total)

    labelled = measure_labelled(photos, pack, least, labels.conditions, labels.subgroups)
    return replace(report, conditions=(*labelled, *measure_conditions(photos, pack, least, degradations, further)))


def face_report(
    templates: Sequence[tuple[str, NDArray[np.float32]]], *, failures: int, threshold: float, pack: Pack
) -> FaceReport:
    """The report from (person, unit vector) of each photograph that gave a template, and the number that gave none."""
    genuine, impostor = pair_similarities(templates)
    at_fmr = threshold_at(impostor, FMR_POINT)
    return FaceReport(
        model_id=pack.model_id,
        pack_hash=pack.pack_hash,
        people=len({name for name, _ in templates}),
        failure_to_enrol=Rate(failures, failures + len(templates)),
        threshold=threshold,
        fnmr_at_threshold=false_non_matches(genuine, threshold),
        fmr_at_threshold=false_matches(impostor, threshold),
        threshold_at_fmr=at_fmr,
        fnmr_at_fmr=false_non_matches(genuine, at_fmr),
        separation=separation(genuine, impostor),
        lowest_genuine=float(genuine.min()) if len(genuine) else None,
        highest_impostor=float(impostor.max()) if len(impostor) else None,
    )


def pair_similarities(
    templates: Sequence[tuple[str, NDArray[np.float32]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines of all unordered pairs: of one person, of two."""
    if not templates:
        return np.zeros(0), np.zeros(0)
    vectors = np.stack([v for _, v in templates]).astype(np.float64)
    names = np.array([name for name, _ in templates])
    upper = np.triu_indices(len(names), 1)
    same = (names[:, None] == names[None, :])[upper]
    similarities = (vectors @ vectors.T)[upper]
    return similarities[same], similarities[~same]


def _enrolled(person: str, picture: Path, pack: Pack) -> list[Enrolled]:
    """The photograph with its template, or nothing."""
    try:
        frame = decode(picture.read_bytes())
    except ImageError:
        return []
    found = assess_portrait(frame, pack)
    if found.embedding is None or found.points is None:
        return []
    face = pack.mesh.refine(frame.pixels, found.points) if pack.mesh is not None else None
    photo = Photo(frame.pixels, found.points, None if face is None else face.vertices)
    return [Enrolled(person, f"{person}/{picture.name}", photo, found.embedding)]
