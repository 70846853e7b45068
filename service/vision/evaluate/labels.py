"""How photographs were taken and of whom: `conditions.csv` beside the people's folders."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.vision.evaluate.folders import EvaluationFolderInvalid

CONDITIONS = "conditions.csv"
GROUPS = "groups.csv"


@dataclass(frozen=True, slots=True)
class Labels:
    """`conditions`, `subgroups`: picture ("person/picture") to label; pictures without one are left out."""

    conditions: Mapping[str, str] = field(default_factory=dict)
    subgroups: Mapping[str, str] = field(default_factory=dict)


def read_labels(folder: Path) -> Labels:
    """The labels of `folder`/conditions.csv (picture,condition[,subgroup]); none without the file.

    Raises `EvaluationFolderInvalid`, naming line and column, for a picture that is not there or is labelled twice.
    """
    path = folder / CONDITIONS
    if not path.is_file():
        return Labels()
    conditions: dict[str, str] = {}
    subgroups: dict[str, str] = {}
    seen: set[str] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            for column in ("picture", "condition"):
                if column not in (rows.fieldnames or ()):
                    raise _invalid(CONDITIONS, 1, column, "the column is missing")
            for row in rows:
                picture = (row["picture"] or "").strip().replace("\\", "/")
                _check_picture(folder, picture, rows.line_num, seen)
                seen.add(picture)
                for labels, column in ((conditions, "condition"), (subgroups, "subgroup")):
                    label = (row.get(column) or "").strip()
                    if label:
                        labels[picture] = label
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvaluationFolderInvalid(f"{path} is not CSV: {error}", field=CONDITIONS, remedy="save as UTF-8") from None
    return Labels(conditions, subgroups)


def read_groups(folder: Path, labels: Labels | None = None) -> dict[str, str]:
    """Person -> group: from `folder`/groups.csv (person,group), else from the subgroups of a person's pictures.

    Raises `EvaluationFolderInvalid` for a person whose pictures name two subgroups, or whom both files name apart.
    """
    groups: dict[str, str] = {}
    path = folder / GROUPS
    if path.is_file():
        groups = _groups(path)
    for picture, subgroup in (labels or read_labels(folder)).subgroups.items():
        person = picture.split("/")[0]
        if groups.setdefault(person, subgroup) != subgroup:
            raise EvaluationFolderInvalid(
                f"{person} is in {groups[person]} and in {subgroup}", field=CONDITIONS, remedy="name one group a person"
            )
    return groups


def _groups(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            if not {"person", "group"} <= set(rows.fieldnames or ()):
                raise EvaluationFolderInvalid(
                    f"{path} needs the columns person and group", field=GROUPS, remedy="one line a person"
                )
            return {row["person"]: row["group"] for row in rows if row["person"] and row["group"]}
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvaluationFolderInvalid(f"{path} is not CSV: {error}", field=GROUPS, remedy="save as UTF-8") from None


def _check_picture(folder: Path, picture: str, line: int, seen: set[str]) -> None:
    parts = picture.split("/")
    if len(parts) != 2 or ".." in parts or not (folder / picture).is_file():
        raise _invalid(CONDITIONS, line, "picture", f"{picture!r} is not a <person>/<picture> of the folder")
    if picture in seen:
        raise _invalid(CONDITIONS, line, "picture", f"{picture!r} is labelled twice")


def _invalid(file: str, line: int, column: str, why: str) -> EvaluationFolderInvalid:
    return EvaluationFolderInvalid(f"{file} line {line}: {why}", field=column, remedy="mend the line")
