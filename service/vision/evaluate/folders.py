"""The folders that are evaluated: photographs by person, and ward pictures with labelled beds."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.kit.errors import WardwatchError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_COLUMNS = ("image", "x1", "y1", "x2", "y2", "occupied", "face_x", "face_y")


class EvaluationFolderInvalid(WardwatchError):
    """A folder that does not have the form that is evaluated."""

    code = "evaluation-folder-invalid"
    status = 422
    title_en = "The evaluation folder is not usable"
    title_zh = "评测数据文件夹无效"


@dataclass(frozen=True, slots=True)
class LabelledBed:
    """A bed in a ward picture. `box`: x1, y1, x2, y2, pixels; `face`: a point on the patient's visible face, pixels."""

    box: tuple[float, float, float, float]
    occupied: bool
    face: tuple[float, float] | None


def read_faces_folder(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Person -> pictures, from `folder`/<person>/<picture>, both sorted. Raises `EvaluationFolderInvalid`."""
    if not folder.is_dir():
        raise EvaluationFolderInvalid(f"{folder} is not a folder", field="folder", remedy="name an existing folder")
    people = {
        person.name: tuple(sorted(p for p in person.iterdir() if p.suffix.lower() in PICTURES))
        for person in sorted(folder.iterdir())
        if person.is_dir()
    }
    people = {name: pictures for name, pictures in people.items() if pictures}
    if not people:
        raise EvaluationFolderInvalid(
            f"{folder} holds no <person>/<picture>", field="folder", remedy="make one folder of pictures a person"
        )
    return people


def read_ward_folder(folder: Path) -> dict[Path, tuple[LabelledBed, ...]]:
    """Picture -> beds, from `folder`/labels.csv and `folder`/images. Raises `EvaluationFolderInvalid` naming line and
    column."""
    labels = folder / "labels.csv"
    if not labels.is_file():
        remedy = f"write it, with the columns {', '.join(_COLUMNS)}"
        raise EvaluationFolderInvalid(f"{labels} is missing", field="labels.csv", remedy=remedy)
    beds: dict[Path, list[LabelledBed]] = {}
    try:
        with labels.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [c for c in _COLUMNS if c not in (rows.fieldnames or ())]
            if missing:
                raise _invalid(1, missing[0], "the column is missing")
            for row in rows:
                beds.setdefault(_picture(folder, row, rows.line_num), []).append(_bed(row, rows.line_num))
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvaluationFolderInvalid(
            f"{labels} is not CSV: {error}", field="labels.csv", remedy="save as UTF-8 CSV"
        ) from None
    if not beds:
        raise EvaluationFolderInvalid(f"{labels} labels no bed", field="labels.csv", remedy="add a line a bed")
    return {picture: tuple(found) for picture, found in beds.items()}


def _picture(folder: Path, row: Mapping[str, str], line: int) -> Path:
    name = row["image"] or ""
    path = folder / "images" / name
    if not name or Path(name).name != name or not path.is_file():
        raise _invalid(line, "image", f"images/{name} is not a file")
    return path


def _bed(row: Mapping[str, str], line: int) -> LabelledBed:
    x1, y1, x2, y2 = (_number(row, line, c) for c in ("x1", "y1", "x2", "y2"))
    if not (x1 < x2 and y1 < y2):
        raise _invalid(line, "x2", "the box has no area")
    if row["occupied"] not in ("0", "1"):
        raise _invalid(line, "occupied", "must be 0 or 1")
    face = (_number(row, line, "face_x"), _number(row, line, "face_y")) if row["face_x"] or row["face_y"] else None
    return LabelledBed((x1, y1, x2, y2), row["occupied"] == "1", face)


def _number(row: Mapping[str, str], line: int, column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise _invalid(line, column, "must be a number")
    return value


def _invalid(line: int, column: str, why: str) -> EvaluationFolderInvalid:
    return EvaluationFolderInvalid(f"labels.csv line {line}: {why}", field=column, remedy="mend the line")
