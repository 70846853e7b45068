"""A pack's 1:1 threshold as measured on an operator's own pictures: a file beside the manifest, with its provenance.

The manifest states what the pack's makers measured and is part of the pack's hash. A calibration is local: it changes
no template, so it changes no hash; it is bound to the pack by that hash.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.kit.statistics import Rate
from service.vision.errors import PackUnusable

CALIBRATION = "calibration.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One subgroup's own pairs. `needed`: the threshold that the target asks for in this group alone; `proven`: whether
    its pairs are enough to show it. `fmr`, `fnmr`: at the threshold that was chosen for all."""

    name: str
    people: int
    needed: float
    proven: bool
    fmr: Rate
    fnmr: Rate


@dataclass(frozen=True, slots=True)
class Calibration:
    """A chosen threshold and what it rests on. Rates are of the pairs it was chosen on, `held_out_…` of people that had
    no part in choosing. `proven`: whether the upper 95% limit of the false matches is within the target."""

    pack_hash: str
    made_at: str
    target_fmr: float
    same_person: float
    shipped: float
    proven: bool
    rule: str
    pictures: int
    people: int
    fmr: Rate
    fnmr: Rate
    held_out_fmr: Rate
    held_out_fnmr: Rate
    groups: tuple[GroupResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is kept; every rate with its hits, trials and interval."""
        return {
            "calibration_version": _VERSION,
            "pack_hash": self.pack_hash,
            "made_at": self.made_at,
            "target_fmr": self.target_fmr,
            "same_person": self.same_person,
            "shipped": self.shipped,
            "proven": self.proven,
            "rule": self.rule,
            "pictures": self.pictures,
            "people": self.people,
            "fmr": _rate(self.fmr),
            "fnmr": _rate(self.fnmr),
            "held_out_fmr": _rate(self.held_out_fmr),
            "held_out_fnmr": _rate(self.held_out_fnmr),
            "groups": [
                {
                    "name": group.name,
                    "people": group.people,
                    "needed": group.needed,
                    "proven": group.proven,
                    "fmr": _rate(group.fmr),
                    "fnmr": _rate(group.fnmr),
                }
                for group in self.groups
            ],
        }

    def lines(self) -> list[str]:
        """For the model card, in Markdown."""
        evidence = "shown" if self.proven else "not shown: the set is too small to prove it"
        shown = [
            "## Calibration on this installation",
            "",
            f"Threshold **{self.same_person:.3f}** (shipped {self.shipped:.3f}), chosen {self.made_at} for a false "
            f"match rate of {self.target_fmr:g}: {evidence}. {self.pictures} pictures of {self.people} people.",
            "",
            "| | rate | 95% interval | of |",
            "|---|---|---|---|",
            *(
                _line(name, rate)
                for name, rate in (
                    ("FMR on these pairs", self.fmr),
                    ("FNMR on these pairs", self.fnmr),
                    ("FMR, people held out", self.held_out_fmr),
                    ("FNMR, people held out", self.held_out_fnmr),
                )
            ),
        ]
        for group in self.groups:
            shown.append(_line(f"FMR within {group.name} (alone: {group.needed:.3f})", group.fmr))
            shown.append(_line(f"FNMR within {group.name}", group.fnmr))
        return [*shown, "", self.rule]


def read_calibration(folder: Path, pack_hash: str) -> Calibration | None:
    """The calibration in a pack's folder, or `None`. Raises `PackUnusable` for one that cannot be read, or that was
    made with another pack: a threshold of other embeddings means nothing."""
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    try:
        found = _parsed(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(f"{path.name} cannot be read: {error}") from None
    if found.pack_hash != pack_hash:
        raise _unusable(f"{path.name} was made with another pack")
    return found


def drop_other_calibration(folder: Path, pack_hash: str) -> bool:
    """Removes a calibration that was made with another pack than this one, or cannot be read; whether there was one.

    It would stop the pack from being opened. For whoever has put new models into the folder.
    """
    try:
        read_calibration(folder, pack_hash)
    except PackUnusable:
        (folder / CALIBRATION).unlink(missing_ok=True)
        return True
    return False


def write_calibration(folder: Path, calibration: Calibration) -> Path:
    """Writes the file beside the manifest, as a whole or not at all."""
    path = folder / CALIBRATION
    draft = path.with_suffix(".json.part")
    draft.write_text(json.dumps(calibration.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def _parsed(kept: dict[str, Any]) -> Calibration:
    if kept["calibration_version"] != _VERSION:
        raise ValueError(f"calibration_version {kept['calibration_version']}")
    threshold = float(kept["same_person"])
    if not (math.isfinite(threshold) and 0.0 < threshold < 1.0):
        raise ValueError("same_person must lie between 0 and 1")
    return Calibration(
        pack_hash=str(kept["pack_hash"]),
        made_at=str(kept["made_at"]),
        target_fmr=float(kept["target_fmr"]),
        same_person=threshold,
        shipped=float(kept["shipped"]),
        proven=bool(kept["proven"]),
        rule=str(kept["rule"]),
        pictures=int(kept["pictures"]),
        people=int(kept["people"]),
        fmr=_read_rate(kept["fmr"]),
        fnmr=_read_rate(kept["fnmr"]),
        held_out_fmr=_read_rate(kept["held_out_fmr"]),
        held_out_fnmr=_read_rate(kept["held_out_fnmr"]),
        groups=tuple(
            GroupResult(
                str(group["name"]),
                int(group["people"]),
                float(group["needed"]),
                bool(group["proven"]),
                _read_rate(group["fmr"]),
                _read_rate(group["fnmr"]),
            )
            for group in kept["groups"]
        ),
    )


def _rate(rate: Rate) -> dict[str, float | int | None]:
    return {"hits": rate.hits, "trials": rate.trials, "value": rate.value, "low": rate.low, "high": rate.high}


def _read_rate(kept: dict[str, Any]) -> Rate:
    return Rate(int(kept["hits"]), int(kept["trials"]))


def _line(name: str, rate: Rate) -> str:
    value = "-" if rate.value is None else f"{rate.value:.2e}"
    return f"| {name} | {value} | {rate.low:.2e} – {rate.high:.2e} | {rate.trials} |"


def _unusable(why: str) -> PackUnusable:
    return PackUnusable(
        why, field=CALIBRATION, remedy="run: wardwatch evaluate calibrate FOLDER --write, or delete the file"
    )
