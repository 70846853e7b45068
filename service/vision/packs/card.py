"""The part of a model card that is written here: hash, thresholds with their origin, rates with intervals, what is
proven. It follows whatever the pack's makers wrote, below a mark, and counts for no hash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.kit.statistics import upper_bound
from service.vision.calibration import Calibration, read_calibration
from service.vision.packs.files import write_durably
from service.vision.packs.manifest import CARD, PackManifest, pack_hash, read_manifest
from service.vision.packs.recipe import Measured, default_recipe

MARK = "<!-- written by `wardwatch models card --write`; what stands below is written anew -->"
_TARGET = 1e-4


def card_text(folder: Path, words: str | None = None) -> str:
    """The whole card of the pack in `folder`: its makers' words, then what is known of it here.

    `words`: what the makers say instead of what the folder's card does. Raises `PackMissing`, `PackInvalid` and, for
    a calibration of another pack, `PackUnusable`.
    """
    manifest, digest = read_manifest(folder), pack_hash(folder)
    path = folder / CARD
    if words is None:
        words = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else _bare(manifest)
    recipe = default_recipe()
    measured = recipe.measured if manifest.model_id == recipe.model_id else ()
    return completed(words, manifest, digest, measured, read_calibration(folder, digest))


def write_card(folder: Path) -> Path:
    """Writes the card into the pack. The pack's hash stays what it is."""
    path = folder / CARD
    draft = path.with_suffix(".md.part")
    write_durably(draft, card_text(folder).encode())
    draft.replace(path)
    return path


def completed(
    words: str, manifest: PackManifest, digest: str, measured: Sequence[Measured], calibration: Calibration | None
) -> str:
    """`words` up to the mark, and below it what is known of the pack. Done twice it is the same."""
    own = calibration.lines() if calibration is not None else []
    lines = [words.split(MARK)[0].rstrip("\n"), "", MARK, "", *_in_force(manifest, digest, calibration)]
    return "\n".join([*lines, *_rates(measured), *(["", *own] if own else [])]) + "\n"


def _in_force(manifest: PackManifest, digest: str, calibration: Calibration | None) -> list[str]:
    lines = [
        "## Thresholds in force",
        "",
        f"Pack hash: `{digest}`.",
        "",
        "| task | threshold | value | origin |",
        "|---|---|---|---|",
    ]
    for task, part in manifest.parts.items():
        for name, value in part.thresholds.items():
            origin = "the pack's manifest"
            if calibration is not None and (task, name) == ("recognition", "same_person"):
                origin = f"calibrated here {calibration.made_at}; the manifest says {value:g}"
                value = calibration.same_person
            lines.append(f"| {task} | {name} | {value:.3f} | {origin} |")
    if calibration is not None:
        return lines
    recognition = manifest.parts.get("recognition")
    same = None if recognition is None else recognition.thresholds.get("same_person")
    stated = "none stated" if same is None else f"{same:.3f}, from the manifest"
    remedy = "`wardwatch evaluate calibrate FOLDER --write` makes one."
    return [*lines, "", f"1:1 threshold: {stated}. No calibration was made on this installation: {remedy}"]


def _rates(measured: Sequence[Measured]) -> list[str]:
    if not measured:
        return []
    lines = ["", "## Behind the shipped thresholds", "", "| | rate | 95% interval (Wilson) | of |", "|---|---|---|---|"]
    for one in measured:
        rate = one.rate
        value = "-" if rate.value is None else f"{rate.value:.2g}"
        lines.append(f"| {one.what} | {value} | {rate.low:.2g} – {rate.high:.2g} | {rate.hits} / {rate.trials} |")
    proofs = [(one.what, upper_bound(one.rate)) for one in measured if one.is_fmr]
    return [*lines, *(line for what, bound in proofs for line in ("", _proof(what, bound)))]


def _proof(what: str, bound: float) -> str:
    said = f"Proven of {what}: below {bound:.2g} with 95% confidence (one-sided, Clopper and Pearson), if pairs that"
    target = "is" if bound <= _TARGET else "is **not**"
    return f"{said} share a person are taken as independent. A false match rate of {_TARGET:g} {target} proven."


def _bare(manifest: PackManifest) -> str:
    """For a pack whose makers wrote none."""
    rows = [f"| {task} | `{part.file}` | {part.licence or 'not stated'} |" for task, part in manifest.parts.items()]
    head = [
        f"# {manifest.display_name}",
        "",
        "Its makers wrote no card.",
        "",
        "| task | file | licence |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"
