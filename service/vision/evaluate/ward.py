"""Occupancy and face recall of a pack on ward pictures with labelled beds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.kit.statistics import Rate
from service.vision.analyse import BED_MARGINS, body_score
from service.vision.bodies import find_bodies
from service.vision.decode import Pixels, decode
from service.vision.errors import PackUnusable
from service.vision.evaluate.cross_validation import BedSample, CrossValidated, cross_validate
from service.vision.evaluate.faces import rate_json
from service.vision.evaluate.folders import LabelledBed, read_ward_folder
from service.vision.evaluate.metrics import Area, area_under_curve
from service.vision.faces import FloatArray
from service.vision.pack import Pack
from service.vision.reading import ReadingPolicy
from service.vision.search import ALL_ANGLES, find_at_angles
from service.vision.warp import reduced

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class MeasuredBed:
    """A labelled bed with what was found: `body` its best body score; `face_hit` whether a find lies on the labelled
    face, `None` without a label; `face_found` whether there is a sure find at all."""

    occupied: bool
    body: float
    face_hit: bool | None
    face_found: bool = False
    picture: str = ""


@dataclass(frozen=True, slots=True)
class WardReport:
    """`auc`: of the body score for occupied against empty beds. `precision`, `recall`: of beds with a body score of at
    least `threshold`. `uncertain`: beds between the two thresholds, of which nothing would be claimed without a face.
    `face_recall`: labelled faces found at any of four angles. `cross_validated`: body and face together, each picture
    judged by what the others taught; `None` for fewer than two pictures of either kind."""

    model_id: str
    pack_hash: str
    beds: int
    occupied: int
    threshold: float
    absent_below: float
    auc: Area
    precision: Rate
    recall: Rate
    uncertain: Rate
    face_recall: Rate
    cross_validated: CrossValidated | None = None

    def to_json(self) -> dict[str, object]:
        """The report as JSON values; every rate with its `_low` and `_high`."""
        return {
            "pack": self.model_id,
            "pack_hash": self.pack_hash,
            "beds": self.beds,
            "occupied": self.occupied,
            "threshold": self.threshold,
            "absent_below": self.absent_below,
            "auc": self.auc.value,
            "auc_low": self.auc.low,
            "auc_high": self.auc.high,
            **rate_json("precision", self.precision),
            **rate_json("recall", self.recall),
            **rate_json("uncertain", self.uncertain),
            "faces": self.face_recall.trials,
            **rate_json("face_recall", self.face_recall),
            "cross_validated": None if self.cross_validated is None else _cross_json(self.cross_validated),
        }


def evaluate_ward(
    folder: Path, pack: Pack, policy: ReadingPolicy | None = None, progress: Progress | None = None
) -> WardReport:
    """The report of `folder`/labels.csv and `folder`/images. Bodies are sought in the whole frame, faces in each bed's
    crop. The labels do not say where a bed's head is, so faces are sought at all four angles.

    Raises `EvaluationFolderInvalid`, any `ImageError` of a picture, and `PackUnusable` for a pack without bodies.
    """
    if pack.bodies is None:
        raise PackUnusable("the pack finds no bodies", field="pack", remedy="choose a pack with body detection")
    beds_by_picture = read_ward_folder(folder)
    measured: list[MeasuredBed] = []
    for done, (picture, beds) in enumerate(beds_by_picture.items(), start=1):
        pixels = decode(picture.read_bytes(), field=picture.name).pixels
        bodies = find_bodies(reduced(pixels), pack.bodies)
        for bed in beds:
            corners = _corners(bed)
            hit, found = _face(pixels, bed, pack)
            score = body_score(bodies, corners)
            measured.append(MeasuredBed(bed.occupied, score, hit, found, picture.name))
        if progress:
            progress(done, len(beds_by_picture))
    return ward_report(measured, pack=pack, policy=policy or ReadingPolicy())


def ward_report(beds: Sequence[MeasuredBed], *, pack: Pack, policy: ReadingPolicy) -> WardReport:
    """The report of measured beds."""
    claimed = [b for b in beds if b.body >= policy.body_present]
    true = sum(b.occupied for b in claimed)
    occupied = [b.body for b in beds if b.occupied]
    empty = [b.body for b in beds if not b.occupied]
    between = sum(policy.body_absent <= b.body < policy.body_present for b in beds)
    faces = [b.face_hit for b in beds if b.face_hit is not None]
    return WardReport(
        model_id=pack.model_id,
        pack_hash=pack.pack_hash,
        beds=len(beds),
        occupied=len(occupied),
        threshold=policy.body_present,
        absent_below=policy.body_absent,
        auc=area_under_curve(occupied, empty),
        precision=Rate(true, len(claimed)),
        recall=Rate(true, len(occupied)),
        uncertain=Rate(between, len(beds)),
        face_recall=Rate(sum(faces), len(faces)),
        cross_validated=cross_validate([BedSample(b.picture, b.occupied, b.body, b.face_found) for b in beds]),
    )


def _face(pixels: Pixels, bed: LabelledBed, pack: Pack) -> tuple[bool | None, bool]:
    """Whether a find lies on the labelled face, `None` without a label; and whether there is a sure find in the bed."""
    found = find_at_angles(pixels, _corners(bed), ALL_ANGLES, pack.finder, margins=BED_MARGINS)
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    low, high = np.array(bed.box[:2], np.float32), np.array(bed.box[2:], np.float32)
    inside = ((low <= centres) & (centres <= high)).all(axis=1)
    sure = bool((found.scores[inside] >= pack.thresholds.face_alone).any())
    if bed.face is None:
        return None, sure
    point = np.array(bed.face, np.float32)
    return bool(((found.boxes[:, :2] <= point) & (point <= found.boxes[:, 2:])).all(axis=1).any()), sure


def _corners(bed: LabelledBed) -> FloatArray:
    x1, y1, x2, y2 = bed.box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def _cross_json(found: CrossValidated) -> dict[str, object]:
    return {
        "folds": found.folds,
        "auc": found.auc.value,
        "auc_low": found.auc.low,
        "auc_high": found.auc.high,
        "brier": found.brier,
        **rate_json("precision", found.precision),
        **rate_json("recall", found.recall),
        **rate_json("at_threshold_precision", found.at_threshold_precision),
        **rate_json("at_threshold_recall", found.at_threshold_recall),
    }
